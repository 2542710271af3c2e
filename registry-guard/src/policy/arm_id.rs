//! The resource ids of this host: one subscription and one resource group hold everything.

/// The subscription that every resource of this host is in.
pub const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

/// The resource group that every resource of this host is in.
pub const RESOURCE_GROUP: &str = "registry-guard";

/// The id of the subscription.
pub fn subscription_id() -> String {
    format!("/subscriptions/{SUBSCRIPTION}")
}

/// The id of the resource group.
pub fn resource_group_id() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}")
}

/// The id of the registry `name`.
pub fn registry_id(name: &str) -> String {
    format!("{}/providers/Microsoft.ContainerRegistry/registries/{name}", resource_group_id())
}

/// The id of the virtual network `name`.
pub fn network_id(name: &str) -> String {
    format!("{}/providers/Microsoft.Network/virtualNetworks/{name}", resource_group_id())
}

/// The id of the service tags.
pub fn service_tags_id() -> String {
    format!("{}/providers/Microsoft.Network/locations/local/serviceTags", resource_group_id())
}

/// The id of the service tag `name`.
pub fn service_tag_id(name: &str) -> String {
    format!("{}/{name}", service_tags_id())
}

/// The id of the private endpoint `name`.
pub fn private_endpoint_id(name: &str) -> String {
    format!("{}/providers/Microsoft.Network/privateEndpoints/{name}", resource_group_id())
}

/// The id of the connection of the registry `registry` to the private endpoint `name`.
pub fn private_endpoint_connection_id(registry: &str, name: &str) -> String {
    format!("{}/privateEndpointConnections/{name}", registry_id(registry))
}
