use super::*;
use crate::packet::{
    Authentication, Datagram, Datagrams, DestinationOptions, Ethernet, FragmentHeader, Geneve, Gre, HopByHop, Ipv4,
    Ipv6, Packet, Raw, Routing, Tcp, Udp, Vlan, Vxlan,
};

fn rule(tag: u32, prefix: &str, allow: bool) -> Rule {
    Rule { tag, prefix: prefix.parse().expect("a prefix"), allow }
}

/// One registry that allows `198.51.100.0/24` without `.9`, `2001:db8:1::/48`, and `10.1.0.0/16` of VNI 5001.
fn policy() -> Policy {
    let listen = ["203.0.113.10:443", "[2001:db8::10]:443"];
    Policy {
        endpoints: listen
            .iter()
            .flat_map(|listen| Endpoint::listening(listen.parse().expect("an address"), 0))
            .collect(),
        vxlan_port: Udp::VXLAN,
        trusted_vteps: vec!["192.0.2.11/32".parse().expect("a prefix")],
        trusted_services: vec!["198.51.100.0/28".parse().expect("a prefix")],
        registries: vec![Registry {
            default_allow: false,
            public_network_access: true,
            bypass: false,
            udp: UdpAnswer::Deny,
            service_tags: Vec::new(),
            private_endpoints: vec![PrivateEndpoint {
                tag: 5001,
                address: "203.0.113.10".parse().expect("an address"),
            }],
            rules: vec![
                rule(0, "198.51.100.0/24", true),
                rule(0, "198.51.100.9/32", false),
                rule(0, "2001:db8:1::/48", true),
                rule(5001, "10.1.0.0/16", true),
            ],
            answer: Answer::Explanation,
            local: Local::Allowed,
        }],
        namespaces: Vec::new(),
    }
}

fn verdict(packet: impl Into<Packet>) -> Verdict {
    policy().verdict(&packet.into().bytes())
}

fn never(why: Illegitimate) -> Verdict {
    Verdict::Never(why)
}

const BY_RULE: Verdict = Verdict::Allow(Allowed::ByRule);

fn vxlan(outer_source: &str, vni: u32, inner: impl Into<Packet>) -> Packet {
    Ethernet::default() / Ipv4::from(outer_source).to("192.0.2.1") / Udp::vxlan() / Vxlan::vni(vni) / inner
}

#[test]
fn the_longer_prefix_wins() {
    assert_eq!(verdict(Ethernet::default() / Ipv4::from("198.51.100.7") / Tcp::syn(443)), BY_RULE);
    assert_eq!(
        verdict(Ethernet::default() / Ipv4::from("198.51.100.9") / Tcp::syn(443)),
        Verdict::Deny(Denied::ByRule)
    );
    assert_eq!(
        verdict(Ethernet::default() / Ipv4::from("198.51.101.7") / Tcp::syn(443)),
        Verdict::Deny(Denied::ByDefault)
    );
}

#[test]
fn only_the_opening_syn_to_a_guarded_port_is_judged() {
    let from_stranger = || Ethernet::default() / Ipv4::from("192.0.2.99");
    assert_eq!(verdict(from_stranger() / Tcp::syn(80)), Verdict::Pass);
    for flags in [0, Tcp::ACK, Tcp::SYN | Tcp::ACK, Tcp::FIN, Tcp::RST] {
        assert_eq!(verdict(from_stranger() / Tcp::flags(443, flags)), Verdict::Pass);
    }
    for flags in [0xef, Tcp::SYN | Tcp::FIN, Tcp::SYN | Tcp::ECE | Tcp::CWR] {
        let syn = Tcp::flags(443, flags).reserved(15);
        assert_eq!(verdict(from_stranger() / syn), Verdict::Deny(Denied::ByDefault));
    }
}

#[test]
fn disabled_public_access_denies_whatever_the_rules() {
    let mut policy = policy();
    policy.registries[0].public_network_access = false;
    let packet = Ethernet::default() / Ipv4::default() / Tcp::syn(443);
    assert_eq!(policy.verdict(&packet.bytes()), Verdict::Deny(Denied::PublicAccessDisabled));
}

#[test]
fn an_exact_endpoint_comes_before_the_wildcard() {
    let mut policy = policy();
    let open = Registry { default_allow: true, ..policy.registries[0].clone() };
    policy.registries.push(open);
    policy.endpoints.extend(Endpoint::listening("[::]:443".parse().expect("an address"), 1));
    let to = |destination: &str| Ethernet::default() / Ipv4::from("192.0.2.99").to(destination) / Tcp::syn(443);
    assert_eq!(policy.verdict(&to("203.0.113.10").bytes()), Verdict::Deny(Denied::ByDefault));
    assert_eq!(policy.verdict(&to("203.0.113.11").bytes()), Verdict::Allow(Allowed::ByDefault));
}

