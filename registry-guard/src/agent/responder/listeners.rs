use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};
use registry_guard_common::Family;
use tracing::info;

use crate::handover::ListenerKey;
use crate::netns::Namespace;

/// Connections that may wait to be accepted, for each family in each namespace.
const BACKLOG: i32 = 1024;

/// A listening socket that the kernel steers denied connections to.
#[derive(Debug)]
pub struct Listener {
    /// Whose connections it gets.
    pub key: ListenerKey,
    /// The socket.
    pub socket: OwnedFd,
}

/// Makes the listening sockets of the namespace that this thread is in, and which has this number.
///
/// Their addresses do not matter: connections are steered to them by `guard_sk_lookup`. Where there is no IPv6, there is only
/// the one of IPv4.
pub fn listen_here(namespace: u8) -> io::Result<Vec<Listener>> {
    let listener = |family, socket| Listener { key: ListenerKey { namespace, family }, socket };
    let mut listeners = vec![listener(Family::V4, listening(Family::V4)?)];
    match listening(Family::V6) {
        Ok(socket) => listeners.push(listener(Family::V6, socket)),
        Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) => {
            info!(namespace, "no IPv6 here, so denied IPv6 clients get no answer");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(listeners)
}

/// As [`listen_here`], in another namespace, but for those that there are already. Blocks.
pub fn listen_in(
    namespace: &Namespace,
    number: u8,
    present: impl Fn(ListenerKey) -> Option<OwnedFd>,
) -> io::Result<Vec<Listener>> {
    let of = |family| ListenerKey { namespace: number, family };
    let there = |family| Some(Listener { key: of(family), socket: present(of(family))? });
    let mut listeners: Vec<Listener> = [Family::V4, Family::V6].into_iter().filter_map(there).collect();
    if listeners.len() < 2 {
        let made = namespace.run(|| listen_here(number))??;
        let is_missing = |made: &Listener| listeners.iter().all(|there| there.key != made.key);
        let missing: Vec<Listener> = made.into_iter().filter(is_missing).collect();
        listeners.extend(missing);
    }
    Ok(listeners)
}

fn listening(family: Family) -> nix::Result<OwnedFd> {
    let (domain, address) = match family {
        Family::V4 => (AddressFamily::Inet, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        Family::V6 => (AddressFamily::Inet6, SocketAddr::from((Ipv6Addr::LOCALHOST, 0))),
    };
    let listener = socket(domain, SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    // The connections it accepts have the registry's port at their end, and inherit this: without it they would keep the
    // registry from listening there again (`inet_csk_bind_conflict`).
    setsockopt(&listener, sockopt::ReuseAddr, &true)?;
    // A namespace whose loopback interface is down has no such address yet.
    setsockopt(&listener, sockopt::IpFreebind, &true)?;
    if family == Family::V6 {
        setsockopt(&listener, sockopt::Ipv6V6Only, &true)?;
    }
    bind(listener.as_raw_fd(), &SockaddrStorage::from(address))?;
    listen(&listener, Backlog::new(BACKLOG)?)?;
    Ok(listener)
}
