use std::net::IpAddr;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::{Value, json};

use crate::agent::{AgentError, Changed, Denials, Imported, Operations, require};
use crate::api::backend::Backend;
use crate::config::Config;
use crate::policy::{
    Change, Policy, PolicyRequest, Registry, ServiceTagFile, ServiceTagsChanges, Settings, Step, steps,
};

/// Changes the policy as the agent does, with no store and no kernel behind it.
pub(super) struct StandIn {
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
    pub(super) const DESTROYED: u64 = 2;

    pub(super) fn new() -> Self {
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
    fn policy(&self) -> Policy {
        self.policy.lock().unwrap().clone()
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn change(&self, if_match: Option<&str>, change: &Change) -> Result<Changed, AgentError> {
        let mut policy = self.policy.lock().unwrap();
        let have = policy.revision;
        require(if_match, have)?;
        let edits = policy.validate(change, &self.config.policy_limits())?;
        policy.apply(&edits);
        policy.revision += u64::from(!edits.is_empty());
        let destroyed = if edits.is_empty() { 0 } else { Self::DESTROYED };
        let now = (!edits.is_empty()).then(Instant::now);
        Ok(Changed { revision: policy.revision, changed: !edits.is_empty(), destroyed, enforced: now, stored: now })
    }

    fn import_service_tags(&self, if_match: Option<&str>, file: ServiceTagFile) -> Result<Imported, AgentError> {
        let before = self.policy();
        let changed =
            self.change(if_match, &Change::ImportServiceTags { file, at: "2026-07-01T08:00:00Z".to_owned() })?;
        let policy = self.policy();
        let difference = ServiceTagsChanges::between(before.service_tags.as_deref(), policy.service_tags.as_deref());
        Ok(Imported { changed, changes: difference, policy })
    }

    fn apply(
        &self,
        if_match: Option<&str>,
        request: PolicyRequest,
        dry_run: bool,
        tell_steps: bool,
    ) -> Result<(Changed, Option<Vec<Step>>), AgentError> {
        let change = Change::Apply(request);
        let before = self.policy();
        require(if_match, before.revision)?;
        let edits = before.validate(&change, &self.config.policy_limits())?;
        let told = tell_steps.then(|| steps(&before, &edits));
        let changed = if dry_run {
            Changed { changed: !edits.is_empty(), ..Changed::nothing(before.revision) }
        } else {
            self.change(if_match, &change)?
        };
        Ok((changed, told))
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

    fn detach(&self) -> Result<Vec<String>, AgentError> {
        Ok(vec!["eth0".to_owned()])
    }
}