#[test]
fn four_tags_are_unrolled_and_a_fifth_is_not() {
    let tagged = |tags| {
        let packet = (0..tags).fold(Packet::from(Ethernet::default()), |packet, _| packet / Vlan::priority().service());
        verdict(packet / Ipv4::default() / Tcp::syn(443))
    };
    assert_eq!(tagged(4), BY_RULE);
    assert_eq!(tagged(5), never(Illegitimate::TooManyTags));
}

#[test]
fn unknown_encapsulations_are_undecided() {
    for ethertype in [0x8847, 0x8848, 0x8864, 0x88e5, 0x88e7, 0x894f] {
        assert_eq!(verdict(Ethernet::ethertype(ethertype)), Verdict::Undecided);
    }
    let inner = || Ipv4::default() / Tcp::syn(443);
    assert_eq!(verdict(Ethernet::default() / Ipv4::default() / inner()), Verdict::Undecided);
    assert_eq!(
        verdict(Ethernet::default() / Ipv6::default() / DestinationOptions::default() / inner()),
        Verdict::Undecided
    );
    assert_eq!(
        verdict(Ethernet::default() / Ipv4::default().fragment(7, false) / Gre::default() / inner()),
        Verdict::Undecided
    );
    let geneve = Ethernet::default() / Ipv4::default() / Udp::to(Udp::GENEVE) / Geneve::vni(7) / Ethernet::default();
    assert_eq!(verdict(geneve / inner()), Verdict::Pass, "a UDP port like any other");
    assert_eq!(verdict(Ethernet::ethertype(0x0806)), Verdict::Pass);
}

#[test]
fn ipv4_lengths_must_fit() {
    let with = |ip: Ipv4| verdict(Ethernet::default() / ip / Tcp::syn(443));
    assert_eq!(with(Ipv4::default().ihl(4)), never(Illegitimate::BadIpv4Header));
    assert_eq!(with(Ipv4::default().total_length(41)), never(Illegitimate::BadIpv4Header));
    assert_eq!(with(Ipv4::default().total_length(19)), never(Illegitimate::BadIpv4Header));
    assert_eq!(with(Ipv4::default().total_length(39)), never(Illegitimate::Truncated));
    assert_eq!(policy().verdict(&[0; 13]), never(Illegitimate::Truncated));
}

#[test]
fn options_are_skipped_and_source_routes_found() {
    let with = |options: &[u8]| verdict(Ethernet::default() / Ipv4::default().options(options) / Tcp::syn(443));
    assert_eq!(with(&[1; 40]), BY_RULE);
    assert_eq!(with(&[123, 4, 0, 0, 148, 4, 0, 0]), BY_RULE);
    assert_eq!(with(&[1, 131, 3, 4]), never(Illegitimate::SourceRoute));
    assert_eq!(with(&[148, 4, 0, 0, 137, 3, 4]), never(Illegitimate::SourceRoute));
    assert_eq!(with(&[0, 131, 3, 4]), BY_RULE, "nothing follows the end of the options");
    assert_eq!(with(&[7, 1, 131, 3]), BY_RULE, "a length below 2 ends the walk");
}

#[test]
fn tcp_in_tiny_fragments_is_never_legitimate() {
    let whole = Ethernet::default() / Ipv4::default() / Tcp::syn(443).options(&[1; 12]);
    let verdicts =
        |cuts: &[usize]| -> Vec<Verdict> { whole.fragments(Datagrams::Outer, cuts).into_iter().map(verdict).collect() };
    let tiny = never(Illegitimate::TinyFragment);
    assert_eq!(verdicts(&[8]), [tiny, tiny]);
    assert_eq!(verdicts(&[8, 16]), [tiny, tiny, Verdict::Pass]);
    assert_eq!(verdicts(&[24]), [BY_RULE, Verdict::Pass]);
}

#[test]
fn ipv6_fragments_follow_the_same_rule() {
    let whole = Ethernet::default() / Ipv6::default() / DestinationOptions::default() / Tcp::syn(443);
    let first = whole.fragment(Datagrams::Outer, 0, 16, true);
    assert_eq!(verdict(first), never(Illegitimate::TinyFragment));
    let first = whole.fragment(Datagrams::Outer, 0, 28, true);
    assert_eq!(verdict(first), BY_RULE);
    let tcp_only = Ethernet::default() / Ipv6::default() / Tcp::syn(443);
    assert_eq!(verdict(tcp_only.fragment(Datagrams::Outer, 8, 20, false)), never(Illegitimate::TinyFragment));
    let atomic = Ethernet::default() / Ipv6::default() / FragmentHeader::default() / Tcp::syn(443);
    assert_eq!(verdict(atomic), BY_RULE);
}

