//! The bridge between the event loop and the runtime thread.
//!
//! Work runs on one dedicated thread with a single-threaded tokio runtime, which never needs the
//! interpreter to make progress. Both ways lead through a lock-free queue and cost one wake-up for
//! all that is in it, not one for each:
//!
//! - What the loop's tasks submit in one turn is handed over at the end of that turn.
//! - What finishes while the runtime is busy is announced when it has nothing more to do, by an
//!   eventfd that the event loop watches. The loop thread then builds the Python results and
//!   resumes the waiting tasks directly, each in its own context.
//!
//! A request that comes alone does not wait for the other thread to wake up: it is edited and
//! written on the loop's thread, and the runtime's takes over when an answer comes.

use std::any::Any;
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use crossbeam_queue::SegQueue;
use parking_lot::Mutex;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyBaseException, PyOSError, PyRuntimeError, PyStopIteration};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::inbox::{Abort, Begun, Inbox, Job};
use crate::pace::Pace;

/// Builds a result on the loop thread, under the interpreter.
pub(super) type Build = Box<dyn for<'py> FnOnce(Python<'py>) -> PyResult<Py<PyAny>> + Send>;

/// A runtime that never rests still announces what has finished once it is this much.
const ANNOUNCE_AT: usize = 16;

struct Completion {
    pending: Py<Pending>,
    build: Build,
}

/// Finished work on its way to the event loop.
struct Queue {
    finished: SegQueue<Completion>,
    is_signalled: AtomicBool,
    wake: OwnedFd,
}

impl Queue {
    /// Adds a completion. It is announced when the runtime comes to rest, or when many wait.
    fn finish(&self, completion: Completion) {
        self.finished.push(completion);
        if self.finished.len() >= ANNOUNCE_AT {
            self.signal();
        }
    }

    /// Tells the event loop that something is there, once until it has looked.
    fn signal(&self) {
        if !self.finished.is_empty() && !self.is_signalled.swap(true, Ordering::AcqRel) {
            let one: u64 = 1;
            // SAFETY: the descriptor is open as long as `self`, and the buffer is 8 valid bytes.
            // The write fails only when the counter is full, that is, when it is readable anyway.
            unsafe { libc::write(self.wake.as_raw_fd(), (&raw const one).cast(), 8) };
        }
    }

    fn clear_signal(&self) {
        let mut count: u64 = 0;
        // SAFETY: as in `signal`; the descriptor does not block.
        unsafe { libc::read(self.wake.as_raw_fd(), (&raw mut count).cast(), 8) };
        // Before the queue is emptied: what is pushed after this signals anew.
        self.is_signalled.store(false, Ordering::Release);
    }
}

/// Connects one event loop with the runtime thread. Made once per worker, on the loop's thread.
#[pyclass(frozen, module = "codegate._native")]
pub struct Bridge {
    queue: Arc<Queue>,
    event_loop: Py<PyAny>,
    runtime: Mutex<Option<Runtime>>,
    handle: tokio::runtime::Handle,
    inbox: Arc<Inbox>,
    /// `flush` is already asked for at the end of this turn of the loop.
    is_flush_due: AtomicBool,
    under_way: Arc<AtomicUsize>,
    pace: Arc<Pace>,
}

struct Runtime {
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

#[pymethods]
impl Bridge {
    #[new]
    fn new(event_loop: Py<PyAny>) -> PyResult<Self> {
        // SAFETY: a plain system call; a negative result is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(PyOSError::new_err(io::Error::last_os_error().to_string()));
        }
        // SAFETY: the descriptor was just opened and belongs to nobody else.
        let wake = unsafe { OwnedFd::from_raw_fd(fd) };
        let queue = Arc::new(Queue {
            finished: SegQueue::new(),
            is_signalled: AtomicBool::new(false),
            wake,
        });
        let idle = Arc::clone(&queue);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("codegate-io")
            .on_thread_park(move || idle.signal())
            .build()
            .map_err(|e| PyOSError::new_err(e.to_string()))?;
        let inbox = Arc::<Inbox>::default();
        let handle = runtime.handle().clone();
        runtime.spawn(Arc::clone(&inbox).dispatch());
        let under_way = Arc::<AtomicUsize>::default();
        let pace = Arc::new(Pace::new(Arc::clone(&under_way)));
        runtime.spawn(Arc::clone(&pace).calm_down());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("codegate-io".into())
            .spawn(move || run(runtime, stopped))
            .map_err(|e| PyOSError::new_err(e.to_string()))?;
        Ok(Self {
            queue,
            event_loop,
            runtime: Mutex::new(Some(Runtime { stop, thread })),
            handle,
            inbox,
            is_flush_due: AtomicBool::new(false),
            under_way,
            pace,
        })
    }

