use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tests::net::{Agent, Authority, GuardConfig, Network, Responder, run};

use crate::rule_set::RuleSet;
use crate::shape::{self, Shape};

/// Loading the largest rule set takes seconds; what takes longer has failed.
const LIMIT: Duration = Duration::from_mins(3);

/// The product, with its agent and its policy, as an owner would have it.
pub(crate) struct Guard {
    _responder: Option<Responder>,
    agent: Agent,
}

impl Guard {
    /// Guards every interface of the network's host with these rules: those of the public, and for [`Shape::Vxlan`] as many
    /// prefixes of a virtual network beside them.
    pub(crate) fn start(network: &Network, shape: Shape, rules: &RuleSet, forbidden: bool) -> Result<Self> {
        let config = GuardConfig::of(network).trusted_vtep(shape::VTEP).rules(2_097_152);
        let (config, certificate) = if forbidden {
            let certificate =
                Authority::make(&network.folder().join("trust"))?.issue(&network.folder().join("registry"))?;
            (config.forbidden(&certificate), Some(certificate))
        } else {
            (config, None)
        };
        let agent = Agent::start(network, &config.to_string())?;
        let responder = certificate.map(|_| Responder::start(&agent)).transpose()?;
        let guard = Self { _responder: responder, agent };
        guard.apply(network, shape, rules)?;
        Ok(guard)
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

    /// Makes these rules the policy, as a document.
    fn apply(&self, network: &Network, shape: Shape, rules: &RuleSet) -> Result<()> {
        let path = network.folder().join("policy.json");
        let mut file = BufWriter::new(File::create(&path)?);
        serde_json::to_writer(&mut file, &document(shape, rules))?;
        file.flush()?;
        let mut apply = self.agent.cli_command(["apply", "--file"]);
        apply.arg(&path);
        let ran = run(&mut apply, LIMIT)?;
        if !ran.success() {
            bail!("apply of {} prefixes did not succeed: {}", rules.prefixes.len(), ran.stderr);
        }
        Ok(())
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
