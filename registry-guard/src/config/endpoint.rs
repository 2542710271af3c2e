use std::net::{IpAddr, SocketAddr};

use super::ConfigError;
use super::raw::Text;
use super::source::Source;

const ACCEPTED: &str = "an address and a port such as 203.0.113.10:443 or [2001:db8::10]:443, \
                        0.0.0.0:443 for every IPv4 address, [::]:443 for every address of both families";

/// The addresses of one list, none of them twice.
pub(super) fn listen(
    source: &Source<'_>,
    field: &str,
    list: &[Text],
    vxlan_port: u16,
) -> Result<Vec<SocketAddr>, ConfigError> {
    let mut endpoints: Vec<SocketAddr> = Vec::with_capacity(list.len());
    for text in list {
        let endpoint = endpoint(source, field, text, vxlan_port)?;
        if endpoints.contains(&endpoint) {
            let problem = "is named twice";
            return Err(source.invalid(&text.span(), field, text.get_ref(), problem, "each address and port once"));
        }
        endpoints.push(endpoint);
    }
    Ok(endpoints)
}

fn endpoint(source: &Source<'_>, field: &str, text: &Text, vxlan_port: u16) -> Result<SocketAddr, ConfigError> {
    let refuse =
        |problem: &str, accepted: &str| Err(source.invalid(&text.span(), field, text.get_ref(), problem, accepted));
    let Ok(endpoint) = text.get_ref().parse::<SocketAddr>() else {
        return refuse("is not an address and a port", ACCEPTED);
    };
    if endpoint.port() == 0 {
        return refuse("has port 0", "a port of 1 to 65535");
    }
    if endpoint.port() == vxlan_port {
        return refuse("has the port of VXLAN (`vxlan.port`)", "another port");
    }
    if endpoint.ip().is_multicast() {
        return refuse("is a multicast address", ACCEPTED);
    }
    if let SocketAddr::V6(v6) = endpoint {
        if v6.scope_id() != 0 {
            return refuse("has a scope", ACCEPTED);
        }
        if let Some(v4) = v6.ip().to_ipv4_mapped() {
            return refuse("is an IPv4-mapped address", &format!("{v4}:{}", v6.port()));
        }
    }
    Ok(endpoint)
}

/// Whether one connection could arrive at both.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && (covers(one.ip(), other.ip()) || covers(other.ip(), one.ip()))
}

fn covers(wide: IpAddr, narrow: IpAddr) -> bool {
    wide == narrow || wide.is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4())
}
