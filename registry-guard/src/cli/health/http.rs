use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{DATE, HOST, USER_AGENT, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The most bytes of an answer that are read.
const MOST_BYTES: usize = 64 * 1024;

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: u16,
    /// As much of it as there was, if it was text.
    pub(super) body: String,
    /// `WWW-Authenticate`
    pub(super) challenge: Option<String>,
    /// When the server believes that it answered.
    pub(super) date: Option<SystemTime>,
}

/// Asks for `path`, without any credentials; the error says why there is no answer within `limit`.
pub(super) async fn get<S>(stream: S, authority: &str, path: &str, limit: Duration) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    timeout(limit, exchange(stream, authority, path))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
}

async fn exchange<S>(stream: S, authority: &str, path: &str) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| said(&error))?;
    let _driver = JoinSet::from_iter([async {
        // What becomes of the connection shows in the answer.
        let _ = connection.await;
    }]);
    let request = Request::get(path)
        .header(HOST, authority)
        .header(USER_AGENT, concat!("registry-guard/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| said(&error))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
    let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
    let text = |headers: &HeaderMap, name| headers.get(name).and_then(|value| value.to_str().ok().map(str::to_owned));
    Ok(Answer {
        status,
        body,
        challenge: text(&headers, WWW_AUTHENTICATE),
        date: text(&headers, DATE).and_then(|date| httpdate::parse_http_date(&date).ok()),
    })
}

fn said(error: &hyper::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    format!("{error}{cause}")
}
