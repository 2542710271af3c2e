//! HTTP over the agent's Unix socket, one request per connection.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use http_body_util::{BodyExt, Full};
use humantime::format_duration;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, ETAG, HOST, IF_MATCH, IF_NONE_MATCH};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tracing::{debug, info};
use uuid::Uuid;

use super::arguments::Revision;
use super::failure::Failure;
use crate::api::{
    CONFIRM_BY, CONFIRM_WITHIN, CORRELATION, DESTROYED_CONNECTIONS, PREFER, RESPOND_ASYNC, SERVER_TIMING,
};

/// A request, before it is sent.
pub(crate) struct Call {
    method: Method,
    path: String,
    if_match: Option<Revision>,
    must_be_new: bool,
    body: Option<Bytes>,
    called: Option<Uuid>,
    respond_async: bool,
}

impl Call {
    /// Any method; [`get`](Self::get) and its siblings read better.
    fn new(method: Method, path: String) -> Self {
        Self { method, path, if_match: None, must_be_new: false, body: None, called: None, respond_async: false }
    }

    /// Reads.
    pub(crate) fn get(path: String) -> Self {
        Self::new(Method::GET, path)
    }

    /// Creates or replaces.
    pub(crate) fn put(path: String, body: &serde_json::Value) -> Self {
        Self { body: Some(bytes(body)), ..Self::new(Method::PUT, path) }
    }

    /// As [`put`](Self::put), with what is JSON already.
    pub(crate) fn put_json(path: String, body: Bytes) -> Self {
        Self { body: Some(body), ..Self::new(Method::PUT, path) }
    }

    /// Changes what the body names, keeps the rest.
    pub(crate) fn patch(path: String, body: &serde_json::Value) -> Self {
        Self { body: Some(bytes(body)), ..Self::new(Method::PATCH, path) }
    }

    /// Removes.
    pub(crate) fn delete(path: String) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Asks.
    pub(crate) fn post(path: String, body: &serde_json::Value) -> Self {
        Self::post_json(path, bytes(body))
    }

    /// As [`post`](Self::post), with what is JSON already.
    pub(crate) fn post_json(path: String, body: Bytes) -> Self {
        Self { body: Some(body), ..Self::new(Method::POST, path) }
    }

    /// Refused unless the policy is at this revision.
    pub(crate) fn if_match(mut self, revision: Option<Revision>) -> Self {
        self.if_match = revision;
        self
    }

    /// Refused if the resource exists already.
    pub(crate) fn must_be_new(mut self) -> Self {
        self.must_be_new = true;
        self
    }

    /// Under this id it stands in the agent's log and among its operations.
    pub(crate) fn called(mut self, id: Uuid) -> Self {
        self.called = Some(id);
        self
    }

    /// The answer is to be an operation.
    pub(crate) fn respond_async(mut self) -> Self {
        self.respond_async = true;
        self
    }

    fn into_request(self) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder().method(self.method).uri(&self.path).header(HOST, "localhost");
        if let Some(revision) = self.if_match {
            request = request.header(IF_MATCH, revision.to_string());
        }
        if self.must_be_new {
            request = request.header(IF_NONE_MATCH, "*");
        }
        if let Some(id) = self.called {
            request = request.header(CORRELATION, id.to_string());
        }
        if self.respond_async {
            request = request.header(PREFER, RESPOND_ASYNC);
        }
        let body = match self.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                body
            }
            None => Bytes::new(),
        };
        request.body(Full::new(body)).map_err(|error| {
            Failure::Usage(format!(
                "the arguments do not fit into a request ({error}): is a name or an id far too long?"
            ))
        })
    }
}

fn bytes(body: &serde_json::Value) -> Bytes {
    Bytes::from(body.to_string())
}

/// The agent behind one socket.
pub(crate) struct Client {
    socket: PathBuf,
    /// How long the agent may give no sign of life.
    patience: Duration,
    /// Within which time changes are to be confirmed.
    confirm_within: Option<Duration>,
    destroyed: AtomicU64,
    revision: OnceLock<u64>,
    confirm_by: OnceLock<(u64, String)>,
}

