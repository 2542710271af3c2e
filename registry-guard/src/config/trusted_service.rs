use toml::Spanned;

use super::raw;
use super::source::Source;
use super::source_prefix::SourcePrefix;
use super::{ConfigError, TrustedService};

const NAME: &str = "trusted-service.name";
const ACCEPTED_NAME: &str = "1 to 50 letters, digits, dots and hyphens, each name once";
const ACCEPTED_PREFIX: &str = "an address or a prefix such as 198.51.100.0/24 or 2001:db8::/64";
const PREFIXES: SourcePrefix =
    SourcePrefix { key: "trusted-service.prefixes", accepted: ACCEPTED_PREFIX, meant: ACCEPTED_PREFIX };

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
            return Err(source.missing(at, PREFIXES.key, ACCEPTED_PREFIX));
        }
        let prefixes = raw.prefixes.iter().map(|text| PREFIXES.read(source, text)).collect::<Result<_, _>>()?;
        services.push(TrustedService { name: name.into_inner(), prefixes });
    }
    Ok(services)
}
