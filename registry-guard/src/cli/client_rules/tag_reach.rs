use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Service tags are of cloud services, which speak HTTPS.
const HTTPS: u16 = 443;

/// The prefixes of one service tag, as a client may have to reach them beside the registry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct TagReach {
    name: String,
    protocol: &'static str,
    pub(super) port: u16,
    pub(super) address_prefixes: Vec<IpNet>,
}

/// A service tag as the API answers it.
#[derive(Deserialize)]
pub(in crate::cli) struct ServiceTag {
    name: String,
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    address_prefixes: Vec<IpNet>,
}

impl From<ServiceTag> for TagReach {
    fn from(tag: ServiceTag) -> Self {
        Self { name: tag.name, protocol: "tcp", port: HTTPS, address_prefixes: tag.properties.address_prefixes }
    }
}

impl fmt::Display for TagReach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port, address_prefixes, .. } = self;
        let count = address_prefixes.len();
        write!(f, "Service tag {name}: {count} prefixes, port {port}; print it again when a newer file is imported.")
    }
}
