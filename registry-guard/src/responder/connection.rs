use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::bounds::{CONNECTION, HANDSHAKE};
use super::http::{Abandoned, Caller, converse};
use super::installed::{Installed, Registry};
use super::reports::Reports;
use super::socket::Socket;
use crate::places::Place;
use crate::tls::{NOT_TLS, TLS_HANDSHAKE};

/// A connection that was accepted.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) source: SocketAddr,
    pub(super) namespace: u8,
    pub(super) installed: Arc<Installed>,
    pub(super) reports: Arc<Reports>,
    pub(super) place: Place,
}

impl Connection {
    /// Answers, within all bounds, and closes the connection.
    pub(super) async fn serve(self) {
        let Self { stream, source, namespace, installed, reports, mut place } = self;
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let socket = Socket::new(stream);
        let (source, endpoint) = (canonical(source), canonical(local));
        let caller = |registry: &Arc<Registry>, encrypted| Caller {
            registry: Arc::clone(registry),
            namespace,
            source,
            endpoint,
            encrypted,
            reports,
        };
        let talk = async {
            match installed.at(namespace, endpoint) {
                Some(registry) if registry.tls.is_none() => converse(socket.clone(), caller(registry, false)).await,
                registry => match timeout(HANDSHAKE, handshake(&socket, &installed, registry)).await {
                    Ok(Ok(Begun::Tls(stream, registry))) => converse(stream, caller(&registry, true)).await,
                    Ok(Ok(Begun::Told)) => Ok(()),
                    Ok(Err(Abandoned)) | Err(_) => Err(Abandoned),
                },
            }
        };
        let done = tokio::select! {
            done = timeout(CONNECTION, talk) => done.unwrap_or(Err(Abandoned)),
            () = place.lost() => Err(Abandoned),
        };
        if done.is_err() {
            socket.abort();
            return;
        }
        place.answered();
        tokio::select! {
            () = socket.linger() => {}
            () = place.lost() => {}
        }
    }
}

/// How TLS began.
enum Begun {
    /// With this registry.
    Tls(Box<TlsStream<Socket>>, Arc<Registry>),
    /// Not at all, and the client was told.
    Told,
}

async fn handshake(
    socket: &Socket,
    installed: &Installed,
    registry: Option<&Arc<Registry>>,
) -> Result<Begun, Abandoned> {
    let mut first = [0];
    match socket.stream().peek(&mut first).await {
        Ok(1) if first == [TLS_HANDSHAKE] => {}
        Ok(1) if first[0].is_ascii_uppercase() && registry.is_some() => {
            socket.clone().write_all(NOT_TLS).await.map_err(|_| Abandoned)?;
            return Ok(Begun::Told);
        }
        _ => return Err(Abandoned),
    }
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), socket.clone());
    let start = start.await.map_err(|_| Abandoned)?;
    let hello = start.client_hello();
    let (registry, tls) = installed.tls_for(registry, hello.server_name()).ok_or(Abandoned)?;
    let (registry, config) = (Arc::clone(registry), Arc::clone(&tls.config));
    let stream = start.into_stream(config).await.map_err(|_| Abandoned)?;
    Ok(Begun::Tls(Box::new(stream), registry))
}

/// An IPv4 address that came in IPv6 clothes, as itself.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
