//! Subnets of virtual networks.

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
use crate::policy::{Change, Subnet, SubnetId, SubnetRequest, VirtualNetwork};

/// A subnet as the service shows it.
#[derive(Serialize)]
pub(super) struct SubnetView<'a> {
    id: SubnetId,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    etag: String,
    revision: u64,
    properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    address_prefix: Option<&'a IpNet>,
    address_prefixes: &'a [IpNet],
    service_endpoints: Vec<ServiceEndpoint<'a>>,
    provisioning_state: &'static str,
}

#[derive(Serialize)]
struct ServiceEndpoint<'a> {
    service: &'a str,
}

impl<'a> SubnetView<'a> {
    pub(super) fn new(network: &VirtualNetwork, subnet: &'a Subnet, revision: u64) -> Self {
        let services = subnet.service_endpoints.iter().map(|service| ServiceEndpoint { service });
        Self {
            id: network.id_of(subnet),
            name: &subnet.name,
            kind: "Microsoft.Network/virtualNetworks/subnets",
            etag: etag(revision),
            revision,
            properties: Properties {
                address_prefix: subnet.prefixes.first(),
                address_prefixes: &subnet.prefixes,
                service_endpoints: services.collect(),
                provisioning_state: "Succeeded",
            },
        }
    }
}

/// The body of a PUT, or one subnet in that of a network. What the service itself sets may stand there, as in its answers,
/// and means nothing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
pub(super) struct SubnetBody {
    name: Option<String>,
    properties: Option<PropertiesBody>,
    id: Option<IgnoredAny>,
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
    etag: Option<IgnoredAny>,
    revision: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
struct PropertiesBody {
    address_prefix: Option<String>,
    address_prefixes: Option<Vec<String>>,
    service_endpoints: Option<Vec<ServiceEndpointBody>>,
    provisioning_state: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
struct ServiceEndpointBody {
    service: String,
    locations: Option<IgnoredAny>,
    provisioning_state: Option<IgnoredAny>,
}

impl SubnetBody {
    fn into_request(self) -> SubnetRequest {
        let properties = self.properties.unwrap_or_default();
        let services = |list: Vec<ServiceEndpointBody>| list.into_iter().map(|endpoint| endpoint.service).collect();
        SubnetRequest {
            // Answers carry both: the list says more.
            prefixes: properties.address_prefixes.or(properties.address_prefix.map(|prefix| vec![prefix])),
            service_endpoints: properties.service_endpoints.map(services),
        }
    }

    /// The subnet with its name, which is empty when there is none.
    pub(super) fn into_named(mut self) -> (String, SubnetRequest) {
        (self.name.take().unwrap_or_default(), self.into_request())
    }
}

fn whole(agent: &dyn Backend, known: &Known, network: &str, name: &str) -> Answer {
    let policy = agent.policy()?;
    if known.is(policy.revision) {
        return Ok(not_modified(policy.revision));
    }
    let network = policy.find_network(network)?;
    ok_at(policy.revision, &SubnetView::new(network, network.find_subnet(name)?, policy.revision))
}

/// `GET …/subnets`
pub(super) async fn list(State(agent): State<Shared>, Segments(network): Segments<String>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let network = policy.find_network(&network)?;
        ok(&Listed(|| network.subnets.iter().map(|subnet| SubnetView::new(network, subnet, policy.revision))))
    })
    .await
}

/// `GET …/subnets/{subnet}`
pub(super) async fn show(
    State(agent): State<Shared>,
    Segments((network, name)): Segments<(String, String)>,
    known: Known,
) -> Answer {
    blocking(move || whole(&*agent, &known, &network, &name)).await
}

/// `PUT …/subnets/{subnet}`
pub(super) async fn put(
    State(agent): State<Shared>,
    Segments((network, name)): Segments<(String, String)>,
    condition: Condition,
    OnlyIfAbsent(only_if_absent): OnlyIfAbsent,
    body: Body,
) -> Answer {
    blocking(move || {
        let request = body.read_or_default::<SubnetBody>()?.into_request();
        let change = Change::PutSubnet { network: network.clone(), name: name.clone(), only_if_absent, request };
        condition.change(&*agent, &change)?;
        whole(&*agent, &Known::NOTHING, &network, &name)
    })
    .await
}

/// `DELETE …/subnets/{subnet}`
pub(super) async fn delete(
    State(agent): State<Shared>,
    Segments((network, name)): Segments<(String, String)>,
    condition: Condition,
) -> Answer {
    blocking(move || {
        let change = Change::DeleteSubnet { network: network.clone(), name: name.clone() };
        let changed = condition.change(&*agent, &change)?;
        let id = SubnetId::new(network, name.as_str()).to_string();
        ok(&Removed { what: json!({"id": id, "name": name}), changed })
    })
    .await
}
