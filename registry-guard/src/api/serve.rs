use std::io;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use tokio::net::UnixStream;
use tokio::net::unix::SocketAddr;
use tokio::sync::oneshot;

use super::{ControlSocket, router};
use crate::agent::Agent;

/// How long requests that have begun may take once the server is to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers on `socket` until `stop` is ready, then finishes what has begun, for 10 seconds at most, and removes the file.
pub async fn serve(
    socket: ControlSocket,
    agent: Agent,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_router(socket, router(agent), stop).await
}

pub(super) async fn serve_router(
    socket: ControlSocket,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (told, stopping) = oneshot::channel::<()>();
    let stopped = async move {
        stop.await;
        drop(told);
    };
    let server = axum::serve(socket, router).with_graceful_shutdown(stopped);
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
