//! Over real sockets on the loopback interface, with a test in the agent's place.

mod abuse;
mod agent;
mod client;
mod handover;
mod http;
mod pki;
mod tls;

use agent::Agent;
use client::Client;
use pki::Authority;

use crate::handover::{Endpoint, RegistrySetup, Style};

/// Registry contoso with this certificate; its endpoints are those of the listeners.
fn contoso(certificate: Option<crate::handover::Certificate>) -> RegistrySetup {
    RegistrySetup {
        name: "contoso".to_owned(),
        login_server: "contoso.example.com".to_owned(),
        data_endpoints: vec!["contoso.local.data.example.com:8443".to_owned()],
        endpoints: vec![any_port_is_set_later()],
        certificate,
        style: Style::EveryPath,
        help: None,
        answers_per_second: 100_000,
    }
}

/// A place for the listener's own port, which is not known before it listens.
fn any_port_is_set_later() -> Endpoint {
    Endpoint { namespace: 0, address: "0.0.0.0:0".parse().unwrap() }
}

/// What contoso tells a denied client.
fn denial(source: &str) -> String {
    format!(
        r#"{{"errors":[{{"code":"DENIED","message":"client with IP '{source}' is not allowed access. Refer the administrator of contoso.example.com to grant access."}}]}}"#
    )
}
