//! `show`, `list`, `update`, `show-endpoints`.

use serde_json::{Map, Value, json};

use super::{Session, understand};
use crate::cli::arguments::{Action, Format, Revision, Settings};
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::resource_path;
use crate::cli::view::{Column, RegistryListView, RegistryView, ResourceView};

/// `show`
pub(crate) async fn show(mut session: Session<'_>, name: &str) -> Result<(), Failure> {
    let body = session.client.send(Call::get(resource_path::registry(name))).await?;
    session.print(&understand::<RegistryView>(&body)?)
}

/// `list`
pub(crate) async fn list(mut session: Session<'_>) -> Result<(), Failure> {
    let body = session.client.send(Call::get(resource_path::registries())).await?;
    session.print(&understand::<RegistryListView>(&body)?)
}

/// `update`
pub(crate) async fn update(
    mut session: Session<'_>,
    name: &str,
    settings: &Settings,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let mut path = resource_path::registry(name);
    let prints = session.output.output != Format::None;
    if !prints {
        path.push_str("?return=minimal");
    }
    let body = session.client.send(Call::patch(path, patch(settings)).if_match(if_match)).await?;
    if settings.public_network_enabled == Some(false) {
        session.terminal.warn("public network access is off, which overrides every rule of the registry; private endpoints and trusted services still pass.");
    }
    if settings.data_endpoint_enabled == Some(true) {
        session.terminal.warn(&format!(
            "clients behind a firewall of their own must now be able to reach the data endpoints too; `registry-guard show-endpoints --name {name}` names them."
        ));
    }
    if prints {
        return session.print(&understand::<RegistryView>(&body)?);
    }
    session.tell_destroyed();
    Ok(())
}

/// The merge patch that `az` would send: switching public access off also sets the default action to Deny, switching it on
/// leaves the default action alone, and a default action that is named has the last word.
fn patch(settings: &Settings) -> Value {
    let mut properties = Map::new();
    let mut default_action = None;
    if let Some(enabled) = settings.public_network_enabled {
        properties.insert("publicNetworkAccess".into(), if enabled { "Enabled" } else { "Disabled" }.into());
        if !enabled {
            default_action = Some(Action::Deny);
        }
    }
    if let Some(action) = settings.default_action.or(default_action) {
        properties.insert("networkRuleSet".into(), json!({ "defaultAction": action.as_str() }));
    }
    if let Some(allowed) = settings.allow_trusted_services {
        properties.insert("networkRuleBypassOptions".into(), if allowed { "AzureServices" } else { "None" }.into());
    }
    if let Some(enabled) = settings.data_endpoint_enabled {
        properties.insert("dataEndpointEnabled".into(), enabled.into());
    }
    match &settings.sku {
        Some(sku) => json!({ "sku": {"name": sku}, "properties": properties }),
        None => json!({ "properties": properties }),
    }
}

/// `show-endpoints`
pub(crate) async fn show_endpoints(mut session: Session<'_>, name: &str) -> Result<(), Failure> {
    const COLUMNS: &[Column] = &[("REGION", "/region"), ("ENDPOINT", "/endpoint")];
    let body = session.client.send(Call::get(resource_path::registry(name))).await?;
    let registry = understand::<RegistryView>(&body)?;
    let login_server = registry.property("loginServer");
    let data_endpoints = if registry.property("dataEndpointEnabled") == true {
        registry.property("dataEndpointHostNames").as_array().into_iter().flatten().map(data_endpoint).collect()
    } else {
        session.terminal.note("Data endpoints are off: clients need to reach the login server only.");
        Vec::new()
    };
    if session.output.output == Format::Table && session.output.query.is_none() {
        let login = json!({"region": "(login server)", "endpoint": login_server});
        let rows = std::iter::once(login).chain(data_endpoints).collect();
        return session.print(&ResourceView::new(rows, COLUMNS));
    }
    let answer = json!({"loginServer": login_server, "dataEndpoints": data_endpoints});
    session.print(&ResourceView::new(answer, COLUMNS))
}

/// The region is the second label of a data endpoint's host name.
fn data_endpoint(host: &Value) -> Value {
    match host.as_str() {
        Some(name) => json!({"region": name.split('.').nth(1), "endpoint": name}),
        None => json!({"region": host.get("region"), "endpoint": host.get("endpoint")}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switching_public_access_off_also_denies_by_default() {
        let off = Settings { public_network_enabled: Some(false), ..Settings::default() };
        assert_eq!(
            patch(&off),
            json!({"properties": {"publicNetworkAccess": "Disabled", "networkRuleSet": {"defaultAction": "Deny"}}})
        );
    }

    #[test]
    fn switching_public_access_on_leaves_the_default_action() {
        let on = Settings { public_network_enabled: Some(true), ..Settings::default() };
        assert_eq!(patch(&on), json!({"properties": {"publicNetworkAccess": "Enabled"}}));
    }

    #[test]
    fn a_default_action_that_is_named_has_the_last_word() {
        let both = Settings {
            public_network_enabled: Some(false),
            default_action: Some(Action::Allow),
            ..Settings::default()
        };
        assert_eq!(patch(&both)["properties"]["networkRuleSet"], json!({"defaultAction": "Allow"}));
    }

    #[test]
    fn only_what_was_named_is_sent() {
        let services = Settings { allow_trusted_services: Some(false), ..Settings::default() };
        assert_eq!(patch(&services), json!({"properties": {"networkRuleBypassOptions": "None"}}));
        let data = Settings { data_endpoint_enabled: Some(true), ..Settings::default() };
        assert_eq!(patch(&data), json!({"properties": {"dataEndpointEnabled": true}}));
    }
}
