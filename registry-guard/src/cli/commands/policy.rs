//! `export`, `apply` and `restore`, of a registry or of everything.

use std::path::Path;

use serde_json::json;
use uuid::Uuid;

use super::{Session, operation, understand};
use crate::cli::arguments::{Format, Revision};
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::policy_file;
use crate::cli::resource_path;
use crate::cli::view::{AppliedView, Column, DocumentView, RegistryView, ResourceView};

/// `export`
pub(crate) async fn export(mut session: Session<'_>, registry: Option<&str>) -> Result<(), Failure> {
    let body = session.client.send(Call::get(resource_path::policy(registry))).await?;
    if let Some(revision) = session.client.revision() {
        session.terminal.note(&format!("revision {revision}"));
    }
    session.print(&DocumentView(understand(&body)?))
}

/// How a document is applied.
pub(crate) struct Manner {
    pub(crate) dry_run: bool,
    pub(crate) no_wait: bool,
}

/// `apply`
pub(crate) async fn apply(
    mut session: Session<'_>,
    file: &Path,
    Manner { dry_run, no_wait }: Manner,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let document = policy_file::read(file, &mut session.terminal.input)?;
    let prints = session.output.output != Format::None;
    let id = Uuid::new_v4();
    let call =
        Call::post_json(resource_path::apply(dry_run, prints && !no_wait), document).if_match(if_match).called(id);
    if no_wait {
        let operation = session.ask(call.respond_async()).await?;
        return session.print_operation(operation);
    }
    let shown = !dry_run && session.terminal.shows_progress();
    let body = tokio::select! {
        answer = session.client.send(call) => answer?,
        () = operation::follow(&session.client, id), if shown => return Ok(()),
    };
    if prints {
        return session.print(&understand::<AppliedView>(&body)?);
    }
    session.tell_consequences();
    Ok(())
}

/// `restore`: one PATCH, which is one revision.
pub(crate) async fn restore(
    mut session: Session<'_>,
    name: &str,
    sure: bool,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let question = format!("All network rules of registry {name} go, and everyone can reach it. Continue? (y/N): ");
    if !sure && !session.terminal.agrees(&question)? {
        return Err(Failure::Local("nothing was changed".to_owned()));
    }
    let body = json!({"properties": {
        "publicNetworkAccess": "Enabled",
        "networkRuleSet": {"defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": [], "serviceTagRules": []},
    }});
    let body = session.client.send(Call::patch(resource_path::registry(name), &body).if_match(if_match)).await?;
    session.print(&understand::<RegistryView>(&body)?)
}

/// `restore --from`
pub(crate) async fn restore_from(
    mut session: Session<'_>,
    from: &str,
    sure: bool,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    const COLUMNS: &[Column] = &[
        ("FROM", "/from"),
        ("CHANGED", "/changed"),
        ("DESTROYED", "/destroyedConnections"),
        ("REVISION", "/revision"),
    ];
    let question = format!("The whole policy becomes what the copy {from} says. Continue? (y/N): ");
    if !sure && !session.terminal.agrees(&question)? {
        return Err(Failure::Local("nothing was changed".to_owned()));
    }
    let is_word = from.eq_ignore_ascii_case("last-good") || from.bytes().all(|byte| byte.is_ascii_digit());
    let from = if is_word {
        from.to_owned()
    } else {
        let path = std::path::absolute(from).map_err(|error| Failure::Local(format!("--from {from}: {error}")))?;
        path.display().to_string()
    };
    let call = Call::post("/restore".to_owned(), &json!({"from": from})).if_match(if_match);
    let answer = session.ask(call).await?;
    if let Some(moved) = answer["moved"].as_str() {
        session.terminal.note(&format!("The policy store that could not be used is now {moved}."));
    }
    session.print(&ResourceView::new(answer, COLUMNS))
}

/// `restore --list`
pub(crate) async fn copies(mut session: Session<'_>) -> Result<(), Failure> {
    const COLUMNS: &[Column] = &[("REVISION", "/revision"), ("MADE", "/time"), ("BYTES", "/bytes"), ("FILE", "/path")];
    let copies = session.ask_list(Call::get("/copies".to_owned())).await?;
    session.print(&ResourceView::new(copies, COLUMNS))
}
