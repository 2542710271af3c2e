//! Virtual networks.

use axum::extract::State;
use ipnet::IpNet;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::{Answer, Listed, Removed, blocking, etag, not_modified, ok, ok_at};
use super::backend::{Backend, Shared};
use super::body::Body;
use super::condition::{Condition, Known, OnlyIfAbsent};
use super::segment::Segments;
use super::subnet::{SubnetBody, SubnetView};
use crate::policy::{Change, NetworkRequest, VirtualNetwork, network_id};

#[derive(Serialize)]
struct View<'a> {
    id: String,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    location: &'static str,
    etag: String,
    revision: u64,
    properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    vni: u32,
    address_space: AddressSpace<'a>,
    provisioning_state: &'static str,
    subnets: Vec<SubnetView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AddressSpace<'a> {
    address_prefixes: &'a [IpNet],
}

/// The body of a PUT. What the service itself sets may stand there, as in its answers, and means nothing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
struct NetworkBody {
    properties: Option<PropertiesBody>,
    id: Option<IgnoredAny>,
    name: Option<IgnoredAny>,
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
    location: Option<IgnoredAny>,
    tags: Option<IgnoredAny>,
    etag: Option<IgnoredAny>,
    revision: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
struct PropertiesBody {
    vni: Option<i64>,
    address_space: Option<AddressSpaceBody>,
    subnets: Option<Vec<SubnetBody>>,
    provisioning_state: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AddressSpaceBody {
    address_prefixes: Option<Vec<String>>,
}

impl NetworkBody {
    fn into_request(self) -> NetworkRequest {
        let properties = self.properties.unwrap_or_default();
        NetworkRequest {
            vni: properties.vni,
            prefixes: properties.address_space.and_then(|space| space.address_prefixes),
            subnets: properties.subnets.map(|subnets| subnets.into_iter().map(SubnetBody::into_named).collect()),
        }
    }
}

fn view(network: &VirtualNetwork, revision: u64) -> View<'_> {
    View {
        id: network_id(&network.name),
        name: &network.name,
        kind: "Microsoft.Network/virtualNetworks",
        location: "local",
        etag: etag(revision),
        revision,
        properties: Properties {
            vni: network.vni,
            address_space: AddressSpace { address_prefixes: &network.prefixes },
            provisioning_state: "Succeeded",
            subnets: network.subnets.iter().map(|subnet| SubnetView::new(network, subnet, revision)).collect(),
        },
    }
}

fn whole(agent: &dyn Backend, known: &Known, name: &str) -> Answer {
    let policy = agent.policy()?;
    if known.is(policy.revision) {
        return Ok(not_modified(policy.revision));
    }
    ok_at(policy.revision, &view(policy.find_network(name)?, policy.revision))
}

/// `GET …/virtualNetworks`
pub(super) async fn list(State(agent): State<Shared>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        ok(&Listed(|| policy.networks.values().map(|network| view(network, policy.revision))))
    })
    .await
}

/// `GET …/virtualNetworks/{network}`
pub(super) async fn show(State(agent): State<Shared>, Segments(name): Segments<String>, known: Known) -> Answer {
    blocking(move || whole(&*agent, &known, &name)).await
}

/// `PUT …/virtualNetworks/{network}`
pub(super) async fn put(
    State(agent): State<Shared>,
    Segments(name): Segments<String>,
    condition: Condition,
    OnlyIfAbsent(only_if_absent): OnlyIfAbsent,
    body: Body,
) -> Answer {
    blocking(move || {
        let request = body.read_or_default::<NetworkBody>()?.into_request();
        condition.change(&*agent, &Change::PutNetwork { name: name.clone(), only_if_absent, request })?;
        whole(&*agent, &Known::NOTHING, &name)
    })
    .await
}

/// `DELETE …/virtualNetworks/{network}`
pub(super) async fn delete(
    State(agent): State<Shared>,
    Segments(name): Segments<String>,
    condition: Condition,
) -> Answer {
    blocking(move || {
        let changed = condition.change(&*agent, &Change::DeleteNetwork { name: name.clone() })?;
        ok(&Removed { what: json!({"id": network_id(&name), "name": name}), changed })
    })
    .await
}
