use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

use crate::agent::{Agent, AgentError, Changed, Denials, Imported, Operations};
use crate::config::Config;
use crate::policy::{Change, Edit, Policy, PolicyRequest, ServiceTagFile, Step, steps};

/// What the API asks of the agent. Everything but `policy`, `config`, `denials` and `operations` blocks.
pub(super) trait Backend: Send + Sync {
    /// The policy in force; later changes do not show in it.
    fn policy(&self) -> Policy;

    fn config(&self) -> &Config;

    /// Returns after the kernel enforces the change.
    fn change(&self, if_match: Option<&str>, change: &Change) -> Result<Changed, AgentError>;

    /// Returns after the kernel enforces the new prefixes.
    fn import_service_tags(&self, if_match: Option<&str>, file: ServiceTagFile) -> Result<Imported, AgentError>;

    /// As `change`, with what it does, or would do if `dry_run`, unless nobody wants to know.
    fn apply(
        &self,
        if_match: Option<&str>,
        request: PolicyRequest,
        dry_run: bool,
        tell_steps: bool,
    ) -> Result<(Changed, Option<Vec<Step>>), AgentError>;

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

    /// The interfaces that are no longer guarded.
    fn detach(&self) -> Result<Vec<String>, AgentError>;
}

/// The backend as handlers hold it.
pub(super) type Shared = Arc<dyn Backend>;

impl Backend for Agent {
    fn policy(&self) -> Policy {
        self.read(Policy::clone)
    }

    fn config(&self) -> &Config {
        Self::config(self)
    }

    fn change(&self, if_match: Option<&str>, change: &Change) -> Result<Changed, AgentError> {
        Self::change(self, if_match, change)
    }

    fn import_service_tags(&self, if_match: Option<&str>, file: ServiceTagFile) -> Result<Imported, AgentError> {
        Self::import_service_tags(self, if_match, file)
    }

    fn apply(
        &self,
        if_match: Option<&str>,
        request: PolicyRequest,
        dry_run: bool,
        tell_steps: bool,
    ) -> Result<(Changed, Option<Vec<Step>>), AgentError> {
        let change = Change::Apply(request);
        let look = |before: &Policy, edits: &[Edit]| tell_steps.then(|| steps(before, edits));
        if dry_run { self.preview(if_match, &change, look) } else { self.change_seen(if_match, &change, look) }
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

    fn detach(&self) -> Result<Vec<String>, AgentError> {
        Self::detach(self)
    }
}

fn to_value(report: &impl serde::Serialize) -> Result<Value, AgentError> {
    serde_json::to_value(report).map_err(|error| AgentError::Kernel(format!("the report cannot be written: {error}")))
}
