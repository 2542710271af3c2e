use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::certificate::Certificate;
use super::client::Client;
use super::connect;
use super::tls::Tls;

/// More than the tests of one process hold.
const MOST_DESCRIPTORS: u64 = 16_384;

/// A client that opens connections to hold them, not to use them.
#[derive(Clone, Copy, Debug)]
pub struct Hostile<'a> {
    /// Where it runs.
    pub client: &'a Client,
    /// Those of the client's addresses that it sends from, in turn, so that no bound per source protects its victim.
    pub sources: &'a [IpAddr],
    /// Whom it wears out.
    pub destination: SocketAddr,
}

impl Hostile<'_> {
    /// How long one step may take.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// The start of a `ClientHello`: a record of 512 bytes that holds a handshake message of 508, of which only this much comes
    /// (RFC 8446, sections 5.1 and 4.1.2).
    const HALF_HELLO: [u8; 11] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];

    /// Up to `count` connections on which nothing is said; fewer once the other side takes no more.
    pub fn idle(&self, count: usize) -> Result<Vec<TcpStream>> {
        permit_descriptors()?;
        self.client.namespace().within(|| self.connections().take(count).collect())
    }

    /// One connection after the other, until one fails; for threads inside the client's namespace.
    fn connections(&self) -> impl Iterator<Item = TcpStream> {
        let open = |source: &IpAddr| connect::open(*source, self.destination, Self::PATIENCE);
        self.sources.iter().cycle().map_while(move |source| open(source).ok())
    }

    /// Up to `count` connections on which a TLS handshake began and does not go on.
    pub fn half_handshakes(&self, count: usize) -> Result<Vec<TcpStream>> {
        let mut streams = self.idle(count)?;
        // One that is closed already shows that the other side does not wait.
        streams.retain_mut(|stream| stream.write_all(&Self::HALF_HELLO).is_ok());
        Ok(streams)
    }

    /// Up to `count` TLS connections on which a request comes byte by byte and never ends.
    pub fn slow_headers(&self, count: usize, certificate: &Certificate) -> Result<SlowHeaders> {
        permit_descriptors()?;
        let request = |stream: TcpStream| -> Result<Tls> {
            stream.set_read_timeout(Some(Self::PATIENCE))?;
            let mut tls = Tls::handshake(stream, certificate)?;
            tls.write_all(b"GET /v2/ HTTP/1.1\r\nHost: contoso.example.com\r\nX-Slow: ")?;
            Ok(tls)
        };
        let connections = self.client.namespace().within(|| {
            let requests = self.connections().take(count).map(request);
            requests.map_while(Result::ok).collect()
        })?;
        Ok(SlowHeaders::start(connections))
    }

    /// Sends a request whose only header has `size` bytes; returns what comes back, which may be nothing.
    pub fn huge_header(&self, size: usize, certificate: &Certificate) -> Result<String> {
        let stream = self.idle(1)?.pop().context("no connection")?;
        stream.set_read_timeout(Some(Self::PATIENCE))?;
        stream.set_write_timeout(Some(Self::PATIENCE))?;
        let mut tls = Tls::handshake(stream, certificate)?;
        let mut request = b"GET /v2/ HTTP/1.1\r\nHost: contoso.example.com\r\nX-Huge: ".to_vec();
        request.resize(request.len() + size, b'a');
        request.extend(b"\r\n\r\n");
        // The other side may well close before it has read all of it.
        _ = tls.write_all(&request);
        Ok(tls.read_all())
    }
}

/// A test's connections are descriptors of its process, for which many systems set a soft limit of 1,024, and some a hard one of
/// 4,096.
fn permit_descriptors() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let limit = hard.max(MOST_DESCRIPTORS);
    setrlimit(Resource::RLIMIT_NOFILE, limit, limit).context("raising the limit of open files")
}

/// TLS connections on which a request comes byte by byte, as long as this lives.
#[derive(Debug)]
pub struct SlowHeaders {
    opened: usize,
    left: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl SlowHeaders {
    /// Between two bytes on the same connection.
    const PAUSE: Duration = Duration::from_millis(100);

    fn start(mut connections: Vec<Tls>) -> Self {
        let opened = connections.len();
        let (left, stop) = (Arc::new(AtomicUsize::new(opened)), Arc::new(AtomicBool::new(false)));
        let worker = thread::spawn({
            let (left, stop) = (Arc::clone(&left), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    connections.retain_mut(|tls| tls.write_all(b"a").is_ok());
                    left.store(connections.len(), Ordering::Relaxed);
                    thread::sleep(Self::PAUSE);
                }
            }
        });
        Self { opened, left, stop, worker: Some(worker) }
    }

    /// How many connections there were at the beginning.
    pub fn opened(&self) -> usize {
        self.opened
    }

    /// How many the other side has not ended, as far as the last byte on each shows.
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }
}

impl Drop for SlowHeaders {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            _ = worker.join();
        }
    }
}
