use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::address::address;
use super::connect::{Outcome, connect};
use super::eventually::eventually;
use super::namespace::Namespace;
use super::network::Network;

/// A machine without a link, and the means to plug it in at the host under any name. It has the addresses [`Visitor::ALLOWED`] and
/// [`Visitor::DENIED`].
#[derive(Debug)]
pub struct Visitor {
    namespace: Namespace,
}

impl Visitor {
    /// Whom tests allow.
    pub const ALLOWED: &str = "198.51.100.7";
    /// Whom they do not.
    pub const DENIED: &str = "198.51.100.66";
    /// Shorter than the second after which a SYN is sent again.
    const ONE_SYN: Duration = Duration::from_millis(900);

    /// A machine beside the network's host.
    pub fn new(network: &Network) -> Result<Self> {
        Ok(Self { namespace: network.namespace("visitor")? })
    }

    /// Where it is.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// A new link, whose end at the host is called `name`, with addresses and routes.
    pub fn plug(&self, network: &Network, name: &str) -> Result<()> {
        self.plug_as(network, name, "")
    }

    /// The same where the host's end gets this index.
    pub fn plug_at(&self, network: &Network, name: &str, index: u32) -> Result<()> {
        self.plug_as(network, name, &format!("index {index}"))
    }

    fn plug_as(&self, network: &Network, name: &str, index: &str) -> Result<()> {
        network.host().ip(&format!(
            "link add {name} {index} type veth peer name eth0 netns {}\nlink set {name} up",
            self.namespace.name()
        ))?;
        self.routes(network, name)
    }

    /// The visitor's addresses, and the host's routes to them through this interface.
    pub fn routes(&self, network: &Network, host_interface: &str) -> Result<()> {
        let (allowed, denied) = (Self::ALLOWED, Self::DENIED);
        self.namespace.ip(&format!(
            "link set eth0 up\naddr add {allowed}/32 dev eth0\naddr add {denied}/32 dev eth0\nroute add default dev eth0"
        ))?;
        self.host_routes(network, host_interface)
    }

    /// The host's routes to the visitor, which go when the interface is set down.
    pub fn host_routes(&self, network: &Network, interface: &str) -> Result<()> {
        let (allowed, denied) = (Self::ALLOWED, Self::DENIED);
        network.host().ip(&format!("route add {allowed}/32 dev {interface}\nroute add {denied}/32 dev {interface}"))
    }

    /// Gives the host's end of the link another name, for which it must be down for a moment.
    pub fn rename(&self, network: &Network, from: &str, to: &str) -> Result<()> {
        network.host().ip(&format!("link set {from} down\nlink set {from} name {to}\nlink set {to} up"))?;
        self.host_routes(network, to)
    }

    /// What becomes of a connection from one of its addresses.
    pub fn outcome(&self, source: &str) -> Result<Outcome> {
        let registry: SocketAddr = (Network::REGISTRY_V4, 443).into();
        Ok(self.namespace.within(|| connect(address(source), registry, Self::ONE_SYN))??.outcome)
    }

    /// The allowed one is served, and the denied one is not heard: the program on the interface drops what it sends.
    pub fn expect_guarded(&self, when: &str) -> Result<()> {
        let (denied, allowed) = (self.outcome(Self::DENIED)?, self.outcome(Self::ALLOWED)?);
        ensure!(denied == Outcome::TimedOut, "the denied one {when}: {denied:?}");
        ensure!(allowed == Outcome::Connected, "the allowed one {when}: {allowed:?}");
        Ok(())
    }

    /// The denied one is not served, whichever layer turns it away, and the allowed one is as soon as the agent knows the interface:
    /// on one that it does not know, nobody is.
    pub fn expect_judged(&self, when: &str) -> Result<()> {
        eventually(&format!("the allowed one is served {when}"), || {
            let (denied, allowed) = (self.outcome(Self::DENIED)?, self.outcome(Self::ALLOWED)?);
            ensure!(denied != Outcome::Connected, "the denied one {when}: {denied:?}");
            Ok(allowed == Outcome::Connected)
        })
    }
}
