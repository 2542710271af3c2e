//! The filters that are compared, each installed on a link of its own.

mod guard;
mod iptables;
mod nftables;
mod program;
mod xdp_filter;

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};
use tests::net::{Client, Namespace, Network};

pub(crate) use self::guard::Guard;
pub(crate) use self::program::Program;

use self::iptables::Iptables;
use self::nftables::Nftables;
use self::xdp_filter::XdpFilter;

use crate::receiver::{Frames, Receiver};
use crate::rule_set::RuleSet;
use crate::shape::Shape;

/// What judges packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Filter {
    /// Nothing.
    None,
    /// An XDP program that only passes: what XDP itself costs.
    Pass,
    /// An XDP program that only drops: nothing is faster.
    Bare,
    /// One that parses the headers and drops.
    Floor,
    /// registry-guard, whose denied clients get no answer.
    Guard,
    /// registry-guard as it is without a setting: some of the denied get a 403.
    GuardForbidden,
    /// xdp-filter of xdp-tools, with single addresses.
    XdpTools,
    /// nftables at the ingress hook, with a set of intervals.
    Nftables,
    /// iptables in the raw table, with a set of networks.
    Iptables,
}

impl Filter {
    /// Whether it is told of prefixes.
    pub(crate) const fn has_rules(self) -> bool {
        !matches!(self, Self::None | Self::Pass | Self::Bare | Self::Floor)
    }

    /// Whether it is somebody else's, which may not be there, or not take so many rules.
    pub(crate) const fn is_peer(self) -> bool {
        matches!(self, Self::XdpTools | Self::Nftables | Self::Iptables)
    }

    /// As reports call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "no guard",
            Self::Pass => "bare XDP_PASS",
            Self::Bare => "bare XDP_DROP",
            Self::Floor => "parse floor",
            Self::Guard => "registry-guard",
            Self::GuardForbidden => "registry-guard, 403",
            Self::XdpTools => "xdp-filter",
            Self::Nftables => "nftables ingress",
            Self::Iptables => "iptables raw, ipset",
        }
    }
}

/// Links that were made.
static INSTALLED: AtomicU32 = AtomicU32::new(0);

/// A filter at work.
enum Installed {
    Nothing,
    Program(Program),
    Guard(Box<Guard>),
    XdpFilter { _filter: XdpFilter },
    Nftables(Nftables),
    Iptables(Iptables),
}

/// A link to a host of its own, with a filter at its end.
pub(crate) struct Link {
    installed: Installed,
    receiver: Receiver,
    client: Client,
    network: Network,
}

impl Link {
    /// The client's IPv4 address.
    pub(crate) const CLIENT: &str = "198.51.100.7";

    /// Installs `filter` with `rules`.
    pub(crate) fn install(filter: Filter, shape: Shape, rules: &RuleSet) -> Result<Self> {
        let mut network = Network::new()?;
        // Threads of the kernel are named after interfaces, and must be told from those of other links and other runs.
        let name = format!("{}-{}", std::process::id(), INSTALLED.fetch_add(1, Ordering::Relaxed));
        let client = network.client(&name, &[Self::CLIENT, "2001:db8:1::7"])?;
        let receiver = Receiver::of(&network, &client)?;
        let installed = match filter {
            Filter::None => Installed::Nothing,
            Filter::Pass => Installed::Program(Program::attach(&network, &client, "pass_all")?),
            Filter::Bare => Installed::Program(Program::attach(&network, &client, "drop_all")?),
            Filter::Floor => Installed::Program(Program::attach(&network, &client, Program::floor(shape))?),
            Filter::Guard => Installed::Guard(Box::new(Guard::start(&network, shape, rules)?)),
            Filter::GuardForbidden => Installed::Guard(Box::new(Guard::start_forbidden(&network, shape, rules)?)),
            Filter::XdpTools => Installed::XdpFilter { _filter: XdpFilter::load(&network, &client, rules)? },
            Filter::Nftables => Installed::Nftables(Nftables::load(&network, &client, rules)?),
            Filter::Iptables => Installed::Iptables(Iptables::load(&network, &client, rules)?),
        };
        Ok(Self { installed, receiver, client, network })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Where the registry and the filter are.
    pub(crate) fn host(&self) -> &Namespace {
        self.network.host()
    }

    /// The guard, if the filter is one.
    pub(crate) fn guard(&self) -> Result<&Guard> {
        match &self.installed {
            Installed::Guard(guard) => Ok(guard),
            _ => bail!("this filter is no guard"),
        }
    }

    pub(crate) fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// What became of frames, since the link was made.
    pub(crate) fn frames(&self) -> Result<Frames> {
        let in_driver = self.receiver.frames(&self.client)?;
        let denied = match &self.installed {
            Installed::Nothing | Installed::Program(_) | Installed::Guard(_) | Installed::XdpFilter { .. } => {
                in_driver.denied
            }
            Installed::Nftables(filter) => in_driver.received.saturating_sub(filter.passed()?),
            Installed::Iptables(filter) => filter.dropped()?,
        };
        Ok(Frames { denied, ..in_driver })
    }

    /// The kernel's number of the XDP program, if the filter is one.
    pub(crate) fn program_id(&self) -> Result<u32> {
        match &self.installed {
            Installed::Program(program) => Ok(program.id()),
            Installed::Guard(guard) => guard.program_id(),
            _ => bail!("this filter is no single program"),
        }
    }
}
