//! Everything there is, as one list.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};

use super::answer::{Answer, blocking, ok};
use super::backend::Shared;
use super::caller::Caller;
use super::refusal::Refusal;
use super::subscription::LOCATION;
use crate::identity::Role;
use crate::policy::{Policy, RESOURCE_GROUP, network_id, registry_id};

/// `GET …/resources?$filter=…`: registries that the caller may see, and virtual networks.
pub(super) async fn list(State(agent): State<Shared>, caller: Caller, uri: Uri) -> Answer {
    let filter = Filter::of(uri.query().unwrap_or_default())?;
    blocking(move || {
        let mut value = all(&agent.policy()?, &caller);
        value.retain(|resource| filter.takes(resource));
        ok(&json!({"value": value}))
    })
    .await
}

fn all(policy: &Policy, caller: &Caller) -> Vec<Value> {
    let seen = policy.registries.values().filter(|registry| caller.may(Role::Reader, &registry.name));
    let registries = seen.map(|registry| {
        json!({
            "id": registry_id(&registry.name),
            "name": registry.name,
            "type": "Microsoft.ContainerRegistry/registries",
            "location": LOCATION,
            "sku": {"name": "Premium", "tier": "Premium"},
        })
    });
    let networks = policy.networks.values().map(|network| {
        let (id, kind) = (network_id(&network.name), "Microsoft.Network/virtualNetworks");
        json!({"id": id, "name": network.name, "type": kind, "location": LOCATION})
    });
    registries.chain(networks).collect()
}

/// `field eq 'value'`, several of them joined by `and`.
struct Filter(Vec<(Field, String)>);

#[derive(Clone, Copy)]
enum Field {
    Kind,
    Name,
    Location,
    Group,
}

const FIELDS: [(&str, Field); 4] = [
    ("resourceType", Field::Kind),
    ("name", Field::Name),
    ("location", Field::Location),
    ("resourceGroup", Field::Group),
];

impl Filter {
    fn of(query: &str) -> Result<Self, Refusal> {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let filters = pairs.filter(|(name, value)| name.eq_ignore_ascii_case("$filter") && !value.is_empty());
        let mut conditions = Vec::new();
        for (_, filter) in filters {
            for condition in filter.split(" and ") {
                conditions.push(read(condition).ok_or_else(|| {
                    let message = format!(
                        "$filter: {condition:?} is not understood; accepted: resourceType, name, location or resourceGroup, \
                         eq, and a value in single quotes; several joined by `and`"
                    );
                    Refusal::new(StatusCode::BAD_REQUEST, "InvalidFilterInQueryString", message)
                })?);
            }
        }
        Ok(Self(conditions))
    }

    fn takes(&self, resource: &Value) -> bool {
        self.0.iter().all(|(field, value)| {
            let has = match field {
                Field::Kind => &resource["type"],
                Field::Name => &resource["name"],
                Field::Location => &resource["location"],
                Field::Group => &Value::Null,
            };
            has.as_str().unwrap_or(RESOURCE_GROUP).eq_ignore_ascii_case(value)
        })
    }
}

fn read(condition: &str) -> Option<(Field, String)> {
    let condition = condition.trim().trim_start_matches('(').trim_end_matches(')');
    let mut words = condition.splitn(3, ' ').filter(|word| !word.is_empty());
    let (field, eq, value) = (words.next()?, words.next()?, words.next()?);
    let (_, field) = FIELDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(field))?;
    let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    let whole = !value.replace("''", "").contains('\'');
    (whole && eq.eq_ignore_ascii_case("eq")).then(|| (*field, value.replace("''", "'")))
}
