//! `client-rules`.

use serde_json::Value;

use super::{Session, understand};
use crate::cli::arguments::{Firewall, Format};
use crate::cli::client::Call;
use crate::cli::client_rules::{ClientRules, Reach, ServiceTag, TagReach};
use crate::cli::failure::Failure;
use crate::cli::resource_path;
use crate::cli::view::{Column, ResourceView};

/// Prints what a client's own firewall must allow. A firewall gets all of it or none: rules without one of the endpoints
/// would look complete.
pub(crate) async fn client_rules(
    mut session: Session<'_>,
    registry: &str,
    format: Firewall,
    tags: &[String],
) -> Result<(), Failure> {
    if format != Firewall::Json && session.output.query.is_some() {
        return Err(Failure::Usage("--query needs something to ask: it goes with --format json".to_owned()));
    }
    let endpoints = session.endpoints(registry).await?;
    let reach = Reach::of(&endpoints).await;
    let mut tag_reach: Vec<TagReach> = Vec::with_capacity(tags.len());
    for tag in tags {
        let answer = session.client.send(Call::get(resource_path::service_tag(tag))).await?;
        tag_reach.push(understand::<ServiceTag>(&answer)?.into());
    }
    let problems: Vec<String> = reach.iter().filter_map(Reach::problem).map(str::to_owned).collect();
    let rules = ClientRules::new(endpoints.name, reach, tag_reach);
    if format == Firewall::Json {
        for problem in &problems {
            session.terminal.warn(&format!("{problem}."));
        }
        return print_json(&mut session, &rules);
    }
    if !problems.is_empty() {
        let named =
            "name addresses instead of a wildcard in `listen` of config.toml, or let this host resolve the name";
        return Err(Failure::Local(format!("{}; {named}", problems.join("; "))));
    }
    if session.output.output != Format::None {
        let text = if format == Firewall::Nftables { rules.nftables() } else { rules.iptables() };
        session.terminal.out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// The endpoints are what a table shows.
fn print_json(session: &mut Session<'_>, rules: &ClientRules) -> Result<(), Failure> {
    const COLUMNS: &[Column] = &[
        ("KIND", "/kind"),
        ("REGION", "/region"),
        ("HOST", "/host"),
        ("PROTOCOL", "/protocol"),
        ("ADDRESSES FROM", "/addressesFrom"),
        ("DESTINATIONS", "/destinations"),
    ];
    let mut value = serde_json::to_value(rules).map_err(|error| Failure::unwritten(&error))?;
    if session.output.output == Format::Table && session.output.query.is_none() {
        value = value.get_mut("endpoints").map(Value::take).unwrap_or_default();
        for endpoint in value.as_array_mut().into_iter().flatten() {
            endpoint["destinations"] = spelled(&endpoint["destinations"]);
        }
    }
    session.print(&ResourceView::new(value, COLUMNS))
}

fn spelled(destinations: &Value) -> Value {
    let each = destinations.as_array().into_iter().flatten();
    each.map(|to| Value::from(format!("{} port {}", to["address"].as_str().unwrap_or_default(), to["port"]))).collect()
}
