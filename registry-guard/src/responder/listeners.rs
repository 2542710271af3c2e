use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::stat::fstat;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::sleep;

use super::bounds::{MOST_CONNECTIONS, MOST_PER_SOURCE, MOST_SOCKETS, RETIREMENT};
use super::connection::Connection;
use super::installed::Installed;
use super::reports::Reports;
use crate::handover::ListenerKey;
use crate::places::Places;

/// When descriptors or memory are short, a little patience helps more than trying again at once.
const SHORT_OF_SOMETHING: Duration = Duration::from_millis(50);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) installed: watch::Sender<Arc<Installed>>,
    pub(super) reports: Arc<Reports>,
    places: Arc<Places>,
    sockets: Arc<Semaphore>,
    /// True once nothing is to be accepted any more.
    stopping: watch::Sender<bool>,
}

impl Shared {
    pub(super) fn new(reports: Reports) -> Self {
        Self {
            installed: watch::Sender::default(),
            reports: Arc::new(reports),
            places: Arc::new(Places::new(MOST_CONNECTIONS, MOST_PER_SOURCE)),
            sockets: Arc::new(Semaphore::new(MOST_SOCKETS)),
            stopping: watch::Sender::new(false),
        }
    }

    /// Accepts nothing more, and is ready when every connection has ended.
    pub(super) async fn stop(&self) {
        self.stopping.send_replace(true);
        let all = u32::try_from(MOST_SOCKETS).unwrap_or(u32::MAX);
        let _ = self.sockets.acquire_many(all).await;
    }
}

/// The listening sockets in use.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<Vec<Listener>>);

#[derive(Debug)]
struct Listener {
    key: ListenerKey,
    identity: Identity,
    /// Dropped to retire it.
    _in_use: oneshot::Sender<()>,
}

/// Device and inode: the same for every descriptor of one socket.
type Identity = (u64, u64);

impl Listeners {
    /// Accepts on these from now on. Sockets in use that are not among them are accepted on for a while yet.
    pub(super) fn install(&self, shared: &Arc<Shared>, listeners: Vec<(ListenerKey, OwnedFd)>) -> io::Result<()> {
        let mut checked = Vec::with_capacity(listeners.len());
        for (key, socket) in listeners {
            checked.push((key, identity(&socket)?, listener(socket)?));
        }
        let mut in_use = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        in_use.retain(|listener| {
            checked.iter().any(|(key, identity, _)| (*key, *identity) == (listener.key, listener.identity))
        });
        for (key, identity, socket) in checked {
            if !in_use.iter().any(|listener| (listener.key, listener.identity) == (key, identity)) {
                let (used, retired) = oneshot::channel();
                in_use.push(Listener { key, identity, _in_use: used });
                tokio::spawn(accept(Arc::clone(shared), key.namespace, socket, retired));
            }
        }
        Ok(())
    }
}

fn identity(socket: &OwnedFd) -> io::Result<Identity> {
    let status = fstat(socket.as_fd())?;
    Ok((status.st_dev, status.st_ino))
}

fn listener(socket: OwnedFd) -> io::Result<TcpListener> {
    if !getsockopt(&socket, sockopt::AcceptConn)? {
        return Err(io::Error::other("a socket that does not listen"));
    }
    let socket = std::net::TcpListener::from(socket);
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

async fn accept(shared: Arc<Shared>, namespace: u8, listener: TcpListener, retired: oneshot::Receiver<()>) {
    let mut stopping = shared.stopping.subscribe();
    let retirement = async {
        let _ = retired.await;
        sleep(RETIREMENT).await;
    };
    tokio::select! {
        () = accept_all(&shared, namespace, &listener) => {}
        () = retirement => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

async fn accept_all(shared: &Arc<Shared>, namespace: u8, listener: &TcpListener) {
    // The semaphore is never closed.
    while let Ok(room) = Arc::clone(&shared.sockets).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, source)) => {
                let connection = Connection {
                    stream,
                    source,
                    namespace,
                    installed: Arc::clone(&shared.installed.borrow()),
                    reports: Arc::clone(&shared.reports),
                    place: shared.places.take(source.ip().to_canonical()),
                };
                tokio::spawn(async move {
                    connection.serve().await;
                    drop(room);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(SHORT_OF_SOMETHING).await;
            }
        }
    }
}
