use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, LinkXdp, XdpAttached,
};
use serde::Serialize;

/// One interface of this network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's index of it, new for each interface that is made.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The XDP program on it.
    pub xdp: Option<XdpOnLink>,
    /// What it is.
    pub kind: LinkKind,
    /// Whether it is up.
    pub is_up: bool,
    /// The bridge, bond or VRF that it belongs to, which takes its traffic for its own.
    pub controller: Option<u32>,
    /// What else its traffic comes through.
    pub beneath: Beneath,
}

/// What the traffic of an interface comes through that is neither a port of its own nor unwrapped from another packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beneath {
    /// Nothing.
    Nothing,
    /// All of it through the interface with this index, as that of a VLAN.
    Whole(u32),
    /// Through the interface with this index, or from others that share that one, which hand it over without it: macvlan,
    /// ipvlan.
    Shared(u32),
    /// From the other end of a veth pair, which has this index.
    Peer(u32),
    /// Through an interface of another namespace. A VXLAN interface gets its packets there.
    Elsewhere,
}

/// What an interface is, as far as that tells which networks its traffic comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// The loopback interface.
    Loopback,
    /// It hands on what arrives at it: a card, veth, VLAN, bond and their like.
    Plain,
    /// It hands on what arrives at its ports.
    Bridge,
    /// VXLAN.
    Vxlan(Vxlan),
    /// It unwraps traffic that came in another packet, or nobody knows what it does. The kernel's word for it.
    Tunnel(String),
}

/// A VXLAN interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// Its VNI.
    pub vni: u32,
    /// The UDP port it listens at.
    pub port: u16,
    /// Whether each packet has a VNI of its own (`external`), so that the interface stands for none.
    pub is_flow_based: bool,
}

/// The XDP program on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpOnLink {
    /// The kernel's identifier of the program.
    pub program: u32,
    /// Where it runs.
    pub mode: RunningMode,
}

/// Where an XDP program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RunningMode {
    /// In the driver.
    Native,
    /// In the generic receive path.
    Generic,
    /// On the card.
    Offloaded,
    /// More than one program, in several of these.
    Several,
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let is_loopback = message.header.flags.contains(LinkFlags::Loopback);
        let mut link = Self {
            index: message.header.index,
            name: String::new(),
            xdp: None,
            kind: if is_loopback { LinkKind::Loopback } else { LinkKind::Plain },
            is_up: message.header.flags.contains(LinkFlags::Up),
            controller: None,
            beneath: Beneath::Nothing,
        };
        let (mut below, mut in_another_namespace, mut infos) = (None, false, Vec::new());
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Xdp(attributes) => link.xdp = program_in(&attributes),
                LinkAttribute::Controller(index) => link.controller = Some(index).filter(|index| *index != 0),
                LinkAttribute::Link(index) => below = Some(index).filter(|index| *index != 0),
                LinkAttribute::LinkNetNsId(_) => in_another_namespace = true,
                LinkAttribute::LinkInfo(info) if !is_loopback => infos = info,
                _ => {}
            }
        }
        if !is_loopback {
            link.kind = kind(&infos);
            link.beneath = beneath(&link.kind, info_kind(&infos), below, in_another_namespace);
        }
        link
    }
}

fn program_in(attributes: &[LinkXdp]) -> Option<XdpOnLink> {
    let mode = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::Attached(XdpAttached::Driver) => Some(RunningMode::Native),
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(RunningMode::Generic),
        LinkXdp::Attached(XdpAttached::Hardware) => Some(RunningMode::Offloaded),
        LinkXdp::Attached(XdpAttached::Multiple) => Some(RunningMode::Several),
        _ => None,
    })?;
    let program = attributes.iter().find_map(|attribute| match *attribute {
        LinkXdp::ProgId(id) | LinkXdp::DrvProgId(id) | LinkXdp::SkbProgId(id) | LinkXdp::HwProgId(id) => Some(id),
        _ => None,
    })?;
    Some(XdpOnLink { program, mode })
}

/// `below` is `IFLA_LINK`, an index of another namespace if there is an `IFLA_LINK_NETNSID`. A tunnel names there where it sends.
fn beneath(kind: &LinkKind, name: Option<&InfoKind>, below: Option<u32>, in_another_namespace: bool) -> Beneath {
    match (kind, name, below) {
        (LinkKind::Plain, Some(InfoKind::Veth), _) if in_another_namespace => Beneath::Nothing,
        (LinkKind::Plain | LinkKind::Vxlan(_), _, _) if in_another_namespace => Beneath::Elsewhere,
        (LinkKind::Plain, Some(InfoKind::Veth), Some(index)) => Beneath::Peer(index),
        (LinkKind::Plain, Some(InfoKind::Vlan), Some(index)) => Beneath::Whole(index),
        (LinkKind::Plain, _, Some(index)) => Beneath::Shared(index),
        _ => Beneath::Nothing,
    }
}

fn info_kind(infos: &[LinkInfo]) -> Option<&InfoKind> {
    infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    })
}

fn kind(infos: &[LinkInfo]) -> LinkKind {
    match info_kind(infos) {
        Some(InfoKind::Bridge) => LinkKind::Bridge,
        Some(InfoKind::Vxlan) => LinkKind::Vxlan(vxlan(infos)),
        None
        | Some(
            InfoKind::Veth
            | InfoKind::Vlan
            | InfoKind::Bond
            | InfoKind::Dummy
            | InfoKind::Ifb
            | InfoKind::MacVlan
            | InfoKind::MacVtap
            | InfoKind::IpVlan
            | InfoKind::IpVtap
            | InfoKind::Ipoib,
        ) => LinkKind::Plain,
        Some(InfoKind::Other(name)) if name == "team" || name == "netdevsim" => LinkKind::Plain,
        Some(other) => LinkKind::Tunnel(other.to_string()),
    }
}

fn vxlan(infos: &[LinkInfo]) -> Vxlan {
    let mut vxlan = Vxlan { vni: 0, port: 0, is_flow_based: false };
    for info in infos {
        let LinkInfo::Data(InfoData::Vxlan(data)) = info else { continue };
        for attribute in data {
            match *attribute {
                InfoVxlan::Id(vni) => vxlan.vni = vni,
                InfoVxlan::Port(port) => vxlan.port = port,
                InfoVxlan::CollectMetadata(is_flow_based) => vxlan.is_flow_based = is_flow_based,
                _ => {}
            }
        }
    }
    vxlan
}
