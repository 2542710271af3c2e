use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state, map_request};
use axum::routing::{get, post};

use super::backend::Shared;
use super::body::{MOST_BYTES, MOST_BYTES_OF_LISTS};
use super::change_headers::report;
use super::discovery::Host;
use super::path::normalise;
use super::refusal::Refusal;
use super::request_log::Strangers;
use super::{
    access, caller, check, discovery, endpoints, events, history, network, operation, policy, private_endpoint,
    provider, registry, request_log, resources, restore, rule, service, service_tags, subnet, subscription, token,
};
use crate::policy::{IpRule, ServiceTagFile, ServiceTagRule, SubnetRule, resource_group_id, subscription_id};

/// Every path of the API as processes on this host see it. A path meets the routes with its fixed words in lower case.
pub(super) fn local_routes(agent: Shared) -> Router {
    let readers: Arc<str> = agent.config().socket.readers.group().into();
    caller_routes(agent).layer(from_fn_with_state(readers, caller::identify))
}

/// The same for whoever knows the [`caller::Caller`] already.
pub(super) fn caller_routes(agent: Shared) -> Router {
    around(guarded(resource_routes(agent)), Arc::default())
}

/// Every path of the API as callers over TLS see it: before anything else they have to say who they are, but for what they need to
/// know to do so. Needs a [`caller::Caller`] in each request.
pub(super) fn remote_routes(agent: Shared, host: Arc<Host>, strangers: Arc<Strangers>) -> Router {
    let door = Arc::clone(&host.door);
    let resources = guarded(resource_routes(agent)).layer(from_fn_with_state(door, access::authenticate));
    let unauthenticated = Router::new()
        .route("/metadata/endpoints", get(discovery::endpoints))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::openid))
        .route("/{tenant}/oauth2/v2.0/token", post(token::v2))
        .route("/{tenant}/oauth2/token", post(token::v1))
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(token::MOST_BYTES))
        .with_state(host)
        .fallback_service(resources);
    around(unauthenticated, strangers)
}

/// What happens to every request before it meets `routes`. A layer around routes runs after the path has chosen one; around a
/// fallback, before.
fn around(routes: Router, strangers: Arc<Strangers>) -> Router {
    Router::new()
        .fallback_service(routes)
        .layer(from_fn(report))
        .layer(from_fn_with_state(strangers, request_log::follow))
        .layer(map_request(async |request| normalise(request)))
}

/// Lets a caller meet only those of `routes` that are declared for it (see [`super::permission`]).
pub(super) fn guarded(routes: Router) -> Router {
    routes.layer(from_fn(access::authorise))
}

pub(super) fn resource_routes(agent: Shared) -> Router {
    let subscription = subscription_id().to_ascii_lowercase();
    let group = resource_group_id().to_ascii_lowercase();
    let all_registries = format!("{subscription}/providers/microsoft.containerregistry/registries");
    let registries = format!("{group}/providers/microsoft.containerregistry/registries");
    let each_registry = format!("{registries}/{{registry}}");
    let all_networks = format!("{subscription}/providers/microsoft.network/virtualnetworks");
    let networks = format!("{group}/providers/microsoft.network/virtualnetworks");
    let operations =
        format!("{subscription}/providers/microsoft.containerregistry/locations/{{location}}/operationstatuses");
    let revisions = format!("{subscription}/providers/microsoft.containerregistry/locations/{{location}}/revisions");
    let each_network = format!("{networks}/{{network}}");
    let one_registry = get(registry::show)
        .patch(registry::patch)
        .put(registry::patch)
        .layer(DefaultBodyLimit::max(MOST_BYTES_OF_LISTS));
    let whole_policy = get(policy::export).post(policy::apply).layer(DefaultBodyLimit::max(MOST_BYTES_OF_LISTS));

    let all_tags = format!("{subscription}/providers/microsoft.network/locations/local/servicetags");
    let tags = format!("{group}/providers/microsoft.network/locations/local/servicetags");
    let published =
        || get(service_tags::list).put(service_tags::put).layer(DefaultBodyLimit::max(ServiceTagFile::MOST_BYTES));
    Router::new()
        .route("/tenants", get(subscription::tenants))
        .route("/subscriptions", get(subscription::list))
        .route(&subscription, get(subscription::show))
        .route(&format!("{subscription}/resourcegroups"), get(subscription::groups))
        .route(&group, get(subscription::group))
        .route(&format!("{subscription}/resources"), get(resources::list))
        .route(&format!("{group}/resources"), get(resources::list))
        .route(&format!("{subscription}/providers"), get(provider::list))
        .route(&format!("{subscription}/providers/{{namespace}}"), get(provider::show))
        .route(&format!("{subscription}/providers/{{namespace}}/register"), post(provider::show))
        .route(&operations, get(operation::list))
        .route(&format!("{operations}/{{id}}"), get(operation::show))
        .route(&revisions, get(history::list))
        .route(&format!("{revisions}/{{revision}}/changes"), get(history::changes))
        .route(&format!("{revisions}/{{revision}}/rollback"), post(history::roll_back))
        .route(&format!("{revisions}/{{revision}}/confirm"), post(history::confirm))
        .route(&all_registries, get(registry::list))
        .route(&registries, get(registry::list))
        .route(&each_registry, one_registry)
        .route(&format!("{each_registry}/check"), post(check::check))
        .route(&format!("{each_registry}/replications"), get(registry::replications))
        .route(&format!("{each_registry}/endpoints"), get(endpoints::show))
        .route(&format!("{each_registry}/iprules"), rule::collection::<IpRule>())
        .route(&format!("{each_registry}/iprules/{{value}}"), rule::single::<IpRule>())
        .route(&format!("{each_registry}/virtualnetworkrules"), rule::collection::<SubnetRule>())
        .route(&format!("{each_registry}/virtualnetworkrules/{{id}}"), rule::single::<SubnetRule>())
        .route(&format!("{each_registry}/servicetagrules"), rule::collection::<ServiceTagRule>())
        .route(&format!("{each_registry}/servicetagrules/{{tag}}"), rule::single::<ServiceTagRule>())
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
        .route(&all_tags, published())
        .route(&tags, published())
        .route(&format!("{all_tags}/{{tag}}"), get(service_tags::show))
        .route(&format!("{tags}/{{tag}}"), get(service_tags::show))
        .route("/copies", get(restore::list))
        .route("/restore", post(restore::restore))
        .route("/policy", whole_policy)
        .route("/status", get(service::status))
        .route("/events", get(events::events))
        .route("/reload", post(service::reload))
        .route("/detach", post(service::detach))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(agent)
}

async fn no_such_path(uri: Uri) -> Refusal {
    let message = format!("path {}: names nothing here; accepted: see `registry-guard --help`", uri.path());
    Refusal::new(StatusCode::NOT_FOUND, "InvalidResourceType", message)
}

async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("method {method}: not possible for {}", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
}
