//! Denied packets that the program tells about, and their budget.

use std::io;

use aya::maps::{Array, MapData, RingBuf};
use registry_guard_common::{EVENT_BUDGET_ADMITTED, EVENT_BUDGET_STOPPED, Event};
use tokio::io::unix::AsyncFd;
use zerocopy::FromBytes as _;

use super::KernelError;

/// The events that the program has written and nobody has read.
pub struct Events(RingBuf<MapData>);

impl Events {
    pub(super) fn new(ring: RingBuf<MapData>) -> Self {
        Self(ring)
    }

    /// Makes them a stream. Must be called within a tokio runtime.
    #[expect(unsafe_code, reason = "tokio has no safe way to wait for a descriptor it does not know")]
    pub fn stream(self) -> io::Result<EventStream> {
        // SAFETY: the ring owns the descriptor of its map from here until both are dropped, and always names that one.
        Ok(EventStream(unsafe { AsyncFd::register(self.0) }?))
    }
}

/// The events as they come.
pub struct EventStream(AsyncFd<RingBuf<MapData>>);

impl EventStream {
    /// Waits until there are events and returns them all.
    pub async fn next(&mut self) -> io::Result<Vec<Event>> {
        let mut ready = self.0.readable_mut().await?;
        let events = read(ready.get_inner_mut());
        ready.clear_ready();
        Ok(events)
    }

    /// Returns the events that are there already.
    pub fn waiting(&mut self) -> Vec<Event> {
        read(self.0.get_mut())
    }
}

fn read(ring: &mut RingBuf<MapData>) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(bytes) = ring.next() {
        events.extend(Event::read_from_prefix(&bytes).map(|(event, _)| event));
    }
    events
}

/// How many denied packets the program may still tell about.
pub struct EventBudget(Array<MapData, i64>);

impl EventBudget {
    pub(super) fn new(map: Array<MapData, i64>) -> Self {
        Self(map)
    }

    /// Allows this many events of denied packets that go no further from now on, whatever was left.
    pub fn refill(&mut self, events: u32) -> Result<(), KernelError> {
        Ok(self.0.set(EVENT_BUDGET_STOPPED, i64::from(events), 0)?)
    }

    /// Allows this many events of denied SYNs that go on to be told why from now on, whatever was left.
    pub fn refill_admitted(&mut self, events: u32) -> Result<(), KernelError> {
        Ok(self.0.set(EVENT_BUDGET_ADMITTED, i64::from(events), 0)?)
    }

    /// Whether the budget is used up.
    pub fn is_spent(&self) -> Result<bool, KernelError> {
        Ok(self.0.get(&EVENT_BUDGET_STOPPED, 0)? <= 0)
    }
}
