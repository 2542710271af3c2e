//! `network vnet`.

use serde_json::{Map, Value, json};

use super::{Session, are_prefixes};
use crate::cli::arguments::{NetworkSettings, Revision};
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::resource_path;
use crate::cli::view::{Column, ResourceView, flatten};

const COLUMNS: &[Column] =
    &[("NAME", "/name"), ("VNI", "/vni"), ("PREFIXES", "/addressSpace/addressPrefixes"), ("SUBNETS", "/subnets")];

/// `network vnet create`; an existing network is left alone, subnets included.
pub(crate) async fn create(
    mut session: Session<'_>,
    name: &str,
    vni: u32,
    prefixes: &[String],
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let body = json!({"properties": {"vni": vni, "addressSpace": {"addressPrefixes": prefixes}}});
    let is_so =
        |present: &Value| present["vni"] == vni && are_prefixes(&present["addressSpace"]["addressPrefixes"], prefixes);
    let otherwise = format!(
        "the virtual network '{name}' already exists and is not so; nothing was changed: `network vnet update` changes it"
    );
    let network = session.create(resource_path::network(name), body, if_match, is_so, &otherwise).await?;
    session.print(&ResourceView::new(flatten(network), COLUMNS))
}

/// `network vnet list`
pub(crate) async fn list(mut session: Session<'_>) -> Result<(), Failure> {
    let networks = session.ask_list(Call::get(resource_path::networks())).await?;
    session.print(&ResourceView::new(flatten(networks), COLUMNS))
}

/// `network vnet show`
pub(crate) async fn show(mut session: Session<'_>, name: &str) -> Result<(), Failure> {
    let network = session.ask(Call::get(resource_path::network(name))).await?;
    session.print(&ResourceView::new(flatten(network), COLUMNS))
}

/// `network vnet update`
pub(crate) async fn update(
    mut session: Session<'_>,
    name: &str,
    settings: &NetworkSettings,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let network = session.update(&resource_path::network(name), |_| changes(settings), if_match).await?;
    session.print(&ResourceView::new(flatten(network), COLUMNS))
}

/// Only what was named: what is absent is kept.
fn changes(settings: &NetworkSettings) -> Value {
    let mut properties = Map::new();
    if let Some(vni) = settings.vni {
        properties.insert("vni".to_owned(), vni.into());
    }
    if let Some(prefixes) = &settings.address_prefixes {
        properties.insert("addressSpace".to_owned(), json!({ "addressPrefixes": prefixes }));
    }
    json!({ "properties": properties })
}

/// `network vnet delete`
pub(crate) async fn delete(mut session: Session<'_>, name: &str, if_match: Option<Revision>) -> Result<(), Failure> {
    let answer = session.ask(Call::delete(resource_path::network(name)).if_match(if_match)).await?;
    session.print_removal(answer)
}
