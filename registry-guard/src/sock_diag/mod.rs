//! The only module that talks to `NETLINK_SOCK_DIAG`: which TCP sockets a network namespace has, and the end of one.

mod exchange;
mod wire;

use std::io;
use std::net::{IpAddr, SocketAddr};

use netlink_packet_sock_diag::inet::{InetRequest, InetResponseHeader, SocketId, StateFlags, Timer};
use netlink_packet_sock_diag::{
    AF_INET, AF_INET6, TCP_CLOSE_WAIT, TCP_CLOSING, TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_LAST_ACK,
    TCP_SYN_RECV,
};
use netlink_sys::Socket;
use nix::errno::Errno;
use thiserror::Error;

use wire::Request;

const FAMILIES: [u8; 2] = [AF_INET, AF_INET6];

/// The kernel does not tell about sockets, or does not end one.
#[derive(Debug, Error)]
pub enum SockDiagError {
    /// No socket.
    #[error("opening a socket for NETLINK_SOCK_DIAG: {0}")]
    Socket(io::Error),
    /// Nothing came back.
    #[error("talking to NETLINK_SOCK_DIAG: {0}")]
    Exchange(io::Error),
    /// What came back is not understood.
    #[error("the kernel's answer on NETLINK_SOCK_DIAG is not understood: {0}")]
    Answer(String),
    /// The sockets changed under the kernel's list of them, again and again.
    #[error("listing sockets: the list was interrupted {0} times")]
    Interrupted(u32),
    /// The kernel says no.
    #[error("{action}: {}", .errno.desc())]
    Refused {
        /// What was asked for.
        action: &'static str,
        /// Why not.
        errno: Errno,
    },
}

/// The state of a TCP connection (RFC 9293 section 3.3.2) over which data comes or may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The SYN was accepted, the handshake goes on.
    SynReceived,
    /// Open in both directions.
    Established,
    /// Closed by this side, whose last data may still be on its way.
    FinWait1,
    /// Closed by this side, open for the other.
    FinWait2,
    /// Closed by the other side, open for this one.
    CloseWait,
    /// Closed by both, this side's last data may still be on its way.
    LastAck,
    /// Closed by both at once, this side's last data may still be on its way.
    Closing,
}

impl State {
    const ALL: [(Self, u8); 7] = [
        (Self::SynReceived, TCP_SYN_RECV),
        (Self::Established, TCP_ESTABLISHED),
        (Self::FinWait1, TCP_FIN_WAIT1),
        (Self::FinWait2, TCP_FIN_WAIT2),
        (Self::CloseWait, TCP_CLOSE_WAIT),
        (Self::LastAck, TCP_LAST_ACK),
        (Self::Closing, TCP_CLOSING),
    ];

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, one)| *one == number).map(|(state, _)| state)
    }

    fn every() -> StateFlags {
        StateFlags::from_bits_truncate(Self::ALL.into_iter().map(|(_, number)| 1 << number).sum())
    }
}

/// A TCP connection of the namespace, as it was when it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// This host's end; an IPv4-mapped address is given as IPv4.
    pub local: SocketAddr,
    /// The other end; an IPv4-mapped address is given as IPv4.
    pub remote: SocketAddr,
    /// How far it is.
    pub state: State,
    /// The inode of the socket; 0 while no process holds it, as during the handshake.
    pub inode: u32,
    /// The user who made the socket.
    pub uid: u32,
    /// As the kernel named it, with its cookie.
    id: SocketId,
    family: u8,
}

impl Connection {
    /// What tells this connection from an earlier or later one with the same ends. A connection keeps it when its handshake
    /// ends (`inet_csk_clone_lock`).
    pub fn cookie(&self) -> u64 {
        u64::from_ne_bytes(self.id.cookie)
    }

