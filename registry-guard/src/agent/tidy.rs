//! Puts the log of the store and the memory in order when nobody is waiting for it.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use tracing::warn;

use super::{Agent, memory};

/// How long there must have been no change.
const QUIET: Duration = Duration::from_secs(1);
/// Changes without an end do not put it off any longer, so that the log has a bound.
const AT_LATEST: Duration = Duration::from_secs(30);

/// Goes on until the agent ends.
pub(super) async fn follow(agent: Agent) {
    loop {
        agent.0.stored.notified().await;
        let begun = Instant::now();
        while begun.elapsed() < AT_LATEST && timeout(QUIET, agent.0.stored.notified()).await.is_ok() {}
        let tidying = agent.clone();
        let tidied = tokio::task::spawn_blocking(move || {
            let tidied = tidying.store().as_mut().map_or(Ok(None), |store| store.tidy());
            memory::give_back();
            tidied
        });
        match tidied.await {
            Ok(Ok(_)) => {}
            Ok(Err(problem)) => warn!(%problem, "the log of the policy store grows until it can be put in order"),
            Err(_) => return,
        }
    }
}
