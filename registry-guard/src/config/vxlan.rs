use super::raw;
use super::source::Source;
use super::source_prefix::SourcePrefix;
use super::{ConfigError, Vxlan};

/// The port assigned to VXLAN.
const ASSIGNED_PORT: u16 = 4789;

const VTEPS: SourcePrefix = SourcePrefix {
    key: "vxlan.trusted-vteps",
    accepted: "an address or a prefix such as 192.0.2.11 or 2001:db8::/64",
    meant: "the unicast addresses of the hosts that encapsulate",
};

pub(super) fn vxlan(source: &Source<'_>, raw: raw::Vxlan) -> Result<Vxlan, ConfigError> {
    let port = source.number("vxlan.port", raw.port, 1..=u16::MAX.into())?;
    let trusted_vteps = raw.trusted_vteps.iter().map(|text| VTEPS.read(source, text)).collect::<Result<_, _>>()?;
    Ok(Vxlan { port: port.and_then(|port| port.try_into().ok()).unwrap_or(ASSIGNED_PORT), trusted_vteps })
}
