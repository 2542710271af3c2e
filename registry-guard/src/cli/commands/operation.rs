//! `operation`, and how far one is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::sleep;
use uuid::Uuid;

use super::Session;
use crate::cli::client::{Call, Client};
use crate::cli::failure::Failure;
use crate::cli::resource_path;
use crate::cli::view::{Column, ResourceView};

/// Between two questions how far it is.
const PAUSE: Duration = Duration::from_millis(100);

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("STATUS", "/status"),
    ("PERCENT", "/percentComplete"),
    ("REVISION", "/properties/revision"),
    ("STARTED", "/startTime"),
    ("ENDED", "/endTime"),
    ("REQUEST", "/properties/request"),
    ("ERROR", "/error/message"),
];

/// `operation list`
pub(crate) async fn list(mut session: Session<'_>) -> Result<(), Failure> {
    let all = session.ask_list(Call::get(resource_path::operations())).await?;
    session.print(&ResourceView::new(all, COLUMNS))
}

/// `operation show`
pub(crate) async fn show(mut session: Session<'_>, id: &str) -> Result<(), Failure> {
    let operation = session.ask(Call::get(resource_path::operation(id))).await?;
    session.print_operation(operation)
}

/// `operation wait`
pub(crate) async fn wait(mut session: Session<'_>, id: Option<&str>) -> Result<(), Failure> {
    if let Some(id) = id {
        let ended = session.ended(id).await?;
        session.print_operation(ended)?;
        return Ok(());
    }
    let all = session.ask_list(Call::get(resource_path::operations())).await?;
    let mut ended = Vec::new();
    for operation in all.as_array().into_iter().flatten().filter(|operation| is_in_progress(operation)) {
        ended.push(session.ended(operation["name"].as_str().unwrap_or_default()).await?);
    }
    session.print(&ResourceView::new(Value::from(ended), COLUMNS))
}

impl Session<'_> {
    pub(super) fn print_operation(&mut self, operation: Value) -> Result<(), Failure> {
        self.print(&ResourceView::new(operation, COLUMNS))
    }

    /// The operation once it has succeeded; why it failed if it did.
    async fn ended(&self, id: &str) -> Result<Value, Failure> {
        let bar = self.terminal.shows_progress().then(bar);
        loop {
            let operation = self.ask(Call::get(resource_path::operation(id))).await?;
            if !is_in_progress(&operation) {
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
                return match operation.get("error") {
                    None => Ok(operation),
                    Some(error) => {
                        let part = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
                        Err(Failure::Local(format!("({}) {}", part("code"), part("message"))))
                    }
                };
            }
            if let Some(bar) = &bar {
                tell(bar, &operation);
            }
            sleep(PAUSE).await;
        }
    }
}

/// Shows how far an operation is that somebody else waits for. Never ends; what it shows goes with it.
pub(super) async fn follow(client: &Client, id: Uuid) {
    let bar = Cleared(bar());
    loop {
        sleep(PAUSE).await;
        let answer = client.send(Call::get(resource_path::operation(&id.to_string()))).await;
        // Until the agent has read the request, it knows nothing of it.
        if let Ok(operation) = answer.and_then(|body| super::understand::<Value>(&body)) {
            tell(&bar.0, &operation);
        }
    }
}

struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn is_in_progress(operation: &Value) -> bool {
    operation["status"] == "InProgress"
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(100);
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:40}] {pos} % {elapsed}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn tell(bar: &ProgressBar, operation: &Value) {
    let waiting = operation.pointer("/properties/waiting").and_then(Value::as_bool).unwrap_or(false);
    bar.set_message(if waiting { "waiting for another change" } else { "writing and building tables" });
    bar.set_position(operation["percentComplete"].as_u64().unwrap_or(0));
}