#[test]
fn eight_extension_headers_are_walked_and_a_ninth_is_not() {
    let with = |count| {
        let packet = Ethernet::default() / Ipv6::default() / HopByHop::default() / Authentication::default();
        let packet = (2..count).fold(packet, |packet, _| packet / Routing::default());
        verdict(packet / Tcp::syn(443))
    };
    assert_eq!(with(8), BY_RULE);
    assert_eq!(with(9), never(Illegitimate::TooManyExtensionHeaders));
    let routed = Ethernet::default() / Ipv6::default() / Routing::default().segments_left(1) / Tcp::syn(443);
    assert_eq!(verdict(routed), never(Illegitimate::RoutingSegmentsLeft));
}

#[test]
fn an_untrimmed_ipv6_packet_reaches_to_the_end_of_the_frame() {
    let jumbo = Ethernet::default() / Ipv6::default().payload_length(0) / HopByHop::default() / Tcp::syn(443);
    assert_eq!(verdict(jumbo), BY_RULE);
    let empty = Ethernet::default() / Ipv6::default().payload_length(0) / Tcp::syn(443);
    assert_eq!(verdict(empty), never(Illegitimate::Truncated));
    let too_long = Ethernet::default() / Ipv6::default().payload_length(21) / Tcp::syn(443);
    assert_eq!(verdict(too_long), never(Illegitimate::BadIpv6Header));
}

#[test]
fn a_mapped_source_is_never_legitimate() {
    let packet = Ethernet::default() / Ipv6::from("::ffff:198.51.100.7") / Raw::zeros(4);
    assert_eq!(verdict(packet), never(Illegitimate::MappedSource));
}

#[test]
fn datagrams_to_a_guarded_port_are_denied() {
    let from = |datagram: Packet| verdict(Ethernet::default() / Ipv4::default() / datagram);
    let denied = Verdict::Deny(Denied::UdpToGuardedPort);
    assert_eq!(from(Udp::to(443).into()), denied);
    assert_eq!(from(Datagram::sctp(443).into()), denied);
    assert_eq!(from(Datagram::dccp(443).into()), denied);
    assert_eq!(from(Datagram::udp_lite(443).into()), denied);
    assert_eq!(from(Udp::to(53).into()), Verdict::Pass);
}

#[test]
fn a_tag_comes_from_a_trusted_vtep_only() {
    let mut policy = policy();
    policy.registries[0].private_endpoints.clear();
    let verdict = |packet: Packet| policy.verdict(&packet.bytes());
    let inner = || Ethernet::default() / Ipv4::from("10.1.0.4") / Tcp::syn(443);
    assert_eq!(verdict(vxlan("192.0.2.11", 5001, inner())), BY_RULE);
    assert_eq!(verdict(vxlan("192.0.2.11", 5002, inner())), Verdict::Deny(Denied::ByDefault));
    assert_eq!(verdict(vxlan("192.0.2.11", 0, inner())), Verdict::Deny(Denied::VniZero));
    assert_eq!(verdict(vxlan("192.0.2.12", 5001, inner())), Verdict::Deny(Denied::UntrustedVtep));
    assert_eq!(verdict(Ethernet::default() / Ipv4::from("10.1.0.4") / Tcp::syn(443)), Verdict::Deny(Denied::ByDefault));
}

#[test]
fn a_trusted_service_comes_before_every_rule_and_only_from_outside() {
    let mut policy = policy();
    policy.registries[0].bypass = true;
    policy.registries[0].public_network_access = false;
    let from = |source: &str| Ethernet::default() / Ipv4::from(source) / Tcp::syn(443);
    let trusted = Verdict::Allow(Allowed::TrustedService);
    assert_eq!(policy.verdict(&from("198.51.100.9").bytes()), trusted, "a rule denies it");
    assert_eq!(policy.verdict(&from("198.51.100.16").bytes()), Verdict::Deny(Denied::PublicAccessDisabled));
    let inside = vxlan("192.0.2.11", 5002, from("198.51.100.9"));
    assert_eq!(policy.verdict(&inside.bytes()), Verdict::Deny(Denied::PublicAccessDisabled));
}

