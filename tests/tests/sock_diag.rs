//! The kernel's TCP sockets as the agent sees them, and the end of one, in namespaces of their own.

use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, connect, listen, socket};
use registry_guard::sock_diag::{Connection, SockDiag, SockDiagError, State};
use tests::net::{Client, Listener, Network, address, eventually, open};
use tests::packet::{Ethernet, Ipv4, Tcp};

const LIMIT: Duration = Duration::from_secs(5);
const V4: &str = "198.51.100.7";
const V6: &str = "2001:db8:1::7";

fn registry(source: &str, port: u16) -> SocketAddr {
    match address(source) {
        IpAddr::V4(_) => (Network::REGISTRY_V4, port).into(),
        IpAddr::V6(_) => (Network::REGISTRY_V6, port).into(),
    }
}

fn dial(client: &Client, source: &str, port: u16) -> Result<TcpStream> {
    let stream = client.namespace().within(|| open(address(source), registry(source, port), LIMIT))??;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

fn sockets(network: &Network) -> Result<SockDiag> {
    Ok(network.host().within(SockDiag::open)??)
}

/// The host's side of `stream`.
fn find(sockets: &SockDiag, stream: &TcpStream) -> Result<Connection> {
    let (local, remote) = (stream.peer_addr()?, stream.local_addr()?);
    let found = sockets.connections(&[local.port()])?;
    let ours = found.iter().find(|connection| (connection.local, connection.remote) == (local, remote));
    ours.cloned().with_context(|| format!("{remote} is not among {found:?}"))
}

/// Whether the other side ended this connection by a reset.
fn is_reset(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::ConnectionReset)
}

#[test]
fn connections_of_both_families_are_seen_where_one_socket_hears_both() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &[V4, V6])?;
    let _dual = Listener::start(network.host(), "[::]:443".parse()?)?;
    let _plain = Listener::start(network.host(), "203.0.113.10:5000".parse()?)?;
    let sockets = sockets(&network)?;
    for (source, port) in [(V4, 443), (V6, 443), (V4, 5000)] {
        let mut stream = dial(&office, source, port)?;
        let connection = find(&sockets, &stream)?;
        assert_eq!((connection.local, connection.state), (registry(source, port), State::Established));
        assert_eq!(sockets.connections(&[port + 1])?, []);
        assert!(sockets.destroy(&connection)?);
        assert!(is_reset(&mut stream), "{source}");
        assert!(!sockets.destroy(&connection)?, "it is gone already");
    }
    assert_eq!(sockets.connections(&[443, 5000])?, []);
    Ok(())
}

#[test]
fn a_connection_is_only_destroyed_under_its_own_cookie() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &[V4])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let sockets = sockets(&network)?;
    let first = dial(&office, V4, 443)?;
    let from = first.local_addr()?;
    let before = find(&sockets, &first)?;
    assert!(sockets.destroy(&before)?);
    drop(first);
    let again = office.namespace().within(|| connect_from(from, registry(V4, 443)))??;
    let after = find(&sockets, &again)?;
    assert_eq!((before.local, before.remote), (after.local, after.remote));
    assert_ne!(before.cookie(), after.cookie());
    assert!(!sockets.destroy(&before)?, "the earlier connection of the same ends");
    assert_eq!(find(&sockets, &again)?.cookie(), after.cookie());
    Ok(())
}

/// A connection from this very port.
fn connect_from(from: SocketAddr, to: SocketAddr) -> Result<TcpStream> {
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(fd.as_raw_fd(), &SockaddrStorage::from(from))?;
    connect(fd.as_raw_fd(), &SockaddrStorage::from(to))?;
    Ok(fd.into())
}

