use std::net::SocketAddr;
use std::path::PathBuf;

use nix::unistd::{Gid, Uid};
use registry_guard_common::HOST;

use super::ResponderError;
use crate::certificates::{CertificateFiles, Owner};
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
    /// The group of that user alone.
    pub group: Gid,
    /// The registries, without certificates.
    pub registries: Vec<RegistrySetup>,
    /// Where those that have certificates keep them.
    pub certificates: Vec<CertificateFiles>,
}

impl ResponderOptions {
    /// What config.toml says of the registries whose denied clients are told so. `number` gives the number of the namespace that
    /// a registry of this name listens in.
    pub fn of(config: &Config, number: impl Fn(&str) -> u8, socket: PathBuf) -> Result<Self, ResponderError> {
        let (user, group) = unprivileged_user(&config.responder.user)?;
        let told = || config.registries.iter().filter(|host| host.deny_response == DenyResponse::Forbidden);
        let certificates = told().filter_map(|host| {
            let certificate = host.certificate.as_ref()?;
            let (chain, key) = (certificate.chain.clone(), certificate.key.clone());
            Some(CertificateFiles { owner: Owner::Registry(host.name.clone()), chain, key })
        });
        Ok(Self {
            socket,
            user,
            group,
            registries: told().map(|host| registry(host, number(&host.name))).collect(),
            certificates: certificates.collect(),
        })
    }
}

fn registry(host: &RegistryHost, number: u8) -> RegistrySetup {
    let endpoint = |namespace| move |address: SocketAddr| Endpoint { namespace, address };
    let inside = host.netns.iter().flat_map(|netns| &netns.listen).copied();
    let endpoints = host.addresses().map(endpoint(HOST)).chain(inside.map(endpoint(number))).collect();
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
