//! How the process's own threads share a processor while much runs through them.
//!
//! An answer's way leads through several threads, each of which wakes the next. A kernel lets the
//! woken one run at once, in the middle of what the waker still has to do: often it holds the
//! interpreter, which the woken thread then waits for, and of several pieces that are there to be
//! handed over each costs two switches. Threads under the policy for batch work (`sched(7)`) wait
//! until whoever runs has come to rest. For a process that does little that would be a loss: it
//! would wait for other programs' work, too. So the policy follows what goes through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The clock is read once for so many events.
const LOOK_EVERY: u64 = 64;
/// So many events within this time are many: a thousand a second.
const BUSY: Duration = Duration::from_millis(64);
/// How often it is looked whether they still are, and how few end it.
const STILL: Duration = Duration::from_millis(250);
const FEW: u64 = 125;
/// With so many pieces of work under way there is always a next one.
const CROWD: usize = 4;

/// Which threads wait for their turn when they are woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Patience {
    Nobody,
    /// With one exchange after the other, the one that others wake while they hold the
    /// interpreter; what reads and writes has nothing to wait for.
    EventLoop,
    Everybody,
}

/// Of one process, made on the event loop's thread.
pub struct Pace {
    events: AtomicU64,
    under_way: Arc<AtomicUsize>,
    /// The most that were under way when it was looked, since they were last judged by it.
    peak: AtomicUsize,
    look: Mutex<Look>,
    /// It became busy.
    turned: Notify,
    threads: Option<Threads>,
}

struct Look {
    last: Instant,
    patience: Patience,
}

impl Pace {
    /// `under_way` counts what was begun and is not finished.
    pub fn new(under_way: Arc<AtomicUsize>) -> Self {
        Self {
            events: AtomicU64::new(0),
            under_way,
            peak: AtomicUsize::new(0),
            look: Mutex::new(Look { last: Instant::now(), patience: Patience::Nobody }),
            turned: Notify::new(),
            threads: Threads::of_this_process(),
        }
    }

    /// Something goes through: work was begun, or a piece of a stream handed over.
    pub fn note(&self) {
        let events = self.events.fetch_add(1, Ordering::Relaxed) + 1;
        if events.is_multiple_of(LOOK_EVERY) {
            self.look(Instant::now());
        }
    }

    fn look(&self, now: Instant) {
        // Whoever holds it looks at the same.
        let Some(mut look) = self.look.try_lock() else { return };
        let took = now.saturating_duration_since(look.last);
        look.last = now;
        if took > BUSY {
            return;
        }
        let under_way = self.under_way.load(Ordering::Relaxed);
        let peak = self.peak.fetch_max(under_way, Ordering::Relaxed).max(under_way);
        let before = look.patience;
        self.set(&mut look, before.max(fitting(peak)));
        if before == Patience::Nobody {
            self.turned.notify_one();
        }
    }

    /// Takes back what [`note`](Self::note) began when less goes through. Runs for ever.
    pub async fn calm_down(self: Arc<Self>) {
        loop {
            self.turned.notified().await;
            let mut seen = self.events.load(Ordering::Relaxed);
            loop {
                tokio::time::sleep(STILL).await;
                let events = self.events.load(Ordering::Relaxed);
                let peak = self.peak.swap(0, Ordering::Relaxed);
                let few = events - seen < FEW;
                seen = events;
                let patience = if few { Patience::Nobody } else { fitting(peak) };
                self.set(&mut self.look.lock(), patience);
                if few {
                    break;
                }
            }
        }
    }

    fn set(&self, look: &mut Look, patience: Patience) {
        if look.patience != patience {
            look.patience = patience;
            if let Some(threads) = &self.threads {
                threads.apply(patience);
            }
        }
    }
}

/// What fits a busy process.
fn fitting(under_way: usize) -> Patience {
    if under_way >= CROWD { Patience::Everybody } else { Patience::EventLoop }
}

#[cfg(target_os = "linux")]
use linux::Threads;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use super::Patience;

    /// The threads of this process, whoever started them.
    pub(super) struct Threads {
        event_loop: libc::pid_t,
    }

    impl Threads {
        /// `None` where somebody chose a policy for this process already.
        pub(super) fn of_this_process() -> Option<Self> {
            // SAFETY: plain system calls without memory of ours.
            let (policy, event_loop) = unsafe { (libc::sched_getscheduler(0), libc::gettid()) };
            (policy == libc::SCHED_OTHER).then_some(Self { event_loop })
        }

        /// Some twenty system calls. Threads that come and go meanwhile, or that somebody gave a
        /// policy of another kind, stay as they are: what is lost is speed.
        pub(super) fn apply(&self, patience: Patience) {
            let Ok(threads) = fs::read_dir("/proc/self/task") else { return };
            for thread in threads.flatten() {
                let Some(id) = thread.file_name().to_str().and_then(|name| name.parse().ok())
                else {
                    continue;
                };
                let is_patient = match patience {
                    Patience::Nobody => false,
                    Patience::EventLoop => id == self.event_loop,
                    Patience::Everybody => true,
                };
                let wanted = if is_patient { libc::SCHED_BATCH } else { libc::SCHED_OTHER };
                let other = if is_patient { libc::SCHED_OTHER } else { libc::SCHED_BATCH };
                // SAFETY: all bytes zero are a valid value: the priority of both policies.
                let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
                // SAFETY: system calls; the parameters live until they return.
                unsafe {
                    if libc::sched_getscheduler(id) == other {
                        libc::sched_setscheduler(id, wanted, &raw const parameters);
                    }
                }
            }
        }
    }
}

