use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::certificate::Certificate;
use super::network::Network;

/// A connection to the registry's name inside TLS, for those who say what no HTTP client would.
pub struct Tls {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Tls {
    /// Shakes hands on `stream` as a client that trusts the certificate's authority and offers HTTP/1.1.
    pub fn handshake(mut stream: TcpStream, certificate: &Certificate) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate.authority()).context("reading ca.crt")?)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut connection = ClientConnection::new(Arc::new(config), ServerName::try_from(Network::LOGIN_SERVER)?)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).context("TLS handshake")?;
        }
        Ok(Self { stream: StreamOwned::new(connection, stream) })
    }

    /// What is sent until the other side, or the stream's time limit, ends it; a missing `close_notify` is no error here.
    pub fn read_all(&mut self) -> String {
        let mut text = Vec::new();
        _ = self.stream.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Read for Tls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Tls {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("stream", &self.stream.sock).finish_non_exhaustive()
    }
}
