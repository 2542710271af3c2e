use std::net::IpAddr;

use ipnet::IpNet;

/// Where no public traffic comes from: private, loopback, link-local, multicast, reserved, mapped and unspecified addresses.
const NOT_PUBLIC: [&str; 14] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
    "0.0.0.0/8",
    "::/128",
    "127.0.0.0/8",
    "::1/128",
    "169.254.0.0/16",
    "fe80::/10",
    "224.0.0.0/4",
    "ff00::/8",
    "240.0.0.0/4",
    "::ffff:0:0/96",
];

/// The network that a text names in plain notation, if it names one without bits to spare.
pub(super) fn read(text: &str) -> Option<IpNet> {
    let mut parts = text.split('/');
    let address: IpAddr = parts.next()?.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let length = match parts.next() {
        None => whole,
        Some(digits) => {
            let length: u8 = digits.parse().ok()?;
            // Neither a sign nor a zero in front.
            if length.to_string() == digits { length } else { return None }
        }
    };
    let network = IpNet::new(address, length).ok()?;
    (parts.next().is_none() && network.trunc() == network).then_some(network)
}

/// The same, if an IP rule may name it.
pub(super) fn read_public(text: &str) -> Option<IpNet> {
    let network = read(text)?;
    let inside = |range: &str| {
        let range: IpNet = range.parse().expect("a range of the list above");
        range.contains(&network.network()) && range.contains(&network.broadcast())
    };
    (!NOT_PUBLIC.into_iter().any(inside)).then_some(network)
}

/// The networks that texts name, unless one is none or two have an address in common.
pub(super) fn read_apart(texts: &[String]) -> Option<Vec<IpNet>> {
    let networks: Vec<IpNet> = texts.iter().map(|text| read(text)).collect::<Option<_>>()?;
    (!networks.is_empty() && are_apart(&networks)).then_some(networks)
}

/// Whether no two have an address in common.
pub(super) fn are_apart(networks: &[IpNet]) -> bool {
    networks.iter().enumerate().all(|(place, one)| {
        networks.iter().skip(place + 1).all(|other| !one.contains(&other.addr()) && !other.contains(&one.addr()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_notation_without_spare_bits_is_a_network() {
        for good in ["198.51.100.7", "198.51.100.0/24", "0.0.0.0/0", "2001:DB8::/32", "2001:db8::7"] {
            assert!(read(good).is_some(), "{good}");
        }
        for bad in ["", "198.51.100.7/24", "198.51.100.0/024", "198.51.100.0/+24", "198.51.100.0/24/24", "10.1", " ::"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_wide_network_is_public_though_it_holds_private_addresses() {
        assert!(read_public("8.0.0.0/5").is_some() && read_public("::/0").is_some());
        assert!(read_public("10.0.0.0/8").is_none() && read_public("10.1.2.3").is_none());
    }

    #[test]
    fn networks_that_contain_each_other_are_not_apart() {
        let read = |texts: &[&str]| read_apart(&texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(read(&["10.1.0.0/17", "10.1.128.0/17", "2001:db8::/32"]).is_some());
        assert!(read(&["10.1.2.0/24", "10.1.0.0/16"]).is_none());
        assert!(read(&[]).is_none());
    }
}
