//! Which sources an IP rule may name: public ones. A wide prefix that merely contains others is public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why a prefix is no public source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What kind of address it is.
    pub kind: &'static str,
    /// The range of that kind.
    pub range: IpNet,
    /// Whether `private-ip-rules = "allow"` lifts it.
    pub private: bool,
}

const fn v4(a: u8, b: u8, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), length))
}

const fn v6(first: u16, length: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0), length))
}

const fn v6_exactly(address: Ipv6Addr) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(address, 128))
}

const MAPPED: IpNet = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96));

const PRIVATE: [(&str, IpNet); 4] = [
    ("private (RFC 1918)", v4(10, 0, 8)),
    ("private (RFC 1918)", v4(172, 16, 12)),
    ("private (RFC 1918)", v4(192, 168, 16)),
    ("unique local (RFC 4193)", v6(0xfc00, 7)),
];

const NEVER: [(&str, IpNet); 10] = [
    ("unspecified", v4(0, 0, 8)),
    ("unspecified", v6_exactly(Ipv6Addr::UNSPECIFIED)),
    ("loopback", v4(127, 0, 8)),
    ("loopback", v6_exactly(Ipv6Addr::LOCALHOST)),
    ("link-local", v4(169, 254, 16)),
    ("link-local", v6(0xfe80, 10)),
    ("multicast", v4(224, 0, 4)),
    ("multicast", v6(0xff00, 8)),
    ("reserved", v4(240, 0, 4)),
    ("IPv4-mapped", MAPPED),
];

/// Why no public traffic comes from `prefix`; `None` when some does.
pub fn refused_source(prefix: &IpNet) -> Option<Refused> {
    let inside = |&(_, range): &&(&str, IpNet)| range.contains(prefix);
    let refused = |private| move |&(kind, range): &(&'static str, IpNet)| Refused { kind, range, private };
    let private = PRIVATE.iter().find(inside).map(refused(true));
    private.or_else(|| NEVER.iter().find(inside).map(refused(false)))
}

/// The IPv4 prefix that a prefix of IPv4-mapped addresses stands for.
pub(crate) fn unmapped(prefix: &IpNet) -> Option<IpNet> {
    let IpAddr::V6(address) = prefix.addr() else { return None };
    let length = prefix.prefix_len().checked_sub(96)?;
    IpNet::new(address.to_ipv4_mapped()?.into(), length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(prefix: &str) -> Option<(&'static str, bool)> {
        refused_source(&prefix.parse().unwrap()).map(|refused| (refused.kind, refused.private))
    }

    #[test]
    fn private_space_is_refused_to_its_edges_and_not_beyond() {
        let private = Some(("private (RFC 1918)", true));
        for inside in [
            "10.0.0.0/8",
            "10.255.255.255/32",
            "172.16.0.0/12",
            "172.31.255.255/32",
            "192.168.0.0/16",
            "192.168.7.0/24",
        ] {
            assert_eq!(kind(inside), private, "{inside}");
        }
        for outside in [
            "9.255.255.255/32",
            "11.0.0.0/32",
            "172.15.255.255/32",
            "172.32.0.0/32",
            "192.167.255.255/32",
            "192.169.0.0/32",
        ] {
            assert_eq!(kind(outside), None, "{outside}");
        }
        assert_eq!(kind("fd12:3456:789a::/48"), Some(("unique local (RFC 4193)", true)));
        assert_eq!(kind("fbff::/16"), None);
        assert_eq!(kind("fe00::/16"), None);
    }

    #[test]
    fn what_never_is_a_source_is_refused_and_no_setting_lifts_it() {
        for (prefix, expected) in [
            ("0.0.0.0/32", "unspecified"),
            ("::/128", "unspecified"),
            ("127.0.0.1/32", "loopback"),
            ("::1/128", "loopback"),
            ("169.254.1.0/24", "link-local"),
            ("fe80::1/128", "link-local"),
            ("224.0.0.1/32", "multicast"),
            ("ff02::1/128", "multicast"),
            ("240.0.0.0/4", "reserved"),
            ("255.255.255.255/32", "reserved"),
            ("::ffff:192.0.2.1/128", "IPv4-mapped"),
            ("::ffff:0:0/96", "IPv4-mapped"),
        ] {
            assert_eq!(kind(prefix), Some((expected, false)), "{prefix}");
        }
    }

    #[test]
    fn documentation_shared_and_wide_prefixes_are_public() {
        for public in [
            "192.0.2.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "2001:db8::/32",
            "100.64.0.0/10",
            "0.0.0.0/0",
            "::/0",
            "8.0.0.0/5",
            "128.0.0.0/1",
        ] {
            assert_eq!(kind(public), None, "{public}");
        }
    }

    #[test]
    fn a_mapped_prefix_stands_for_an_ipv4_prefix() {
        assert_eq!(unmapped(&"::ffff:192.0.2.0/120".parse().unwrap()), Some("192.0.2.0/24".parse().unwrap()));
        assert_eq!(unmapped(&"2001:db8::/96".parse().unwrap()), None);
        assert_eq!(unmapped(&"192.0.2.0/24".parse().unwrap()), None);
    }
}
