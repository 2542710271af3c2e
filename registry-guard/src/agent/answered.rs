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
        let interface = record.filter(|_| report.namespace == HOST).map(|record| interface_name(record.ifindex()));
        self.log_denial(Denial { interface, ..denial(report, self.registry_or_slot(slot), record, SystemTime::now()) });
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
            .filter(was_denied);
        let slot = match record.and_then(|record| record.registry()) {
            Some(slot) => Some(slot),
            None => kernel.endpoint(namespace, &local, endpoint.port())?.and_then(|endpoint| endpoint.registry()),
        };
        Ok((slot, record))
    }
}

fn was_denied(record: &FlowRecord) -> bool {
    record.reason().is_none_or(|reason| reason.class() != Class::Allow)
}

/// The denial that `report` tells of at `now`, with what the kernel remembers.
fn denial(report: &Report, registry: String, record: Option<FlowRecord>, now: SystemTime) -> Denial {
    let (source, endpoint) = (canonical(report.source), canonical(report.endpoint));
    let earliest = now.checked_sub(LATEST).unwrap_or(now);
    Denial {
        time: report.time.clamp(earliest, now),
        registry,
        source: source.ip(),
        source_port: Some(source.port()),
        tag: record.map(|record| record.tag().value()),
        vtep: None,
        endpoint,
        interface: None,
        layer: DenialLayer::Socket,
        reason: record.and_then(|record| record.reason()).map_or(Denial::UNKNOWN, |reason| reason.name()),
        response: DenialResponse::Forbidden,
        correlation_id: Some(report.id),
    }
}

/// An IPv4 address as such, also where a socket of both families wrote it as an IPv6 address.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use registry_guard_common::{Datagrams, Endpoint, Judgement, LocalTraffic, NO_COUNTER, Reason, Response, Tag};
    use serde_json::json;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn record(reason: Reason) -> FlowRecord {
        let endpoint = Endpoint::new(3, Response::Forbidden, Datagrams::Deny, LocalTraffic::Judge);
        FlowRecord::new(&Judgement { reason, endpoint, counter: NO_COUNTER }, Tag::vni(5001), 7)
    }

    fn report(time: SystemTime) -> Report {
        Report {
            id: Uuid::nil(),
            time,
            namespace: HOST,
            source: "[::ffff:198.51.100.66]:40000".parse().unwrap(),
            endpoint: "[::ffff:203.0.113.10]:443".parse().unwrap(),
            unreported: 0,
        }
    }

    #[test]
    fn network_and_reason_are_those_that_the_kernel_remembers() {
        let denial = denial(&report(NOW), "contoso".to_owned(), Some(record(Reason::NoRule)), NOW);
        assert_eq!(
            serde_json::to_value(denial).unwrap(),
            json!({"time": "1970-01-01T00:00:00.000Z", "registry": "contoso", "source": "198.51.100.66",
                "sourcePort": 40_000, "tag": 5001, "endpoint": "203.0.113.10:443", "layer": "socket",
                "reason": "NoRule", "response": "forbidden",
                "correlationId": "00000000-0000-0000-0000-000000000000"})
        );
    }

    #[test]
    fn what_the_kernel_does_not_remember_has_no_network_and_no_reason() {
        let denial = denial(&report(NOW), "contoso".to_owned(), None, NOW);
        assert_eq!((denial.tag, denial.reason), (None, "Unknown"));
    }

    #[test]
    fn a_connection_that_was_allowed_is_not_the_one_that_was_answered() {
        assert!(was_denied(&record(Reason::DenyRule)));
        for reason in [Reason::SubnetRule, Reason::PrivateEndpoint] {
            assert!(!was_denied(&record(reason)));
        }
    }

    #[test]
    fn a_time_that_cannot_be_is_corrected() {
        let now = NOW + 10 * LATEST;
        for (told, taken) in [(now - LATEST / 2, now - LATEST / 2), (now + LATEST, now), (NOW, now - LATEST)] {
            assert_eq!(denial(&report(told), String::new(), None, now).time, taken);
        }
    }
}
