//! One change at a time: checked, prepared aside, stored, enforced.

use std::sync::PoisonError;

use tracing::{error, info};

use super::enforcement::Enforcement;
use super::{Agent, AgentError, Changed};
use crate::plan::{Plan, plan};
use crate::policy::{Change, Edit, Policy, Subject};
use crate::store::Store;

impl Agent {
    /// Makes a change and returns after the kernel enforces it. Blocks.
    ///
    /// # Errors
    ///
    /// See [`AgentError`]; nothing has changed then.
    pub fn change(&self, if_match: Option<&str>, change: &Change) -> Result<Changed, AgentError> {
        self.change_in(&mut **self.store(), if_match, change)
    }

    /// As [`Agent::change`], for whoever holds the store.
    pub(super) fn change_in(
        &self,
        store: &mut dyn Store,
        if_match: Option<&str>,
        change: &Change,
    ) -> Result<Changed, AgentError> {
        if self.is_detached() {
            return Err(AgentError::Detached);
        }
        let (revision, edits) = self.read(|policy| {
            require(if_match, policy.revision)?;
            Ok::<_, AgentError>((policy.revision, policy.validate(change, &self.0.limits)?))
        })?;
        if edits.is_empty() {
            return Ok(Changed { revision, changed: false, destroyed: 0 });
        }
        let revision = revision + 1;
        let (plan, concerned) = self.read(|policy| {
            let plan = plan(policy, &edits, &self.0.trusted);
            let concerned = plan.may_deny(policy);
            (plan, concerned)
        });
        let fresh = self.read(|policy| fresh_counters(policy, &edits));
        // A copy of the rules is only made where tables are built from it anyway.
        let after = matches!(plan, Plan::Swap(_)).then(|| {
            let mut after = self.read(Policy::clone);
            after.apply(&edits);
            after.revision = revision;
            after
        });
        let mut enforcement = Enforcement::prepare(plan, after.as_ref(), &self.0.trusted, self.0.limits.rules)?;
        let mut enforced = false;
        let stored = store.commit(revision, &edits, &mut || {
            let mut kernel = self.kernel();
            for &counter in &fresh {
                kernel.clear_rule_hits(counter)?;
            }
            enforcement.enforce(&mut kernel)?;
            enforced = true;
            Ok(())
        });
        if let Err(problem) = stored {
            if enforced && let Err(problem) = enforcement.undo(&mut self.kernel()) {
                error!(%problem, "the kernel enforces a change that could not be stored; start the agent again");
            }
            return Err(problem.into());
        }
        self.adopt(after, &edits, revision);
        info!(revision, subjects = %subjects(&edits), "policy changed and enforced");
        Ok(Changed { revision, changed: true, destroyed: self.revoke(&concerned) })
    }

    /// Makes the model what the store and the kernel already hold.
    fn adopt(&self, after: Option<Policy>, edits: &[Edit], revision: u64) {
        let mut policy = self.0.policy.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(after) = after {
            *policy = after;
        } else {
            policy.apply(edits);
            policy.revision = revision;
        }
    }
}

/// The counters that new rules start with at zero, also those that do not decide yet.
fn fresh_counters(before: &Policy, edits: &[Edit]) -> Vec<u32> {
    edits.iter().flat_map(Edit::counters).filter(|counter| !before.counters.contains(*counter)).collect()
}

/// What the edits change, each once.
fn subjects(edits: &[Edit]) -> String {
    let mut subjects: Vec<String> = edits
        .iter()
        .map(|edit| match edit.subject() {
            Subject::Registry(name) => format!("registry {name}"),
            Subject::Network(name) => format!("network {name}"),
            Subject::ServiceTags => "service tags".to_owned(),
        })
        .collect();
    subjects.dedup();
    subjects.join(", ")
}

/// `If-Match` holds a revision, quoted as an entity tag or not, or `*`.
fn require(if_match: Option<&str>, have: u64) -> Result<(), AgentError> {
    match if_match.map(|asked| asked.trim().trim_matches('"')) {
        None | Some("*") => Ok(()),
        Some(asked) if asked == have.to_string() => Ok(()),
        Some(asked) => Err(AgentError::PreconditionFailed { have, asked: asked.to_owned() }),
    }
}
