//! Clocks: monotonic nanoseconds shared by all processes of the machine, own CPU time, and a
//! ticker finer than the runtime's millisecond wheel.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

const NANOS: u64 = 1_000_000_000;

fn nanos(time: Timespec) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * NANOS + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// `CLOCK_MONOTONIC` in nanoseconds: comparable between the mock and the client.
pub(crate) fn monotonic_ns() -> u64 {
    nanos(clock_gettime(ClockId::Monotonic))
}

/// User and system time this process has used, in nanoseconds.
pub(crate) fn cpu_ns() -> u64 {
    nanos(clock_gettime(ClockId::ProcessCPUTime))
}

/// A periodic timer; ticks that were missed are reported together, never lost.
pub(crate) struct Ticker {
    timer: AsyncFd<OwnedFd>,
}

impl Ticker {
    /// The first tick comes one period from now.
    pub(crate) fn new(period_us: u64) -> io::Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        let period = Timespec {
            tv_sec: i64::try_from(period_us / 1_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(period_us % 1_000_000 * 1_000).unwrap_or(0),
        };
        let timing = Itimerspec { it_interval: period, it_value: period };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &timing)?;
        #[expect(unsafe_code, reason = "the runtime has no safe way to register a descriptor")]
        // SAFETY: `AsyncFd` owns the descriptor, nothing here takes it out or closes it, and
        // `OwnedFd` gives the same number for as long as it lives.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }?;
        Ok(Self { timer })
    }

    /// Waits for the next tick; returns how many have passed since the last call.
    pub(crate) async fn tick(&self) -> io::Result<u64> {
        loop {
            let mut guard = self.timer.readable().await?;
            let mut count = [0_u8; 8];
            let read = guard.try_io(|timer| Ok(rustix::io::read(timer, &mut count)?));
            if let Ok(outcome) = read {
                outcome?;
                return Ok(u64::from_ne_bytes(count));
            }
        }
    }
}
