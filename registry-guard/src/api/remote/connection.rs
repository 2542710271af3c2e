use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::map_request;
use axum::{Extension, Router};
use http_body_util::Limited;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use super::bounds::{BODY_BYTES, CONNECTION, GOODBYE, HANDSHAKE, HEAD, HEADER_BYTES, HEADER_LINES};
use super::told;
use crate::api::caller::Caller;
use crate::places::Place;
use crate::responder::Socket;
use crate::tls::NOT_TLS;

/// A connection that was accepted.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) routes: Router,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) place: Place,
    pub(super) stopping: watch::Receiver<bool>,
}

impl Connection {
    /// Answers, within all bounds, and closes the connection.
    pub(super) async fn serve(self) {
        let Self { stream, peer, routes, tls, mut place, stopping } = self;
        let socket = Socket::new(stream);
        let talk = async {
            match timeout(HANDSHAKE, handshake(&socket, peer, tls)).await {
                Ok(Some(stream)) => converse(stream, peer, routes, stopping).await,
                Ok(None) => {}
                Err(_) => debug!(%peer, "no TLS handshake in time"),
            }
            socket.linger().await;
        };
        tokio::select! {
            () = talk => {}
            () = place.lost() => socket.abort(),
        }
    }
}

/// Nothing if the client does not speak TLS, or not to us.
async fn handshake(socket: &Socket, peer: SocketAddr, tls: Arc<ServerConfig>) -> Option<TlsStream<Socket>> {
    let mut first = [0_u8];
    if socket.stream().peek(&mut first).await.ok()? == 1 && first[0].is_ascii_uppercase() {
        warn!(%peer, "refused: plain HTTP where TLS is expected");
        // Whether it was read or not, the connection ends here.
        let _ = socket.clone().write_all(NOT_TLS).await;
        return None;
    }
    match TlsAcceptor::from(tls).accept(socket.clone()).await {
        Ok(stream) => Some(stream),
        Err(problem) => {
            debug!(%peer, %problem, "no TLS handshake");
            None
        }
    }
}

async fn converse(stream: TlsStream<Socket>, peer: SocketAddr, routes: Router, mut stopping: watch::Receiver<bool>) {
    let bounded = map_request(async |request: Request| request.map(|body| Body::new(Limited::new(body, BODY_BYTES))));
    let routes = routes.layer(bounded).layer(Extension(Caller::Stranger { peer }));
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEADER_BYTES).max_headers(HEADER_LINES);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = pin!(connection);
    let mut end = pin!(sleep(CONNECTION));
    let mut ending = false;
    loop {
        tokio::select! {
            // What it ended with is the client's doing: hyper has told it, if HTTP has words for that.
            _ = connection.as_mut() => return,
            () = end.as_mut() => {
                if ending {
                    debug!(%peer, "given up");
                    return;
                }
                ending = true;
                connection.as_mut().graceful_shutdown();
                end.as_mut().reset(Instant::now() + GOODBYE);
            }
            () = told(&mut stopping), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
                end.as_mut().reset(Instant::now() + GOODBYE);
            }
        }
    }
}
