use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::bounds::REPORTS;
use crate::handover::Answered;

/// Where answers are reported. Never waits: what finds no room is counted.
#[derive(Debug)]
pub(super) struct Reports {
    queue: mpsc::Sender<Answered>,
    left_out: AtomicU64,
}

impl Reports {
    /// The reports and the end at which they are read.
    pub(super) fn new() -> (Self, mpsc::Receiver<Answered>) {
        let (queue, reading) = mpsc::channel(REPORTS);
        (Self { queue, left_out: AtomicU64::new(0) }, reading)
    }

    pub(super) fn add(&self, answered: Answered) {
        if self.queue.try_send(answered).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were left out since the last call. The queue was full then, so there is always a report that can tell.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::handover::Printable;

    #[test]
    fn reports_that_find_no_room_are_counted_once() {
        let (reports, mut reading) = Reports::new();
        for _ in 0..REPORTS + 5 {
            reports.add(Answered {
                id: Uuid::nil(),
                time: 0,
                registry: "contoso".to_owned(),
                namespace: 0,
                source: "203.0.113.9:1".parse().unwrap(),
                endpoint: "203.0.113.10:443".parse().unwrap(),
                status: 403,
                method: Printable::default(),
                path: Printable::default(),
                user_agent: Printable::default(),
                left_out: 0,
            });
        }
        assert_eq!((reports.left_out(), reports.left_out()), (5, 0));
        assert!(reading.try_recv().is_ok());
    }
}
