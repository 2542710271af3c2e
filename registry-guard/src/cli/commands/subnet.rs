//! `network vnet subnet`.

use serde_json::{Value, json};

use super::{Session, are_prefixes};
use crate::cli::arguments::{Revision, SubnetSettings};
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::resource_path;
use crate::cli::view::{Column, ResourceView, flatten};

const COLUMNS: &[Column] =
    &[("NAME", "/name"), ("PREFIXES", "/addressPrefixes"), ("SERVICE ENDPOINT", "/serviceEndpoints/0/service")];

/// `network vnet subnet create`; an existing subnet is left alone.
pub(crate) async fn create(
    mut session: Session<'_>,
    network: &str,
    name: &str,
    prefixes: &[String],
    endpoints: &[String],
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let body = json!({"properties": {"addressPrefixes": prefixes, "serviceEndpoints": service_endpoints(endpoints)}});
    let asked = service_endpoints(endpoints);
    let services = |list: &Value| -> Vec<String> {
        let names = list.as_array().into_iter().flatten().filter_map(|endpoint| endpoint["service"].as_str());
        names.map(str::to_ascii_lowercase).collect()
    };
    let is_so = |present: &Value| {
        are_prefixes(&present["addressPrefixes"], prefixes)
            && services(&present["serviceEndpoints"]) == services(&asked)
    };
    let otherwise = format!(
        "the subnet '{name}' of '{network}' already exists and is not so; nothing was changed: `network vnet subnet update` \
         changes it"
    );
    let subnet = session.create(resource_path::subnet(network, name), body, if_match, is_so, &otherwise).await?;
    session.print(&ResourceView::new(flatten(subnet), COLUMNS))
}

/// `network vnet subnet list`
pub(crate) async fn list(mut session: Session<'_>, network: &str) -> Result<(), Failure> {
    let subnets = session.ask_list(Call::get(resource_path::subnets(network))).await?;
    session.print(&ResourceView::new(flatten(subnets), COLUMNS))
}

/// `network vnet subnet show`
pub(crate) async fn show(mut session: Session<'_>, network: &str, name: &str) -> Result<(), Failure> {
    let subnet = session.ask(Call::get(resource_path::subnet(network, name))).await?;
    session.print(&ResourceView::new(flatten(subnet), COLUMNS))
}

/// `network vnet subnet update`
pub(crate) async fn update(
    mut session: Session<'_>,
    network: &str,
    name: &str,
    settings: &SubnetSettings,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let path = resource_path::subnet(network, name);
    let subnet = session.update(&path, |present| merged(present, settings), if_match).await?;
    session.print(&ResourceView::new(flatten(subnet), COLUMNS))
}

/// `network vnet subnet delete`
pub(crate) async fn delete(
    mut session: Session<'_>,
    network: &str,
    name: &str,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let answer = session.ask(Call::delete(resource_path::subnet(network, name)).if_match(if_match)).await?;
    session.print_removal(answer)
}

fn merged(present: &Value, settings: &SubnetSettings) -> Value {
    let properties = &present["properties"];
    let prefixes =
        settings.address_prefixes.as_ref().map_or_else(|| properties["addressPrefixes"].clone(), |new| json!(new));
    let endpoints =
        settings.service_endpoints.as_deref().map_or_else(|| properties["serviceEndpoints"].clone(), service_endpoints);
    json!({"properties": {"addressPrefixes": prefixes, "serviceEndpoints": endpoints}})
}

/// `--service-endpoints ""` means none.
fn service_endpoints(names: &[String]) -> Value {
    names.iter().filter(|name| !name.trim().is_empty()).map(|name| json!({ "service": name })).collect()
}
