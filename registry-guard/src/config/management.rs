use std::net::SocketAddr;
use std::time::Duration;

use toml::Spanned;
use uuid::Uuid;

use super::endpoint::{listen, overlap};
use super::forbidden::path;
use super::host_name::host_name;
use super::principal::principals;
use super::raw::{self, Text};
use super::source::Source;
use super::{Certificate, ConfigError, RegistryHost};
use crate::identity::Principal;

const LISTEN: &str = "management.listen";
const ACCEPTED_LISTEN: &str = "one or more addresses such as [\"203.0.113.10:8443\"]";
const ACCEPTED_NAME: &str = "the host name that the certificate carries, such as guard.example.com";
const ACCEPTED_LIFETIME: &str = "1s to 24h, such as 1h or 30m";

/// The lifetimes that a token can have.
const LIFETIMES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

/// Where the API is served over TLS, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Management {
    /// The addresses.
    pub listen: Vec<SocketAddr>,
    /// The host name in the URLs that clients are told, with a port if that is not the one of `listen`.
    pub name: String,
    /// What clients are shown.
    pub certificate: Certificate,
    /// The tenant, by which clients name the whole of this host.
    pub tenant: Uuid,
    /// How long a token counts; whole seconds.
    pub token_lifetime: Duration,
    /// Who may call.
    pub principals: Vec<Principal>,
}

impl Management {
    /// The lifetime of a token when the file names none.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_hours(1);

    /// The URL of the API, without a slash at its end.
    pub fn url(&self) -> String {
        let port = self.listen.first().map_or(443, SocketAddr::port);
        if port == 443 || self.name.contains(':') {
            format!("https://{}", self.name)
        } else {
            format!("https://{}:{port}", self.name)
        }
    }

    /// The host name without a port: what the certificate has to carry.
    pub fn host(&self) -> &str {
        self.name.split_once(':').map_or(self.name.as_str(), |(host, _)| host)
    }
}

pub(super) fn management(
    source: &Source<'_>,
    table: Spanned<raw::Management>,
    vxlan_port: u16,
    registries: &[RegistryHost],
) -> Result<Management, ConfigError> {
    let at = table.span().start;
    let raw = table.into_inner();
    let required = |text: Option<Text>, key: &str, accepted: &str| {
        text.ok_or_else(|| source.missing(at, &format!("management.{key}"), accepted))
    };
    if raw.listen.is_empty() {
        return Err(source.missing(at, LISTEN, ACCEPTED_LISTEN));
    }
    let listen = listen(source, LISTEN, &raw.listen, vxlan_port)?;
    for (address, text) in listen.iter().zip(&raw.listen) {
        let taken = |registry: &&RegistryHost| registry.addresses().any(|other| overlap(other, *address));
        if let Some(registry) = registries.iter().find(taken) {
            let problem = format!("is an address of registry `{}`", registry.name);
            return Err(source.invalid(&text.span(), LISTEN, address, problem, "an address and port of its own"));
        }
    }
    let name = required(raw.name, "name", ACCEPTED_NAME)?;
    let chain = required(raw.certificate, "certificate", "the certificate of `name`: PEM, an absolute path")?;
    let key = required(raw.key, "key", "the private key of `certificate`: PEM, an absolute path")?;
    let tenant = required(raw.tenant, "tenant", ACCEPTED_UUID)?;
    Ok(Management {
        listen,
        name: host_name(source, "management.name", &name)?,
        certificate: Certificate {
            chain: path(source, "management.certificate", &chain)?,
            key: path(source, "management.key", &key)?,
        },
        tenant: uuid(source, "management.tenant", &tenant)?,
        token_lifetime: raw.token_lifetime.map_or(Ok(Management::DEFAULT_LIFETIME), |text| lifetime(source, &text))?,
        principals: principals(source, at, raw.principal, raw.principals.as_ref(), registries)?,
    })
}

pub(super) const ACCEPTED_UUID: &str = "a UUID such as `uuidgen` prints";

pub(super) fn uuid(source: &Source<'_>, field: &str, text: &Text) -> Result<Uuid, ConfigError> {
    let uuid = Uuid::try_parse(text.get_ref()).ok().filter(|uuid| !uuid.is_nil());
    uuid.ok_or_else(|| source.invalid(&text.span(), field, text.get_ref(), "is not a UUID", ACCEPTED_UUID))
}

fn lifetime(source: &Source<'_>, text: &Text) -> Result<Duration, ConfigError> {
    let lifetime = humantime::parse_duration(text.get_ref()).ok();
    let whole = |lifetime: &Duration| LIFETIMES.contains(lifetime) && lifetime.subsec_nanos() == 0;
    lifetime.filter(whole).ok_or_else(|| {
        let problem = "is not a lifetime for tokens";
        source.invalid(&text.span(), "management.token-lifetime", text.get_ref(), problem, ACCEPTED_LIFETIME)
    })
}
