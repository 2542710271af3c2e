use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tests::net::{Agent, Authority, GuardConfig, Network, Responder, run};

use crate::rule_set::RuleSet;
use crate::shape::{self, Shape};

/// Loading the largest rule set takes seconds; what takes longer has failed.
const LIMIT: Duration = Duration::from_mins(3);

/// Rules that there may be, as without a setting.
const CAPACITY: u32 = 2_097_152;

/// The product, with its agent and its policy, as an owner would have it.
pub(crate) struct Guard {
    _responder: Option<Responder>,
    agent: Agent,
}

impl Guard {
    /// Guards every interface of the network's host with these rules, see [`Guard::document`]; whoever is denied gets no answer.
    pub(crate) fn start(network: &Network, shape: Shape, rules: &RuleSet) -> Result<Self> {
        let agent = Agent::start(network, &Self::config(network).to_string())?;
        let guard = Self { _responder: None, agent };
        guard.apply(&Self::document(&network.folder().join("policy.json"), shape, rules)?)?;
        Ok(guard)
    }

    /// The same where some of the denied are told why.
    pub(crate) fn start_forbidden(network: &Network, shape: Shape, rules: &RuleSet) -> Result<Self> {
        let authority = Authority::make(&network.folder().join("trust"))?;
        let certificate = authority.issue(&network.folder().join("registry"))?;
        let agent = Agent::start(network, &Self::config(network).forbidden(&certificate).to_string())?;
        let guard = Self { _responder: Some(Responder::start(&agent)?), agent };
        guard.apply(&Self::document(&network.folder().join("policy.json"), shape, rules)?)?;
        Ok(guard)
    }

    /// One that has no rules yet.
    pub(crate) fn start_empty(network: &Network) -> Result<Self> {
        Ok(Self { _responder: None, agent: Agent::start(network, &Self::config(network).to_string())? })
    }

    /// What the host's owner wrote down.
    pub(crate) fn config(network: &Network) -> GuardConfig {
        GuardConfig::of(network).trusted_vtep(shape::VTEP).rules(CAPACITY)
    }

    /// Writes a policy: `rules` for the public, and for [`Shape::Vxlan`] as many prefixes of a virtual network beside them.
    pub(crate) fn document(path: &Path, shape: Shape, rules: &RuleSet) -> Result<PathBuf> {
        let mut file = BufWriter::new(File::create(path)?);
        serde_json::to_writer(&mut file, &document(shape, rules))?;
        file.flush()?;
        Ok(path.to_owned())
    }

    /// Makes a document the policy; how long the command took.
    pub(crate) fn apply(&self, document: &Path) -> Result<Duration> {
        let mut apply = self.agent.cli_command(["apply", "--file"]);
        apply.arg(document);
        let ran = run(&mut apply, LIMIT)?;
        if !ran.success() {
            bail!("apply of {} did not succeed: {}", document.display(), ran.stderr);
        }
        Ok(ran.took)
    }

    /// Whether the loaded program lets this source in.
    pub(crate) fn lets_in(agent: &Agent, source: IpAddr) -> Result<bool> {
        let answer = agent.json(["check", "-n", GuardConfig::REGISTRY, "--source", &source.to_string()])?;
        Ok(answer["verdict"] == "Allow")
    }

    pub(crate) const fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Lets one more address in.
    pub(crate) fn allow(&self, address: &str) -> Result<()> {
        self.agent.json(["network-rule", "add", "-n", GuardConfig::REGISTRY, "--ip-address", address]).map(drop)
    }

    /// The loaded XDP program.
    pub(crate) fn program_id(&self) -> Result<u32> {
        let status = self.agent.json(["status"])?;
        let id = status["program"]["id"].as_u64().with_context(|| format!("no program in {status}"))?;
        Ok(u32::try_from(id)?)
    }
}

fn document(shape: Shape, rules: &RuleSet) -> Value {
    let ip_rules: Vec<Value> = rules.prefixes.iter().map(|prefix| json!({"ipAddressOrRange": prefix})).collect();
    let mut registry = json!({"name": GuardConfig::REGISTRY, "defaultAction": "Deny", "ipRules": ip_rules});
    if shape != Shape::Vxlan {
        return json!({"version": 1, "registries": [registry]});
    }
    registry["virtualNetworkRules"] = json!([{"virtualNetwork": "corp", "subnet": "ci"}]);
    let network = json!({
        "name": "corp",
        "vni": shape::VNI,
        "addressPrefixes": ["0.0.0.0/0"],
        "subnets": [{
            "name": "ci",
            "addressPrefixes": rules.aggregated(),
            "serviceEndpoints": ["Microsoft.ContainerRegistry"],
        }],
    });
    json!({"version": 1, "virtualNetworks": [network], "registries": [registry]})
}
