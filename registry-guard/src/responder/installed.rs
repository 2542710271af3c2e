use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;

use super::budget::Budget;
use crate::handover::{CertificateError, Endpoint, RegistrySetup, Style};
use crate::tls;

/// What the agent said last, in the form that answering needs.
#[derive(Debug, Default)]
pub(super) struct Installed {
    registries: Vec<Arc<Registry>>,
    endpoints: HashMap<Endpoint, Arc<Registry>>,
}

/// One registry.
#[derive(Debug)]
pub(super) struct Registry {
    pub(super) name: String,
    pub(super) login_server: String,
    /// What its clients call it, without ports.
    pub(super) hosts: Vec<String>,
    pub(super) style: Style,
    pub(super) help: String,
    pub(super) budget: Budget,
    pub(super) tls: Option<Tls>,
}

/// What a TLS server of one registry needs.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// The server's own certificate.
    certificate: CertificateDer<'static>,
}

/// Why a setup cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("the certificate of registry {registry} {problem}")]
    Certificate { registry: String, problem: CertificateError },
    #[error("TLS of registry {registry}: {problem}")]
    Tls { registry: String, problem: rustls::Error },
}

impl Installed {
    pub(super) fn new(setups: Vec<RegistrySetup>) -> Result<Self, SetupError> {
        let mut installed = Self::default();
        for setup in setups {
            let endpoints = setup.endpoints.clone();
            let registry = Arc::new(Registry::new(setup)?);
            installed.endpoints.extend(endpoints.into_iter().map(|endpoint| (endpoint, Arc::clone(&registry))));
            installed.registries.push(registry);
        }
        Ok(installed)
    }

    /// Whose endpoint a connection was made to.
    pub(super) fn at(&self, namespace: u8, local: SocketAddr) -> Option<&Arc<Registry>> {
        let any: [Option<IpAddr>; 2] = match local.ip() {
            IpAddr::V4(_) => [Some(Ipv4Addr::UNSPECIFIED.into()), Some(Ipv6Addr::UNSPECIFIED.into())],
            IpAddr::V6(_) => [Some(Ipv6Addr::UNSPECIFIED.into()), None],
        };
        let addresses = std::iter::once(local.ip()).chain(any.into_iter().flatten());
        let mut endpoints = addresses.map(|ip| Endpoint { namespace, address: SocketAddr::new(ip, local.port()) });
        endpoints.find_map(|endpoint| self.endpoints.get(&endpoint))
    }

    /// Who answers a TLS client that was let in at `endpoint` and asks for `name`, and with whose certificate: that of the
    /// endpoint, unless another registry has this name and a certificate for it.
    pub(super) fn tls_for<'i>(
        &'i self,
        endpoint: Option<&'i Arc<Registry>>,
        name: Option<&str>,
    ) -> Option<(&'i Arc<Registry>, &'i Tls)> {
        let fits = |registry: &Registry, name| registry.has_host(name) || registry.is_certified_for(name);
        let own = endpoint.filter(|registry| name.is_none_or(|name| fits(registry, name)));
        let named = || {
            let name = name?;
            self.registries.iter().find(|registry| registry.has_host(name) && registry.is_certified_for(name))
        };
        let certified = own.or_else(named).or(endpoint)?;
        Some((endpoint.unwrap_or(certified), certified.tls.as_ref()?))
    }
}

impl Registry {
    fn new(setup: RegistrySetup) -> Result<Self, SetupError> {
        let registry = || setup.name.clone();
        let tls = match &setup.certificate {
            None => None,
            Some(pair) => {
                let key = pair
                    .certified_key()
                    .map_err(|problem| SetupError::Certificate { registry: registry(), problem })?;
                let certificate = key.end_entity_cert().map(|certificate| certificate.clone().into_owned());
                let failed = |problem| SetupError::Tls { registry: registry(), problem };
                Some(Tls {
                    certificate: certificate.map_err(failed)?,
                    config: tls::config(key, &["h2", "http/1.1"]).map_err(failed)?,
                })
            }
        };
        let hosts = setup.host_names().map(|name| host(name).to_owned()).collect();
        let help = setup.help.unwrap_or_else(|| format!("the administrator of {}", setup.login_server));
        Ok(Self {
            tls,
            hosts,
            help,
            budget: Budget::new(setup.answers_per_second),
            style: setup.style,
            name: setup.name,
            login_server: setup.login_server,
        })
    }

    fn has_host(&self, name: &str) -> bool {
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    }

    fn is_certified_for(&self, name: &str) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls::is_certificate_for(&tls.certificate, name))
    }
}

/// A host name without its port.
pub(super) fn host(name: &str) -> &str {
    name.split_once(':').map_or(name, |(host, _)| host)
}
