//! A Unix-socket server with canned answers, for what the client does whatever the agent is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use clap::Parser;

use super::arguments::Arguments;
use super::client::Client;
use super::terminal::Terminal;

/// What a request looked like.
pub(crate) struct Seen {
    pub(crate) method: String,
    /// The path as sent, with its query.
    pub(crate) path: String,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) prefer: Option<String>,
    pub(crate) body: serde_json::Value,
}

/// What a command printed, and how it ended.
pub(crate) struct Printed {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Gives the answers it was told, the last one again and again, and remembers what it was asked.
pub(crate) struct StandInAgent {
    folder: tempfile::TempDir,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl StandInAgent {
    /// The same answer to everything.
    pub(crate) fn answering(status: u16, body: &str) -> Self {
        Self::answering_in_turn(&[(status, body)])
    }

    /// One answer after the other.
    pub(crate) fn answering_in_turn(answers: &[(u16, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = tokio::net::UnixListener::bind(folder.path().join("control.sock")).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answers: VecDeque<(u16, String)> =
            answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let answers = Arc::new(Mutex::new(answers));
        let record = seen.clone();
        let app = axum::Router::new().fallback(move |request: Request| {
            let (record, answers) = (record.clone(), answers.clone());
            async move {
                let entry = Seen::from(request).await;
                record.lock().unwrap().push(entry);
                let mut answers = answers.lock().unwrap();
                let (status, body) = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
                (StatusCode::from_u16(status).unwrap(), body).into_response()
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { folder, seen }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.folder.path().join("control.sock"), std::time::Duration::from_mins(1))
    }

    pub(crate) fn seen(&self) -> std::sync::MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap()
    }

    /// Runs a whole command against this agent.
    pub(crate) async fn run(&self, command: &str) -> Printed {
        let socket = self.folder.path().join("control.sock");
        let words = command.split(' ').map(|word| if word == "''" { "" } else { word });
        let arguments = ["registry-guard", "--socket", socket.to_str().unwrap()].into_iter().chain(words);
        run_command(Arguments::try_parse_from(arguments).unwrap(), None).await
    }

    /// As [`run`](Self::run), with somebody at the terminal who types `input`.
    pub(crate) async fn run_asked(&self, command: &str, input: &'static str) -> Printed {
        let socket = self.folder.path().join("control.sock");
        let arguments = ["registry-guard", "--socket", socket.to_str().unwrap()].into_iter().chain(command.split(' '));
        run_command(Arguments::try_parse_from(arguments).unwrap(), Some(input)).await
    }
}

impl Seen {
    async fn from(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Self {
            method: parts.method.to_string(),
            path: parts.uri.to_string(),
            if_match: header("if-match"),
            if_none_match: header("if-none-match"),
            prefer: header("prefer"),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }
}

/// Runs parsed arguments with captured streams; with `input`, somebody sits there and types it.
async fn run_command(arguments: Arguments, input: Option<&'static str>) -> Printed {
    let (out, err) = (Captured::default(), Captured::default());
    let mut terminal = Terminal {
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        input: Box::new(input.unwrap_or_default().as_bytes()),
        interactive: input.is_some(),
        colour: false,
        watched: false,
        quiet: false,
        descriptor: None,
    };
    let code = match super::dispatch::dispatch(arguments, &mut terminal).await {
        Ok(_) => 0,
        Err(failure) => {
            terminal.error(&failure);
            failure.exit_code()
        }
    };
    Printed { code, out: out.text(), err: err.text() }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
