//! Connections do not outlive the rule that let them in: after a change, those of denied sources are destroyed.

mod place;
mod record;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use registry_guard_common::{Class, Tag};
use thiserror::Error;

pub(super) use self::record::Revocations;

use self::place::Place;
use self::record::Ended;
use super::{Agent, question};
use crate::config::{Netns, RegistryHost};
use crate::kernel::KernelError;
use crate::netns::Namespace;
use crate::sock_diag::{Connection, SockDiagError};

/// A pass that destroyed something is followed by another one, since a handshake may have ended meanwhile.
const PASSES: u32 = 8;

/// Why connections could not be judged or destroyed.
#[derive(Debug, Error)]
enum RevocationError {
    #[error(transparent)]
    Sockets(#[from] SockDiagError),
    #[error(transparent)]
    Kernel(#[from] KernelError),
    #[error("network namespace {path}: {error}")]
    Namespace { path: PathBuf, error: io::Error },
    #[error("the addresses of this host cannot be read: {0}")]
    Addresses(#[from] nix::Error),
    #[error("nothing is known of {0}, since no endpoint of the host is of its family")]
    NoQuestion(IpAddr),
}

/// The verdicts of the loaded program, each asked for once.
type Verdicts = HashMap<(u32, IpAddr, SocketAddr), bool>;

impl Agent {
    /// Destroys the connections to the endpoints of `registries` (lower-case names) whose source the loaded program denies
    /// now, and returns how many there were. Blocks.
    pub(super) fn revoke(&self, registries: &[String]) -> u64 {
        let concerned = |host: &&RegistryHost| registries.iter().any(|name| host.name.eq_ignore_ascii_case(name));
        let mut destroyed = 0;
        for host in self.config().registries.iter().filter(concerned) {
            let mut ended = Ended::default();
            let outcome = self.revoke_at(host, &mut ended);
            destroyed += ended.count();
            self.0.revocations.settle(&host.name, &ended, outcome);
        }
        destroyed
    }

    fn revoke_at(&self, host: &RegistryHost, ended: &mut Ended) -> Result<(), RevocationError> {
        if self.read(|policy| policy.registry(&host.name).is_some()) {
            self.kernel().settle()?;
        }
        let mut verdicts = Verdicts::new();
        // What can be done in one namespace is done, whatever is wrong with the other.
        let here = Place::here(host).and_then(|place| self.revoke_in(&place, &mut verdicts, ended));
        let there = match self.elsewhere(host) {
            None => Ok(()),
            Some((netns, number, namespace)) => Place::there(host, netns, number, &namespace)
                .and_then(|place| self.revoke_in(&place, &mut verdicts, ended)),
        };
        here.and(there)
    }

    /// The namespace other than the agent's own that a registry listens in. Nothing is connected to one that is gone.
    fn elsewhere<'a>(&self, host: &'a RegistryHost) -> Option<(&'a Netns, u8, Arc<Namespace>)> {
        let netns = host.netns.as_ref()?;
        let layer = self.second_layer();
        let number = layer.number_of(&host.name);
        let (_, namespace) = layer.namespaces().into_iter().find(|(one, _)| *one == number)?;
        Some((netns, number, namespace))
    }

    fn revoke_in(&self, place: &Place<'_>, verdicts: &mut Verdicts, ended: &mut Ended) -> Result<(), RevocationError> {
        let mut outcome = Ok(());
        for _ in 0..PASSES {
            let mut more = false;
            outcome = Ok(());
            for connection in place.connections()? {
                match self.revoke_one(place, &connection, verdicts) {
                    Ok(true) => more |= ended.add(&connection),
                    Ok(false) => {}
                    // Of all that is wrong with one connection or another, the first is told.
                    Err(problem) => outcome = outcome.and(Err(problem)),
                }
            }
            if !more {
                break;
            }
        }
        outcome
    }

    /// Whether the connection was there and is no more.
    fn revoke_one(
        &self,
        place: &Place<'_>,
        connection: &Connection,
        verdicts: &mut Verdicts,
    ) -> Result<bool, RevocationError> {
        Ok(self.is_denied(place, connection, verdicts)? && place.sockets.destroy(connection)?)
    }

    fn is_denied(
        &self,
        place: &Place<'_>,
        connection: &Connection,
        verdicts: &mut Verdicts,
    ) -> Result<bool, RevocationError> {
        let source = connection.remote.ip();
        if self.0.blind_spots.allow_local(place.host) && place.is_local(source) {
            return Ok(false);
        }
        let tag = match self.kernel().flow(&place.key(connection))? {
            // Public, and allowed when it was opened; or older than the agent.
            None => Tag::PUBLIC,
            // It was handed to the responder, which tells its client why.
            Some(record) if record.reason().is_none_or(|reason| reason.class() != Class::Allow) => return Ok(false),
            Some(record) => record.tag(),
        };
        let destination = place.destination(connection).ok_or(RevocationError::NoQuestion(source))?;
        self.is_source_denied(tag, source, destination, verdicts)
    }

    fn is_source_denied(
        &self,
        tag: Tag,
        source: IpAddr,
        destination: SocketAddr,
        verdicts: &mut Verdicts,
    ) -> Result<bool, RevocationError> {
        let key = (tag.value(), source, destination);
        if let Some(&denied) = verdicts.get(&key) {
            return Ok(denied);
        }
        let vni = (tag != Tag::PUBLIC).then_some(tag.value());
        let question = question::connection(&self.config().vxlan, source, destination, vni)
            .ok_or(RevocationError::NoQuestion(source))?;
        let denied = match self.kernel().ask(&question)?.reason.class() {
            Class::Allow | Class::NotOurs => false,
            Class::Deny | Class::Undecided | Class::Never => true,
        };
        verdicts.insert(key, denied);
        Ok(denied)
    }
}
