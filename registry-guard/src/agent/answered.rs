//! What the responder says it answered, checked against what the kernel knows.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use registry_guard_common::{Address, Class, FlowKey, FlowRecord, HOST};
use tracing::debug;
use uuid::Uuid;

use super::Agent;
use super::denial::{Denial, DenialLayer, DenialResponse};
use crate::kernel::{KernelError, interface_name};

/// How late a report may come.
const LATEST: Duration = Duration::from_mins(1);

/// One answer, as the responder reports it. It faces strangers and may be in their hands, so nothing of this is taken for
/// true that the kernel can tell.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// What the client was told to name when it asks why.
    pub id: Uuid,
    /// When it was answered. A time to come, or longer ago than a minute, is corrected.
    pub time: SystemTime,
    /// The number of the network namespace in which the connection was accepted.
    pub namespace: u8,
    /// The client's end of the connection.
    pub source: SocketAddr,
    /// The registry's end of the connection.
    pub endpoint: SocketAddr,
    /// Answers before this one that were not reported.
    pub unreported: u64,
}

impl Agent {
    /// Whether the responder is there to tell denied clients why. While it is, its reports are the log of what it was handed;
    /// while it is not, the log says that the second layer refused.
    pub fn set_responder_present(&self, present: bool) {
        self.0.responder_present.send_if_modified(|was| std::mem::replace(was, present) != present);
    }

    /// Logs what the responder answered, as far as `events.per-second` has room: network, registry, reason and interface as
    /// the kernel remembers them.
    ///
    /// A connection that the kernel does not remember is logged with the reason `Unknown`, since the client may come with its
    /// correlation id: under flood the kernel forgets early. One to no registry's endpoint is not logged.
    pub fn answered(&self, report: &Report) {
        let (source, endpoint) = (canonical(report.source), canonical(report.endpoint));
        let (slot, record) = match self.recall(report.namespace, source, endpoint) {
            Ok((Some(slot), record)) => (slot, record),
            Ok((None, _)) => {
                debug!(%source, %endpoint, "the responder reports an answer for an address that no registry has");
                return;
            }
            Err(problem) => {
                debug!(%problem, "cannot look up what the responder answered");
                return;
            }
        };
        let has_room = self.accounts().log_answer(slot, report.unreported);
        if !has_room {
            return;
        }
        let now = SystemTime::now();
        let earliest = now.checked_sub(LATEST).unwrap_or(now);
        self.log_denial(Denial {
            time: report.time.clamp(earliest, now),
            registry: self.registry_or_slot(slot),
            source: source.ip(),
            source_port: Some(source.port()),
            tag: record.map(|record| record.tag().value()),
            vtep: None,
            endpoint,
            interface: record.filter(|_| report.namespace == HOST).map(|record| interface_name(record.ifindex())),
            layer: DenialLayer::Socket,
            reason: record.and_then(|record| record.reason()).map_or(Denial::UNKNOWN, |reason| reason.name()),
            response: DenialResponse::Forbidden,
            correlation_id: Some(report.id),
        });
    }

    /// The registry that was asked for, and what the kernel remembers of the connection. One that it allowed was never the
    /// responder's to answer: another has its numbers now.
    fn recall(
        &self,
        namespace: u8,
        source: SocketAddr,
        endpoint: SocketAddr,
    ) -> Result<(Option<u32>, Option<FlowRecord>), KernelError> {
        let (remote, local) = (Address::from(source.ip()), Address::from(endpoint.ip()));
        let kernel = self.kernel();
        let record = kernel
            .flow(&FlowKey::new(namespace, (&remote, source.port()), (&local, endpoint.port())))?
            .filter(|record| record.reason().is_none_or(|reason| reason.class() != Class::Allow));
        let slot = match record.and_then(|record| record.registry()) {
            Some(slot) => Some(slot),
            None => kernel.endpoint(namespace, &local, endpoint.port())?.and_then(|endpoint| endpoint.registry()),
        };
        Ok((slot, record))
    }
}

/// An IPv4 address as such, also where a socket of both families wrote it as an IPv6 address.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