    /// The descriptor for the loop's `add_reader`; readable when [`Bridge::drain`] has work.
    fn fileno(&self) -> i32 {
        self.queue.wake.as_raw_fd()
    }

    /// Resumes every task whose work has finished. Called by the event loop.
    fn drain(&self, py: Python<'_>) {
        self.queue.clear_signal();
        while let Some(Completion { pending, build }) = self.queue.finished.pop() {
            let result = contain(|| build(py)).unwrap_or_else(|panic| Err(panic_error(&panic)));
            Pending::finish(pending.bind(py), result);
        }
    }

    /// Hands over what was submitted. Called by the event loop at the end of a turn.
    fn flush(&self) {
        self.is_flush_due.store(false, Ordering::Relaxed);
        self.inbox.announce();
    }

    /// Work handed over and not finished yet.
    #[getter]
    fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Stops the runtime thread and drops what is under way. Idempotent.
    fn close(&self, py: Python<'_>) {
        let runtime = self.runtime.lock().take();
        if let Some(Runtime { stop, thread }) = runtime {
            let _ = stop.send(());
            // The runtime's tasks may be waiting for the interpreter.
            py.detach(|| {
                let _ = thread.join();
            });
            // What was begun on the loop's thread is none of the runtime's tasks yet.
            self.inbox.clear();
        }
    }
}

/// The life of the runtime thread. To the interpreter it is one thread from beginning to end: one
/// that it does not know would be made known and forgotten again with each delta that it hands over.
fn run(runtime: tokio::runtime::Runtime, stopped: tokio::sync::oneshot::Receiver<()>) {
    Python::attach(|py| {
        py.detach(move || {
            let is_closed = runtime.block_on(stopped).is_ok();
            // Resolver threads may hang in the system's resolver; nobody waits for them.
            runtime.shutdown_timeout(Duration::from_millis(200));
            if !is_closed {
                // Left behind by an interpreter that ends, which must not be entered any more, or by
                // an owner that did not close it.
                loop {
                    std::thread::park();
                }
            }
        });
    });
}

/// Work that is ready to run.
struct Prepared {
    pending: Py<Pending>,
    job: Job,
    abort: Arc<Abort>,
    /// Nothing else is under way.
    is_alone: bool,
}

