//! What `check` and `status` answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Serialize;
use uuid::Uuid;

use super::{OperationStatus, UnconfirmedStatus};
use crate::netlink::RunningMode;
use crate::policy::{Action, BypassOptions, PublicNetworkAccess};

/// What the loaded program would do with a connection from one source.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// The registry asked about.
    pub registry: String,
    /// The source asked about.
    pub source: IpAddr,
    /// The VXLAN network it would come from; absent for public traffic.
    pub vni: Option<u32>,
    /// Where the connection would go; absent if the registry has no endpoint in the source's family.
    pub endpoint: Option<SocketAddr>,
    /// What the program said.
    pub verdict: CheckVerdict,
    /// Why, by the name that counters and events use.
    pub reason: &'static str,
    /// The rule, the private endpoint connection or the trusted service that decided, if one did.
    pub rule: Option<String>,
    /// The prefix of the service tag that decided, if `rule` is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<IpNet>,
    /// The answer as a sentence.
    pub message: String,
    /// The interfaces on which this program stands; on others nothing is enforced.
    pub enforced_on: Vec<String>,
    /// The revision of the policy at this moment; absent while nobody knows the policy.
    pub revision: Option<u64>,
}

/// The answer to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CheckVerdict {
    /// The source may reach the registry.
    Allow,
    /// It may not.
    Deny,
    /// The registry has no endpoint in the source's address family, so there is nothing to reach.
    NotGuarded,
}

/// Whether registry-guard does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// On every named interface.
    Enforcing,
    /// On some, or not as well as asked for.
    Degraded,
    /// Nowhere.
    Open,
}

impl State {
    /// As `status` prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforcing => "ENFORCING",
            Self::Degraded => "DEGRADED",
            Self::Open => "OPEN",
        }
    }
}

/// What `status` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether registry-guard does its work.
    pub state: State,
    /// Why it is not ENFORCING.
    pub problems: Vec<String>,
    /// The revision of the policy, which the kernel enforces; absent while nobody knows the policy.
    pub revision: Option<u64>,
    /// The change that is to be confirmed, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<UnconfirmedStatus>,
    /// Connections destroyed since this agent was started, because a change denied their source.
    pub destroyed_connections: u64,
    /// The version of this agent.
    pub version: &'static str,
    /// Which agent this is: another one after each start and each reload.
    pub instance: Uuid,
    /// The program in the kernel.
    pub program: ProgramStatus,
    /// The names of the services that this host trusts.
    pub trusted_services: Vec<String>,
    /// The service tags that rules can name.
    pub service_tags: ServiceTagsStatus,
    /// What stands behind the interfaces.
    pub second_layer: SecondLayerStatus,
    /// The named interfaces.
    pub interfaces: Vec<InterfaceStatus>,
    /// The registries.
    pub registries: Vec<RegistryStatus>,
    /// Changes of whole lists that are under way or wait for their turn.
    pub operations: Vec<OperationStatus>,
    /// Packets that concern no registry, by reason.
    pub counters: BTreeMap<&'static str, u64>,
}

/// The program in the kernel.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgramStatus {
    /// Its name.
    pub name: &'static str,
    /// The kernel's identifier, as `bpftool prog` prints it.
    pub id: u32,
    /// Version of the layout of its maps.
    pub layout: u32,
    /// UDP port it takes for VXLAN.
    pub vxlan_port: u16,
    /// Outer sources whose VXLAN packets carry an identity.
    pub trusted_vteps: Vec<String>,
}

/// The service tags that are held, and where newer ones come from.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTagsStatus {
    /// The cloud of the file that is held; absent before the first one.
    pub cloud: Option<String>,
    /// The number of that file.
    pub change_number: Option<u64>,
    /// When it was imported, RFC 3339 in UTC.
    pub imported: Option<String>,
    /// How many tags it has.
    pub tags: usize,
    /// How many prefixes they have; many are in more than one.
    pub prefixes: usize,
    /// The watched path, if there is one.
    pub watch: Option<PathBuf>,
    /// Why what is at that path was not imported, if it was not.
    pub problem: Option<String>,
}

/// The programs at the sockets, and who answers for them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecondLayerStatus {
    /// The programs' name.
    pub name: &'static str,
    /// Whether it is left to decide what the NIC cannot: it is attached everywhere, alone, knows every interface, and a
    /// responder is present where one is needed.
    pub stands: bool,
    /// Whether a responder accepts denied connections; without one they are refused.
    pub responder: bool,
    /// Why it cannot be left to decide on this host, whatever is done, if that is so.
    pub note: Option<&'static str>,
    /// Every namespace in which a registry listens.
    pub namespaces: Vec<NamespaceStatus>,
}

/// One network namespace in which a registry listens.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceStatus {
    /// The file that stands for it; absent for the agent's own.
    pub path: Option<PathBuf>,
    /// Its inode, if it is there.
    pub inode: Option<u64>,
    /// The registries that listen in it.
    pub registries: Vec<String>,
    /// Whether the program stands in it, alone.
    pub enforcing: bool,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// One named interface.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterfaceStatus {
    /// Its name in config.toml.
    pub name: String,
    /// Its index, if it is there.
    pub ifindex: Option<u32>,
    /// Whether it may be absent.
    pub hotplug: bool,
    /// Where the program runs, if it does.
    pub mode: Option<RunningMode>,
    /// Whether sources are judged here.
    pub enforcing: bool,
    /// What is wrong or worth knowing.
    pub note: Option<String>,
}

impl InterfaceStatus {
    /// What is wrong, if sources are not judged here.
    pub(super) fn problem(&self) -> Option<String> {
        let note = self.note.as_deref().unwrap_or("not enforcing");
        (!self.enforcing).then(|| format!("{}: {note}", self.name))
    }
}

/// One registry.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryStatus {
    /// Its name.
    pub name: String,
    /// Its guarded endpoints, data endpoints included.
    pub endpoints: Vec<String>,
    /// How a denied connection is answered.
    pub deny_response: &'static str,
    /// What the policy says of it; absent while nobody knows the policy.
    #[serde(flatten)]
    pub policy: Option<RegistryPolicyStatus>,
    /// Connection attempts by reason.
    pub counters: BTreeMap<&'static str, u64>,
    /// What was done about them. Lookups are packets that belong to no connection, not connections.
    pub outcomes: BTreeMap<&'static str, u64>,
}

/// What the policy says of a registry.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryPolicyStatus {
    /// What happens to sources that no rule names.
    pub default_action: Action,
    /// Whether the rules are asked at all.
    pub public_network_access: PublicNetworkAccess,
    /// Whether trusted services pass without a rule.
    pub network_rule_bypass_options: BypassOptions,
    /// Number of private endpoint connections, whatever their status.
    pub private_endpoint_connections: usize,
    /// Number of IP rules.
    pub ip_rules: usize,
    /// Number of virtual network rules.
    pub virtual_network_rules: usize,
    /// Number of service-tag rules.
    pub service_tag_rules: usize,
    /// The service tags that rules name and that have no prefixes at present.
    pub unresolved_service_tags: Vec<String>,
}
