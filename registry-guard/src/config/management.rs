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

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::config::Config;
    use crate::identity::{Grant, Role};

    const REGISTRY: &str = r#"
interfaces = ["eth0"]
[[registry]]
name = "contoso"
login-server = "contoso.example.com"
listen = ["203.0.113.10:443"]
"#;

    const MANAGEMENT: &str = r#"
[management]
listen = ["203.0.113.10:8443", "[2001:db8::10]:8443"]
name = "guard.example.com"
certificate = "/etc/ssl/guard.pem"
key = "/etc/ssl/guard.key"
tenant = "11111111-2222-3333-4444-555555555555"
token-lifetime = "30m"
"#;

    const PRINCIPAL: &str = r#"
[[management.principal]]
id = "aaaaaaaa-0000-4000-8000-000000000001"
name = "ci"
secret-hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"
roles = [{ role = "reader", registry = "*" }, { role = "contributor", registry = "Contoso" }]
"#;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("config.toml"), text).map_err(|error| error.to_string())
    }

    fn whole() -> String {
        [REGISTRY, MANAGEMENT, PRINCIPAL].concat()
    }

    #[test]
    fn everything_about_management_is_read_and_nothing_is_served_without_it() {
        assert_eq!(parse(REGISTRY).unwrap().management, None);
        let management = parse(&whole()).unwrap().management.unwrap();
        assert_eq!(management.listen.len(), 2);
        assert_eq!(
            (management.url().as_str(), management.host()),
            ("https://guard.example.com:8443", "guard.example.com")
        );
        assert_eq!(management.certificate.key, PathBuf::from("/etc/ssl/guard.key"));
        assert_eq!(management.token_lifetime, Duration::from_mins(30));
        let [principal] = &management.principals[..] else { panic!("{management:?}") };
        assert_eq!((principal.name.as_str(), principal.id.as_u128() & 0xf), ("ci", 1));
        let reader = Grant { role: Role::Reader, registry: "*".to_owned() };
        assert_eq!((principal.grants.len(), &principal.grants[0]), (2, &reader));
        let short = whole().replace("token-lifetime = \"30m\"\n", "");
        assert_eq!(parse(&short).unwrap().management.unwrap().token_lifetime, Management::DEFAULT_LIFETIME);
    }

    #[test]
    fn a_url_has_a_port_only_where_clients_need_it() {
        for (from, to, url) in [
            (":8443", ":443", "https://guard.example.com"),
            ("guard.example.com", "guard.example.com:9443", "https://guard.example.com:9443"),
        ] {
            let text = whole().replace("203.0.113.10:443", "203.0.113.99:443").replace(from, to);
            let management = parse(&text).unwrap().management.unwrap();
            assert_eq!((management.url().as_str(), management.host()), (url, "guard.example.com"));
        }
    }

    #[test]
    fn what_management_needs_is_missed_and_what_makes_no_sense_is_refused() {
        for (from, to, words) in [
            (
                "listen = [\"203.0.113.10:8443\", \"[2001:db8::10]:8443\"]\n",
                "",
                "config.toml:8: management.listen: missing",
            ),
            ("name = \"guard.example.com\"\n", "", "management.name: missing; accepted: the host name that"),
            ("certificate = \"/etc/ssl/guard.pem\"\n", "", "management.certificate: missing"),
            ("key = \"/etc/ssl/guard.key\"\n", "", "management.key: missing"),
            ("tenant = \"11111111-2222-3333-4444-555555555555\"\n", "", "management.tenant: missing"),
            (
                "203.0.113.10:8443",
                "203.0.113.10:443",
                "management.listen: `203.0.113.10:443` is an address of registry `contoso`",
            ),
            ("203.0.113.10:8443", "0.0.0.0:443", "is an address of registry `contoso`"),
            ("/etc/ssl/guard.pem", "guard.pem", "management.certificate: `guard.pem` is not an absolute path"),
            ("guard.example.com", "guard_example", "management.name: `guard_example` is not a host name"),
            ("11111111-2222", "11111111", "is not a UUID; accepted: a UUID"),
            ("11111111-2222-3333-4444-555555555555", "00000000-0000-0000-0000-000000000000", "is not a UUID"),
            ("30m", "0s", "management.token-lifetime: `0s` is not a lifetime for tokens; accepted: 1s to 24h"),
            ("30m", "25h", "management.token-lifetime: `25h`"),
            ("30m", "1500ms", "management.token-lifetime: `1500ms`"),
            ("30m", "soon", "management.token-lifetime: `soon`"),
            ("lifetime", "life", "unknown field `token-life`"),
        ] {
            let text = whole().replacen(from, to, if from == "guard.example.com" { 9 } else { 1 });
            assert_ne!(text, whole(), "{from}");
            let error = parse(&text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let error = parse(&[REGISTRY, MANAGEMENT].concat()).unwrap_err();
        assert!(error.contains("management.principal: missing; accepted: one or more tables"), "{error}");
    }

    #[test]
    fn a_principal_that_makes_no_sense_is_refused_and_no_error_shows_its_secret() {
        for (from, to, words) in [
            ("id = \"aaaa", "id = \"a", "management.principal.id: "),
            ("name = \"ci\"\n", "", "management.principal.name: missing"),
            ("\"ci\"", "\"\"", "management.principal.name: `` is not a name"),
            (
                "$argon2id$",
                "hunter2$argon2id$",
                "secret-hash: `(not shown)` is not the hash of a secret; accepted: what",
            ),
            ("secret-hash", "secret", "`(a line with a secret is not shown)`"),
            ("secret-hash = \"", "secret-hash = \"\"hunter2", "`(a line with a secret is not shown)`"),
            ("roles = [", "roles = [] #", "management.principal.roles: missing"),
            ("\"reader\"", "\"owner\"", "roles.role: `owner` is not known; accepted: reader, contributor"),
            ("role = \"reader\", ", "", "management.principal.roles.role: missing"),
            ("registry = \"*\"", "", "management.principal.roles.registry: missing; accepted: contoso or *"),
            (
                "\"Contoso\"",
                "\"fabrikam\"",
                "roles.registry: `fabrikam` is no registry of this host; accepted: contoso or *",
            ),
        ] {
            let text = [REGISTRY, MANAGEMENT, &PRINCIPAL.replacen(from, to, 1)].concat();
            let error = parse(&text).unwrap_err();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("argon2id$"), "{error}");
        }
        let twice = [whole().as_str(), PRINCIPAL].concat();
        let error = parse(&twice).unwrap_err();
        assert!(error.contains("is the id of an earlier principal; accepted: each id once"), "{error}");
    }

    #[test]
    fn principals_may_stand_in_a_file_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("principals.toml");
        let text = format!("{REGISTRY}{MANAGEMENT}principals = \"{}\"\n", file.display());
        assert!(parse(&text).unwrap_err().contains("principals.toml: cannot be read"));
        let table = PRINCIPAL.replace("management.principal", "principal");
        std::fs::write(&file, &table).unwrap();
        assert_eq!(parse(&text).unwrap().management.unwrap().principals.len(), 1);
        let error = parse(&[&text, PRINCIPAL].concat()).unwrap_err();
        assert!(error.contains("principals.toml:3: principal.id: "), "{error}");
        std::fs::write(&file, table.replace("reader", "owner")).unwrap();
        let error = parse(&text).unwrap_err();
        assert!(error.contains("principals.toml:6: principal.roles.role: `owner`"), "{error}");
    }
}
