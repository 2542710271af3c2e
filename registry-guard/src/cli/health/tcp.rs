//! Whether the endpoint takes connections.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures::future::join_all;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::finding::Finding;
use super::target::Target;

const CHECK: &str = "tcp";

/// The connections that were made, the address of each, and what to say of all addresses.
pub(super) struct Reached {
    pub(super) streams: Vec<(SocketAddr, TcpStream)>,
    pub(super) findings: Vec<Finding>,
}

/// Connects to each address at once. That some do not answer only slows clients down, as long as one does.
pub(super) async fn reach(target: &Target, addresses: &[SocketAddr], limit: Duration) -> Reached {
    let attempts = addresses.iter().map(|address| async move { (*address, connect(*address, limit).await) });
    let mut reached = Reached { streams: Vec::new(), findings: Vec::new() };
    let mut failures = Vec::new();
    for (address, attempt) in join_all(attempts).await {
        match attempt {
            Ok(stream) => {
                reached.findings.push(Finding::ok(CHECK, target, format!("{address} takes connections")));
                reached.streams.push((address, stream));
            }
            Err(error) => failures.push((address, error)),
        }
    }
    for (address, error) in failures {
        let source = source(address).await.map_or_else(|| "ADDRESS".to_owned(), |source| source.to_string());
        let (message, advice) = explained(address, &source, &error, limit);
        reached.findings.push(if reached.streams.is_empty() {
            Finding::failed(CHECK, target, message, advice)
        } else {
            Finding::warning(CHECK, target, message, advice)
        });
    }
    reached
}

pub(super) async fn connect(address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    timeout(limit, TcpStream::connect(address)).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// What became of a connection from `source`, and what to do.
fn explained(address: SocketAddr, source: &str, error: &io::Error, limit: Duration) -> (String, String) {
    let port = address.port();
    match error.kind() {
        ErrorKind::TimedOut => (
            format!("{address}: nothing answered within {} s", limit.as_secs()),
            format!(
                "let this machine's own firewall, and those on the way, pass TCP port {port} (`registry-guard client-rules` prints what it must allow); if they do, the registry may be dropping this address: ask its owner what `registry-guard check --source {source}` says"
            ),
        ),
        ErrorKind::ConnectionRefused => (
            format!("{address} refused the connection"),
            format!(
                "nothing listens at port {port} there, or the registry answers denied clients with a reset: see that the registry runs and that the name and the port are right, and ask its owner what `registry-guard check --source {source}` says"
            ),
        ),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => (
            format!("{address}: {error}"),
            "give this machine a route there, or take the address out of DNS if clients are not to use it".to_owned(),
        ),
        _ => (format!("{address}: {error}"), "see that this machine may open connections there".to_owned()),
    }
}

/// The address that this machine would connect from; the kernel says so without sending anything.
pub(super) async fn source(destination: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if destination.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await.ok()?;
    socket.connect(destination).await.ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
