//! Connections between exchanges: idle HTTP/1.1 ones by origin, shared HTTP/2 ones by origin.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::client::conn::http2;
use parking_lot::Mutex;

use super::Connection as Http1;
use super::body::GatherBody;
use super::target::Origin;
use super::{InFlight, Sender};

/// Idle connections go before most servers and middle boxes would drop them silently.
const IDLE_TIME: Duration = Duration::from_secs(55);
/// More idle connections than this to one origin are closed instead of kept.
const MAX_IDLE: usize = 512;

const UNKNOWN: u8 = 0;
const ONLY_H1: u8 = 1;
const H2: u8 = 2;

#[derive(Default)]
pub(super) struct Pool {
    slots: Mutex<HashMap<Origin, Arc<Slot>>>,
}

impl Pool {
    pub(super) fn slot(&self, origin: &Origin) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(origin) {
            return Arc::clone(slot);
        }
        Arc::clone(slots.entry(origin.clone()).or_default())
    }

    pub(super) fn reap(&self) {
        let slots: Vec<_> = self.slots.lock().values().cloned().collect();
        for slot in slots {
            slot.idle.lock().retain_mut(Idle::is_fresh);
            slot.shared.lock().retain(|shared| {
                !shared.sender.is_closed()
                    && (shared.in_flight.count() > 0 || shared.used.lock().elapsed() < IDLE_TIME)
            });
        }
    }
}

/// Everything known about one origin's connections.
#[derive(Default)]
pub(super) struct Slot {
    idle: Mutex<Vec<Idle>>,
    shared: Mutex<Vec<Connection>>,
    protocol: AtomicU8,
    /// Held while the first connection finds out which protocol the origin speaks.
    pub(super) gate: tokio::sync::Mutex<()>,
}

struct Idle {
    connection: Box<Http1>,
    since: Instant,
}

impl Idle {
    fn is_fresh(&mut self) -> bool {
        self.since.elapsed() < IDLE_TIME && self.connection.is_quiet()
    }
}

struct Connection {
    sender: http2::SendRequest<GatherBody>,
    /// Streams that the upstream lets us have open at once.
    limit: Arc<AtomicUsize>,
    in_flight: InFlight,
    used: Mutex<Instant>,
}

/// A place on a shared HTTP/2 connection, given up when dropped.
pub(super) struct Shared {
    pub(super) sender: http2::SendRequest<GatherBody>,
    pub(super) is_reused: bool,
    in_flight: InFlight,
}

impl Shared {
    fn new(connection: &Connection, is_reused: bool) -> Self {
        connection.in_flight.0.fetch_add(1, Ordering::Relaxed);
        *connection.used.lock() = Instant::now();
        Self {
            sender: connection.sender.clone(),
            is_reused,
            in_flight: connection.in_flight.clone(),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.in_flight.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slot {
    /// A connection that seems alive, most recently used first.
    pub(super) fn checkout(&self) -> Option<Sender> {
        if let Some(shared) = self.shared() {
            return Some(Sender::Http2(shared));
        }
        loop {
            let mut idle = self.idle.lock().pop()?;
            if idle.is_fresh() {
                return Some(Sender::Http1(idle.connection));
            }
        }
    }

    /// Keeps a connection whose answer was read to its end, if it may serve again.
    pub(super) fn give_back(&self, mut connection: Box<Http1>) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE && connection.renew() {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    /// A place on an open HTTP/2 connection that has one.
    pub(super) fn shared(&self) -> Option<Shared> {
        let mut connections = self.shared.lock();
        if connections.is_empty() {
            return None;
        }
        connections.retain(|c| !c.sender.is_closed());
        connections
            .iter()
            .find(|c| c.in_flight.count() < c.limit.load(Ordering::Relaxed).max(1))
            .map(|connection| Shared::new(connection, true))
    }

    /// Adds a connection and takes the first place on it.
    pub(super) fn share(
        &self,
        sender: http2::SendRequest<GatherBody>,
        limit: Arc<AtomicUsize>,
    ) -> Shared {
        let connection = Connection {
            sender,
            limit,
            in_flight: InFlight::default(),
            used: Mutex::new(Instant::now()),
        };
        let shared = Shared::new(&connection, false);
        self.shared.lock().push(connection);
        shared
    }

    /// Takes the connection under `place` out of use; those who are on it may go on.
    pub(super) fn retire(&self, place: &Shared) {
        self.shared.lock().retain(|c| !Arc::ptr_eq(&c.in_flight.0, &place.in_flight.0));
    }

    pub(super) fn may_be_h2(&self) -> bool {
        matches!(self.protocol.load(Ordering::Relaxed), UNKNOWN | H2)
    }

    pub(super) fn learn(&self, is_h2: bool) {
        self.protocol.store(if is_h2 { H2 } else { ONLY_H1 }, Ordering::Relaxed);
    }
}
