use std::net::SocketAddr;
use std::ops::Range;

use toml::Spanned;

use super::data_endpoint::{Owner, data_endpoint};
use super::endpoint::{listen, overlap};
use super::forbidden::{budget, certificate, help};
use super::host_name::host_name;
use super::netns::netns;
use super::quota::quota;
use super::raw;
use super::source::Source;
use super::words::PrivateIpRules;
use super::{ConfigError, DenyResponse, ForbiddenAt, MOST_ENDPOINTS, MOST_REGISTRIES, RegistryHost, UdpPolicy};
use crate::policy::registry_name_is_valid;

const NAME: &str = "registry.name";
const LISTEN: &str = "registry.listen";
const ACCEPTED_NAME: &str = "5 to 50 letters and digits";
pub(super) const ACCEPTED_HOST: &str = "a host name such as contoso.example.com";
pub(super) const ACCEPTED_LISTEN: &str = "one or more addresses such as [\"203.0.113.10:443\"]";

pub(super) fn registries(
    source: &Source<'_>,
    raw: Vec<Spanned<raw::Registry>>,
    vxlan_port: u16,
    may_be_none: bool,
) -> Result<Vec<RegistryHost>, ConfigError> {
    if raw.is_empty() && !may_be_none {
        return Err(source.missing(source.text.len(), "registry", "one or more tables [[registry]]"));
    }
    let count = raw.len();
    let mut taken = Taken { source, endpoints: Vec::new() };
    let mut registries: Vec<RegistryHost> = Vec::with_capacity(count);
    for table in raw {
        let span = table.span();
        if registries.len() == MOST_REGISTRIES {
            let problem = "registries are too many";
            return Err(source.invalid(&span, "registry", &count, problem, format!("at most {MOST_REGISTRIES}")));
        }
        let registry = registry(source, table, &registries, vxlan_port)?;
        taken.take(&span, &registry)?;
        registries.push(registry);
    }
    Ok(registries)
}

fn registry(
    source: &Source<'_>,
    table: Spanned<raw::Registry>,
    before: &[RegistryHost],
    vxlan_port: u16,
) -> Result<RegistryHost, ConfigError> {
    let at = table.span().start;
    let raw = table.into_inner();
    let name = raw.name.ok_or_else(|| source.missing(at, NAME, ACCEPTED_NAME))?;
    let refuse_name = |problem| Err(source.invalid(&name.span(), NAME, name.get_ref(), problem, ACCEPTED_NAME));
    if !registry_name_is_valid(name.get_ref()) {
        return refuse_name("is not a registry's name");
    }
    if before.iter().any(|registry| registry.name.eq_ignore_ascii_case(name.get_ref())) {
        return refuse_name("is the name of an earlier registry");
    }
    let login_server = raw.login_server.ok_or_else(|| source.missing(at, "registry.login-server", ACCEPTED_HOST))?;
    if raw.listen.is_empty() {
        return Err(source.missing(at, LISTEN, ACCEPTED_LISTEN));
    }
    let login_server = host_name(source, "registry.login-server", &login_server)?;
    let owner = Owner { name: name.get_ref(), login_server: &login_server };
    let data_endpoints =
        raw.data_endpoints.into_iter().map(|endpoint| data_endpoint(source, endpoint, &owner, vxlan_port));
    let data_endpoints = data_endpoints.collect::<Result<_, _>>()?;
    let private = source.word("registry.private-ip-rules", raw.private_ip_rules)?;
    Ok(RegistryHost {
        login_server,
        listen: listen(source, LISTEN, &raw.listen, vxlan_port)?,
        data_endpoints,
        deny_response: source.word("registry.deny-response", raw.deny_response)?.unwrap_or(DenyResponse::Forbidden),
        udp: source.word("registry.udp", raw.udp)?.unwrap_or(UdpPolicy::Deny),
        private_ip_rules: private == Some(PrivateIpRules::Allow),
        quota: quota(source, raw.quota)?,
        certificate: certificate(source, at, raw.certificate.as_ref(), raw.key.as_ref())?,
        forbidden_at: source.word("registry.forbidden-at", raw.forbidden_at)?.unwrap_or(ForbiddenAt::EveryPath),
        help: help(source, raw.help)?,
        budget: budget(source, raw.budget)?,
        netns: netns(source, at, raw.netns.as_ref(), &raw.netns_listen, vxlan_port)?,
        allow_local: raw.allow_local,
        name: name.into_inner(),
    })
}

/// The endpoints of the registries read so far.
struct Taken<'a> {
    source: &'a Source<'a>,
    endpoints: Vec<(SocketAddr, String)>,
}

impl Taken<'_> {
    /// Adds those of a further registry, unless a connection could then belong to two.
    fn take(&mut self, span: &Range<usize>, registry: &RegistryHost) -> Result<(), ConfigError> {
        let data = registry.data_endpoints.iter().flat_map(|endpoint| &endpoint.listen);
        let own: Vec<SocketAddr> = registry.listen.iter().chain(data).copied().collect();
        for endpoint in &own {
            if let Some((other, owner)) = self.endpoints.iter().find(|(other, _)| overlap(*other, *endpoint)) {
                let problem = format!("of registry `{}` overlaps {other} of registry `{owner}`", registry.name);
                let accepted = "an address and port that belong to one registry";
                return Err(self.source.invalid(span, LISTEN, endpoint, problem, accepted));
            }
        }
        self.endpoints.extend(own.into_iter().map(|endpoint| (endpoint, registry.name.clone())));
        if self.endpoints.len() > MOST_ENDPOINTS {
            let problem = "addresses over all registries are too many";
            let accepted = format!("at most {MOST_ENDPOINTS}");
            return Err(self.source.invalid(span, LISTEN, &self.endpoints.len(), problem, accepted));
        }
        Ok(())
    }
}
