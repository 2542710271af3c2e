//! `history`, `diff`, `rollback` and `confirm`.

use serde_json::{Value, json};

use super::{Session, understand};
use crate::cli::arguments::Revision;
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::resource_path;
use crate::cli::view::{Column, DifferenceView, ResourceView, RolledBackView};

const COLUMNS: &[Column] =
    &[("REVISION", "/revision"), ("WHEN", "/time"), ("WHO", "/who"), ("FROM", "/from"), ("WHAT", "/what")];

/// `history`
pub(crate) async fn history(mut session: Session<'_>, registry: Option<&str>, top: Option<u32>) -> Result<(), Failure> {
    let mut answer = session.ask(Call::get(resource_path::revisions(registry, top))).await?;
    let revisions = answer.get_mut("value").map(Value::take).unwrap_or_default();
    session.terminal.note(&format!("complete since revision {}", answer["completeFrom"]));
    for revision in revisions.as_array().into_iter().flatten() {
        if let Some(confirm_by) = revision["confirmBy"].as_str() {
            let number = &revision["revision"];
            session.terminal.note(&format!("revision {number} is to be confirmed by {confirm_by}"));
        }
    }
    session.print(&ResourceView::new(revisions, COLUMNS))
}

/// `diff`
pub(crate) async fn diff(mut session: Session<'_>, from: Option<u64>, to: Option<u64>) -> Result<(), Failure> {
    let body = session.client.send(Call::get(resource_path::changes(from, to))).await?;
    session.print(&understand::<DifferenceView>(&body)?)
}

/// `rollback`
pub(crate) async fn rollback(
    mut session: Session<'_>,
    to: Option<u64>,
    dry_run: bool,
    sure: bool,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let which = to.map_or_else(|| "the revision before the last".to_owned(), |to| format!("revision {to}"));
    let question = format!("The policy of {which} comes back (`--dry-run` tells what that changes). Continue? (y/N): ");
    if !dry_run && !sure && !session.terminal.agrees(&question)? {
        return Err(Failure::Local("nothing was changed".to_owned()));
    }
    let call = Call::post(resource_path::rollback(to, dry_run), &json!({})).if_match(if_match);
    let body = session.client.send(call).await?;
    session.print(&understand::<RolledBackView>(&body)?)
}

/// `confirm`
pub(crate) async fn confirm(mut session: Session<'_>, revision: Option<u64>) -> Result<(), Failure> {
    const COLUMNS: &[Column] = &[("REVISION", "/revision"), ("CONFIRMED", "/confirmed")];
    let answer = session.ask(Call::post(resource_path::confirm(revision), &json!({}))).await?;
    session.print(&ResourceView::new(answer, COLUMNS))
}
