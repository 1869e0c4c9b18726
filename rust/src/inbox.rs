//! Work on its way to the runtime's thread: handed over to it, or begun on another and waiting.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crossbeam_queue::SegQueue;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Submitted work on its way to the runtime.
#[derive(Default)]
pub struct Inbox {
    jobs: SegQueue<(Job, Option<Arc<Abort>>)>,
    notify: Notify,
}

impl Inbox {
    /// Hands `job` over at once.
    pub fn add(&self, job: Job, abort: Option<Arc<Abort>>) {
        self.put(job, abort);
        self.announce();
    }

    /// Hands it over when the next [`announce`](Self::announce) comes.
    pub fn put(&self, job: Job, abort: Option<Arc<Abort>>) {
        self.jobs.push((job, abort));
    }

    /// Tells the runtime what was put here.
    pub fn announce(&self) {
        self.notify.notify_one();
    }

    /// Drops what nobody will start any more.
    pub fn clear(&self) {
        while self.jobs.pop().is_some() {}
    }

    /// Starts what was submitted. Runs on the runtime for its whole life.
    pub async fn dispatch(self: Arc<Self>) {
        loop {
            while let Some((job, abort)) = self.jobs.pop() {
                match abort {
                    None => drop(tokio::spawn(job)),
                    Some(abort) => abort.start(job),
                }
            }
            self.notify.notified().await;
        }
    }
}

/// Drops a job, started or not.
#[derive(Default)]
pub struct Abort(Mutex<JobState>);

#[derive(Default)]
enum JobState {
    #[default]
    Submitted,
    Begun(Arc<Begun>),
    Running(AbortHandle),
    Cancelled,
}

impl Abort {
    fn start(&self, job: Job) {
        let mut state = self.0.lock();
        if !matches!(*state, JobState::Cancelled) {
            *state = JobState::Running(tokio::spawn(job).abort_handle());
        }
    }

    pub fn cancel(&self) {
        let before = std::mem::replace(&mut *self.0.lock(), JobState::Cancelled);
        match before {
            JobState::Running(task) => task.abort(),
            // The runtime drops it, as it drops all others.
            JobState::Begun(begun) => begun.wake(),
            JobState::Submitted | JobState::Cancelled => {}
        }
    }
}

/// A job that ran on the event loop's thread up to where it waits for something. When that is
/// there it goes on as one of the runtime's tasks.
pub struct Begun {
    place: Mutex<Place>,
    inbox: Arc<Inbox>,
}

enum Place {
    /// Running, on the event loop's thread.
    Elsewhere,
    /// What it would wait for is there.
    Due,
    Waiting(Job, Arc<Abort>),
}

impl Begun {
    /// Runs `job` until it waits. Within the runtime's context.
    pub fn begin(inbox: &Arc<Inbox>, mut job: Job, abort: &Arc<Abort>) {
        let begun =
            Arc::new(Self { place: Mutex::new(Place::Elsewhere), inbox: Arc::clone(inbox) });
        let waker = Waker::from(Arc::clone(&begun));
        if job.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return;
        }
        *abort.0.lock() = JobState::Begun(Arc::clone(&begun));
        let mut place = begun.place.lock();
        if matches!(*place, Place::Due) {
            drop(place);
            inbox.add(job, Some(Arc::clone(abort)));
        } else {
            *place = Place::Waiting(job, Arc::clone(abort));
        }
    }
}

impl Wake for Begun {
    fn wake(self: Arc<Self>) {
        let before = std::mem::replace(&mut *self.place.lock(), Place::Due);
        if let Place::Waiting(job, abort) = before {
            self.inbox.add(job, Some(abort));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use super::*;

    /// Work that is polled twice, and wakes itself in its first turn or hands its waker out.
    fn twice(turns: &Arc<AtomicUsize>, waker: Option<Arc<Mutex<Option<Waker>>>>) -> Job {
        let turns = Arc::clone(turns);
        Box::pin(poll_fn(move |cx| {
            if turns.fetch_add(1, Ordering::Relaxed) == 1 {
                return Poll::Ready(());
            }
            match &waker {
                Some(place) => *place.lock() = Some(cx.waker().clone()),
                None => cx.waker().wake_by_ref(),
            }
            Poll::Pending
        }))
    }

    fn run(inbox: &Arc<Inbox>) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else {
            panic!("a runtime")
        };
        runtime.block_on(async {
            let dispatch = tokio::spawn(Arc::clone(inbox).dispatch());
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            dispatch.abort();
        });
    }

    #[test]
    fn what_is_due_before_it_waits_goes_on() {
        let (inbox, turns) = (Arc::<Inbox>::default(), Arc::default());
        Begun::begin(&inbox, twice(&turns, None), &Arc::default());
        assert_eq!(turns.load(Ordering::Relaxed), 1);
        run(&inbox);
        assert_eq!(turns.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_waits_goes_on_when_it_is_woken() {
        let (inbox, turns) = (Arc::<Inbox>::default(), Arc::default());
        let waker = Arc::<Mutex<Option<Waker>>>::default();
        Begun::begin(&inbox, twice(&turns, Some(Arc::clone(&waker))), &Arc::default());
        run(&inbox);
        assert_eq!(turns.load(Ordering::Relaxed), 1, "nothing woke it");
        if let Some(waker) = waker.lock().take() {
            waker.wake_by_ref();
            waker.wake();
        }
        run(&inbox);
        assert_eq!(turns.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_is_cancelled_is_dropped_unwoken() {
        let (inbox, turns) = (Arc::<Inbox>::default(), Arc::default());
        let (waker, abort) = (Arc::default(), Arc::<Abort>::default());
        Begun::begin(&inbox, twice(&turns, Some(Arc::clone(&waker))), &abort);
        abort.cancel();
        run(&inbox);
        assert_eq!(turns.load(Ordering::Relaxed), 1);
        assert_eq!(Arc::strong_count(&turns), 1, "the work is gone");
    }

    #[test]
    fn what_nobody_starts_is_cleared() {
        let (inbox, turns) = (Arc::<Inbox>::default(), Arc::default());
        Begun::begin(&inbox, twice(&turns, None), &Arc::default());
        assert_eq!(Arc::strong_count(&turns), 2);
        inbox.clear();
        assert_eq!(Arc::strong_count(&turns), 1);
    }
}
