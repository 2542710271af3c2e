//! One change at a time: checked, prepared aside, stored, enforced.

use std::panic::resume_unwind;
use std::sync::PoisonError;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Instant, SystemTime};

use humantime::format_rfc3339_seconds;
use tracing::{error, info};

use super::enforcement::Enforcement;
use super::moment::Moment;
use super::{Agent, AgentError, Author, Changed, Terms, UnconfirmedStatus};
use crate::kernel::KernelError;
use crate::plan::{Plan, plan};
use crate::policy::{Change, Edit, Limits, Policy, Subject, Undo, outline};
use crate::store::{Entry, Revision, Unconfirmed};

impl Agent {
    /// Makes a change and returns after the kernel enforces it. Blocks.
    ///
    /// # Errors
    ///
    /// See [`AgentError`]; nothing has changed then.
    pub fn change(&self, terms: &Terms<'_>, change: &Change) -> Result<Changed, AgentError> {
        self.change_seen(terms, change, |_, _| ()).map(|(changed, ())| changed)
    }

    /// As [`Agent::change`]; also returns what `look` makes of the policy before the change and of the edits that it amounts
    /// to, none when everything is so already. `look` is called before anything is done.
    ///
    /// # Errors
    ///
    /// See [`AgentError`]; nothing has changed then.
    pub fn change_seen<T>(
        &self,
        terms: &Terms<'_>,
        change: &Change,
        look: impl FnOnce(&Policy, &[Edit]) -> T,
    ) -> Result<(Changed, T), AgentError> {
        self.carry_out(terms, change, &self.0.limits, None, look)
    }

    /// As [`Agent::change_seen`], within these limits; `why` stands before what the history tells.
    pub(super) fn carry_out<T>(
        &self,
        terms: &Terms<'_>,
        change: &Change,
        limits: &Limits,
        why: Option<&str>,
        look: impl FnOnce(&Policy, &[Edit]) -> T,
    ) -> Result<(Changed, T), AgentError> {
        let begun = Instant::now();
        let mut store = self.store();
        let store = store.as_mut().ok_or_else(|| self.lost_store())?;
        if self.is_detached() {
            return Err(AgentError::Detached);
        }
        self.refuse_while_unconfirmed(change)?;
        let (revision, edits, seen) = self.look_at(terms.if_match, change, limits, look)?;
        if edits.is_empty() {
            return Ok((Changed::nothing(revision), seen));
        }
        let revision = revision + 1;
        let unconfirmed = terms.confirm_within.map(|within| Unconfirmed::starting(revision, within, &Moment::now()));
        let entry = self.read(|policy| entry(policy, &edits, revision, terms.author, why));
        let undo = self.read(|policy| Undo::of(policy, &edits));
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
        self.operations().begin(edits.iter().map(|edit| edit.counters().len()).sum());
        let (trusted, rules) = (&self.0.trusted, self.0.limits.rules);
        let mut in_force: Option<(Enforcement, Instant)> = None;
        let stored = thread::scope(|scope| {
            let prepare = || Enforcement::prepare(plan, after.as_ref(), trusted, rules);
            // Tables are built while the store writes.
            let mut prepared =
                Some(if after.is_some() { Prepared::Soon(scope.spawn(prepare)) } else { Prepared::Now(prepare()) });
            let revision = Revision { edits: &edits, entry: &entry, undo: &undo, unconfirmed: unconfirmed.as_ref() };
            store.commit(&revision, &mut || {
                let mut enforcement = prepared.take().map_or(Ok(Enforcement::Nothing), Prepared::wait)?;
                let mut kernel = self.kernel();
                kernel.clear_rule_hits(&fresh)?;
                enforcement.enforce(&mut kernel)?;
                in_force = Some((enforcement, Instant::now()));
                Ok(())
            })
        });
        let at = Instant::now();
        let oldest = match stored {
            Ok(oldest) => oldest,
            Err(problem) => {
                if let Some((enforcement, _)) = &mut in_force
                    && let Err(problem) = enforcement.undo(&mut self.kernel())
                {
                    error!(%problem, "the kernel enforces a change that could not be stored; start the agent again");
                }
                return Err(problem.into());
            }
        };
        self.adopt(after, &edits, revision);
        self.0.history.add(entry, oldest);
        self.0.unconfirmed.send_replace(unconfirmed);
        self.0.stored.notify_one();
        let enforced = in_force.map(|(_, enforced)| enforced);
        let took = |moment: Instant| moment.duration_since(begun);
        info!(
            revision,
            subjects = %subjects(&edits),
            enforced_after = ?enforced.map(took),
            stored_after = ?took(at),
            "policy changed and enforced"
        );
        let destroyed = self.revoke(&concerned);
        Ok((Changed { revision, changed: true, destroyed, enforced, stored: Some(at) }, seen))
    }

    /// What [`Agent::change_seen`] would return, but for the connections it would destroy, without doing anything.
    ///
    /// # Errors
    ///
    /// Those of the change itself that are known before the store and the kernel are asked.
    pub fn preview<T>(
        &self,
        terms: &Terms<'_>,
        change: &Change,
        look: impl FnOnce(&Policy, &[Edit]) -> T,
    ) -> Result<(Changed, T), AgentError> {
        self.refuse_if_lost()?;
        let (revision, edits, seen) = self.look_at(terms.if_match, change, &self.0.limits, look)?;
        Ok((Changed { changed: !edits.is_empty(), ..Changed::nothing(revision) }, seen))
    }

