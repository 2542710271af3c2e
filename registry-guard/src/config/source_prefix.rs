use ipnet::IpNet;

use super::ConfigError;
use super::raw::Text;
use super::source::Source;
use crate::policy::{PrefixError, parse_prefix, refused_source};

/// A key that holds prefixes from which packets come.
pub(super) struct SourcePrefix {
    pub(super) key: &'static str,
    /// What such a prefix looks like.
    pub(super) accepted: &'static str,
    /// What it stands for, where no packet can come from the one that was given.
    pub(super) meant: &'static str,
}

impl SourcePrefix {
    /// Reads one.
    pub(super) fn read(&self, source: &Source<'_>, text: &Text) -> Result<IpNet, ConfigError> {
        let refuse = |problem: String, accepted: String| {
            source.invalid(&text.span(), self.key, text.get_ref(), problem, accepted)
        };
        let prefix = parse_prefix(text.get_ref()).map_err(|error| {
            let accepted = match &error {
                PrefixError::HostBits(network) => network.to_string(),
                _ => self.accepted.to_owned(),
            };
            refuse(error.to_string(), accepted)
        })?;
        match refused_source(&prefix) {
            Some(never) if ["multicast", "IPv4-mapped", "unspecified"].contains(&never.kind) => {
                Err(refuse(format!("is {} and never a packet's source", never.kind), self.meant.to_owned()))
            }
            _ => Ok(prefix),
        }
    }
}
