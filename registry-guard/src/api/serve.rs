use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::UnixStream;
use tokio::net::unix::SocketAddr;
use tokio::sync::oneshot;

use super::ControlSocket;
use super::backend::Shared;
use super::caller::LocalPeer;
use super::routes::local_routes;
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
    let stopped = async move {
        stop.await;
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
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        Listener::accept(&mut self.listener).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
