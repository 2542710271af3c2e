use super::raw::{self, Text};
use super::source::Source;
use super::{ConfigError, Vxlan};
use crate::policy::{PrefixError, parse_prefix, refused_source};
use ipnet::IpNet;

/// The port assigned to VXLAN.
const ASSIGNED_PORT: u16 = 4789;

const VTEPS: &str = "vxlan.trusted-vteps";

pub(super) fn vxlan(source: &Source<'_>, raw: raw::Vxlan) -> Result<Vxlan, ConfigError> {
    let port = source.number("vxlan.port", raw.port, 1..=u16::MAX.into())?;
    let trusted_vteps = raw.trusted_vteps.iter().map(|text| vtep(source, text)).collect::<Result<_, _>>()?;
    Ok(Vxlan { port: port.and_then(|port| port.try_into().ok()).unwrap_or(ASSIGNED_PORT), trusted_vteps })
}

fn vtep(source: &Source<'_>, text: &Text) -> Result<IpNet, ConfigError> {
    let refuse =
        |problem: String, accepted: String| source.invalid(&text.span(), VTEPS, text.get_ref(), problem, accepted);
    let prefix = parse_prefix(text.get_ref()).map_err(|error| {
        let accepted = match &error {
            PrefixError::HostBits(network) => network.to_string(),
            _ => "an address or a prefix such as 192.0.2.11 or 2001:db8::/64".to_owned(),
        };
        refuse(error.to_string(), accepted)
    })?;
    match refused_source(&prefix) {
        Some(never) if ["multicast", "IPv4-mapped", "unspecified"].contains(&never.kind) => {
            let accepted = "the unicast addresses of the hosts that encapsulate".to_owned();
            Err(refuse(format!("is {} and never a packet's source", never.kind), accepted))
        }
        _ => Ok(prefix),
    }
}
