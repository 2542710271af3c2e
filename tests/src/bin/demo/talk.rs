use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::net::{Certificate, Client, Network, Tls, open};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection over TLS that is kept open from one question to the next.
pub(crate) struct Talk(Tls);

impl Talk {
    /// Connects to the registry's IPv4 address.
    pub(crate) fn begin(client: &Client, source: IpAddr, certificate: &Certificate) -> Result<Self> {
        let registry = SocketAddr::from((Network::REGISTRY_V4, 443));
        let stream = client.namespace().within(|| open(source, registry, PATIENCE))??;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(Tls::handshake(stream, certificate)?))
    }

    /// Asks what every registry client asks first, and returns the HTTP status. The rest of a short answer is left unread.
    pub(crate) fn ask(&mut self) -> Result<String> {
        let question = format!("GET /v2/ HTTP/1.1\r\nHost: {}\r\n\r\n", Network::LOGIN_SERVER);
        self.0.write_all(question.as_bytes())?;
        let mut line = [0; 12];
        self.0.read_exact(&mut line).context("no answer")?;
        let line = String::from_utf8_lossy(&line);
        Ok(line.rsplit(' ').next().unwrap_or_default().to_owned())
    }

    /// Whether the other side's kernel ended it: what was sent is read to the end, and that end is an error.
    pub(crate) fn was_ended(mut self) -> bool {
        let mut rest = [0; 4096];
        loop {
            match self.0.read(&mut rest) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }
}
