use toml::Spanned;

use super::raw::{self, Text};
use super::source::Source;
use super::{ConfigError, TrustedService};
use crate::policy::{PrefixError, parse_prefix, refused_source};
use ipnet::IpNet;

const NAME: &str = "trusted-service.name";
const PREFIXES: &str = "trusted-service.prefixes";
const ACCEPTED_NAME: &str = "1 to 50 letters, digits, dots and hyphens, each name once";
const ACCEPTED_PREFIX: &str = "an address or a prefix such as 198.51.100.0/24 or 2001:db8::/64";

pub(super) fn trusted_services(
    source: &Source<'_>,
    raw: Vec<Spanned<raw::TrustedService>>,
) -> Result<Vec<TrustedService>, ConfigError> {
    let mut services: Vec<TrustedService> = Vec::with_capacity(raw.len());
    for table in raw {
        let at = table.span().start;
        let raw = table.into_inner();
        let name = raw.name.ok_or_else(|| source.missing(at, NAME, ACCEPTED_NAME))?;
        let shaped = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let taken = services.iter().any(|service| service.name.eq_ignore_ascii_case(name.get_ref()));
        if taken || !(1..=50).contains(&name.get_ref().len()) || !name.get_ref().bytes().all(shaped) {
            let problem = if taken { "is the name of an earlier service" } else { "is not the name of a service" };
            return Err(source.invalid(&name.span(), NAME, name.get_ref(), problem, ACCEPTED_NAME));
        }
        if raw.prefixes.is_empty() {
            return Err(source.missing(at, PREFIXES, ACCEPTED_PREFIX));
        }
        let prefixes = raw.prefixes.iter().map(|text| prefix(source, text)).collect::<Result<_, _>>()?;
        services.push(TrustedService { name: name.into_inner(), prefixes });
    }
    Ok(services)
}

fn prefix(source: &Source<'_>, text: &Text) -> Result<IpNet, ConfigError> {
    let refuse =
        |problem: String, accepted: String| source.invalid(&text.span(), PREFIXES, text.get_ref(), problem, accepted);
    let prefix = parse_prefix(text.get_ref()).map_err(|error| {
        let accepted = match &error {
            PrefixError::HostBits(network) => network.to_string(),
            _ => ACCEPTED_PREFIX.to_owned(),
        };
        refuse(error.to_string(), accepted)
    })?;
    match refused_source(&prefix) {
        Some(never) if ["multicast", "IPv4-mapped", "unspecified"].contains(&never.kind) => {
            Err(refuse(format!("is {} and never a packet's source", never.kind), ACCEPTED_PREFIX.to_owned()))
        }
        _ => Ok(prefix),
    }
}
