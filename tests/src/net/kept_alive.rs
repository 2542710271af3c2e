use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::time::Duration;

use anyhow::Result;

use super::address::address;
use super::connect::open;
use super::namespace::Namespace;
use super::network::Network;

/// A connection to the registry that its client keeps open.
#[derive(Debug)]
pub struct KeptAlive {
    source: IpAddr,
    port: u16,
    stream: TcpStream,
}

impl KeptAlive {
    /// How long the registry may take to answer.
    const LIMIT: Duration = Duration::from_secs(5);

    /// Opens one from `source`, an address in `namespace`, to the registry's address of its family.
    pub fn open(namespace: &Namespace, source: &str, port: u16) -> Result<Self> {
        let source = address(source);
        let registry = Network::registry_of(source, port);
        let stream = namespace.within(|| open(source, registry, Self::LIMIT))??;
        Ok(Self { source, port, stream })
    }

    /// The registry's port that it goes to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// It was ended by a reset, by the time this is asked.
    ///
    /// # Panics
    ///
    /// If it was not.
    pub fn assert_dead(mut self) {
        self.stream.set_nonblocking(true).expect("a socket");
        let read = self.stream.read(&mut [0]);
        let reset = matches!(&read, Err(error) if error.kind() == ErrorKind::ConnectionReset);
        assert!(reset, "{} at port {}: {read:?}", self.source, self.port);
    }

    /// Both ends can still write, and neither has anything to read.
    ///
    /// # Panics
    ///
    /// If they cannot.
    pub fn assert_alive(&mut self) {
        self.stream.set_nonblocking(true).expect("a socket");
        self.stream.write_all(b"x").unwrap_or_else(|error| panic!("{} at port {}: {error}", self.source, self.port));
        let read = self.stream.read(&mut [0]);
        let silent = matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock);
        assert!(silent, "{} at port {}: {read:?}", self.source, self.port);
    }
}
