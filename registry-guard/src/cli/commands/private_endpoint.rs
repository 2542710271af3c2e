//! `private-endpoint-connection`.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::Session;
use crate::cli::arguments::{Decision, EndpointArguments, Revision};
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::resource_path;
use crate::cli::view::{Column, ResourceView, flatten};

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("STATUS", "/privateLinkServiceConnectionState/status"),
    ("IP ADDRESS", "/ipAddress"),
    ("VIRTUAL NETWORK", "/virtualNetwork"),
    ("HITS", "/hits"),
    ("REVISION", "/revision"),
];

/// `private-endpoint-connection create`; one that is so already stays as it is.
pub(crate) async fn create(
    session: Session<'_>,
    endpoint: &EndpointArguments,
    network: &str,
    address: IpAddr,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    put(session, endpoint, json!({"virtualNetwork": network, "ipAddress": address}), if_match).await
}

/// `private-endpoint-connection list`
pub(crate) async fn list(mut session: Session<'_>, registry: &str) -> Result<(), Failure> {
    let endpoints = session.ask_list(Call::get(resource_path::private_endpoints(registry))).await?;
    session.print(&ResourceView::new(flatten(endpoints), COLUMNS))
}

/// `private-endpoint-connection show`
pub(crate) async fn show(mut session: Session<'_>, endpoint: &EndpointArguments) -> Result<(), Failure> {
    let answer = session.ask(Call::get(path(endpoint))).await?;
    session.print(&ResourceView::new(flatten(answer), COLUMNS))
}

/// `private-endpoint-connection approve` and `reject`
pub(crate) async fn decide(session: Session<'_>, status: &str, decision: &Decision) -> Result<(), Failure> {
    let mut state = Map::new();
    state.insert("status".to_owned(), status.into());
    if let Some(description) = &decision.description {
        state.insert("description".to_owned(), description.as_str().into());
    }
    let properties = json!({ "privateLinkServiceConnectionState": state });
    put(session, &decision.endpoint, properties, decision.terms.if_match).await
}

/// `private-endpoint-connection delete`
pub(crate) async fn delete(
    mut session: Session<'_>,
    endpoint: &EndpointArguments,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let answer = session.ask(Call::delete(path(endpoint)).if_match(if_match)).await?;
    session.print_removal(answer)
}

async fn put(
    mut session: Session<'_>,
    endpoint: &EndpointArguments,
    properties: Value,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let body = json!({ "properties": properties });
    let answer = flatten(session.ask(Call::put(path(endpoint), &body).if_match(if_match)).await?);
    if answer["changed"] == false {
        let status = answer["privateLinkServiceConnectionState"]["status"].as_str().unwrap_or_default();
        let (name, revision) = (&endpoint.name, &answer["revision"]);
        session.terminal.note(&format!("already so: {name}, {status} (revision {revision})"));
    }
    session.print(&ResourceView::new(answer, COLUMNS))
}

fn path(endpoint: &EndpointArguments) -> String {
    resource_path::private_endpoint(&endpoint.registry_name, &endpoint.name)
}
