//! `run`, `status`, `detach`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Session;
use crate::agent::daemon::{self, RunOptions};
use crate::cli::arguments::RunArguments;
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::view::{Column, ResourceView, StatusView};

/// Runs the daemon until it is told to stop.
pub(crate) async fn run(arguments: RunArguments, socket: PathBuf) -> Result<(), Failure> {
    let RunArguments { config, state, pins, responder_socket } = arguments;
    daemon::run(RunOptions { config, state, pins, socket, responder_socket })
        .await
        .map_err(|error| Failure::Local(format!("{error:#}")))
}

/// `status`
pub(crate) async fn status(mut session: Session<'_>) -> Result<(), Failure> {
    let status = session.ask(Call::get("/status".to_owned())).await?;
    session.print(&StatusView(status))
}

/// `detach`: asks the agent, or removes the pinned links itself when there is none.
pub(crate) async fn detach(mut session: Session<'_>, pins: &Path) -> Result<(), Failure> {
    const COLUMNS: &[Column] = &[("DETACHED", "/detached")];
    let answer = match session.ask(Call::post("/detach".to_owned(), &json!({}))).await {
        Err(Failure::NoAgent(_)) => {
            let detached = crate::agent::detach_pins(pins).map_err(|error| Failure::Local(format!("{error:#}")))?;
            session.terminal.note(&format!(
                "No agent answers on {}; {} under {}.",
                session.client.socket().display(),
                if detached.is_empty() { "nothing was attached" } else { "removed the pinned links" },
                pins.display()
            ));
            json!({ "detached": detached })
        }
        answer => answer?,
    };
    session.print(&ResourceView::new(answer, COLUMNS))
}
