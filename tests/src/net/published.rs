use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};

use super::carrier;
use super::namespace::Namespace;
use super::network::Network;
use super::timed;

/// A namespace like that of a container with a published port: the host's nftables rewrite the destination of connections to
/// the registry's port 443 and forward them, so the host's own sockets never see them.
#[derive(Debug)]
pub struct Published {
    namespace: Namespace,
    port: u16,
}

impl Published {
    /// The container's address.
    pub const V4: &str = "192.0.2.130";
    /// The container's IPv6 address.
    pub const V6: &str = "2001:db8:c::2";
    const HOST_V4: &str = "192.0.2.129";
    const HOST_V6: &str = "2001:db8:c::1";
    const INTERFACE: &str = "published";

    pub(super) fn make(host: &Namespace, namespace: Namespace, port: u16) -> Result<Self> {
        let published = Self { namespace, port };
        published.link(host)?;
        published.forward(host)?;
        Ok(published)
    }

    /// Where the registry listens.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Where the registry listens, with the port, for `netns-listen`.
    pub fn listen(&self) -> [String; 2] {
        [format!("{}:{}", Self::V4, self.port), format!("[{}]:{}", Self::V6, self.port)]
    }

    fn link(&self, host: &Namespace) -> Result<()> {
        let (ours, theirs) = ("eth0", Self::INTERFACE);
        host.ip(&format!(
            "link add {theirs} type veth peer name {ours} netns {}\n\
             addr add {}/30 dev {theirs}\naddr add {}/64 dev {theirs} nodad\nlink set {theirs} up\n",
            self.namespace.name(),
            Self::HOST_V4,
            Self::HOST_V6
        ))?;
        self.namespace.ip(&format!(
            "addr add {}/30 dev {ours}\naddr add {}/64 dev {ours} nodad\nlink set {ours} up\n\
             route add default via {}\nroute add ::/0 via {}\n",
            Self::V4,
            Self::V6,
            Self::HOST_V4,
            Self::HOST_V6
        ))?;
        carrier::wait(host, theirs)?;
        carrier::wait(&self.namespace, ours)
    }

    fn forward(&self, host: &Namespace) -> Result<()> {
        host.sysctl("net/ipv4/ip_forward", "1")?;
        host.sysctl("net/ipv6/conf/all/forwarding", "1")?;
        let (v4, v6, port) = (Network::REGISTRY_V4, Network::REGISTRY_V6, self.port);
        let ruleset = format!(
            "table inet published {{ chain incoming {{ type nat hook prerouting priority dstnat; \
             ip daddr {v4} tcp dport 443 dnat ip to {}:{port}; \
             ip6 daddr {v6} tcp dport 443 dnat ip6 to [{}]:{port}; }}; }}",
            Self::V4,
            Self::V6
        );
        let mut nft = host.command("nft");
        nft.arg(ruleset).stdin(Stdio::null());
        timed::run(&mut nft, Duration::from_secs(30))?.expect_success().context("nft")?;
        Ok(())
    }
}
