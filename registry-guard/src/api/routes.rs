use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, map_request};
use axum::routing::{get, post};

use super::backend::Shared;
use super::body::{MOST_BYTES, MOST_BYTES_OF_LISTS};
use super::destroyed::report;
use super::path::normalise;
use super::refusal::Refusal;
use super::{
    check, events, ip_rule, network, policy, private_endpoint, registry, service, service_tag_rule, subnet, subnet_rule,
};
use crate::policy::{resource_group_id, subscription_id};

/// Every path of the API. A path meets the routes with its fixed words in lower case.
pub(super) fn routes(agent: Shared) -> Router {
    let subscription = subscription_id().to_ascii_lowercase();
    let group = resource_group_id().to_ascii_lowercase();
    let all_registries = format!("{subscription}/providers/microsoft.containerregistry/registries");
    let registries = format!("{group}/providers/microsoft.containerregistry/registries");
    let each_registry = format!("{registries}/{{registry}}");
    let all_networks = format!("{subscription}/providers/microsoft.network/virtualnetworks");
    let networks = format!("{group}/providers/microsoft.network/virtualnetworks");
    let each_network = format!("{networks}/{{network}}");
    let one_registry = get(registry::show).patch(registry::patch).layer(DefaultBodyLimit::max(MOST_BYTES_OF_LISTS));
    let whole_policy = get(policy::export).post(policy::apply).layer(DefaultBodyLimit::max(MOST_BYTES_OF_LISTS));

    let routes = Router::new()
        .route(&all_registries, get(registry::list))
        .route(&registries, get(registry::list))
        .route(&each_registry, one_registry)
        .route(&format!("{each_registry}/check"), post(check::check))
        .route(&format!("{each_registry}/iprules"), get(ip_rule::list))
        .route(
            &format!("{each_registry}/iprules/{{value}}"),
            get(ip_rule::show).put(ip_rule::put).delete(ip_rule::delete),
        )
        .route(&format!("{each_registry}/virtualnetworkrules"), get(subnet_rule::list))
        .route(
            &format!("{each_registry}/virtualnetworkrules/{{id}}"),
            get(subnet_rule::show).put(subnet_rule::put).delete(subnet_rule::delete),
        )
        .route(&format!("{each_registry}/servicetagrules"), get(service_tag_rule::list))
        .route(
            &format!("{each_registry}/servicetagrules/{{tag}}"),
            get(service_tag_rule::show).put(service_tag_rule::put).delete(service_tag_rule::delete),
        )
        .route(&format!("{each_registry}/privateendpointconnections"), get(private_endpoint::list))
        .route(
            &format!("{each_registry}/privateendpointconnections/{{name}}"),
            get(private_endpoint::show).put(private_endpoint::put).delete(private_endpoint::delete),
        )
        .route(&all_networks, get(network::list))
        .route(&networks, get(network::list))
        .route(&each_network, get(network::show).put(network::put).delete(network::delete))
        .route(&format!("{each_network}/subnets"), get(subnet::list))
        .route(&format!("{each_network}/subnets/{{subnet}}"), get(subnet::show).put(subnet::put).delete(subnet::delete))
        .route("/policy", whole_policy)
        .route("/status", get(service::status))
        .route("/events", get(events::events))
        .route("/detach", post(service::detach))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(agent);

    // A layer around routes runs after the path has chosen one; around a fallback, before.
    Router::new().fallback_service(routes).layer(from_fn(report)).layer(map_request(async |request| normalise(request)))
}

async fn no_such_path(uri: Uri) -> Refusal {
    let message = format!("path {}: names nothing here; accepted: see `registry-guard --help`", uri.path());
    Refusal::new(StatusCode::NOT_FOUND, "InvalidResourceType", message)
}

async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("method {method}: not possible for {}", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
}
