use std::net::IpAddr;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::agent::{
    AgentError, Changed, Denials, HistoryReport, Imported, Operations, Restored, RevisionReport, Source, Terms,
    UnconfirmedStatus, require,
};
use crate::api::backend::Backend;
use crate::config::Config;
use crate::policy::{
    Change, Policy, PolicyRequest, Registry, ServiceTagFile, ServiceTagsChanges, Settings, Step, steps,
};
use crate::store::GoodCopy;

/// Changes the policy as the agent does, with no store and no kernel behind it.
pub(in crate::api) struct StandIn {
    config: Config,
    policy: Mutex<Policy>,
    denials: Denials,
    operations: Operations,
}

const CONFIG: &str = r#"
interfaces = ["eth0"]
[[registry]]
name = "Contoso"
login-server = "contoso.example.com"
listen = ["203.0.113.10:443", "10.1.0.4:443"]
data-endpoints = [{ name = "contoso.local.data.example.com", region = "local", listen = ["203.0.113.10:5443"] }]
[[registry]]
name = "fabrikam"
login-server = "fabrikam.example.com"
listen = ["203.0.113.11:443"]
"#;

impl StandIn {
    /// What every change destroys.
    pub(in crate::api) const DESTROYED: u64 = 2;

    pub(in crate::api) fn new() -> Self {
        let config = Config::parse(Path::new("config.toml"), CONFIG).unwrap();
        let registries = config.registries.iter().zip(0..).map(|(host, slot)| {
            let registry = Registry::new(&*host.name, slot, "2026-01-02T03:04:05Z", Settings::FRESH);
            (host.name.to_ascii_lowercase(), registry)
        });
        let policy = Policy::new(7, registries.collect(), [].into(), []);
        Self { config, policy: Mutex::new(policy), denials: Denials::default(), operations: Operations::default() }
    }
}

impl Backend for StandIn {
    fn policy(&self) -> Result<Policy, AgentError> {
        Ok(self.policy.lock().unwrap().clone())
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn change(&self, terms: &Terms<'_>, change: &Change) -> Result<Changed, AgentError> {
        let mut policy = self.policy.lock().unwrap();
        let have = policy.revision;
        require(terms.if_match, have)?;
        let edits = policy.validate(change, &self.config.policy_limits())?;
        policy.apply(&edits);
        policy.revision += u64::from(!edits.is_empty());
        let destroyed = if edits.is_empty() { 0 } else { Self::DESTROYED };
        let now = (!edits.is_empty()).then(Instant::now);
        Ok(Changed { revision: policy.revision, changed: !edits.is_empty(), destroyed, enforced: now, stored: now })
    }

    fn import_service_tags(&self, terms: &Terms<'_>, file: ServiceTagFile) -> Result<Imported, AgentError> {
        let before = self.policy()?;
        let changed = self.change(terms, &Change::ImportServiceTags { file, at: "2026-07-01T08:00:00Z".to_owned() })?;
        let policy = self.policy()?;
        let difference = ServiceTagsChanges::between(before.service_tags.as_deref(), policy.service_tags.as_deref());
        Ok(Imported { changed, changes: difference, policy })
    }

    fn apply(
        &self,
        terms: &Terms<'_>,
        request: PolicyRequest,
        dry_run: bool,
        tell_steps: bool,
    ) -> Result<(Changed, Option<Vec<Step>>), AgentError> {
        let change = Change::Apply(request);
        let before = self.policy()?;
        require(terms.if_match, before.revision)?;
        let edits = before.validate(&change, &self.config.policy_limits())?;
        let told = tell_steps.then(|| steps(&before, &edits));
        let changed = if dry_run {
            Changed { changed: !edits.is_empty(), ..Changed::nothing(before.revision) }
        } else {
            self.change(terms, &change)?
        };
        Ok((changed, told))
    }

    fn history(&self, registry: Option<&str>, top: Option<usize>) -> Result<HistoryReport, AgentError> {
        let policy = self.policy()?;
        let registry = registry.map(|name| policy.find_registry(name)).transpose()?;
        let value = RevisionReport {
            revision: policy.revision,
            time: "2026-07-01T08:00:00Z".to_owned(),
            who: "root (uid 0)".to_owned(),
            from: "unix socket".to_owned(),
            what: "contoso: + 203.0.113.0/24".to_owned(),
            registries: registry.into_iter().map(|registry| registry.name.clone()).collect(),
            confirm_by: None,
        };
        Ok(HistoryReport { complete_from: policy.revision - 1, value: vec![value; top.unwrap_or(1).min(1)] })
    }

    fn difference(&self, from: Option<u64>, to: Option<u64>) -> Result<(u64, u64, Vec<Step>), AgentError> {
        let newest = self.policy()?.revision;
        match to.unwrap_or(newest) {
            to if to <= newest => Ok((from.unwrap_or(to - 1), to, Vec::new())),
            asked => Err(AgentError::RevisionUnknown { asked, earliest: 0, newest }),
        }
    }

    fn roll_back(
        &self,
        terms: &Terms<'_>,
        to: Option<u64>,
        _dry_run: bool,
    ) -> Result<(u64, Changed, Vec<Step>), AgentError> {
        let have = self.policy()?.revision;
        require(terms.if_match, have)?;
        Ok((to.unwrap_or(have - 1), Changed::nothing(have), Vec::new()))
    }

    fn confirm(&self, asked: Option<u64>) -> Result<u64, AgentError> {
        Err(AgentError::NothingToConfirm { asked, unconfirmed: None })
    }

    fn unconfirmed(&self) -> Option<UnconfirmedStatus> {
        None
    }

    fn copies(&self) -> Vec<GoodCopy> {
        Vec::new()
    }

    fn restore(&self, _: &Terms<'_>, source: &Source) -> Result<Restored, AgentError> {
        Err(AgentError::NoSuchCopy { asked: format!("{source:?}"), there: "there is none".to_owned() })
    }

    fn check(
        &self,
        registry: &str,
        source: IpAddr,
        vni: Option<u32>,
        destination: Option<IpAddr>,
    ) -> Result<Value, AgentError> {
        Ok(json!({"registry": registry, "source": source, "vni": vni, "destination": destination}))
    }

    fn status(&self) -> Result<Value, AgentError> {
        Err(AgentError::Kernel("the kernel does not answer".to_owned()))
    }

    fn rule_hits(&self, counter: u32) -> u64 {
        100 + u64::from(counter)
    }

    fn denials(&self) -> &Denials {
        &self.denials
    }

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn reload(&self) -> Result<Uuid, AgentError> {
        Err(AgentError::NotReloaded("config.toml:1: interfaces: missing".to_owned()))
    }

    fn detach(&self) -> Result<Vec<String>, AgentError> {
        Ok(vec!["eth0".to_owned()])
    }
}