#[test]
fn a_half_open_connection_is_seen_and_does_not_outlive_its_end() -> Result<()> {
    let mut network = Network::new()?;
    let attacker = network.client("attacker", &["192.0.2.66"])?;
    network.route("198.51.100.0/24", &attacker)?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let sockets = sockets(&network)?;
    let injector = attacker.injector()?;
    injector.send(&(Ethernet::default() / Ipv4::from("198.51.100.66") / Tcp::syn(443)).bytes())?;
    eventually("the SYN is accepted", || Ok(network.half_open(address("198.51.100.66"))? == 1))?;
    let half_open = sockets.connections(&[443])?;
    assert_eq!(
        half_open.iter().map(|one| (one.remote.ip(), one.state, one.inode)).collect::<Vec<_>>(),
        [(address("198.51.100.66"), State::SynReceived, 0)]
    );
    assert!(sockets.destroy(&half_open[0])?);
    assert_eq!(network.half_open(address("198.51.100.66"))?, 0);
    assert_eq!(sockets.connections(&[443])?, []);
    Ok(())
}

#[test]
fn what_was_closed_by_one_side_is_still_a_connection() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &[V4])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let sockets = sockets(&network)?;
    let mut stream = dial(&office, V4, 443)?;
    stream.shutdown(Shutdown::Write)?;
    eventually("the host knows", || Ok(find(&sockets, &stream)?.state == State::CloseWait))?;
    assert!(sockets.destroy(&find(&sockets, &stream)?)?);
    assert!(is_reset(&mut stream));
    Ok(())
}

#[test]
fn listeners_and_what_waits_for_late_packets_are_no_connections() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &[V4])?;
    let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let _other = Listener::start(network.host(), "203.0.113.10:5000".parse()?)?;
    let sockets = sockets(&network)?;
    let stream = dial(&office, V4, 443)?;
    assert!(listener.arrival(address(V4), LIMIT));
    // The host closes first, so it is the one to wait; the client still could send.
    listener.forget();
    eventually("only the wait is left of it", || Ok(sockets.connections(&[443])?.is_empty()))?;
    drop(stream);
    let mut heard: Vec<_> = sockets.listeners()?.into_iter().map(|listener| listener.address).collect();
    heard.sort_unstable();
    assert_eq!(heard, ["203.0.113.10:5000".parse()?, "[::]:443".parse()?]);
    assert!(sockets.listeners()?.iter().all(|listener| listener.inode != 0));
    Ok(())
}

#[test]
fn a_namespace_sees_nothing_of_another() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &[V4])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let stream = dial(&office, V4, 443)?;
    let elsewhere = office.namespace().within(SockDiag::open)??;
    assert_eq!(elsewhere.connections(&[443])?, []);
    assert_eq!(elsewhere.listeners()?, []);
    assert!(elsewhere.can_destroy()?);
    let here = sockets(&network)?;
    let connection = find(&here, &stream)?;
    assert!(!elsewhere.destroy(&connection)?);
    assert_eq!(find(&here, &stream)?.cookie(), connection.cookie());
    Ok(())
}

#[test]
fn thousands_of_connections_are_listed_once_each() -> Result<()> {
    const MANY: usize = 5_000;
    let mut network = Network::new()?;
    let office = network.client("office", &["192.0.2.66"])?;
    network.route("198.51.100.0/24", &office)?;
    let listener = network.host().within(|| TcpListener::bind("[::]:443"))??;
    // Beyond its backlog a listener keeps no half-open connections, but answers with cookies.
    listen(&listener, Backlog::MAXALLOWABLE)?;
    let sockets = sockets(&network)?;
    let injector = office.injector()?;
    for number in 0..MANY {
        let (host, port) = (number % 250 + 1, 1024 + number / 250);
        let source = format!("198.51.100.{host}");
        let syn = Tcp::syn(443).from(u16::try_from(port)?);
        injector.send(&(Ethernet::default() / Ipv4::from(source.as_str()) / syn).bytes())?;
    }
    eventually("every SYN is accepted", || Ok(sockets.connections(&[443])?.len() >= MANY))?;
    let mut cookies: Vec<u64> = sockets.connections(&[443, 5000])?.iter().map(Connection::cookie).collect();
    cookies.sort_unstable();
    cookies.dedup();
    assert_eq!(cookies.len(), MANY);
    Ok(())
}

#[test]
fn refusals_name_what_was_asked_for() {
    let refused = SockDiagError::Refused { action: "destroying a connection", errno: nix::errno::Errno::EPERM };
    assert_eq!(refused.to_string(), "destroying a connection: Operation not permitted");
}