impl Client {
    /// Connects only when a call is sent.
    pub(crate) fn new(socket: PathBuf, patience: Duration) -> Self {
        let (revision, confirm_by) = (OnceLock::new(), OnceLock::new());
        Self { socket, patience, confirm_within: None, destroyed: AtomicU64::new(0), revision, confirm_by }
    }

    /// Every change is to be confirmed within this time, if there is one.
    pub(crate) fn confirming(mut self, within: Option<Duration>) -> Self {
        self.confirm_within = within;
        self
    }

    /// Sends `call` and returns the body of a successful answer; any other answer is a [`Failure::Api`].
    pub(crate) async fn send(&self, call: Call) -> Result<Bytes, Failure> {
        let changes = call.method != Method::GET;
        let mut answer = self.open(call).await?;
        self.unless_silent(changes, answer.whole()).await
    }

    /// Sends `call`, whose answer comes line by line.
    pub(crate) async fn follow(&self, call: Call) -> Result<LineByLine, Failure> {
        let answer = self.open(call).await?;
        Ok(LineByLine { answer, unread: BytesMut::new() })
    }

    async fn open(&self, call: Call) -> Result<Answering, Failure> {
        let mut request = call.into_request()?;
        let changes = request.method() != Method::GET;
        let within = self.confirm_within.filter(|_| changes).map(|within| format_duration(within).to_string());
        if let Some(within) = within.and_then(|within| HeaderValue::try_from(within).ok()) {
            request.headers_mut().insert(CONFIRM_WITHIN, within);
        }
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| unreachable(&self.socket, &error))?;
        debug!(method = %request.method(), path = %request.uri(), body = ?request.body(), "asking the agent");
        let response = self.unless_silent(changes, exchange(stream, request)).await?;
        let (status, mut answer) = response;
        let headers = &answer.headers;
        info!(%status, timing = ?headers.get(SERVER_TIMING), "the agent answered");
        self.destroyed.fetch_add(number(headers, &DESTROYED_CONNECTIONS).unwrap_or(0), Ordering::Relaxed);
        if let Some(revision) = number(headers, &ETAG) {
            let _ = self.revision.set(revision);
        }
        let confirm_by = headers.get(CONFIRM_BY).and_then(|value| value.to_str().ok()?.split_once(' '));
        if let Some((Ok(revision), time)) = confirm_by.map(|(revision, time)| (revision.parse(), time.to_owned())) {
            let _ = self.confirm_by.set((revision, time));
        }
        if status.is_success() {
            return Ok(answer);
        }
        let body = self.unless_silent(changes, answer.whole()).await?;
        Err(refusal(status, &body))
    }

    /// The agent ended an answer that only ends with the agent.
    pub(crate) fn stopped(&self) -> Failure {
        Failure::NoAgent(format!(
            "the agent on {} was stopped or has crashed (the kernel keeps enforcing what it last enforced); start it with `registry-guard run`",
            self.socket.display()
        ))
    }

    /// How many connections the changes destroyed that were made so far.
    pub(crate) fn destroyed(&self) -> u64 {
        self.destroyed.load(Ordering::Relaxed)
    }

    /// The revision that is to be confirmed since the first change, and until when.
    pub(crate) fn confirm_by(&self) -> Option<(u64, &str)> {
        self.confirm_by.get().map(|(revision, time)| (*revision, time.as_str()))
    }

    /// The revision that the first answer told.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.revision.get().copied()
    }

    /// Waits for as long as it takes, but not for an agent that is stopped or hangs. A change may take long: all the while,
    /// another connection must be answered.
    async fn unless_silent<T>(
        &self,
        changes: bool,
        work: impl Future<Output = hyper::Result<T>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = work => done.map_err(|error| self.lost(changes, &error)),
            () = self.silence() => Err(Failure::Local(format!(
                "the agent on {} gave no sign of life for {} s: it is stopped, or hangs (the kernel keeps enforcing what it last enforced){}",
                self.socket.display(),
                self.patience.as_secs_f64(),
                doubt(changes)
            ))),
        }
    }

    /// Ends when the agent no longer answers anything.
    async fn silence(&self) {
        loop {
            tokio::time::sleep(self.patience).await;
            if tokio::time::timeout(self.patience, self.answers()).await.is_err() {
                return;
            }
        }
    }

    /// Ends when the agent answers, or is not there: then the call itself fails.
    async fn answers(&self) {
        let Ok(stream) = UnixStream::connect(&self.socket).await else { return };
        if let Ok(request) = Call::get("/".to_owned()).into_request() {
            let _ = exchange(stream, request).await;
        }
    }

    /// The agent's path, for messages.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    fn lost(&self, changes: bool, error: &hyper::Error) -> Failure {
        Failure::Local(format!(
            "the connection to the agent on {} ended before it had answered ({error}){}",
            self.socket.display(),
            doubt(changes)
        ))
    }
}

