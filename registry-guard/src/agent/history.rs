//! How the policy came to be: what is remembered of each revision, and the way back.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::{Agent, AgentError, Changed, Terms};
use crate::document::Document;
use crate::policy::{Change, Edit, Limits, PastPolicy, Policy, Step, steps};
use crate::store::Entry;

/// What the store remembers, for those who look at it while it is busy.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<Entry>>);

impl History {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        Self(Mutex::new(entries.into()))
    }

    /// Replaces all of it.
    pub(super) fn set(&self, all: Vec<Entry>) {
        *self.entries() = all.into();
    }

    /// A revision was made, and `oldest` is the oldest that is remembered.
    pub(super) fn add(&self, entry: Entry, oldest: u64) {
        let mut entries = self.entries();
        entries.push_back(entry);
        while entries.front().is_some_and(|entry| entry.revision < oldest) {
            entries.pop_front();
        }
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `history` answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryReport {
    /// The earliest revision whose policy is still known; nothing is told of how that one came to be.
    pub complete_from: u64,
    /// The revisions since then, the newest first.
    pub value: Vec<RevisionReport>,
}

/// One revision.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionReport {
    /// Its number.
    pub revision: u64,
    /// When it was made, RFC 3339 in UTC.
    pub time: String,
    /// Who made it.
    pub who: String,
    /// From where.
    pub from: String,
    /// What it changed.
    pub what: String,
    /// The registries that it is about; none if it is about what they share.
    pub registries: Vec<String>,
    /// Until when it is to be confirmed, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_by: Option<String>,
}

impl Agent {
    /// The revisions that are remembered, `top` at the most; with a name, those about that registry or about what all share.
    pub fn history(&self, registry: Option<&str>, top: Option<usize>) -> Result<HistoryReport, AgentError> {
        self.refuse_if_lost()?;
        let registry =
            registry.map(|name| self.read(|policy| policy.find_registry(name).map(|_| name.to_ascii_lowercase())));
        let registry = registry.transpose()?;
        let unconfirmed = self.unconfirmed();
        let revision = self.read(|policy| policy.revision);
        let entries = self.0.history.entries();
        let concerns = |entry: &&Entry| {
            registry.as_ref().is_none_or(|name| entry.registries.is_empty() || entry.registries.contains(name))
        };
        let told = |entry: &Entry| RevisionReport {
            revision: entry.revision,
            time: entry.made.clone(),
            who: entry.who.clone(),
            from: entry.origin.clone(),
            what: entry.what.clone(),
            registries: entry.registries.clone(),
            confirm_by: unconfirmed
                .as_ref()
                .filter(|unconfirmed| unconfirmed.revision == entry.revision)
                .map(|unconfirmed| unconfirmed.confirm_by.clone()),
        };
        Ok(HistoryReport {
            complete_from: earliest(&entries, revision),
            value: entries.iter().rev().filter(concerns).take(top.unwrap_or(usize::MAX)).map(told).collect(),
        })
    }

    /// The policy as it was at `revision`. Blocks.
    ///
    /// # Errors
    ///
    /// If that revision never was, or is no longer remembered.
    fn policy_at(&self, revision: u64) -> Result<Policy, AgentError> {
        let (now, undos) = {
            let mut store = self.store();
            let store = store.as_mut().ok_or_else(|| self.lost_store())?;
            let now = self.read(Policy::clone);
            let earliest = earliest(&self.0.history.entries(), now.revision);
            if !(earliest..=now.revision).contains(&revision) {
                return Err(AgentError::RevisionUnknown { asked: revision, earliest, newest: now.revision });
            }
            let undos = store.undos(revision, now.revision)?;
            (now, undos)
        };
        Ok(now.before(undos))
    }

    /// How the policy of revision `to`, or the one in force, differs from that of revision `from`, or the one before it. Blocks.
    ///
    /// # Errors
    ///
    /// If a revision never was, or is no longer remembered.
    pub fn difference(&self, from: Option<u64>, to: Option<u64>) -> Result<(u64, u64, Vec<Step>), AgentError> {
        let newest = self.policy()?.revision;
        let to = to.unwrap_or(newest);
        let from = from.unwrap_or_else(|| to.saturating_sub(1));
        let (before, after) = (self.policy_at(from)?, self.policy_at(to)?);
        Ok((from, to, steps(&before, &before.edits_towards(&after))))
    }

    /// Makes the policy of revision `to`, or of the one before the last, the policy again, as a new revision; or, with `dry_run`,
    /// only says what that would do. Blocks.
    ///
    /// # Errors
    ///
    /// See [`AgentError`]; nothing has changed then.
    pub fn roll_back(
        &self,
        terms: &Terms<'_>,
        to: Option<u64>,
        dry_run: bool,
    ) -> Result<(u64, Changed, Vec<Step>), AgentError> {
        let have = self.policy()?.revision;
        // Which revision is the one before depends on which is the last.
        let last = have.to_string();
        let terms = &Terms { if_match: terms.if_match.or(to.is_none().then_some(last.as_str())), ..*terms };
        let Some(to) = to.or(have.checked_sub(1)) else {
            return Err(AgentError::RevisionUnknown { asked: 0, earliest: have, newest: have });
        };
        let change = Change::RollBack(past(&self.policy_at(to)?)?);
        let look = |before: &Policy, edits: &[Edit]| steps(before, edits);
        let (changed, steps) = if dry_run {
            self.preview(terms, &change, look)?
        } else {
            self.carry_out(terms, &change, &self.0.limits, Some(&format!("back to {to}")), look)?
        };
        Ok((to, changed, steps))
    }

    /// As [`Agent::roll_back`], within other limits.
    pub(super) fn roll_back_within(&self, terms: &Terms<'_>, to: u64, limits: &Limits) -> Result<Changed, AgentError> {
        let change = Change::RollBack(past(&self.policy_at(to)?)?);
        let (changed, ()) = self.carry_out(terms, &change, limits, Some(&format!("back to {to}")), |_, _| ())?;
        Ok(changed)
    }
}

/// The earliest revision whose policy is known, if `newest` is the last.
fn earliest(entries: &VecDeque<Entry>, newest: u64) -> u64 {
    entries.front().map_or(newest, |oldest| oldest.revision - u64::from(!oldest.beginning))
}

/// A policy as what may be asked for.
pub(super) fn past(policy: &Policy) -> Result<PastPolicy, AgentError> {
    let request = Document::of(policy, None)?.into_request()?;
    Ok(PastPolicy { request, service_tags: policy.service_tags.clone() })
}
