use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use registry_guard_common::HOST;

use super::{CertificateFiles, ResponderError};
use crate::agent::host;
use crate::config::{Config, DenyResponse, ForbiddenAt, RegistryHost};
use crate::handover::{Endpoint, RegistrySetup, Style};
use crate::responder::unprivileged_user;

/// What the responder gets, and who it is.
#[derive(Clone, Debug)]
pub struct ResponderOptions {
    /// The socket, which is made for `user` only.
    pub socket: PathBuf,
    /// Who the responder runs as; see [`crate::responder::unprivileged_user`].
    pub user: Uid,
    /// The registries, without certificates.
    pub registries: Vec<RegistrySetup>,
    /// Where those that have certificates keep them.
    pub certificates: Vec<CertificateFiles>,
}

impl ResponderOptions {
    /// What config.toml says of the registries whose denied clients are told so. `numbers` are those of
    /// [`Config::namespaces`], in their order.
    pub fn of(config: &Config, numbers: &[u8], socket: PathBuf) -> Result<Self, ResponderError> {
        let (user, _) = unprivileged_user(&config.responder.user)?;
        let told = || config.registries.iter().filter(|host| host.deny_response == DenyResponse::Forbidden);
        let paths = config.namespaces();
        let number = |path: &Path| {
            let position = paths.iter().position(|known| *known == path)?;
            numbers.get(position).copied()
        };
        let certificates = told().filter_map(|host| {
            let certificate = host.certificate.as_ref()?;
            let (chain, key) = (certificate.chain.clone(), certificate.key.clone());
            Some(CertificateFiles { registry: host.name.clone(), chain, key })
        });
        Ok(Self {
            socket,
            user,
            registries: told().map(|host| registry(host, number)).collect(),
            certificates: certificates.collect(),
        })
    }
}

fn registry(host: &RegistryHost, number: impl Fn(&Path) -> Option<u8>) -> RegistrySetup {
    let endpoint = |namespace| move |address: SocketAddr| Endpoint { namespace, address };
    let mut endpoints: Vec<Endpoint> = host::addresses(host).map(endpoint(HOST)).collect();
    if let Some(netns) = &host.netns
        && let Some(number) = number(&netns.path)
    {
        endpoints.extend(netns.listen.iter().copied().map(endpoint(number)));
    }
    RegistrySetup {
        name: host.name.clone(),
        login_server: host.login_server.clone(),
        data_endpoints: host.data_endpoints.iter().map(|data| data.name.clone()).collect(),
        endpoints,
        certificate: None,
        style: match host.forbidden_at {
            ForbiddenAt::EveryPath => Style::EveryPath,
            ForbiddenAt::Token => Style::Token,
        },
        help: host.help.clone(),
        answers_per_second: host.budget.total,
    }
}
