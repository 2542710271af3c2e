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
    name: String,
    stream: TcpStream,
}

impl KeptAlive {
    /// How long the registry may take to answer.
    const LIMIT: Duration = Duration::from_secs(5);

    /// Opens one from `source`, an address in `namespace`, to the registry's address of its family.
    pub fn open(namespace: &Namespace, source: &str, port: u16) -> Result<Self> {
        let source = address(source);
        let registry = match source {
            IpAddr::V4(_) => (Network::REGISTRY_V4, port).into(),
            IpAddr::V6(_) => (Network::REGISTRY_V6, port).into(),
        };
        let stream = namespace.within(|| open(source, registry, Self::LIMIT))??;
        Ok(Self { name: format!("{source} at port {port}"), stream })
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
        assert!(reset, "{}: {read:?}", self.name);
    }

    /// Both ends can still write, and neither has anything to read.
    ///
    /// # Panics
    ///
    /// If they cannot.
    pub fn assert_alive(&mut self) {
        self.stream.set_nonblocking(true).expect("a socket");
        self.stream.write_all(b"x").unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let read = self.stream.read(&mut [0]);
        let silent = matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock);
        assert!(silent, "{}: {read:?}", self.name);
    }
}
