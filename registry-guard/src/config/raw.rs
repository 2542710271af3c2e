//! The shape of config.toml. Every value knows where it stands; none has been checked.

use serde::Deserialize;
use toml::Spanned;

pub(super) type Text = Spanned<String>;
pub(super) type Number = Spanned<i64>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    #[serde(default)]
    pub(super) interfaces: Vec<Text>,
    #[serde(default)]
    pub(super) hotplug_interfaces: Vec<Text>,
    pub(super) xdp_mode: Option<Text>,
    #[serde(default)]
    pub(super) tunnels: Vec<Text>,
    #[serde(default)]
    pub(super) vxlan: Vxlan,
    #[serde(default)]
    pub(super) events: Events,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) history: History,
    #[serde(default)]
    pub(super) responder: Responder,
    #[serde(default)]
    pub(super) socket: Socket,
    #[serde(default)]
    pub(super) service_tags: ServiceTags,
    #[serde(default)]
    pub(super) trusted_service: Vec<Spanned<TrustedService>>,
    #[serde(default)]
    pub(super) registry: Vec<Spanned<Registry>>,
    pub(super) management: Option<Spanned<Management>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Management {
    #[serde(default)]
    pub(super) listen: Vec<Text>,
    pub(super) name: Option<Text>,
    pub(super) certificate: Option<Text>,
    pub(super) key: Option<Text>,
    pub(super) tenant: Option<Text>,
    pub(super) token_lifetime: Option<Text>,
    pub(super) principals: Option<Text>,
    #[serde(default)]
    pub(super) principal: Vec<Spanned<Principal>>,
}

/// The file that `management.principals` names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PrincipalsFile {
    #[serde(default)]
    pub(super) principal: Vec<Spanned<Principal>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Principal {
    pub(super) id: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) secret_hash: Option<Text>,
    #[serde(default)]
    pub(super) roles: Vec<Spanned<Assignment>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Assignment {
    pub(super) role: Option<Text>,
    pub(super) registry: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Vxlan {
    pub(super) port: Option<Number>,
    #[serde(default)]
    pub(super) trusted_vteps: Vec<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Events {
    pub(super) per_second: Option<Number>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Limits {
    pub(super) rules: Option<Number>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct History {
    pub(super) revisions: Option<Number>,
    pub(super) megabytes: Option<Number>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ServiceTags {
    pub(super) watch: Option<Text>,
    pub(super) cloud: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Registry {
    pub(super) name: Option<Text>,
    pub(super) login_server: Option<Text>,
    #[serde(default)]
    pub(super) listen: Vec<Text>,
    #[serde(default)]
    pub(super) data_endpoints: Vec<Spanned<DataEndpoint>>,
    pub(super) deny_response: Option<Text>,
    pub(super) udp: Option<Text>,
    pub(super) private_ip_rules: Option<Text>,
    pub(super) quota: Option<Spanned<toml::Value>>,
    pub(super) certificate: Option<Text>,
    pub(super) key: Option<Text>,
    pub(super) forbidden_at: Option<Text>,
    pub(super) help: Option<Text>,
    #[serde(default)]
    pub(super) budget: Budget,
    pub(super) netns: Option<Text>,
    #[serde(default)]
    pub(super) netns_listen: Vec<Text>,
    #[serde(default)]
    pub(super) allow_local: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Budget {
    pub(super) per_source: Option<Number>,
    pub(super) total: Option<Number>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Socket {
    pub(super) readers: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Responder {
    pub(super) user: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TrustedService {
    pub(super) name: Option<Text>,
    #[serde(default)]
    pub(super) prefixes: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct DataEndpoint {
    pub(super) name: Option<Text>,
    pub(super) region: Option<Text>,
    #[serde(default)]
    pub(super) listen: Vec<Text>,
}
