//! What a principal needs for each thing that it can ask for. Whatever is not here is not for principals.

use axum::http::Method;

use crate::identity::Role;
use crate::policy::{resource_group_id, subscription_id};

/// What a principal needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The role on any registry.
    Anywhere(Role),
    /// The role on the registry that the path names.
    There(Role),
    /// The role on every registry, since all of them share what is asked for.
    Everywhere(Role),
}

impl Need {
    /// The role, wherever it is needed.
    pub(super) const fn role(self) -> Role {
        match self {
            Self::Anywhere(role) | Self::There(role) | Self::Everywhere(role) => role,
        }
    }
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Read,
    Write,
    Delete,
    Action,
}

/// What a request does, in the words of Azure's roles, and what a principal needs for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Permission {
    pub(super) action: String,
    pub(super) need: Need,
}

/// A path below the subscription or its group, the kind of what is there, and what can be done to it.
type Declared = (&'static str, &'static str, &'static [(Verb, Need)]);

const SEEN_BY_ALL: &[(Verb, Need)] = &[(Verb::Read, Need::Anywhere(Role::Reader))];
const PART_OF_REGISTRY: &[(Verb, Need)] = &[
    (Verb::Read, Need::There(Role::Reader)),
    (Verb::Write, Need::There(Role::Contributor)),
    (Verb::Delete, Need::There(Role::Contributor)),
];
const LISTED_IN_REGISTRY: &[(Verb, Need)] = &[(Verb::Read, Need::There(Role::Reader))];
const SHARED: &[(Verb, Need)] = &[
    (Verb::Read, Need::Anywhere(Role::Reader)),
    (Verb::Write, Need::Everywhere(Role::Contributor)),
    (Verb::Delete, Need::Everywhere(Role::Contributor)),
];

const DECLARED: &[Declared] = &[
    ("/tenants", "Microsoft.Resources/tenants", SEEN_BY_ALL),
    ("/subscriptions", "Microsoft.Resources/subscriptions", SEEN_BY_ALL),
    ("", "Microsoft.Resources/subscriptions", SEEN_BY_ALL),
    ("/resourcegroups", "Microsoft.Resources/subscriptions/resourceGroups", SEEN_BY_ALL),
    ("/resources", "Microsoft.Resources/subscriptions/resources", SEEN_BY_ALL),
    ("/providers", "Microsoft.Resources/providers", SEEN_BY_ALL),
    ("/providers/{namespace}", "Microsoft.Resources/providers", SEEN_BY_ALL),
    (
        "/providers/{namespace}/register",
        "Microsoft.Resources/providers/register",
        &[(Verb::Action, Need::Anywhere(Role::Contributor))],
    ),
    (
        "/providers/microsoft.containerregistry/locations/{location}/operationstatuses/{id}",
        "Microsoft.ContainerRegistry/locations/operationStatuses",
        SEEN_BY_ALL,
    ),
    (
        "/providers/microsoft.containerregistry/locations/{location}/revisions",
        "Microsoft.ContainerRegistry/locations/revisions",
        &[(Verb::Read, Need::Everywhere(Role::Reader))],
    ),
    (
        "/providers/microsoft.containerregistry/locations/{location}/revisions/{revision}/changes",
        "Microsoft.ContainerRegistry/locations/revisions/changes",
        &[(Verb::Read, Need::Everywhere(Role::Reader))],
    ),
    (
        "/providers/microsoft.containerregistry/locations/{location}/revisions/{revision}/rollback",
        "Microsoft.ContainerRegistry/locations/revisions/rollback",
        &[(Verb::Action, Need::Everywhere(Role::Contributor))],
    ),
    (
        "/providers/microsoft.containerregistry/locations/{location}/revisions/{revision}/confirm",
        "Microsoft.ContainerRegistry/locations/revisions/confirm",
        &[(Verb::Action, Need::Everywhere(Role::Contributor))],
    ),
    ("/providers/microsoft.containerregistry/registries", "Microsoft.ContainerRegistry/registries", SEEN_BY_ALL),
    (
        "/providers/microsoft.containerregistry/registries/{registry}",
        "Microsoft.ContainerRegistry/registries",
        PART_OF_REGISTRY,
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/replications",
        "Microsoft.ContainerRegistry/registries/replications",
        LISTED_IN_REGISTRY,
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/endpoints",
        "Microsoft.ContainerRegistry/registries/endpoints",
        LISTED_IN_REGISTRY,
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/check",
        "Microsoft.ContainerRegistry/registries/check",
        &[(Verb::Action, Need::There(Role::Reader))],
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/iprules",
        "Microsoft.ContainerRegistry/registries/ipRules",
        LISTED_IN_REGISTRY,
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/iprules/{value}",
        "Microsoft.ContainerRegistry/registries/ipRules",
        PART_OF_REGISTRY,
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/virtualnetworkrules",
        "Microsoft.ContainerRegistry/registries/virtualNetworkRules",
        LISTED_IN_REGISTRY,
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/virtualnetworkrules/{id}",
        "Microsoft.ContainerRegistry/registries/virtualNetworkRules",
        PART_OF_REGISTRY,
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/servicetagrules",
        "Microsoft.ContainerRegistry/registries/serviceTagRules",
        LISTED_IN_REGISTRY,
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/servicetagrules/{tag}",
        "Microsoft.ContainerRegistry/registries/serviceTagRules",
        PART_OF_REGISTRY,
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/privateendpointconnections",
        "Microsoft.ContainerRegistry/registries/privateEndpointConnections",
        LISTED_IN_REGISTRY,
    ),
    (
        "/providers/microsoft.containerregistry/registries/{registry}/privateendpointconnections/{name}",
        "Microsoft.ContainerRegistry/registries/privateEndpointConnections",
        PART_OF_REGISTRY,
    ),
    ("/providers/microsoft.network/virtualnetworks", "Microsoft.Network/virtualNetworks", SEEN_BY_ALL),
    ("/providers/microsoft.network/virtualnetworks/{network}", "Microsoft.Network/virtualNetworks", SHARED),
    (
        "/providers/microsoft.network/virtualnetworks/{network}/subnets",
        "Microsoft.Network/virtualNetworks/subnets",
        SEEN_BY_ALL,
    ),
    (
        "/providers/microsoft.network/virtualnetworks/{network}/subnets/{subnet}",
        "Microsoft.Network/virtualNetworks/subnets",
        SHARED,
    ),
    ("/providers/microsoft.network/locations/local/servicetags", "Microsoft.Network/locations/serviceTags", SHARED),
    (
        "/providers/microsoft.network/locations/local/servicetags/{tag}",
        "Microsoft.Network/locations/serviceTags",
        SEEN_BY_ALL,
    ),
];

/// What the route `path`, as it is written with the names of its parameters, needs for `method`; nothing if it is for nobody
/// but callers on this host.
pub(super) fn permission(method: &Method, path: &str) -> Option<Permission> {
    let verb = match *method {
        Method::GET | Method::HEAD => Verb::Read,
        Method::PUT | Method::PATCH => Verb::Write,
        Method::DELETE => Verb::Delete,
        Method::POST => Verb::Action,
        _ => return None,
    };
    let (group, subscription) = (resource_group_id().to_ascii_lowercase(), subscription_id().to_ascii_lowercase());
    let below = path.strip_prefix(&group).or_else(|| path.strip_prefix(&subscription)).unwrap_or(path);
    let (_, kind, needs) = DECLARED.iter().find(|(declared, ..)| *declared == below)?;
    let (_, need) = needs.iter().find(|(declared, _)| *declared == verb)?;
    let word = match verb {
        Verb::Read => "read",
        Verb::Write => "write",
        Verb::Delete => "delete",
        Verb::Action => "action",
    };
    Some(Permission { action: format!("{kind}/{word}"), need: *need })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(method: &Method, below: &str) -> Option<Need> {
        let path = format!("{}{below}", resource_group_id().to_ascii_lowercase());
        permission(method, &path).map(|permission| permission.need)
    }

    #[test]
    fn to_change_a_registry_takes_a_contributor_there_and_to_change_what_is_shared_one_everywhere() {
        const REGISTRY: &str = "/providers/microsoft.containerregistry/registries/{registry}";
        const SUBNET: &str = "/providers/microsoft.network/virtualnetworks/{network}/subnets/{subnet}";
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(need(&method, REGISTRY), Some(Need::There(Role::Contributor)), "{method}");
            assert_eq!(need(&method, SUBNET), Some(Need::Everywhere(Role::Contributor)), "{method}");
        }
        assert_eq!(need(&Method::GET, REGISTRY), Some(Need::There(Role::Reader)));
        assert_eq!(need(&Method::HEAD, SUBNET), Some(Need::Anywhere(Role::Reader)));
    }

    #[test]
    fn what_is_not_declared_is_for_nobody() {
        for path in ["/status", "/events", "/detach", "/subscriptions/{subscription}", "/nothing", "/"] {
            for method in [Method::GET, Method::POST, Method::PUT] {
                assert_eq!(permission(&method, path), None, "{method} {path}");
            }
        }
        assert_eq!(need(&Method::POST, "/providers/microsoft.containerregistry/registries/{registry}"), None);
        assert_eq!(need(&Method::OPTIONS, "/providers"), None);
        assert_eq!(need(&Method::GET, "/providers/microsoft.containerregistry/registries/{registry}/check"), None);
    }
}