impl Bridge {
    /// Runs `work` on the runtime thread; the returned awaitable ends with what it builds.
    /// Cancelling the awaiting task drops `work`.
    pub(super) fn submit<F>(this: &Bound<'_, Self>, work: F) -> PyResult<Py<Pending>>
    where
        F: Future<Output = Build> + Send + 'static,
    {
        let Prepared { pending, job, abort, is_alone } = Self::prepare(this, work)?;
        if is_alone {
            // There is nothing to hand over together with it.
            this.get().inbox.add(job, Some(abort));
        } else {
            Self::hand_over_later(this, job, abort)?;
        }
        Ok(pending)
    }

    /// The same for work that soon waits for something: it begins on this thread where nothing
    /// else is under way. Where there is, one wake-up for several costs less.
    pub(super) fn submit_short<F>(this: &Bound<'_, Self>, work: F) -> PyResult<Py<Pending>>
    where
        F: Future<Output = Build> + Send + 'static,
    {
        let Prepared { pending, job, abort, is_alone } = Self::prepare(this, work)?;
        if is_alone {
            let bridge = this.get();
            let _context = bridge.handle.enter();
            Begun::begin(&bridge.inbox, job, &abort);
            // It may be done already.
            bridge.queue.signal();
        } else {
            Self::hand_over_later(this, job, abort)?;
        }
        Ok(pending)
    }

    fn prepare<F>(this: &Bound<'_, Self>, work: F) -> PyResult<Prepared>
    where
        F: Future<Output = Build> + Send + 'static,
    {
        let (py, bridge) = (this.py(), this.get());
        let abort = Arc::<Abort>::default();
        let pending =
            Py::new(py, Pending::new(bridge.event_loop.clone_ref(py), Arc::clone(&abort)))?;
        let (queue, completed) = (Arc::clone(&bridge.queue), pending.clone_ref(py));
        let is_alone = bridge.under_way.load(Ordering::Relaxed) == 0;
        let under_way = UnderWay::enter(&bridge.under_way);
        bridge.pace.note();
        // Work is some kilobytes large: each future that it is moved into would copy them.
        let work = Box::pin(work);
        let job = Box::pin(async move {
            let build = match catch_unwind(work).await {
                Ok(build) => build,
                Err(panic) => Box::new(move |_: Python<'_>| Err(panic_error(&panic))) as Build,
            };
            drop(under_way);
            queue.finish(Completion { pending: completed, build });
        });
        Ok(Prepared { pending, job, abort, is_alone })
    }

    /// Together with all that is submitted in this turn of the loop.
    fn hand_over_later(this: &Bound<'_, Self>, job: Job, abort: Arc<Abort>) -> PyResult<()> {
        let (py, bridge) = (this.py(), this.get());
        bridge.inbox.put(job, Some(abort));
        if !bridge.is_flush_due.swap(true, Ordering::Relaxed) {
            let flush = this.getattr(intern!(py, "flush"))?;
            bridge.event_loop.bind(py).call_method1(intern!(py, "call_soon"), (flush,))?;
        }
        Ok(())
    }

    /// Where work tells of each piece that it hands over before it is finished.
    pub(super) fn pace(&self) -> Arc<Pace> {
        Arc::clone(&self.pace)
    }

    /// Runs `work` on the runtime thread; nobody waits for it.
    pub(super) fn spawn<F>(&self, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.inbox.add(Box::pin(work), None);
    }
}

/// Counts one piece of work as long as it lives.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn enter(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

type Panic = Box<dyn Any + Send>;

/// Runs `call`; a panic in it becomes a value: it fails one exchange, not the worker.
pub(super) fn contain<T>(call: impl FnOnce() -> T) -> Result<T, Panic> {
    std::panic::catch_unwind(AssertUnwindSafe(call))
}

async fn catch_unwind<F: Future>(mut work: Pin<Box<F>>) -> Result<F::Output, Panic> {
    std::future::poll_fn(|cx| match contain(|| work.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// The panic's own words stay out of the message: they may quote what was being parsed.
fn panic_error(_panic: &Panic) -> PyErr {
    PyRuntimeError::new_err("a defect in the native extension ended this call")
}

enum State {
    Waiting(Option<Waiter>),
    Done(PyResult<Py<PyAny>>),
    Taken,
}

struct Waiter {
    callback: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

/// An awaitable that asyncio's tasks treat as a future.
#[pyclass(frozen, module = "codegate._native")]
pub struct Pending {
    state: Mutex<State>,
    is_blocking: AtomicBool,
    event_loop: Py<PyAny>,
    abort: Arc<Abort>,
}

impl Pending {
    fn new(event_loop: Py<PyAny>, abort: Arc<Abort>) -> Self {
        Self {
            state: Mutex::new(State::Waiting(None)),
            is_blocking: AtomicBool::new(false),
            event_loop,
            abort,
        }
    }

    /// Stores the result, unless cancelled before, and resumes the waiting task at once.
    fn finish(this: &Bound<'_, Self>, result: PyResult<Py<PyAny>>) {
        let Some(waiter) = this.get().settle(result) else { return };
        let py = this.py();
        let outcome = match &waiter.context {
            // The task must not run in the context of the loop's reader callback.
            Some(context) => {
                context.bind(py).call_method1(intern!(py, "run"), (&waiter.callback, this))
            }
            None => waiter.callback.bind(py).call1((this,)),
        };
        if let Err(error) = outcome {
            error.write_unraisable(py, Some(this.as_any()));
        }
    }

    fn settle(&self, result: PyResult<Py<PyAny>>) -> Option<Waiter> {
        let mut state = self.state.lock();
        match &mut *state {
            State::Waiting(waiter) => {
                let waiter = waiter.take();
                *state = State::Done(result);
                waiter
            }
            State::Done(_) | State::Taken => None,
        }
    }
}

#[pymethods]
impl Pending {
    fn __await__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let pending = this.get();
        let mut state = pending.state.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Waiting(waiter) => {
                *state = State::Waiting(waiter);
                drop(state);
                pending.is_blocking.store(true, Ordering::Relaxed);
                Ok(this.clone())
            }
            State::Done(Ok(value)) => Err(returned(value.into_bound(this.py()))),
            State::Done(Err(error)) => Err(error),
            State::Taken => Err(PyRuntimeError::new_err("this call was already awaited")),
        }
    }

    #[getter(_asyncio_future_blocking)]
    fn is_blocking(&self) -> bool {
        self.is_blocking.load(Ordering::Relaxed)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_is_blocking(&self, value: bool) {
        self.is_blocking.store(value, Ordering::Relaxed);
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    #[pyo3(signature = (callback, *, context=None))]
    fn add_done_callback(
        this: &Bound<'_, Self>,
        callback: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let pending = this.get();
        let waiter = Waiter { callback, context };
        let mut state = pending.state.lock();
        if let State::Waiting(slot @ None) = &mut *state {
            *slot = Some(waiter);
            return Ok(());
        }
        let is_done = !matches!(*state, State::Waiting(_));
        drop(state);
        if !is_done {
            return Err(PyRuntimeError::new_err("only one task can await this call"));
        }
        schedule(this, waiter)
    }

    #[pyo3(signature = (callback, /))]
    fn remove_done_callback(&self, callback: &Bound<'_, PyAny>) -> usize {
        // There is one waiter at most, so it is the one that is meant.
        let _ = callback;
        match &mut *self.state.lock() {
            State::Waiting(waiter) => usize::from(waiter.take().is_some()),
            _ => 0,
        }
    }

    /// Drops the work and ends the call with `CancelledError`.
    #[pyo3(signature = (msg=None))]
    fn cancel(this: &Bound<'_, Self>, msg: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let _ = msg;
        let pending = this.get();
        if !matches!(*pending.state.lock(), State::Waiting(_)) {
            return Ok(false);
        }
        pending.abort.cancel();
        if let Some(waiter) = pending.settle(Err(CancelledError::new_err(()))) {
            schedule(this, waiter)?;
        }
        Ok(true)
    }

    fn cancelled(&self, py: Python<'_>) -> bool {
        match &*self.state.lock() {
            State::Done(Err(error)) => error.is_instance_of::<CancelledError>(py),
            _ => false,
        }
    }

    fn done(&self) -> bool {
        !matches!(*self.state.lock(), State::Waiting(_))
    }

    /// Raises what the call failed with; asyncio asks before it resumes the task, which then
    /// takes the value itself.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        match &*self.state.lock() {
            State::Done(Err(error)) => Err(error.clone_ref(py)),
            _ => Ok(()),
        }
    }
}

/// The end of an iterator with a value. Any object may stand for the exception with it, which is
/// then never made, but for those that would be taken for its arguments or the exception itself.
fn returned(value: Bound<'_, PyAny>) -> PyErr {
    if value.is_instance_of::<PyTuple>() || value.is_instance_of::<PyBaseException>() {
        return PyStopIteration::new_err((value.unbind(),));
    }
    PyStopIteration::new_err(value.unbind())
}

/// Calls back from the loop's next turn, as a future does.
fn schedule(pending: &Bound<'_, Pending>, waiter: Waiter) -> PyResult<()> {
    let py = pending.py();
    let keywords = PyDict::new(py);
    if let Some(context) = waiter.context {
        keywords.set_item(intern!(py, "context"), context)?;
    }
    let arguments = PyTuple::new(py, [waiter.callback.bind(py), pending.as_any()])?;
    pending.get().event_loop.bind(py).call_method(
        intern!(py, "call_soon"),
        arguments,
        Some(&keywords),
    )?;
    Ok(())
}
