//! Connections whose first request has not come yet. A server that ends closes them, so it has to wait for what was about to be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Who has connected asks at once, or never.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(2);

/// The connections of one socket.
#[derive(Clone, Debug, Default)]
pub(super) struct Visits {
    closed: CancellationToken,
    unasked: Arc<AtomicUsize>,
}

impl Visits {
    /// One more connection.
    pub(super) fn begin(&self) -> Visit {
        self.unasked.fetch_add(1, Ordering::SeqCst);
        Visit { unasked: Arc::clone(&self.unasked), asked: AtomicBool::new(false) }
    }

    /// Ready once no further connection is to be accepted: whoever connects then waits for another process, or for its end.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Has no further connection be accepted, and is ready when all of those before have asked.
    pub(super) async fn close(&self) {
        self.closed.cancel();
        let all_asked = async {
            while self.unasked.load(Ordering::SeqCst) > 0 {
                sleep(LOOK).await;
            }
        };
        // Who has not asked by now is somebody who never does.
        let _ = timeout(PATIENCE, all_asked).await;
    }
}

/// One connection.
#[derive(Debug)]
pub struct Visit {
    unasked: Arc<AtomicUsize>,
    asked: AtomicBool,
}

impl Visit {
    /// A request has come.
    pub(super) fn asks(&self) {
        if !self.asked.swap(true, Ordering::SeqCst) {
            self.unasked.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.asks();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn who_has_connected_is_waited_for_until_asking_or_leaving() {
        let visits = Visits::default();
        let (first, second) = (visits.begin(), visits.begin());
        let mut closing = Box::pin(visits.close());
        assert!((&mut closing).now_or_never().is_none());
        assert!(visits.closed().now_or_never().is_some());
        first.asks();
        first.asks();
        assert!((&mut closing).now_or_never().is_none());
        drop(second);
        closing.await;
        drop(first);
        assert_eq!(visits.unasked.load(Ordering::SeqCst), 0);
    }
}