    fn from_wire(header: InetResponseHeader) -> Option<Self> {
        // A socket that only waits for late packets is told with the state that it had (`inet_twsk_diag_fill`); it answers
        // data with a reset.
        if header.timer == Some(Timer::TimeWait) {
            return None;
        }
        let id = header.socket_id;
        Some(Self {
            local: canonical(id.source_address, id.source_port),
            remote: canonical(id.destination_address, id.destination_port),
            state: State::from_number(header.state)?,
            inode: header.inode,
            uid: header.uid,
            id,
            family: header.family,
        })
    }
}

/// A TCP socket that waits for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where; `::` may stand for both families.
    pub address: SocketAddr,
    /// The inode of the socket, as in `/proc/PID/fd`.
    pub inode: u32,
    /// The user who made the socket.
    pub uid: u32,
}

/// A conversation with the kernel about the TCP sockets of one network namespace. Every call blocks.
pub struct SockDiag(Socket);

impl SockDiag {
    /// Opens one for the network namespace of the calling thread; it works from any thread then.
    pub fn open() -> Result<Self, SockDiagError> {
        exchange::open().map(Self)
    }

    /// Every connection whose local port (host byte order) is one of `ports`, in both families, incoming or not, in each
    /// [`State`]. Connections that come or go meanwhile may be in it or not.
    pub fn connections(&self, ports: &[u16]) -> Result<Vec<Connection>, SockDiagError> {
        // The kernel compares one port; it walks its whole table for each list, so more ports are told apart here.
        let source_port = match ports {
            [] => return Ok(Vec::new()),
            [port] => *port,
            _ => 0,
        };
        let headers = self.list(State::every(), source_port)?;
        let at_port = |connection: &Connection| ports.contains(&connection.local.port());
        Ok(headers.into_iter().filter_map(Connection::from_wire).filter(at_port).collect())
    }

    /// Every listening TCP socket.
    pub fn listeners(&self) -> Result<Vec<Listener>, SockDiagError> {
        let headers = self.list(StateFlags::LISTEN, 0)?;
        Ok(headers
            .into_iter()
            .map(|header| Listener {
                address: canonical(header.socket_id.source_address, header.socket_id.source_port),
                inode: header.inode,
                uid: header.uid,
            })
            .collect())
    }

    /// Ends a connection at once: its other end gets a reset, its owner `ECONNABORTED`. False if it was gone already.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` from a kernel without `CONFIG_INET_DIAG_DESTROY`, `EPERM` without `CAP_NET_ADMIN` in the namespace.
    pub fn destroy(&self, connection: &Connection) -> Result<bool, SockDiagError> {
        let request = request(connection.family, StateFlags::empty(), connection.id.clone());
        match exchange::tell(&self.0, Request::Destroy(request))? {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(SockDiagError::Refused { action: "destroying a connection", errno }),
        }
    }

    /// Whether the kernel can destroy connections at all, found out with one that cannot exist.
    pub fn can_destroy(&self) -> Result<bool, SockDiagError> {
        // Without the module for TCP a list fails, while the attempt below looks like success.
        self.list(StateFlags::LISTEN, 0)?;
        match exchange::tell(&self.0, Request::Destroy(request(AF_INET, StateFlags::empty(), SocketId::new_v4())))? {
            Err(Errno::EOPNOTSUPP) => Ok(false),
            // Port 0 has no socket.
            Ok(()) | Err(Errno::ENOENT) => Ok(true),
            Err(errno) => Err(SockDiagError::Refused { action: "destroying a connection", errno }),
        }
    }

    fn list(&self, states: StateFlags, source_port: u16) -> Result<Vec<InetResponseHeader>, SockDiagError> {
        let mut all = Vec::new();
        for family in FAMILIES {
            let any = if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() };
            let id = SocketId { source_port, ..any };
            all.append(&mut exchange::list(&self.0, &request(family, states, id))?);
        }
        Ok(all)
    }
}

fn request(family: u8, states: StateFlags, socket_id: SocketId) -> InetRequest {
    InetRequest {
        family,
        protocol: netlink_packet_sock_diag::IPPROTO_TCP,
        extensions: netlink_packet_sock_diag::inet::ExtensionFlags::empty(),
        states,
        socket_id,
    }
}

fn canonical(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}
