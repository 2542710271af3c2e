//! Which network the traffic of each interface comes from.

mod origins;

use std::collections::{BTreeMap, BTreeSet};

use registry_guard_common::{Interface, Tag};

use self::origins::{Origin, origins};
use crate::netlink::{Beneath, Link, LinkKind, Vxlan};

/// What the programs are told about the interfaces of one namespace, and why some cannot be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Zones {
    /// By index. An interface that is not here is denied.
    pub(super) interfaces: BTreeMap<u32, Interface>,
    /// One sentence for each interface that is up and carries more than one network, or nobody knows which.
    pub(super) problems: Vec<String>,
}

/// What is known beside the interfaces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// Indexes of the interfaces that the XDP program stands on, this agent's or the one it replaces.
    pub(super) guarded: &'a [u32],
    /// UDP port that the XDP program takes for VXLAN.
    pub(super) vxlan_port: u16,
    /// Tunnels whose traffic the owner wants to be judged as public traffic.
    pub(super) tunnels: &'a [String],
    /// Whether everything that arrives in this namespace was counted before, on the host's NIC.
    pub(super) is_behind_the_host: bool,
}

/// Sorts `links`, which are all of one namespace.
pub(super) fn zones(links: &[Link], around: Surroundings<'_>) -> Zones {
    let guarded = guarded(links, around);
    // The kernel takes VXLAN from whichever interface it arrives on, also where the VXLAN interface names another.
    let brings_vxlan = |link: &&Link| {
        link.is_up && link.controller.is_none() && !matches!(link.kind, LinkKind::Loopback | LinkKind::Vxlan(_))
    };
    let unguarded = links.iter().filter(brings_vxlan).find(|link| !guarded.contains(&link.index));
    let mut origins = origins(links, around, unguarded);
    let mut zones = Zones::default();
    for link in links {
        match origins.remove(&link.index) {
            Some(Origin::Network(_)) if link.kind == LinkKind::Loopback => {
                zones.interfaces.insert(link.index, Interface::loopback());
            }
            Some(Origin::Network(tag)) => {
                let is_counted = around.is_behind_the_host || tag != Tag::PUBLIC || guarded.contains(&link.index);
                zones.interfaces.insert(link.index, Interface::new(tag, is_counted));
            }
            Some(Origin::Unknown(problem)) if link.is_up => zones.problems.push(format!("{}: {problem}", link.name)),
            Some(Origin::Unknown(_)) | None => {}
        }
    }
    zones
}

/// The interfaces of which the XDP program sees everything that arrives there.
fn guarded(links: &[Link], around: Surroundings<'_>) -> BTreeSet<u32> {
    let stands_on = |link: &Link| link.xdp.is_some() && around.guarded.contains(&link.index);
    let stood_on: BTreeSet<u32> = links.iter().filter(|link| stands_on(link)).map(|link| link.index).collect();
    let mut ports: BTreeMap<u32, bool> = BTreeMap::new();
    for link in links {
        if let Some(controller) = link.controller {
            *ports.entry(controller).or_insert(true) &= stood_on.contains(&link.index);
        }
    }
    let is_guarded = |link: &&Link| {
        // A tunnel unwraps what the program took for another packet.
        let ports = !matches!(link.kind, LinkKind::Tunnel(_)) && ports.get(&link.index) == Some(&true);
        let below = matches!(link.beneath, Beneath::Whole(index) if stood_on.contains(&index));
        stood_on.contains(&link.index) || ports || below
    };
    links.iter().filter(is_guarded).map(|link| link.index).collect()
}

