use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, getsockopt, socket, sockopt};

/// What came of an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The connection was established.
    Connected,
    /// The other side answered with a reset.
    Refused,
    /// Nothing answered in time.
    TimedOut,
}

/// An attempt to connect, over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// Tries to open a TCP connection from `source`, in the network namespace of the calling thread, and closes it again.
pub fn connect(source: IpAddr, destination: SocketAddr, timeout: Duration) -> Result<Attempt> {
    let start = Instant::now();
    let (outcome, _stream) = attempt(source, destination, timeout)?;
    let took = start.elapsed();
    Ok(Attempt { outcome, took })
}

/// Opens a TCP connection from `source`, in the network namespace of the calling thread; it works from any thread then.
pub fn open(source: IpAddr, destination: SocketAddr, timeout: Duration) -> Result<TcpStream> {
    match try_open(source, destination, timeout)? {
        Ok(stream) => Ok(stream),
        Err(outcome) => bail!("connecting from {source} to {destination}: {outcome:?}"),
    }
}

/// As [`open`]; where no connection is made, the inner error says what came of it.
pub(super) fn try_open(
    source: IpAddr,
    destination: SocketAddr,
    timeout: Duration,
) -> Result<std::result::Result<TcpStream, Outcome>> {
    match attempt(source, destination, timeout)? {
        (Outcome::Connected, stream) => {
            let stream = TcpStream::from(stream);
            stream.set_nonblocking(false)?;
            Ok(Ok(stream))
        }
        (outcome, _) => Ok(Err(outcome)),
    }
}

fn attempt(source: IpAddr, destination: SocketAddr, timeout: Duration) -> Result<(Outcome, OwnedFd)> {
    let family = match destination {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(family, SockType::Stream, flags, None).context("making a socket")?;
    let from = SockaddrStorage::from(SocketAddr::new(source, 0));
    bind(fd.as_raw_fd(), &from).with_context(|| format!("binding to {source}"))?;
    let context = || format!("connecting from {source} to {destination}");
    let outcome = match nix::sys::socket::connect(fd.as_raw_fd(), &SockaddrStorage::from(destination)) {
        Err(Errno::EINPROGRESS) => wait(&fd, timeout).with_context(context)?,
        result => outcome_of(result).with_context(context)?,
    };
    Ok((outcome, fd))
}

fn wait(fd: &OwnedFd, timeout: Duration) -> Result<Outcome> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, so that the last wait is not a busy one.
        let milliseconds = PollTimeout::try_from(left.as_millis() + 1)?;
        let mut polled = [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut polled, milliseconds) {
            Ok(0) if left.is_zero() => return Ok(Outcome::TimedOut),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => break,
            Err(error) => return Err(error.into()),
        }
    }
    match getsockopt(fd, sockopt::SocketError)? {
        0 => Ok(Outcome::Connected),
        error => outcome_of(Err(Errno::from_raw(error))),
    }
}

fn outcome_of(result: nix::Result<()>) -> Result<Outcome> {
    match result {
        Ok(()) => Ok(Outcome::Connected),
        Err(Errno::ECONNREFUSED) => Ok(Outcome::Refused),
        Err(Errno::ETIMEDOUT) => Ok(Outcome::TimedOut),
        Err(error) => Err(error.into()),
    }
}
