use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use super::ControlSocket;
use super::backend::Shared;
use super::caller::LocalPeer;
use super::routes::local_routes;
use super::visit::Visit;
use crate::agent::Agent;

/// How long requests that have begun may take once the server is to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers on `socket` until `stop` is ready, then ends those who follow events, finishes what has begun, for 10 seconds at
/// most, and removes the file.
pub async fn serve(
    socket: ControlSocket,
    agent: Agent,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_backend(socket, Arc::new(agent), stop).await
}

pub(super) async fn serve_backend(
    socket: ControlSocket,
    agent: Shared,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (told, stopping) = oneshot::channel::<()>();
    let denials = agent.denials().clone();
    let visits = socket.visits.clone();
    let stopped = async move {
        stop.await;
        visits.close().await;
        denials.close();
        drop(told);
    };
    let service = local_routes(agent).into_make_service_with_connect_info::<LocalPeer>();
    let server = axum::serve(socket, service).with_graceful_shutdown(stopped);
    tokio::select! {
        ended = server.into_future() => ended,
        () = async {
            let _ = stopping.await;
            tokio::time::sleep(PATIENCE).await;
        } => {
            tracing::warn!("stopped while requests were being answered");
            Ok(())
        }
    }
}

impl Listener for ControlSocket {
    type Io = UnixStream;
    type Addr = Arc<Visit>;

    async fn accept(&mut self) -> (UnixStream, Arc<Visit>) {
        tokio::select! {
            biased;
            () = self.visits.closed() => std::future::pending().await,
            (stream, _) = Listener::accept(&mut self.listener) => (stream, Arc::new(self.visits.begin())),
        }
    }

    fn local_addr(&self) -> io::Result<Arc<Visit>> {
        Err(io::Error::other("an address of this socket is a visit"))
    }
}