#[test]
fn a_private_endpoint_is_an_address_on_one_network() {
    let mut policy = policy();
    policy.registries[0].public_network_access = false;
    let to = |destination: &str, vni| {
        let inner = Ethernet::default() / Ipv4::from("192.0.2.99").to(destination) / Tcp::syn(443);
        if vni == 0 { inner } else { vxlan("192.0.2.11", vni, inner) }
    };
    let mut everywhere = Endpoint::listening("0.0.0.0:443".parse().expect("an address"), 0);
    policy.endpoints.append(&mut everywhere);
    let denied = Verdict::Deny(Denied::PublicAccessDisabled);
    assert_eq!(policy.verdict(&to("203.0.113.10", 5001).bytes()), Verdict::Allow(Allowed::AtPrivateEndpoint));
    assert_eq!(policy.verdict(&to("203.0.113.10", 5002).bytes()), denied);
    assert_eq!(policy.verdict(&to("203.0.113.10", 0).bytes()), denied);
    assert_eq!(policy.verdict(&to("203.0.113.11", 5001).bytes()), denied);
}

#[test]
fn odd_vxlan_is_never_legitimate() {
    let inner = || Ethernet::default() / Ipv4::from("10.1.0.4") / Tcp::syn(443);
    let underlay = || Ethernet::default() / Ipv4::from("192.0.2.11") / Udp::vxlan();
    for odd in [
        Vxlan::vni(5001).flags(0x88),
        Vxlan::vni(5001).flags(0),
        Vxlan::vni(5001).reserved([0, 0, 1], 0),
        Vxlan::vni(5001).reserved([0; 3], 1),
    ] {
        assert_eq!(verdict(underlay() / odd / inner()), never(Illegitimate::VxlanReserved));
    }
    let nested = vxlan("192.0.2.11", 5001, vxlan("192.0.2.11", 5001, inner()));
    assert_eq!(verdict(nested), never(Illegitimate::NestedVxlan));
    let whole = vxlan("192.0.2.11", 5001, inner());
    let pieces = whole.fragments(Datagrams::Outer, &[48]);
    assert_eq!(verdict(pieces[0].clone()), never(Illegitimate::FragmentedVxlan));
    assert_eq!(verdict(pieces[1].clone()), Verdict::Pass);
    let short = Ethernet::default() / Ipv4::from("192.0.2.11") / Udp::vxlan().length(7) / Vxlan::vni(5001) / inner();
    assert_eq!(verdict(short), never(Illegitimate::BadUdpHeader));
}

fn at(interface: Interface, responder: bool) -> Namespace {
    let endpoints = vec![Endpoint { place: Place::EveryIpv4, port: 443, registry: 0 }];
    let own_addresses = vec!["203.0.113.10".parse().expect("an address")];
    Namespace { number: 1, endpoints, interface, own_addresses, responder }
}

fn lookup(source: &str, port: u16) -> Lookup {
    let source = (source.parse().expect("an address"), 40_000);
    Lookup { datagram: false, source, destination: ("203.0.113.77".parse().expect("an address"), port) }
}

#[test]
fn at_the_socket_the_interface_says_which_network_it_is() {
    let policy = policy();
    let reason = |interface, source| policy.at_socket(&at(interface, true), &lookup(source, 443)).verdict;
    let network = |tag| Interface::Network { tag, counted: false };
    assert_eq!(reason(network(0), "198.51.100.7"), BY_RULE);
    assert_eq!(reason(network(0), "10.1.0.4"), Verdict::Deny(Denied::ByDefault));
    assert_eq!(reason(network(5001), "10.1.0.4"), BY_RULE);
    assert_eq!(reason(Interface::Unknown, "198.51.100.7"), Verdict::Deny(Denied::UnknownInterface));
    assert_eq!(reason(Interface::Unknown, "203.0.113.10"), Verdict::Deny(Denied::UnknownInterface));
    assert_eq!(reason(network(5001), "203.0.113.10"), Verdict::Allow(Allowed::Local));
    assert_eq!(reason(Interface::Loopback, "127.0.0.1"), Verdict::Allow(Allowed::Local));
}

#[test]
fn a_lookup_ends_at_the_registry_at_the_responder_or_nowhere() {
    let policy = policy();
    let public = Interface::Network { tag: 0, counted: true };
    let fate = |source, port, responder| policy.at_socket(&at(public, responder), &lookup(source, port)).fate;
    assert_eq!(fate("198.51.100.7", 443, false), Fate::Registry);
    assert_eq!(fate("198.51.100.9", 443, true), Fate::Responder);
    assert_eq!(fate("198.51.100.9", 443, false), Fate::Refused);
    assert_eq!(fate("198.51.100.9", 444, true), Fate::Untouched);
    let datagram = Lookup { datagram: true, ..lookup("198.51.100.7", 443) };
    let answer = policy.at_socket(&at(public, true), &datagram);
    assert_eq!((answer.verdict, answer.fate), (Verdict::Deny(Denied::UdpToGuardedPort), Fate::Refused));
}
