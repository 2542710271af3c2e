use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::USER_AGENT;
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::answer::answer;
use super::bounds::{
    FURTHER_REQUESTS, HEAD, HEADER_BYTES, HEADER_LINES, HTTP2_SEND_BUFFER, HTTP2_WINDOW, LINGER, LINGER_BYTES, STREAMS,
};
use super::installed::Registry;
use super::reports::Reports;
use crate::handover::{Answered, Printable};

/// What is known of a connection before HTTP begins.
pub(super) struct Caller {
    pub(super) registry: Arc<Registry>,
    pub(super) namespace: u8,
    pub(super) source: SocketAddr,
    pub(super) endpoint: SocketAddr,
    pub(super) encrypted: bool,
    pub(super) reports: Arc<Reports>,
}

/// Nobody is owed an orderly end: no head came in time, or the registry's budget is used up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Abandoned;

/// Answers one request over HTTP/1.1, or those that come soon over HTTP/2, and ends the conversation. Bodies are not looked at.
pub(super) async fn converse<S>(io: S, caller: Caller) -> Result<(), Abandoned>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let exchange = Arc::new(Exchange { caller, answered: Notify::new(), refused: AtomicBool::new(false) });
    let service = service_fn(|request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let answer = exchange.answer(&head);
        if head.version == Version::HTTP_2 {
            tokio::spawn(forget(body));
        }
        async move { answer }
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    let mut head = pin!(sleep(HEAD));
    let (mut answered, mut ending) = (false, false);
    let mut goodbye = pin!(sleep(HEAD + FURTHER_REQUESTS));
    loop {
        tokio::select! {
            // What it ended with is the client's doing: hyper has told it, if HTTP has words for that.
            _ = connection.as_mut() => break,
            () = exchange.answered.notified(), if !answered => {
                answered = true;
                goodbye.as_mut().reset(Instant::now() + FURTHER_REQUESTS);
            }
            () = goodbye.as_mut(), if answered && !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = head.as_mut(), if !answered => return Err(Abandoned),
        }
    }
    if exchange.refused.load(Ordering::Relaxed) { Err(Abandoned) } else { Ok(()) }
}

/// Reads a body and forgets it, within bounds. Over HTTP/2, not to read it would reset the stream, and curl 7.88 takes that for
/// the end of the answer too.
async fn forget(mut body: Incoming) {
    let forgotten = async {
        let mut left = LINGER_BYTES;
        while left > 0
            && let Some(Ok(frame)) = body.frame().await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
    };
    // However it ends, nobody waits for it.
    let _ = timeout(LINGER, forgotten).await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .keep_alive(false)
        .title_case_headers(true)
        .max_buf_size(usize::from(HEADER_BYTES))
        .max_headers(HEADER_LINES);
    builder
        .http2()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::from(HEADER_BYTES))
        .initial_stream_window_size(HTTP2_WINDOW)
        .initial_connection_window_size(HTTP2_WINDOW)
        .max_send_buf_size(HTTP2_SEND_BUFFER);
    builder
}

struct Exchange {
    caller: Caller,
    answered: Notify,
    refused: AtomicBool,
}

impl Exchange {
    fn answer(&self, request: &Parts) -> io::Result<Response<Full<Bytes>>> {
        let Caller { registry, namespace, source, endpoint, encrypted, reports } = &self.caller;
        self.answered.notify_one();
        if !registry.budget.take() {
            self.refused.store(true, Ordering::Relaxed);
            return Err(io::Error::other("the registry's budget is used up"));
        }
        let id = Uuid::new_v4();
        let answer = answer(registry, source.ip(), request, id, *encrypted);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let user_agent = request.headers.get(USER_AGENT).map(hyper::header::HeaderValue::as_bytes);
        reports.add(Answered {
            id,
            time: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
            registry: registry.name.clone(),
            namespace: *namespace,
            source: *source,
            endpoint: *endpoint,
            status: answer.status().as_u16(),
            method: Printable::of(request.method.as_str().as_bytes()),
            path: Printable::of(request.uri.path().as_bytes()),
            user_agent: Printable::of(user_agent.unwrap_or_default()),
            left_out: 0,
        });
        Ok(answer)
    }
}
