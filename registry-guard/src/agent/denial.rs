//! One denied connection, as the log, the API and the command line tell of it.

use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use humantime::format_rfc3339_millis;
use serde::{Serialize, Serializer};
use tracing::info;
use uuid::Uuid;

/// One denied connection or datagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    /// When: as JSON in RFC 3339, UTC, with milliseconds.
    #[serde(serialize_with = "rfc3339")]
    pub time: SystemTime,
    /// The registry that was asked for.
    pub registry: String,
    /// Who asked.
    pub source: IpAddr,
    /// The port it asked from; only what the responder answered has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// The network it came from: the VNI, 0 for public traffic; absent if nobody remembers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<u32>,
    /// The outer source, if it was seen in VXLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vtep: Option<IpAddr>,
    /// The address and port that were asked for.
    pub endpoint: SocketAddr,
    /// The interface it arrived on; absent if it is not one of this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Which layer denied it.
    pub layer: DenialLayer,
    /// Why, by the name that counters use; `Unknown` if the kernel no longer knows.
    pub reason: &'static str,
    /// How it was answered.
    pub response: DenialResponse,
    /// What the client was told to name when it asks why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Uuid>,
}

/// Where a connection was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DenialLayer {
    /// By `guard_xdp`, on the NIC.
    Xdp,
    /// By `guard_sk_lookup`, at the socket.
    Socket,
}

/// How a denied connection was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DenialResponse {
    /// Not at all.
    Drop,
    /// By a TCP reset.
    Reset,
    /// By an HTTP 403.
    Forbidden,
}

impl Denial {
    /// The reason of which nothing is known.
    pub const UNKNOWN: &str = "Unknown";

    /// Writes it to the agent's own log.
    pub(super) fn log(&self) {
        let Self { registry, source, source_port, tag, vtep, endpoint, interface, reason, .. } = self;
        let vni = tag.filter(|tag| *tag > 0 || vtep.is_some());
        let layer = match self.layer {
            DenialLayer::Xdp => "xdp",
            DenialLayer::Socket => "socket",
        };
        let response = match self.response {
            DenialResponse::Drop => "drop",
            DenialResponse::Reset => "reset",
            DenialResponse::Forbidden => "forbidden",
        };
        info!(
            registry,
            %source,
            source_port,
            vni,
            vtep = vtep.map(tracing::field::display),
            %endpoint,
            reason,
            response,
            interface,
            layer,
            correlation_id = self.correlation_id.map(tracing::field::display),
            "denied"
        );
    }
}

pub(super) fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_rfc3339_millis(*time))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::json;

    use super::*;

    #[test]
    fn a_denial_as_json_leaves_out_what_it_does_not_have() {
        let mut denial = Denial {
            time: UNIX_EPOCH + Duration::from_millis(1_772_000_000_007),
            registry: "contoso".to_owned(),
            source: "198.51.100.66".parse().unwrap(),
            source_port: None,
            tag: Some(0),
            vtep: None,
            endpoint: "[2001:db8::10]:443".parse().unwrap(),
            interface: Some("eth0".to_owned()),
            layer: DenialLayer::Xdp,
            reason: "NoRule",
            response: DenialResponse::Drop,
            correlation_id: None,
        };
        let mut expected = json!({"time": "2026-02-25T06:13:20.007Z", "registry": "contoso", "source": "198.51.100.66",
            "tag": 0, "endpoint": "[2001:db8::10]:443", "interface": "eth0", "layer": "xdp", "reason": "NoRule",
            "response": "drop"});
        assert_eq!(serde_json::to_value(&denial).unwrap(), expected);
        denial.source_port = Some(40_000);
        denial.vtep = Some("192.0.2.11".parse().unwrap());
        denial.correlation_id = Some(Uuid::nil());
        denial.layer = DenialLayer::Socket;
        denial.response = DenialResponse::Forbidden;
        for (key, value) in [
            ("sourcePort", json!(40_000)),
            ("vtep", json!("192.0.2.11")),
            ("correlationId", json!("00000000-0000-0000-0000-000000000000")),
            ("layer", json!("socket")),
            ("response", json!("forbidden")),
        ] {
            expected[key] = value;
        }
        assert_eq!(serde_json::to_value(&denial).unwrap(), expected);
    }
}
