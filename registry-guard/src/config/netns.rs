use super::endpoint::listen;
use super::forbidden::path;
use super::raw::Text;
use super::source::Source;
use super::{ConfigError, Netns};

/// The namespace that a registry listens in, with the addresses it has there: both, or neither.
pub(super) fn netns(
    source: &Source<'_>,
    at: usize,
    netns: Option<&Text>,
    addresses: &[Text],
    vxlan_port: u16,
) -> Result<Option<Netns>, ConfigError> {
    const LISTEN: &str = "registry.netns-listen";
    match (netns, addresses) {
        (None, []) => Ok(None),
        (None, [_, ..]) => {
            Err(source.missing(at, "registry.netns", "the path of a network namespace such as /run/netns/registry"))
        }
        (Some(_), []) => {
            Err(source.missing(at, LISTEN, "where the registry listens inside `netns`, such as [\"0.0.0.0:5000\"]"))
        }
        (Some(text), addresses) => Ok(Some(Netns {
            path: path(source, "registry.netns", text)?,
            listen: listen(source, LISTEN, addresses, vxlan_port)?,
        })),
    }
}
