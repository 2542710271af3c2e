//! The API over TLS.

mod bounds;
mod certificate;
mod connection;

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen as listen_on, setsockopt, socket, sockopt,
};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use self::bounds::{MOST_CONNECTIONS, MOST_PER_SOURCE, PAUSE, STOPPING};
use self::certificate::ServerCertificate;
use self::connection::Connection;
use super::backend::Shared;
use super::discovery::Host;
use super::request_log::Strangers;
use super::routes::remote_routes;
use crate::certificates::CertificateFileError;
use crate::config::{Config, Management};
use crate::identity::{Door, SigningKeyError};
use crate::places::Places;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Why the API cannot be served over TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error("management.listen: {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Certificate(#[from] CertificateFileError),
    #[error("management.name: `{name}` is not a name in the certificate {}; accepted: one that it carries", file.display())]
    Name { name: String, file: Box<Path> },
    #[error("management: the certificate: {0}")]
    Tls(rustls::Error),
    #[error(transparent)]
    Key(#[from] SigningKeyError),
}

/// Sees whether the certificate of the API can be used, if config.toml asks for the API.
pub(crate) fn check_management(config: &Config) -> Result<(), RemoteError> {
    config.management.as_ref().map_or(Ok(()), |management| ServerCertificate::load(management).map(drop))
}

/// Listening sockets, and all that is needed to answer on them.
pub(crate) struct Remote {
    listeners: Vec<TcpListener>,
    certificate: ServerCertificate,
    host: Arc<Host>,
    url: String,
}

impl Remote {
    /// Listens and reads certificate and key, if config.toml asks for it. Nobody is answered yet. A socket that was `inherited`
    /// for an address is gone on with. Needs a Tokio runtime.
    pub(crate) fn prepare(
        config: &Config,
        state: &Path,
        inherited: impl Fn(SocketAddr) -> Option<OwnedFd>,
    ) -> Result<Option<Self>, RemoteError> {
        let Some(management) = &config.management else { return Ok(None) };
        let certificate = ServerCertificate::load(management)?;
        let listeners = management.listen.iter().map(|&address| {
            listen(address, inherited(address)).map_err(|source| RemoteError::Listen { address, source })
        });
        let host = Host {
            door: Arc::new(Door::new(management, state)?),
            login_server_suffix: login_server_suffix(config, management),
        };
        Ok(Some(Self {
            listeners: listeners.collect::<Result<_, _>>()?,
            certificate,
            host: Arc::new(host),
            url: management.url(),
        }))
    }

    /// Where it listens.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.listeners.iter().map(AsFd::as_fd)
    }

    /// Answers until `stop` is ready, then finishes what has begun, for a while.
    pub(crate) async fn serve(self, agent: crate::agent::Agent, stop: impl Future<Output = ()>) {
        self.serve_backend(Arc::new(agent), stop).await;
    }

    pub(super) async fn serve_backend(self, agent: Shared, stop: impl Future<Output = ()>) {
        let Self { listeners, certificate, host, url } = self;
        info!(url, "the API is served over TLS");
        let (told, stopping) = watch::channel(false);
        let strangers: Arc<Strangers> = Arc::default();
        let desk = Arc::new(Desk {
            routes: remote_routes(agent, host, Arc::clone(&strangers)),
            strangers,
            tls: certificate.current(),
            places: Arc::new(Places::new(MOST_CONNECTIONS, MOST_PER_SOURCE)),
            stopping,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(certificate.follow());
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(Arc::clone(&desk).accept(listener));
        }
        stop.await;
        told.send_replace(true);
        let finished = async { while accepting.join_next().await.is_some() {} };
        if timeout(STOPPING, finished).await.is_err() {
            warn!("stopped while requests over TLS were being answered");
        }
    }
}

/// What every connection needs.
struct Desk {
    routes: Router,
    strangers: Arc<Strangers>,
    tls: watch::Receiver<Arc<ServerConfig>>,
    places: Arc<Places>,
    stopping: watch::Receiver<bool>,
}

impl Desk {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        let mut stopping = self.stopping.clone();
        loop {
            tokio::select! {
                () = told(&mut stopping) => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                        let connection = Connection {
                            stream,
                            peer,
                            routes: self.routes.clone(),
                            strangers: Arc::clone(&self.strangers),
                            tls: Arc::clone(&self.tls.borrow()),
                            place: self.places.take(peer.ip()),
                            stopping: self.stopping.clone(),
                        };
                        connections.spawn(connection.serve());
                    }
                    Err(problem) => {
                        // The client may be gone again; or there are no descriptors left, and it helps to wait.
                        warn!(%problem, "cannot accept a connection to the API");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }
}

/// Ready once the agent is to stop.
async fn told(stopping: &mut watch::Receiver<bool>) {
    // Without a sender it has stopped.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn listen(address: SocketAddr, inherited: Option<OwnedFd>) -> io::Result<TcpListener> {
    let socket = inherited.map_or_else(|| listening(address), Ok)?;
    let listener = StdListener::from(socket);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// At boot the agent is there before the host has its addresses.
fn listening(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let listener = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    setsockopt(&listener, sockopt::ReuseAddr, &true)?;
    setsockopt(&listener, sockopt::IpFreebind, &true)?;
    bind(listener.as_raw_fd(), &SockaddrStorage::from(address))?;
    listen_on(&listener, Backlog::new(BACKLOG)?)?;
    Ok(listener)
}

/// The domain of the first login server, or of this host if that has none.
fn login_server_suffix(config: &Config, management: &Management) -> String {
    let login_server = config.registries.first().map_or(management.host(), |registry| &registry.login_server);
    let host = login_server.split(':').next().unwrap_or_default();
    host.split_once('.').map_or(host, |(_, domain)| domain).to_owned()
}
