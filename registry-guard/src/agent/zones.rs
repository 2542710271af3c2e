//! Which network the traffic of each interface comes from.

use std::collections::BTreeMap;

use registry_guard_common::{Interface, Tag};

use crate::netlink::{Link, LinkKind, Vxlan};

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
    let mut zones = Zones::default();
    for link in links {
        match zone(link, links, around) {
            Ok(interface) => {
                zones.interfaces.insert(link.index, interface);
            }
            Err(problem) if link.is_up => zones.problems.push(format!("{}: {problem}", link.name)),
            Err(_) => {}
        }
    }
    zones
}

fn zone(link: &Link, links: &[Link], around: Surroundings<'_>) -> Result<Interface, String> {
    let public = || Interface::new(Tag::PUBLIC, around.is_behind_the_host || is_guarded(link, links, around));
    match &link.kind {
        LinkKind::Loopback => Ok(Interface::loopback()),
        LinkKind::Plain => Ok(public()),
        LinkKind::Bridge => {
            let ports = links.iter().filter(|port| port.controller == Some(link.index));
            match ports.into_iter().find(|port| !is_public(port, around)) {
                None => Ok(public()),
                Some(port) => Err(format!(
                    "its port {} brings in traffic of another network, which the bridge mixes with its own; what arrives here \
                     is denied",
                    port.name
                )),
            }
        }
        LinkKind::Vxlan(vxlan) => virtual_network(*vxlan, links, around),
        LinkKind::Tunnel(_) if is_public(link, around) => Ok(public()),
        LinkKind::Tunnel(kind) => Err(format!(
            "nobody knows which network its traffic ({kind}) comes from, so it is denied; name it in `tunnels` to have it \
             judged as public traffic"
        )),
    }
}

fn is_public(link: &Link, around: Surroundings<'_>) -> bool {
    match link.kind {
        LinkKind::Plain | LinkKind::Bridge => true,
        LinkKind::Tunnel(_) => around.tunnels.contains(&link.name),
        LinkKind::Loopback | LinkKind::Vxlan(_) => false,
    }
}

/// Whether the XDP program sees everything that arrives here.
fn is_guarded(link: &Link, links: &[Link], around: Surroundings<'_>) -> bool {
    let stands_on = |link: &Link| link.xdp.is_some() && around.guarded.contains(&link.index);
    let lower = link.lower.and_then(|lower| links.iter().find(|link| link.index == lower));
    let mut ports = links.iter().filter(|port| port.controller == Some(link.index)).peekable();
    stands_on(link) || lower.is_some_and(stands_on) || (ports.peek().is_some() && ports.all(stands_on))
}

/// A VNI is an identity only if the XDP program checked who wrote it, which nobody can after decapsulation.
fn virtual_network(vxlan: Vxlan, links: &[Link], around: Surroundings<'_>) -> Result<Interface, String> {
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
    // The kernel takes VXLAN from whichever interface it arrives on, also where the VXLAN interface names another.
    let brings_vxlan = |link: &Link| {
        link.is_up && link.controller.is_none() && !matches!(link.kind, LinkKind::Loopback | LinkKind::Vxlan(_))
    };
    match links.iter().find(|link| brings_vxlan(link) && !is_guarded(link, links, around)) {
        Some(unguarded) => Err(format!(
            "its packets can arrive on {0}, where no VTEP is checked; what arrives here is denied, until {0} is named in \
             `interfaces`",
            unguarded.name
        )),
        None => Ok(Interface::new(Tag::vni(vxlan.vni), true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::{RunningMode, XdpOnLink};

    fn link(index: u32, name: &str, kind: LinkKind) -> Link {
        Link { index, name: name.to_owned(), xdp: None, kind, is_up: true, controller: None, lower: None }
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
}
