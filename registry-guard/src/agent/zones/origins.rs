//! Whose traffic an interface hands on: its own wire's, or that of what it stands on.

use std::collections::BTreeMap;

use registry_guard_common::Tag;

use super::{Surroundings, virtual_network};
use crate::netlink::{Beneath, Link, LinkKind};

/// Which network the traffic of an interface comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// One network.
    Network(Tag),
    /// Nobody knows, or several. Reads after the interface's name.
    Unknown(String),
}

/// One interface hands on what another brings in.
struct Step<'a> {
    from: &'a Link,
    to: &'a Link,
    /// Whether all of it comes that way, so that the one is of the other's network.
    inherits: bool,
}

/// The origin of each interface, by index.
pub(super) fn origins(links: &[Link], around: Surroundings<'_>, unguarded: Option<&Link>) -> BTreeMap<u32, Origin> {
    let mut origins: BTreeMap<u32, Origin> =
        links.iter().map(|link| (link.index, own(link, around, unguarded))).collect();
    let steps = steps(links);
    // What is public becomes a virtual network's, and that becomes unknown; so this ends, whatever stands on what.
    loop {
        let mut is_settled = true;
        for step in &steps {
            let (Some(from), Some(to)) = (origins.get(&step.from.index), origins.get(&step.to.index)) else { continue };
            let next = after(step, from, to);
            if next != *to {
                origins.insert(step.to.index, next);
                is_settled = false;
            }
        }
        if is_settled {
            return origins;
        }
    }
}

/// As if nothing stood on anything.
fn own(link: &Link, around: Surroundings<'_>, unguarded: Option<&Link>) -> Origin {
    let named = around.tunnels.contains(&link.name);
    match &link.kind {
        LinkKind::Plain if link.beneath == Beneath::Elsewhere && !around.is_behind_the_host && !named => {
            Origin::Unknown(
                "it stands on an interface of another network namespace, so nobody knows which network its traffic comes \
                 from, and it is denied; name it in `tunnels` to have it judged as public traffic"
                    .to_owned(),
            )
        }
        LinkKind::Loopback | LinkKind::Plain | LinkKind::Bridge => Origin::Network(Tag::PUBLIC),
        LinkKind::Vxlan(vxlan) => match virtual_network(link, *vxlan, around, unguarded) {
            Ok(tag) => Origin::Network(tag),
            Err(problem) => Origin::Unknown(problem),
        },
        LinkKind::Tunnel(_) if named => Origin::Network(Tag::PUBLIC),
        LinkKind::Tunnel(kind) => Origin::Unknown(format!(
            "nobody knows which network its traffic ({kind}) comes from, so it is denied; name it in `tunnels` to have it \
             judged as public traffic"
        )),
    }
}

fn after(step: &Step<'_>, from: &Origin, to: &Origin) -> Origin {
    match (from, to) {
        (Origin::Network(from), Origin::Network(to)) if from == to => Origin::Network(*to),
        (_, Origin::Unknown(problem)) => Origin::Unknown(problem.clone()),
        (Origin::Network(from), Origin::Network(Tag::PUBLIC)) if step.inherits => Origin::Network(*from),
        // Public traffic that comes in here does not make what else comes in public.
        (Origin::Network(_) | Origin::Unknown(_), Origin::Network(_)) => {
            let (way, mixes) = match step.to.kind {
                LinkKind::Bridge => ("its port ", ", which the bridge mixes with its own"),
                _ => ("", ""),
            };
            Origin::Unknown(format!(
                "{way}{} brings in traffic of another network{mixes}; what arrives here is denied",
                step.from.name
            ))
        }
    }
}

fn steps(links: &[Link]) -> Vec<Step<'_>> {
    let by_index: BTreeMap<u32, &Link> = links.iter().map(|link| (link.index, link)).collect();
    let find = |index: u32| by_index.get(&index).copied();
    let mut steps = Vec::new();
    for link in links {
        // The traffic of a port is its controller's; a VRF or another unknown kind has an origin of its own.
        let controller = link.controller.and_then(find);
        if let Some(to) = controller.filter(|to| matches!(to.kind, LinkKind::Plain | LinkKind::Bridge)) {
            steps.push(Step { from: link, to, inherits: false });
        }
        let (below, inherits) = match link.beneath {
            Beneath::Whole(index) | Beneath::Shared(index) => (find(index), true),
            // What a veth pair carries is what its other end was given: by a bridge, or by the host's own routing.
            Beneath::Peer(index) => (find(index).and_then(|peer| peer.controller).and_then(find), false),
            Beneath::Nothing | Beneath::Elsewhere => (None, false),
        };
        if let Some(from) = below {
            steps.push(Step { from, to: link, inherits });
        }
    }
    steps
}
