use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Everything that a verdict depends on beside the frame.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Where the registries listen.
    pub endpoints: Vec<Endpoint>,
    /// The UDP port that carries VXLAN.
    pub vxlan_port: u16,
    /// The outer sources whose VXLAN packets are believed.
    pub trusted_vteps: Vec<IpNet>,
    /// Where trusted services come from.
    pub trusted_services: Vec<IpNet>,
    /// The registries.
    pub registries: Vec<Registry>,
    /// Where the second layer stands. That of the host has number 0 and the endpoints of [`Policy::endpoints`].
    pub namespaces: Vec<Namespace>,
}

/// A network namespace, as the second layer sees it.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its number.
    pub number: u8,
    /// Where the registries listen in it.
    pub endpoints: Vec<Endpoint>,
    /// The interface that everything arrives on.
    pub interface: Interface,
    /// The addresses that it has itself.
    pub own_addresses: Vec<IpAddr>,
    /// Whether somebody is there to tell denied clients why.
    pub responder: bool,
}

/// What is known of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// Nothing.
    Unknown,
    /// It is the loopback interface.
    Loopback,
    /// It carries this network, 0 for public traffic.
    Network {
        /// Which.
        tag: u32,
        /// Whether the first layer counts whatever arrives on it.
        counted: bool,
    },
}

/// A local address and port that belongs to a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where.
    pub place: Place,
    /// The port, of TCP and of every datagram transport.
    pub port: u16,
    /// The index into [`Policy::registries`].
    pub registry: usize,
}

impl Endpoint {
    /// The endpoints that a configured listening address stands for: `0.0.0.0` is every IPv4 address, `::` every address.
    pub fn listening(listen: SocketAddr, registry: usize) -> Vec<Self> {
        let places = match listen.ip() {
            IpAddr::V4(address) if address.is_unspecified() => vec![Place::EveryIpv4],
            IpAddr::V6(address) if address.is_unspecified() => {
                vec![Place::EveryIpv4, Place::EveryIpv6]
            }
            address => vec![Place::Address(address)],
        };
        let port = listen.port();
        places.into_iter().map(|place| Self { place, port, registry }).collect()
    }
}

/// The local addresses of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This one.
    Address(IpAddr),
    /// Every IPv4 address.
    EveryIpv4,
    /// Every IPv6 address.
    EveryIpv6,
}

/// One registry's settings and rules.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Whether a source that no rule covers is allowed.
    pub default_allow: bool,
    /// Whether anyone is allowed at all.
    pub public_network_access: bool,
    /// Whether trusted services are allowed before anything else is asked.
    pub bypass: bool,
    /// What datagrams to its ports meet.
    pub udp: UdpAnswer,
    /// Where it is reached from inside a virtual network, in any order.
    pub private_endpoints: Vec<PrivateEndpoint>,
    /// The rules, in any order.
    pub rules: Vec<Rule>,
    /// The rules that name a service tag, in any order.
    pub service_tags: Vec<ServiceTag>,
    /// What a denied client gets.
    pub answer: Answer,
    /// What its own host meets.
    pub local: Local,
}

/// What a registry's own host meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// The rules, as anybody does.
    Judged,
    /// Nothing: it may connect.
    Allowed,
}

/// What a denied client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Silence,
    /// A reset.
    Reset,
    /// The reason, by the responder.
    Explanation,
}

/// What datagrams to a guarded port meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UdpAnswer {
    /// Denial, whatever the rules.
    Deny,
    /// The same judgement as the opening of a TCP connection.
    Judge,
}

/// An address at which everyone on one virtual network is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateEndpoint {
    /// The VNI, never 0.
    pub tag: u32,
    /// The destination.
    pub address: IpAddr,
}

/// What public sources of one service tag get, unless a rule names exactly their prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTag {
    /// The sources.
    pub prefixes: Vec<IpNet>,
    /// Whether they are allowed; of two tags with the same prefix, the one that is not counts.
    pub allow: bool,
}

/// What sources of one prefix and one tag get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// 0 for public traffic, otherwise the VNI.
    pub tag: u32,
    /// The sources.
    pub prefix: IpNet,
    /// Whether they are allowed.
    pub allow: bool,
}
