use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::net::{
    Agent, Az, Client, Curl, Docker, DockerRegistry, GuardConfig, Image, Login, Manager, Network, Overlay, Principal,
    Responder, Skopeo,
};

use crate::command::{Article, At, Command, LetIn};

/// How long a client waits for an answer of the registry.
const LIMIT: Duration = Duration::from_secs(20);

/// Everyone on the stage. The network goes last, with everything in it.
pub(crate) struct Host {
    agent: Agent,
    _responder: Responder,
    registry: DockerRegistry,
    az: Az,
    desk: Client,
    machine: Client,
    other: Client,
    subnet: Overlay,
    network: Network,
}

impl Host {
    /// The address that the articles give a rule.
    pub(crate) const MACHINE: &str = "198.51.100.7";
    pub(crate) const VIRTUAL_NETWORK: &str = "myDockerVMVNET";
    pub(crate) const SUBNET: &str = "myDockerVMSubnet";
    pub(crate) const OWNER: Principal = Principal {
        id: "aaaaaaaa-0000-4000-8000-000000000001",
        name: "owner",
        secret: "the-secret-of-the-owner",
        roles: &[("contributor", "*")],
    };

    /// Builds the network, starts the registry, and the guard with its API over TLS.
    pub(crate) fn assemble(environment: &Path) -> Result<Self> {
        let mut network = Network::new()?;
        let desk = network.client("desk", &["192.0.2.20"])?;
        let machine = network.client("machine", &[Self::MACHINE])?;
        let other = network.client("other", &["192.0.2.66"])?;
        let subnet = network.overlay_client("subnet", "192.0.2.11", 5001, &["10.1.7.4"])?;
        let registry = DockerRegistry::start_with_login(&network)?;
        let image = Image::make(&network.folder().join("image"), 100_000)?;
        let skopeo = Skopeo::new(&network, &machine, registry.certificate());
        skopeo.login(Login::BUILDER, LIMIT)?.expect_success()?;
        skopeo.push(&image, "hello-world:v1", LIMIT)?.expect_success().context("pushing hello-world")?;

        let config = GuardConfig::of(&network).forbidden(registry.certificate()).trusted_vtep("192.0.2.11");
        let config = config.data_endpoint("westus", "203.0.113.10:5443");
        let config = config.management(registry.certificate(), "1h", &[Self::OWNER])?;
        let agent = Agent::start(&network, &config.to_string())?;
        let responder = Responder::start(&agent)?;
        let az = Az::new(environment, &network, registry.certificate())?;
        for command in [
            format!("network vnet create -n {} --vni 5001 --address-prefixes 10.1.0.0/16", Self::VIRTUAL_NETWORK),
            format!(
                "network vnet subnet create --vnet-name {} -n {} --address-prefixes 10.1.7.0/24",
                Self::VIRTUAL_NETWORK,
                Self::SUBNET
            ),
        ] {
            agent.json(command.split_whitespace())?;
        }
        Ok(Self { agent, _responder: responder, registry, az, desk, machine, other, subnet, network })
    }

    /// The same with docker daemons at the machines.
    pub(crate) fn stage(&self) -> Result<Stage<'_>> {
        let certificate = self.registry.certificate();
        let at_machine = Docker::start(&self.network, &self.machine, certificate)?;
        let at_other = Docker::start(&self.network, &self.other, certificate)?;
        Ok(Stage { host: self, at_machine, at_other })
    }
}

/// A host on which commands can run.
pub(crate) struct Stage<'a> {
    host: &'a Host,
    at_machine: Docker<'a>,
    at_other: Docker<'a>,
}

impl Stage<'_> {
    /// What `az` is this.
    pub(crate) fn version(&self) -> Result<String> {
        let ran = self.host.az.run(&self.host.desk, "az version --query '\"azure-cli\"' --output tsv")?;
        Ok(format!("azure-cli {} at {}", ran.expect_success()?.stdout.trim(), Manager::url()))
    }

    /// Makes the registry what the article finds.
    pub(crate) fn begin(&self, article: &Article) -> Result<()> {
        if article.begins_anew {
            let fresh = json!({"properties": {
                "publicNetworkAccess": "Enabled", "dataEndpointEnabled": false,
                "networkRuleSet": {"defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": []},
            }});
            self.host.agent.patch(GuardConfig::REGISTRY, &fresh)?;
        }
        Ok(())
    }

    /// Runs a command, judges what it printed, and asks the kernel who gets in now.
    pub(crate) fn run(&self, command: &Command) -> Result<()> {
        let az = &self.host.az;
        let ran = match command.at {
            At::Desk => az.run(&self.host.desk, &command.line)?,
            At::Machine => az.run_with_docker(&self.at_machine, &command.line)?,
            At::OtherMachine => az.run_with_docker(&self.at_other, &command.line)?,
        };
        command.judge(&ran)?;
        self.expect_let_in(command.let_in)
    }

    fn expect_let_in(&self, due: LetIn) -> Result<()> {
        let clients: [(&str, &Client); 3] = [
            ("the machine", &self.host.machine),
            ("the other machine", &self.host.other),
            ("the subnet", &self.host.subnet),
        ];
        for ((name, client), due) in clients.into_iter().zip(due) {
            let curl = Curl { client, certificate: self.host.registry.certificate() };
            let ran = curl.get("/v2/", None, LIMIT)?;
            let status = ran.stdout.lines().last().unwrap_or_default();
            // The registry asks for a login; whoever is not let in is told 403, or nothing at all.
            let let_in = status == "401";
            let denied = status == "403" || status == "000";
            ensure!(let_in || denied, "{name} was answered {status}: {}{}", ran.stdout, ran.stderr);
            ensure!(let_in == due, "{name} is {}, HTTP status {status}", if let_in { "let in" } else { "denied" });
        }
        Ok(())
    }
}
