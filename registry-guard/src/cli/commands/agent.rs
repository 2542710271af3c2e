//! `run`, `reload`, `status`, `detach`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::Session;
use crate::agent::daemon::{self, RunOptions};
use crate::cli::arguments::RunArguments;
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::view::{Column, ResourceView, StatusView};

/// How long the next agent may take to take over, changes that have begun before it included, and between two looks.
const TAKE_OVER: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_millis(50);

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

/// `reload`: waits for the agent that takes over.
pub(crate) async fn reload(mut session: Session<'_>) -> Result<(), Failure> {
    let answer = session.ask(Call::post("/reload".to_owned(), &json!({}))).await?;
    let replaced = &answer["instance"];
    let taken_over = async {
        loop {
            // The agent that is replaced may answer for a moment yet, and end in the middle of an answer.
            match session.ask(Call::get("/status".to_owned())).await {
                Ok(status) if status["instance"] != *replaced => return status,
                _ => sleep(PAUSE).await,
            }
        }
    };
    let status = timeout(TAKE_OVER, taken_over).await.map_err(|_| {
        Failure::NoAgent(
            "config.toml was accepted, but no other agent has taken over; its log says why. The kernel keeps enforcing what it \
             last enforced"
                .to_owned(),
        )
    })?;
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
