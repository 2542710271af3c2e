//! Puts the log of the store and the memory in order when nobody is waiting for it, and makes a good copy.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout};
use tracing::warn;

use super::{Agent, memory};
use crate::store::{Copies, StoreError};

/// How long there must have been no change.
const QUIET: Duration = Duration::from_secs(1);
/// Changes without an end do not put it off any longer, so that the log has a bound.
const AT_LATEST: Duration = Duration::from_secs(30);
/// What takes long is done less often: it is at work for one part of the time in so many.
const REST: u32 = 10;

/// Goes on until the agent ends.
pub(super) async fn follow(agent: Agent) {
    // What an earlier agent left without a copy, or a store brought up to date.
    agent.0.stored.notify_one();
    loop {
        agent.0.stored.notified().await;
        let begun = Instant::now();
        while begun.elapsed() < AT_LATEST && timeout(QUIET, agent.0.stored.notified()).await.is_ok() {}
        let begun = Instant::now();
        let tidying = agent.clone();
        let tidied = tokio::task::spawn_blocking(move || {
            let tidied = tidying.tidy();
            memory::give_back();
            tidied
        });
        match tidied.await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => warn!(%problem, "the log of the policy store grows until it can be put in order"),
            Err(_) => return,
        }
        sleep_until((Instant::now() + begun.elapsed() * REST).into()).await;
    }
}

impl Agent {
    fn tidy(&self) -> Result<(), StoreError> {
        let (file, revision) = {
            let mut store = self.store();
            let Some(store) = store.as_mut() else { return Ok(()) };
            (store.tidy()?, self.read(|policy| policy.revision))
        };
        // What is not confirmed is not known to be good.
        let Some(file) = file.filter(|_| self.0.unconfirmed.borrow().is_none()) else { return Ok(()) };
        let copies = Copies::beside(&self.0.state);
        if copies.list().first().is_some_and(|newest| newest.revision == revision) {
            self.note_copies_problem(None);
            return Ok(());
        }
        // Only the next call of this moves the log into the file, so nobody changes the file meanwhile.
        let kept = copies.keep(&file, revision);
        self.note_copies_problem(kept.err().map(|problem| problem.to_string()));
        Ok(())
    }

    /// Notes why there is no good copy of the last policy, and logs it.
    fn note_copies_problem(&self, problem: Option<String>) {
        if let Some(problem) = &problem {
            warn!(problem, "no good copy could be made of the policy store");
        }
        *self.0.copies_problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// What is wrong with the store and its copies.
    pub(super) fn store_problems(&self) -> Vec<String> {
        let lost = self.store_problem().map(|problem| {
            format!("policy store: {problem}; nothing can be changed until `registry-guard restore --from last-good` has put it right")
        });
        let copies = self.0.copies_problem.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let copies = copies.map(|problem| format!("good copies: {problem}; the last policy has none yet"));
        lost.into_iter().chain(copies).collect()
    }
}