    fn look_at<T>(
        &self,
        if_match: Option<&str>,
        change: &Change,
        limits: &Limits,
        look: impl FnOnce(&Policy, &[Edit]) -> T,
    ) -> Result<(u64, Vec<Edit>, T), AgentError> {
        self.read(|policy| {
            require(if_match, policy.revision)?;
            let edits = policy.validate(change, limits)?;
            let seen = look(policy, &edits);
            Ok((policy.revision, edits, seen))
        })
    }

    /// While a change is to be confirmed, the way back must lead to what was before it.
    fn refuse_while_unconfirmed(&self, change: &Change) -> Result<(), AgentError> {
        match self.unconfirmed() {
            Some(UnconfirmedStatus { revision, confirm_by, .. }) if !matches!(change, Change::RollBack(_)) => {
                Err(AgentError::Unconfirmed { revision, confirm_by })
            }
            _ => Ok(()),
        }
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

/// What puts a change in force, or will once it is ready.
enum Prepared<'scope> {
    Now(Result<Enforcement, KernelError>),
    Soon(ScopedJoinHandle<'scope, Result<Enforcement, KernelError>>),
}

impl Prepared<'_> {
    fn wait(self) -> Result<Enforcement, KernelError> {
        match self {
            Self::Now(prepared) => prepared,
            Self::Soon(preparing) => preparing.join().unwrap_or_else(|panic| resume_unwind(panic)),
        }
    }
}

/// The counters that new rules start with at zero, also those that do not decide yet.
fn fresh_counters(before: &Policy, edits: &[Edit]) -> Vec<u32> {
    edits.iter().flat_map(Edit::counters).filter(|counter| !before.counters.contains(*counter)).collect()
}

/// What the history tells of a change.
pub(super) fn entry(policy: &Policy, edits: &[Edit], revision: u64, author: &Author, why: Option<&str>) -> Entry {
    let mut registries = Vec::new();
    for edit in edits {
        match edit.subject() {
            Subject::Registry(name) if registries.iter().any(|known| known == name) => {}
            Subject::Registry(name) => registries.push(name.to_owned()),
            // What all share is about all.
            Subject::Network(_) | Subject::ServiceTags => {
                registries.clear();
                break;
            }
        }
    }
    let outline = outline(policy, edits);
    let Author { who, origin } = author.clone();
    Entry {
        revision,
        made: format_rfc3339_seconds(SystemTime::now()).to_string(),
        who,
        origin,
        what: why.map_or(outline.clone(), |why| format!("{why}: {outline}")),
        registries,
        beginning: false,
    }
}

/// What the edits change, each once.
fn subjects(edits: &[Edit]) -> String {
    let mut subjects = Vec::new();
    for edit in edits {
        let subject = match edit.subject() {
            Subject::Registry(name) => format!("registry {name}"),
            Subject::Network(name) => format!("network {name}"),
            Subject::ServiceTags => "service tags".to_owned(),
        };
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    subjects.join(", ")
}

/// Whether the policy at revision `have` may be changed by a request with this `If-Match`: a list of revisions with a comma in
/// between, each quoted as an entity tag or not, or `*`.
///
/// # Errors
///
/// If the list does not have this revision, or is none.
pub fn require(if_match: Option<&str>, have: u64) -> Result<(), AgentError> {
    let Some(asked) = if_match.map(str::trim) else { return Ok(()) };
    if asked == "*" {
        return Ok(());
    }
    let malformed = || AgentError::MalformedCondition { asked: asked.to_owned() };
    let revisions: Vec<u64> = asked.split(',').map(revision).collect::<Option<_>>().ok_or_else(malformed)?;
    if revisions.contains(&have) {
        return Ok(());
    }
    Err(AgentError::PreconditionFailed { have, asked: asked.to_owned() })
}

fn revision(tag: &str) -> Option<u64> {
    let tag = tag.trim();
    let digits = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(tag);
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_a_revision_a_list_of_them_or_a_star() {
        for holds in ["7", "\"7\"", " \"7\" ", "*", "\"6\", \"7\"", "6,7"] {
            assert!(require(Some(holds), 7).is_ok(), "{holds}");
        }
        assert!(require(None, 7).is_ok());
        for stale in ["6", "\"8\"", "\"6\",\"8\"", "\"70\""] {
            assert!(require(Some(stale), 7).is_err(), "{stale}");
        }
        let stale = require(Some("\"6\""), 7).unwrap_err().to_string();
        assert!(stale.contains("\"6\"") && stale.contains("revision 7"), "{stale}");
    }

    #[test]
    fn what_is_no_revision_is_malformed_and_not_merely_stale() {
        for bad in ["", "\"", "\"\"", "W/\"7\"", "abc", "7.0", "-7", "+7", "\"7", "7,", "*,7", "99999999999999999999"] {
            let error = require(Some(bad), 7).unwrap_err();
            assert!(matches!(error, AgentError::MalformedCondition { .. }), "{bad}: {error}");
        }
    }
}
