//! The addresses of a host's name, as this machine sees it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// Asks the system for the addresses of `host`, each once with `port`; the error says why there is none within `limit`.
pub(crate) async fn resolve(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    let (tell, told) = oneshot::channel::<io::Result<Vec<SocketAddr>>>();
    let asked = (host.to_owned(), port);
    // Not a thread of the runtime, which would not end before getaddrinfo(3) does.
    std::thread::spawn(move || tell.send(asked.to_socket_addrs().map(Iterator::collect)));
    let mut found = match timeout(limit, told).await {
        Ok(Ok(Ok(found))) => found,
        Ok(Ok(Err(error))) => return Err(error.to_string()),
        Ok(Err(_)) => return Err("nobody was left to ask".to_owned()),
        Err(_) => return Err(format!("no answer within {} s", limit.as_secs())),
    };
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
}