fn doubt(changes: bool) -> &'static str {
    if changes {
        "; whether the change was made is not known: `registry-guard status` prints the revision that is enforced"
    } else {
        ""
    }
}

/// The number in a header, perhaps in quotes.
fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim_matches('"').parse().ok()
}

/// Sends a request and returns what comes before the body.
async fn exchange(stream: UnixStream, request: Request<Full<Bytes>>) -> hyper::Result<(StatusCode, Answering)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = JoinSet::from_iter([async {
        // What becomes of the connection shows in the answer.
        let _ = connection.await;
    }]);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    Ok((parts.status, Answering { headers: parts.headers, body, _driver: driver }))
}

/// An answer whose body is still to come. Its connection ends with it.
struct Answering {
    headers: HeaderMap,
    body: Incoming,
    _driver: JoinSet<()>,
}

impl Answering {
    async fn whole(&mut self) -> hyper::Result<Bytes> {
        Ok((&mut self.body).collect().await?.to_bytes())
    }
}

/// An answer that comes line by line.
pub(crate) struct LineByLine {
    answer: Answering,
    unread: BytesMut,
}

impl LineByLine {
    /// The next line, without its end; `None` once the agent has ended, however it did.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(length) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line = self.unread.split_to(length).freeze();
                self.unread.advance(1);
                return Some(line);
            }
            match self.answer.body.frame().await {
                None | Some(Err(_)) => return None,
                Some(Ok(frame)) => self.unread.extend_from_slice(frame.data_ref().map_or(&[], AsRef::as_ref)),
            }
        }
    }
}

/// One sentence: the path, what is wrong with it, what to do.
fn unreachable(socket: &Path, error: &io::Error) -> Failure {
    let path = socket.display();
    match error.kind() {
        io::ErrorKind::NotFound => Failure::NoAgent(format!(
            "no agent: there is no socket at {path}; start one with `registry-guard run`, or name its socket with --socket or REGISTRY_GUARD_SOCKET"
        )),
        io::ErrorKind::ConnectionRefused => Failure::NoAgent(format!(
            "no agent is listening on {path} (it was stopped or has crashed; the kernel keeps enforcing what it last enforced); start it with `registry-guard run`"
        )),
        io::ErrorKind::PermissionDenied => Failure::Local(format!(
            "permission denied on the socket {path}: run this as root, or as a user that may write to the socket"
        )),
        io::ErrorKind::InvalidInput => {
            Failure::Usage(format!("--socket {path}: the path of a Unix socket has at most 107 bytes"))
        }
        _ => Failure::Local(format!("cannot connect to the agent's socket {path}: {error}")),
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize)]
struct ErrorDetail {
    code: String,
    message: String,
}

fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    let ErrorDetail { code, message } = serde_json::from_slice(body).map_or_else(
        |_| ErrorDetail {
            code: status.canonical_reason().unwrap_or("Error").replace(' ', ""),
            message: match String::from_utf8_lossy(body).trim() {
                "" => format!("the agent answered {status} without an explanation"),
                text => text.to_owned(),
            },
        },
        |body: ErrorBody| body.error,
    );
    Failure::Api { status: status.as_u16(), code, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::stand_in_agent::StandInAgent;

    const PATIENCE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_missing_socket_names_its_path_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let failure = Client::new(socket.clone(), PATIENCE).send(Call::get("/status".into())).await.unwrap_err();
        assert!(matches!(failure, Failure::NoAgent(_)));
        let text = failure.to_string();
        assert!(text.contains(socket.to_str().unwrap()) && text.contains("registry-guard run"), "{text}");
    }

    #[tokio::test]
    async fn a_socket_nobody_listens_on_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let failure = Client::new(socket, PATIENCE).send(Call::get("/status".into())).await.unwrap_err();
        assert!(failure.to_string().starts_with("no agent is listening on "), "{failure}");
    }

    #[test]
    fn a_forbidden_socket_names_its_path_and_the_remedy() {
        let failure = unreachable(Path::new("/run/x.sock"), &io::ErrorKind::PermissionDenied.into());
        assert!(failure.to_string().starts_with("permission denied on the socket /run/x.sock: run this as root"));
        assert_eq!(failure.exit_code(), 1);
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_is_a_usage_error() {
        let failure =
            Client::new(PathBuf::from("/".repeat(200)), PATIENCE).send(Call::get("/status".into())).await.unwrap_err();
        assert_eq!(failure.exit_code(), 2, "{failure}");
    }

    #[tokio::test]
    async fn a_name_too_long_for_a_request_is_a_usage_error() {
        let failure = Client::new(PathBuf::from("/nowhere"), PATIENCE)
            .send(Call::get(crate::cli::resource_path::registry(&"x".repeat(70_000))))
            .await
            .unwrap_err();
        assert_eq!(failure.exit_code(), 2, "{failure}");
    }

    #[tokio::test]
    async fn the_arm_error_is_kept_whole() {
        let agent = StandInAgent::answering(404, r#"{"error":{"code":"ResourceNotFound","message":"No such."}}"#);
        let failure = agent.client().send(Call::get("/x".into())).await.unwrap_err();
        assert_eq!(failure.to_string(), "(ResourceNotFound) No such.");
        assert_eq!(failure.exit_code(), 3);
    }

    #[tokio::test]
    async fn an_answer_that_is_not_ours_is_still_an_error() {
        let agent = StandInAgent::answering(500, "");
        let failure = agent.client().send(Call::get("/x".into())).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            "(InternalServerError) the agent answered 500 Internal Server Error without an explanation"
        );
    }

    #[tokio::test]
    async fn a_change_whose_answer_is_lost_says_that_its_outcome_is_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let gone = tokio::spawn(async move { drop(listener.accept().await) });
        let failure = Client::new(socket, PATIENCE).send(Call::delete("/x".into())).await.unwrap_err();
        gone.await.unwrap();
        assert!(failure.to_string().contains("whether the change was made is not known"), "{failure}");
    }

    #[tokio::test]
    async fn preconditions_travel_as_headers() {
        let agent = StandInAgent::answering(200, "{}");
        let call = Call::put("/x".into(), &serde_json::json!({})).if_match(Some(Revision::Number(7))).must_be_new();
        agent.client().send(call).await.unwrap();
        let seen = agent.seen();
        assert_eq!(seen[0].if_match.as_deref(), Some("\"7\""));
        assert_eq!(seen[0].if_none_match.as_deref(), Some("*"));
    }

    #[tokio::test]
    async fn an_agent_that_is_stopped_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let _never_accepts = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (call, doubt) in [(Call::get("/x".into()), false), (Call::delete("/x".into()), true)] {
            let failure = Client::new(socket.clone(), Duration::from_millis(10)).send(call).await.unwrap_err();
            let text = failure.to_string();
            assert!(text.contains("no sign of life"), "{text}");
            assert_eq!(text.contains("whether the change was made is not known"), doubt, "{text}");
            assert_eq!(failure.exit_code(), 1);
        }
    }

    #[tokio::test]
    async fn a_long_change_is_waited_for_while_the_agent_lives() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let asked = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let noticed = asked.clone();
        let long = axum::routing::delete(async move || {
            // Only after the client has asked several times whether the agent lives.
            noticed.acquire_many(5).await.map(drop).unwrap();
        });
        let alive = axum::routing::get(async move || asked.add_permits(1));
        let agent = axum::Router::new().route("/x", long).route("/", alive);
        let serving = tokio::spawn(async move { axum::serve(listener, agent).await });
        let client = Client::new(socket, Duration::from_millis(200));
        assert_eq!(client.send(Call::delete("/x".into())).await.unwrap(), Bytes::new());
        serving.abort();
    }
}