/// A VNI is an identity only if the XDP program checked who wrote it, which nobody can after decapsulation. `unguarded` is an
/// interface that VXLAN can arrive on unseen, if there is one.
fn virtual_network(
    link: &Link,
    vxlan: Vxlan,
    around: Surroundings<'_>,
    unguarded: Option<&Link>,
) -> Result<Tag, String> {
    if vxlan.is_flow_based {
        return Err("it is flow-based, so its packets come from any network; what arrives here is denied".to_owned());
    }
    if vxlan.port != around.vxlan_port {
        return Err(format!(
            "it listens at UDP port {}, where no VTEP is checked; what arrives here is denied, unless `vxlan.port` is that port",
            vxlan.port
        ));
    }
    if vxlan.vni == 0 {
        return Err("VNI 0 cannot be told from public traffic; what arrives here is denied".to_owned());
    }
    if around.is_behind_the_host {
        return Err("no VTEP is checked in this namespace; what arrives here is denied".to_owned());
    }
    if link.beneath == Beneath::Elsewhere {
        return Err(
            "its packets arrive in another network namespace, where no VTEP is checked; what arrives here is denied"
                .to_owned(),
        );
    }
    match unguarded {
        Some(unguarded) => Err(format!(
            "its packets can arrive on {0}, where no VTEP is checked; what arrives here is denied, until {0} is named in \
             `interfaces`",
            unguarded.name
        )),
        None => Ok(Tag::vni(vxlan.vni)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::{RunningMode, XdpOnLink};

    fn link(index: u32, name: &str, kind: LinkKind) -> Link {
        Link { index, name: name.to_owned(), xdp: None, kind, is_up: true, controller: None, beneath: Beneath::Nothing }
    }

    fn guarded(index: u32, name: &str) -> Link {
        let xdp = Some(XdpOnLink { program: 7, mode: RunningMode::Native });
        Link { xdp, ..link(index, name, LinkKind::Plain) }
    }

    fn vxlan(index: u32) -> Link {
        let kind = Vxlan { vni: 5001, port: 4789, is_flow_based: false };
        link(index, "vxlan0", LinkKind::Vxlan(kind))
    }

    fn sorted(links: &[Link]) -> Zones {
        let tunnels = ["wg0".to_owned()];
        let around = Surroundings { guarded: &[2], vxlan_port: 4789, tunnels: &tunnels, is_behind_the_host: false };
        zones(links, around)
    }

    #[test]
    fn plain_interfaces_are_public_and_counted_where_xdp_stands() {
        let zones = sorted(&[link(1, "lo", LinkKind::Loopback), guarded(2, "eth0"), link(3, "eth1", LinkKind::Plain)]);
        assert_eq!(zones.interfaces[&1], Interface::loopback());
        assert_eq!(zones.interfaces[&2], Interface::new(Tag::PUBLIC, true));
        assert_eq!(zones.interfaces[&3], Interface::new(Tag::PUBLIC, false));
        assert!(zones.problems.is_empty());
    }

    #[test]
    fn a_vxlan_interface_is_its_network_where_vteps_are_checked() {
        let zones = sorted(&[guarded(2, "eth0"), vxlan(4)]);
        assert_eq!(zones.interfaces[&4], Interface::new(Tag::vni(5001), true));
    }

    #[test]
    fn a_vxlan_interface_whose_vteps_nobody_checks_is_not_known() {
        let unguarded = sorted(&[link(2, "eth0", LinkKind::Plain), vxlan(4)]);
        assert!(!unguarded.interfaces.contains_key(&4));
        assert!(unguarded.problems[0].contains("eth0"), "{:?}", unguarded.problems);
        let beside = sorted(&[guarded(2, "eth0"), link(3, "docker0", LinkKind::Bridge), vxlan(4)]);
        assert!(!beside.interfaces.contains_key(&4));
        assert!(beside.problems[0].contains("docker0"), "{:?}", beside.problems);
    }

    #[test]
    fn vxlan_that_stands_for_no_single_network_is_not_known() {
        for kind in [
            Vxlan { vni: 0, port: 4789, is_flow_based: true },
            Vxlan { vni: 5001, port: 8472, is_flow_based: false },
            Vxlan { vni: 0, port: 4789, is_flow_based: false },
        ] {
            let zones = sorted(&[guarded(2, "eth0"), link(4, "vxlan0", LinkKind::Vxlan(kind))]);
            assert!(!zones.interfaces.contains_key(&4) && zones.problems.len() == 1, "{kind:?}: {zones:?}");
        }
    }

    #[test]
    fn a_bridge_with_a_vxlan_port_is_not_known_and_one_of_plain_ports_is() {
        let bridge = link(5, "br0", LinkKind::Bridge);
        let port = Link { controller: Some(5), ..link(6, "veth0", LinkKind::Plain) };
        let plain = sorted(&[bridge.clone(), port.clone()]);
        assert_eq!(plain.interfaces[&5], Interface::new(Tag::PUBLIC, false));
        let mixed = sorted(&[guarded(2, "eth0"), bridge, port, Link { controller: Some(5), ..vxlan(4) }]);
        assert!(!mixed.interfaces.contains_key(&5));
        assert!(mixed.problems.iter().any(|problem| problem.starts_with("br0: its port vxlan0")), "{mixed:?}");
    }

    #[test]
    fn a_tunnel_is_known_only_by_name() {
        let zones = sorted(&[
            link(8, "wg0", LinkKind::Tunnel("wireguard".to_owned())),
            link(9, "gre0", LinkKind::Tunnel("gre".to_owned())),
            Link { is_up: false, ..link(10, "gre1", LinkKind::Tunnel("gre".to_owned())) },
        ]);
        assert_eq!(zones.interfaces.keys().copied().collect::<Vec<_>>(), [8]);
        assert_eq!(zones.problems.len(), 1, "one that is down receives nothing: {:?}", zones.problems);
    }

    fn on(link: Link, beneath: Beneath) -> Link {
        Link { beneath, ..link }
    }

    #[test]
    fn what_stands_on_a_virtual_network_is_of_that_network() {
        for beneath in [Beneath::Whole(4), Beneath::Shared(4)] {
            let upper = on(link(5, "upper", LinkKind::Plain), beneath);
            let zones = sorted(&[
                on(link(6, "top", LinkKind::Plain), Beneath::Whole(5)),
                upper.clone(),
                guarded(2, "eth0"),
                vxlan(4),
            ]);
            // Each of them could bring in VXLAN of its own, unseen.
            assert!(!zones.interfaces.contains_key(&4) && !zones.interfaces.contains_key(&5), "{zones:?}");
            assert!(!zones.interfaces.contains_key(&6), "{zones:?}");
            let down = Link { is_up: false, ..upper };
            assert_eq!(
                sorted(&[guarded(2, "eth0"), vxlan(4), down]).interfaces[&5],
                Interface::new(Tag::vni(5001), true)
            );
        }
    }

    #[test]
    fn what_stands_on_a_bridge_or_a_bond_of_virtual_networks_is_not_known() {
        for kind in [LinkKind::Bridge, LinkKind::Plain] {
            let controller = link(5, "br0", kind);
            let port = Link { controller: Some(5), ..vxlan(4) };
            let vlan = on(link(6, "br0.7", LinkKind::Plain), Beneath::Whole(5));
            let inside = Link { controller: Some(5), ..on(link(7, "veth0", LinkKind::Plain), Beneath::Peer(8)) };
            let outside = on(link(8, "veth1", LinkKind::Plain), Beneath::Peer(7));
            let zones = sorted(&[guarded(2, "eth0"), vlan, outside, inside, controller, port]);
            assert_eq!(zones.interfaces.keys().copied().collect::<Vec<_>>(), [2, 7], "{zones:?}");
        }
    }

    #[test]
    fn xdp_on_what_an_interface_shares_or_on_its_peer_or_around_a_tunnel_checks_no_vtep() {
        let gre = link(6, "wg0", LinkKind::Tunnel("wireguard".to_owned()));
        let brings = [
            on(link(6, "macvlan0", LinkKind::Plain), Beneath::Shared(2)),
            on(link(6, "veth1", LinkKind::Plain), Beneath::Peer(2)),
            gre,
        ];
        for link in brings {
            let zones = sorted(&[guarded(2, "eth0"), vxlan(4), link.clone()]);
            assert!(!zones.interfaces.contains_key(&4), "{link:?}: {zones:?}");
        }
        let vlan = on(link(6, "eth0.7", LinkKind::Plain), Beneath::Whole(2));
        let zones = sorted(&[guarded(2, "eth0"), vxlan(4), vlan]);
        assert_eq!(zones.interfaces[&4], Interface::new(Tag::vni(5001), true));
        assert_eq!(zones.interfaces[&6], Interface::new(Tag::PUBLIC, true));
    }

    #[test]
    fn what_gets_its_packets_in_another_namespace_is_not_known() {
        let moved = on(vxlan(4), Beneath::Elsewhere);
        let vlan = on(link(5, "moved", LinkKind::Plain), Beneath::Elsewhere);
        let named = on(link(6, "wg0", LinkKind::Plain), Beneath::Elsewhere);
        let zones = sorted(&[guarded(2, "eth0"), moved, vlan, named]);
        assert_eq!(zones.interfaces.keys().copied().collect::<Vec<_>>(), [2, 6], "{zones:?}");
    }
}