/// Elsewhere nothing of the kind is known.
#[cfg(not(target_os = "linux"))]
struct Threads;

#[cfg(not(target_os = "linux"))]
impl Threads {
    fn of_this_process() -> Option<Self> {
        None
    }

    fn apply(&self, _patience: Patience) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_after_the_other_only_the_event_loop_waits() {
        assert_eq!(fitting(0), Patience::EventLoop);
        assert_eq!(fitting(CROWD - 1), Patience::EventLoop);
        assert_eq!(fitting(CROWD), Patience::Everybody);
    }

    #[test]
    fn many_at_once_are_remembered_until_it_is_looked_again() {
        let under_way = Arc::new(AtomicUsize::new(CROWD));
        // The policies of this process are another test's.
        let pace = Arc::new(Pace { threads: None, ..Pace::new(Arc::clone(&under_way)) });
        let patience = || pace.look.lock().patience;
        pace.look(Instant::now());
        assert_eq!(patience(), Patience::Everybody);
        under_way.store(1, Ordering::Relaxed);
        pace.look(Instant::now());
        assert_eq!(patience(), Patience::Everybody);

        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let Ok(runtime) = runtime else { panic!("a runtime") };
        runtime.block_on(async {
            let watch = tokio::spawn(Arc::clone(&pace).calm_down());
            for _ in 0..25 {
                pace.look(Instant::now());
                pace.events.fetch_add(FEW, Ordering::Relaxed);
                tokio::time::sleep(STILL / 10).await;
            }
            watch.abort();
        });
        assert_eq!(patience(), Patience::EventLoop);
    }

    #[cfg(target_os = "linux")]
    mod policies {
        use super::*;

        fn policy() -> i32 {
            // SAFETY: a system call without memory of ours.
            unsafe { libc::sched_getscheduler(0) }
        }

        /// Of a thread beside the event loop's, and of the event loop's.
        fn policies(pace: &Pace, wanted: Patience) -> (i32, i32) {
            let (answer, answers) = std::sync::mpsc::channel();
            let (go, gone) = std::sync::mpsc::channel::<()>();
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    let _ = gone.recv();
                    let _ = answer.send(policy());
                });
                pace.set(&mut pace.look.lock(), wanted);
                let _ = go.send(());
                (answers.recv().unwrap_or(-1), policy())
            })
        }

        /// Most systems let a process choose, sandboxes may not.
        fn can_change() -> bool {
            // SAFETY: all bytes zero are a valid value: the priority of both policies.
            let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
            policy() == libc::SCHED_OTHER
                && [libc::SCHED_BATCH, libc::SCHED_OTHER].into_iter().all(|wanted| {
                    // SAFETY: a system call; the parameters live until it returns.
                    unsafe { libc::sched_setscheduler(0, wanted, &raw const parameters) == 0 }
                })
        }

        #[test]
        fn threads_wait_as_long_as_much_goes_through() {
            if !can_change() {
                return;
            }
            let under_way = Arc::new(AtomicUsize::new(CROWD));
            let pace = Arc::new(Pace::new(Arc::clone(&under_way)));
            let (normal, batch) = (libc::SCHED_OTHER, libc::SCHED_BATCH);
            for (wanted, expected) in [
                (Patience::EventLoop, (normal, batch)),
                (Patience::Everybody, (batch, batch)),
                (Patience::EventLoop, (normal, batch)),
                (Patience::Nobody, (normal, normal)),
            ] {
                assert_eq!(policies(&pace, wanted), expected, "{wanted:?}");
            }

            pace.look.lock().last = Instant::now();
            for _ in 1..LOOK_EVERY {
                pace.note();
            }
            assert_eq!(policy(), normal, "not looked yet");
            pace.note();
            assert_eq!(policy(), batch);

            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let Ok(runtime) = runtime else { panic!("a runtime") };
            runtime.block_on(async {
                let watch = tokio::spawn(Arc::clone(&pace).calm_down());
                for _ in 0..25 {
                    for _ in 0..FEW {
                        pace.note();
                    }
                    tokio::time::sleep(STILL / 10).await;
                    assert_eq!(policy(), batch, "still busy");
                }
                tokio::time::sleep(3 * STILL).await;
                assert_eq!(policy(), normal);
                watch.abort();
            });

            // What comes slowly changes nothing.
            pace.look(Instant::now() + 2 * BUSY);
            assert_eq!(policy(), normal);
        }
    }
}
