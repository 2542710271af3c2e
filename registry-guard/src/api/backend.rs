use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use crate::agent::{
    Agent, AgentError, Changed, Denials, HistoryReport, Imported, Operations, Restored, Source, Terms,
    UnconfirmedStatus,
};
use crate::config::Config;
use crate::policy::{Change, Edit, Policy, PolicyError, PolicyRequest, ServiceTagFile, Step, steps};
use crate::store::GoodCopy;

/// What the API asks of the agent. Everything but `policy`, `config`, `denials` and `operations` blocks.
pub(super) trait Backend: Send + Sync {
    /// The policy in force; later changes do not show in it.
    fn policy(&self) -> Result<Policy, AgentError>;

    fn config(&self) -> &Config;

    /// Returns after the kernel enforces the change.
    fn change(&self, terms: &Terms<'_>, change: &Change) -> Result<Changed, AgentError>;

    /// Returns after the kernel enforces the new prefixes.
    fn import_service_tags(&self, terms: &Terms<'_>, file: ServiceTagFile) -> Result<Imported, AgentError>;

    /// As `change`, with what it does, or would do if `dry_run`, unless nobody wants to know.
    fn apply(
        &self,
        terms: &Terms<'_>,
        request: PolicyRequest,
        dry_run: bool,
        tell_steps: bool,
    ) -> Result<(Changed, Option<Vec<Step>>), AgentError>;

    fn history(&self, registry: Option<&str>, top: Option<usize>) -> Result<HistoryReport, AgentError>;

    /// The two revisions, and how they differ.
    fn difference(&self, from: Option<u64>, to: Option<u64>) -> Result<(u64, u64, Vec<Step>), AgentError>;

    /// The revision that it leads back to, and what it does, or would do if `dry_run`.
    fn roll_back(
        &self,
        terms: &Terms<'_>,
        to: Option<u64>,
        dry_run: bool,
    ) -> Result<(u64, Changed, Vec<Step>), AgentError>;

    /// The revision that was confirmed.
    fn confirm(&self, revision: Option<u64>) -> Result<u64, AgentError>;

    fn unconfirmed(&self) -> Option<UnconfirmedStatus>;

    /// The good copies of the policy, the newest first.
    fn copies(&self) -> Vec<GoodCopy>;

    /// Returns after the kernel enforces what a copy says.
    fn restore(&self, terms: &Terms<'_>, source: &Source) -> Result<Restored, AgentError>;

    fn check(
        &self,
        registry: &str,
        source: IpAddr,
        vni: Option<u32>,
        destination: Option<IpAddr>,
    ) -> Result<Value, AgentError>;

    fn status(&self) -> Result<Value, AgentError>;

    fn rule_hits(&self, counter: u32) -> u64;

    fn denials(&self) -> &Denials;

    fn operations(&self) -> &Operations;

    /// The instance that is to be replaced.
    fn reload(&self) -> Result<Uuid, AgentError>;

    /// The interfaces that are no longer guarded.
    fn detach(&self) -> Result<Vec<String>, AgentError>;
}

/// Refuses the name of a registry that config.toml does not name.
pub(super) fn known(agent: &dyn Backend, registry: &str) -> Result<(), PolicyError> {
    if agent.config().registry(registry).is_some() {
        return Ok(());
    }
    let known = agent.config().registries.iter().map(|host| host.name.clone()).collect();
    Err(PolicyError::RegistryNotFound { name: registry.to_owned(), known })
}

/// The backend as handlers hold it.
pub(super) type Shared = Arc<dyn Backend>;

impl Backend for Agent {
    fn policy(&self) -> Result<Policy, AgentError> {
        Self::policy(self)
    }

    fn config(&self) -> &Config {
        Self::config(self)
    }

    fn change(&self, terms: &Terms<'_>, change: &Change) -> Result<Changed, AgentError> {
        Self::change(self, terms, change)
    }

    fn import_service_tags(&self, terms: &Terms<'_>, file: ServiceTagFile) -> Result<Imported, AgentError> {
        Self::import_service_tags(self, terms, file)
    }

    fn apply(
        &self,
        terms: &Terms<'_>,
        request: PolicyRequest,
        dry_run: bool,
        tell_steps: bool,
    ) -> Result<(Changed, Option<Vec<Step>>), AgentError> {
        let change = Change::Apply(request);
        let look = |before: &Policy, edits: &[Edit]| tell_steps.then(|| steps(before, edits));
        if dry_run { self.preview(terms, &change, look) } else { self.change_seen(terms, &change, look) }
    }

    fn history(&self, registry: Option<&str>, top: Option<usize>) -> Result<HistoryReport, AgentError> {
        Self::history(self, registry, top)
    }

    fn difference(&self, from: Option<u64>, to: Option<u64>) -> Result<(u64, u64, Vec<Step>), AgentError> {
        Self::difference(self, from, to)
    }

    fn roll_back(
        &self,
        terms: &Terms<'_>,
        to: Option<u64>,
        dry_run: bool,
    ) -> Result<(u64, Changed, Vec<Step>), AgentError> {
        Self::roll_back(self, terms, to, dry_run)
    }

    fn confirm(&self, revision: Option<u64>) -> Result<u64, AgentError> {
        Self::confirm(self, revision)
    }

    fn unconfirmed(&self) -> Option<UnconfirmedStatus> {
        Self::unconfirmed(self)
    }

    fn copies(&self) -> Vec<GoodCopy> {
        Self::copies(self)
    }

    fn restore(&self, terms: &Terms<'_>, source: &Source) -> Result<Restored, AgentError> {
        Self::restore(self, terms, source)
    }

    fn check(
        &self,
        registry: &str,
        source: IpAddr,
        vni: Option<u32>,
        destination: Option<IpAddr>,
    ) -> Result<Value, AgentError> {
        Self::check(self, registry, source, vni, destination).and_then(|report| to_value(&report))
    }

    fn status(&self) -> Result<Value, AgentError> {
        Self::status(self).and_then(|status| to_value(&status))
    }

    fn rule_hits(&self, counter: u32) -> u64 {
        Self::rule_hits(self, counter)
    }

    fn denials(&self) -> &Denials {
        Self::denials(self)
    }

    fn operations(&self) -> &Operations {
        Self::operations(self)
    }

    fn reload(&self) -> Result<Uuid, AgentError> {
        Self::reload(self)
    }

    fn detach(&self) -> Result<Vec<String>, AgentError> {
        Self::detach(self)
    }
}

fn to_value(report: &impl serde::Serialize) -> Result<Value, AgentError> {
    serde_json::to_value(report).map_err(|error| AgentError::Kernel(format!("the report cannot be written: {error}")))
}
