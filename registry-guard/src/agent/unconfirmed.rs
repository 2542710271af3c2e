//! A change that is to be confirmed, and goes back by itself if nobody does.

use std::time::{Duration, UNIX_EPOCH};

use humantime::{format_duration, format_rfc3339_seconds};
use serde::Serialize;
use tokio::time::{sleep, timeout};
use tracing::{error, info};

use super::moment::{Moment, milliseconds};
use super::{Agent, AgentError, Author, Terms};
use crate::policy::Limits;
use crate::store::Unconfirmed;

/// Nobody tells that a machine slept, so the clock is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What could not be done is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// A change that is to be confirmed, as `status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnconfirmedStatus {
    /// The revision that the change made.
    pub revision: u64,
    /// RFC 3339 in UTC, as the clock of the machine went when it was made.
    pub confirm_by: String,
    /// The policy of which revision comes back.
    pub rolls_back_to: u64,
}

impl From<&Unconfirmed> for UnconfirmedStatus {
    fn from(unconfirmed: &Unconfirmed) -> Self {
        let deadline = UNIX_EPOCH.checked_add(Duration::from_millis(unconfirmed.wall_deadline)).unwrap_or(UNIX_EPOCH);
        Self {
            revision: unconfirmed.revision,
            confirm_by: format_rfc3339_seconds(deadline).to_string(),
            rolls_back_to: unconfirmed.revision.saturating_sub(1),
        }
    }
}

impl Unconfirmed {
    pub(super) fn starting(revision: u64, within: Duration, now: &Moment) -> Self {
        let within = milliseconds(within);
        Self {
            revision,
            within,
            boot: now.boot.clone(),
            boot_deadline: now.since_boot.saturating_add(within),
            wall_deadline: now.wall.saturating_add(within),
        }
    }

    /// How long there is still time. In the boot that it was made in, only the clock counts that nobody can set. After that, whichever
    /// end comes first: the one that the wall clock tells, or as much time as there was, counted from the start of the machine.
    pub(super) fn remaining(&self, now: &Moment) -> Duration {
        let left = if self.boot == now.boot && !self.boot.is_empty() {
            self.boot_deadline.saturating_sub(now.since_boot)
        } else {
            self.wall_deadline.saturating_sub(now.wall).min(self.within.saturating_sub(now.since_boot))
        };
        Duration::from_millis(left)
    }

    /// Who takes it back.
    pub(super) fn author(&self) -> Author {
        Author::agent(&format!("not confirmed within {}", format_duration(Duration::from_millis(self.within))))
    }
}

/// What was allowed once may come back, whatever config.toml says by now of what may be added.
pub(super) fn limits_for_what_was(limits: &Limits, registries: impl Iterator<Item = String>) -> Limits {
    Limits { quotas: [].into(), private_ip_rules: registries.collect(), ..limits.clone() }
}

impl Agent {
    /// The change that is to be confirmed, if there is one.
    pub fn unconfirmed(&self) -> Option<UnconfirmedStatus> {
        self.0.unconfirmed.borrow().as_ref().map(UnconfirmedStatus::from)
    }

    /// Lets the change that made `revision`, or the last one, stand. Blocks.
    ///
    /// # Errors
    ///
    /// If no change, or another one, is to be confirmed, or the store does not take it.
    pub fn confirm(&self, revision: Option<u64>) -> Result<u64, AgentError> {
        let mut store = self.store();
        let store = store.as_mut().ok_or_else(|| self.lost_store())?;
        let unconfirmed = self.0.unconfirmed.borrow().as_ref().map(|it| it.revision);
        let Some(made) = unconfirmed.filter(|made| revision.is_none_or(|asked| asked == *made)) else {
            return Err(AgentError::NothingToConfirm { asked: revision, unconfirmed });
        };
        store.confirm()?;
        self.0.unconfirmed.send_replace(None);
        self.0.stored.notify_one();
        info!(revision = made, "confirmed");
        Ok(made)
    }

    /// Takes the unconfirmed change back. Blocks.
    fn give_up(&self, unconfirmed: &Unconfirmed) -> Result<(), AgentError> {
        let author = unconfirmed.author();
        let revision = unconfirmed.revision.to_string();
        let terms = Terms { if_match: Some(&revision), ..Terms::of(&author) };
        let registries = self.read(|policy| policy.registries.keys().cloned().collect::<Vec<_>>());
        let limits = limits_for_what_was(&self.0.limits, registries.into_iter());
        self.roll_back_within(&terms, unconfirmed.revision.saturating_sub(1), &limits).map(drop)
    }
}

/// Takes back what nobody confirmed, until the agent ends.
pub(super) async fn follow(agent: Agent) {
    let mut changes = agent.0.unconfirmed.subscribe();
    let mut told = String::new();
    loop {
        let pending = changes.borrow_and_update().clone();
        let Some(pending) = pending else {
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        };
        let remaining = pending.remaining(&Moment::now());
        if !remaining.is_zero() {
            // Whether something changed shows above.
            let _ = timeout(remaining.min(LOOK_AGAIN), changes.changed()).await;
            continue;
        }
        let (giving_up, undone) = (agent.clone(), pending.clone());
        let given_up = tokio::task::spawn_blocking(move || giving_up.give_up(&undone)).await;
        if let Ok(Err(problem)) = given_up {
            let problem = problem.to_string();
            if problem != told {
                error!(revision = pending.revision, problem, "a change that nobody confirmed cannot be taken back yet");
                told = problem;
            }
            sleep(TRY_AGAIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: &str, since_boot: u64, wall: u64) -> Moment {
        Moment { boot: boot.to_owned(), since_boot, wall }
    }

    fn remaining(since: &Moment, within: u64, now: &Moment) -> u64 {
        let unconfirmed = Unconfirmed::starting(7, Duration::from_millis(within), since);
        milliseconds(unconfirmed.remaining(now))
    }

    #[test]
    fn in_the_same_boot_no_clock_counts_that_somebody_can_set() {
        let made = at("a", 10_000, 1_000_000);
        assert_eq!(remaining(&made, 60_000, &at("a", 40_000, 1_030_000)), 30_000);
        for wall in [0, 900_000, 99_000_000] {
            assert_eq!(remaining(&made, 60_000, &at("a", 40_000, wall)), 30_000, "the wall clock was set to {wall}");
        }
        assert_eq!(remaining(&made, 60_000, &at("a", 70_000, 0)), 0);
    }

    #[test]
    fn after_a_reboot_the_earlier_end_counts() {
        let made = at("a", 10_000, 1_000_000);
        assert_eq!(remaining(&made, 60_000, &at("b", 5_000, 1_030_000)), 30_000, "as the wall clock says");
        assert_eq!(remaining(&made, 60_000, &at("b", 5_000, 1_060_000)), 0, "as the wall clock says");
        assert_eq!(remaining(&made, 60_000, &at("b", 20_000, 0)), 40_000, "the clock has lost its time");
        assert_eq!(remaining(&made, 60_000, &at("b", 60_000, 0)), 0, "the machine is up for so long");
        let nowhere = at("", 10_000, 1_000_000);
        assert_eq!(remaining(&nowhere, 60_000, &at("", 10_000, 1_060_000)), 0, "which boot it was is not known");
    }
}
