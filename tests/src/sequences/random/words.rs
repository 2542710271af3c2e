use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::GROUP;

/// One of these texts.
pub(super) fn any_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(texts).prop_map(str::to_owned)
}

/// Mostly one of the first texts, sometimes one of the second.
pub(super) fn mostly(good: &'static [&'static str], bad: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![15 => any_of(good), 1 => any_of(bad)]
}

/// Sometimes nothing at all.
pub(super) fn perhaps<T: std::fmt::Debug>(
    probability: f64,
    strategy: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    weighted(probability, strategy)
}

pub(super) fn action() -> impl Strategy<Value = Option<String>> {
    perhaps(0.7, mostly(&["Allow", "Allow", "allow", "Deny", "DENY"], &["", "Permit", "Allow "]))
}

/// A value of a header that is neither a revision nor `*`.
pub(super) fn garbage() -> impl Strategy<Value = String> {
    any_of(&["W/", "\"", "\"one\"", "revision", "-1", "\"1e3\"", "\"\"", "\"99999999999999999999999\""])
}

pub(super) fn network() -> impl Strategy<Value = String> {
    mostly(&["office", "office", "Office", "lab", "net.3"], &["-lab", "nowhere", "la b", "%", "réseau", LONG])
}

pub(super) fn subnet() -> impl Strategy<Value = String> {
    mostly(&["ci", "ci", "CI", "desk", "build_1"], &["_ci", "no where", "..", "c/i", LONG])
}

const LONG: &str = "a-name-of-eighty-one-characters-is-longer-than-what-a-network-or-a-subnet-may-hav";

/// A subnet's id, in this or that case.
pub(super) fn subnet_id() -> impl Strategy<Value = String> {
    let whole = (network(), subnet(), any::<bool>()).prop_map(|(network, subnet, shout)| {
        let id = id_of(&network, &subnet);
        if shout { id.to_uppercase() } else { id }
    });
    let broken = any_of(&[
        "office",
        "/virtualNetworks/office/subnets/ci",
        "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/registry-guard/providers/Microsoft.Network/\
         virtualNetworks/office/subnets/ci",
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard/providers/Microsoft.Network/\
         virtualNetworks/office",
    ]);
    prop_oneof![12 => whole, 1 => broken]
}

pub(super) fn id_of(network: &str, subnet: &str) -> String {
    format!("{GROUP}/providers/Microsoft.Network/virtualNetworks/{network}/subnets/{subnet}")
}

/// What an IP rule may name, and sometimes what it may not.
pub(super) fn source() -> impl Strategy<Value = String> {
    prop_oneof![6 => ipv4(), 4 => ipv6(), 1 => wide(), 1 => not_public(), 1 => not_a_prefix()]
}

/// Few enough addresses that prefixes nest and meet; some lie within those of a trusted service.
fn ipv4() -> impl Strategy<Value = String> {
    let length = select(vec![20_u8, 22, 23, 24, 24, 25, 26, 28, 30, 31, 32, 32, 32]);
    (100..102_u8, any::<u8>(), length, any::<bool>()).prop_map(|(third, last, length, bare)| {
        let prefix = Ipv4Net::new_assert(Ipv4Addr::new(198, 51, third, last), length).trunc();
        if bare && length == 32 { prefix.addr().to_string() } else { prefix.to_string() }
    })
}

fn ipv6() -> impl Strategy<Value = String> {
    let length = select(vec![32_u8, 47, 48, 56, 64, 64, 96, 112, 120, 127, 128, 128]);
    (select(vec![1_u16, 1, 2, 7]), 0..512_u16, length, 0..4_u8).prop_map(|(site, last, length, spelling)| {
        let address = Ipv6Addr::new(0x2001, 0xdb8, site, 0, 0, 0, 0, last);
        let prefix = Ipv6Net::new_assert(address, length).trunc();
        match spelling {
            0 => prefix.to_string().to_uppercase(),
            1 if length == 128 => prefix.addr().to_string(),
            _ => prefix.to_string(),
        }
    })
}

fn wide() -> impl Strategy<Value = String> {
    any_of(&["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "192.0.0.0/3", "::/0", "2000::/3", "2001:db8::/31"])
}

fn not_public() -> impl Strategy<Value = String> {
    any_of(&[
        "10.0.0.0/8",
        "10.1.7.4",
        "172.16.0.0/12",
        "192.168.7.0/24",
        "fd00::/8",
        "127.0.0.1",
        "0.0.0.0",
        "::",
        "::1",
        "169.254.1.0/24",
        "fe80::/64",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "::ffff:198.51.100.7",
        "::ffff:198.51.100.0/120",
    ])
}

fn not_a_prefix() -> impl Strategy<Value = String> {
    any_of(&[
        "198.51.100.7/24",
        "2001:db8:1::1/64",
        "198.51.100.0/33",
        "2001:db8::/129",
        "198.51.100.0/",
        "198.51.100.0/024",
        "198.51.100.0/+24",
        "198.51.100.0/-1",
        "198.51.100.0/24/24",
        "198.51.100.0-198.51.100.9",
        "198.51.100",
        "198.51.100.300",
        "0x7f.1",
        " 198.51.100.7",
        "198.51.100.7 ",
        "fe80::1%eth0",
        "[2001:db8::1]",
        "contoso",
        "*",
        "198.51.100.0/24,203.0.113.0/24",
        "１９８.51.100.7",
    ])
}
