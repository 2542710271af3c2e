//! `show`, `list`, `update`, `show-endpoints`.

use serde_json::{Map, Value, json};

use super::{Session, understand};
use crate::cli::arguments::{Action, Format, Revision, Settings};
use crate::cli::client::Call;
use crate::cli::endpoints::Endpoints;
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
    let body = session.client.send(Call::patch(path, &patch(settings)).if_match(if_match)).await?;
    if settings.public_network_enabled == Some(false) {
        session.terminal.warn("public network access is off, which overrides every rule of the registry; private endpoints and trusted services still pass.");
    }
    // The change is made: that nobody can say what it means is no failure of it.
    if settings.data_endpoint_enabled == Some(true)
        && let Ok(endpoints) = session.endpoints(name).await
    {
        session.terminal.warn(&announced(&endpoints));
    }
    if prints {
        return session.print(&understand::<RegistryView>(&body)?);
    }
    session.tell_consequences();
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
    let endpoints = session.endpoints(name).await?;
    if !endpoints.data_endpoint_enabled {
        session.terminal.note("Data endpoints are off: clients need to reach the login server only.");
    }
    if endpoints.data_endpoint_enabled == endpoints.data.is_empty() {
        session.terminal.note(&if endpoints.data_endpoint_enabled {
            none_named(&endpoints.name)
        } else {
            let named: Vec<&str> = endpoints.data.iter().map(|data| data.endpoint.as_str()).collect();
            let on = format!("`registry-guard update --name {} --data-endpoint-enabled`", endpoints.name);
            format!("{on} announces {}.", named.join(", "))
        });
    }
    let announced = endpoints.announced().iter();
    let data_endpoints = announced.map(|data| json!({"region": data.region, "endpoint": data.endpoint}));
    if session.output.output == Format::Table && session.output.query.is_none() {
        let login = json!({"region": "(login server)", "endpoint": endpoints.login_server});
        let rows = std::iter::once(login).chain(data_endpoints).collect();
        return session.print(&ResourceView::new(rows, COLUMNS));
    }
    let data_endpoints: Vec<Value> = data_endpoints.collect();
    let answer = json!({"loginServer": endpoints.login_server, "dataEndpoints": data_endpoints});
    session.print(&ResourceView::new(answer, COLUMNS))
}

/// What switching the data endpoints on means to clients.
fn announced(endpoints: &Endpoints) -> String {
    if endpoints.data.is_empty() {
        return none_named(&endpoints.name);
    }
    let named: Vec<&str> = endpoints.data.iter().map(|data| data.endpoint.as_str()).collect();
    format!(
        "clients whose own firewall allows only the hosts that they needed so far cannot pull until it allows {} too; `registry-guard client-rules --name {}` prints what it must allow.",
        named.join(", "),
        endpoints.name
    )
}

fn none_named(registry: &str) -> String {
    format!(
        "config.toml names no data endpoint of registry {registry} (`registry.data-endpoints`): clients still need to reach the login server only."
    )
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
