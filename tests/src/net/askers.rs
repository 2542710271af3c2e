use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use super::certificate::Certificate;
use super::client::Client;
use super::connect;
use super::tls::Tls;

/// A crowd that asks the registry the same thing over TLS again and again, each time with a connection of its own, from one of
/// a client's addresses after the other.
#[derive(Debug)]
pub struct Askers {
    begun: Instant,
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
    workers: Vec<JoinHandle<Result<()>>>,
}

#[derive(Debug, Default)]
struct Tally {
    attempts: AtomicU64,
    connected: AtomicU64,
    forbidden: AtomicU64,
    otherwise: AtomicU64,
}

/// What the crowd heard.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Attempts to connect.
    pub attempts: u64,
    /// Those that became a connection.
    pub connected: u64,
    /// Answers with status 403.
    pub forbidden: u64,
    /// Other answers.
    pub otherwise: u64,
    /// From the first attempt to the last answer.
    pub lasted: Duration,
}

impl Askers {
    /// How many ask at the same time.
    const CROWD: usize = 16;
    /// Shorter than the second after which a SYN is sent again: who is not heard at once comes with another address.
    const PATIENCE: Duration = Duration::from_millis(200);
    /// How long an answer may take on a machine that is busy.
    const ANSWER: Duration = Duration::from_secs(10);

    /// Starts to ask the registry at `destination`, which shows this certificate.
    pub fn start(client: &Client, destination: SocketAddr, certificate: &Certificate) -> Self {
        let (stop, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
        let begun = Instant::now();
        let sources = client.addresses();
        let worker = |number: usize| {
            let (stop, tally) = (Arc::clone(&stop), Arc::clone(&tally));
            let (namespace, certificate) = (client.namespace().clone(), certificate.clone());
            let sources: Vec<IpAddr> = sources.iter().skip(number).step_by(Self::CROWD).copied().collect();
            thread::spawn(move || {
                namespace.enter()?;
                for source in sources.into_iter().cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
                    tally.ask(source, destination, &certificate);
                }
                Ok(())
            })
        };
        let workers = (0..Self::CROWD).map(worker).collect();
        Self { begun, stop, tally, workers }
    }

    /// Waits for those who are asking, and says what all heard.
    pub fn stop(mut self) -> Result<Asked> {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            worker.join().map_err(|_| anyhow!("an asker panicked"))?.context("an asker")?;
        }
        let [attempts, connected, forbidden, otherwise] =
            [&self.tally.attempts, &self.tally.connected, &self.tally.forbidden, &self.tally.otherwise]
                .map(|count| count.load(Ordering::Relaxed));
        Ok(Asked { attempts, connected, forbidden, otherwise, lasted: self.begun.elapsed() })
    }
}

impl Drop for Askers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            _ = worker.join();
        }
    }
}

impl Tally {
    fn ask(&self, source: IpAddr, destination: SocketAddr, certificate: &Certificate) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let Ok(stream) = connect::open(source, destination, Askers::PATIENCE) else { return };
        self.connected.fetch_add(1, Ordering::Relaxed);
        let answer = || -> Result<[u8; 13]> {
            stream.set_read_timeout(Some(Askers::ANSWER))?;
            stream.set_write_timeout(Some(Askers::ANSWER))?;
            let mut tls = Tls::handshake(stream, certificate)?;
            tls.write_all(b"GET /v2/ HTTP/1.1\r\nHost: contoso.example.com\r\nConnection: close\r\n\r\n")?;
            let mut begin = [0; 13];
            tls.read_exact(&mut begin)?;
            Ok(begin)
        };
        match answer() {
            Ok(begin) if begin == *b"HTTP/1.1 403 " => self.forbidden.fetch_add(1, Ordering::Relaxed),
            Ok(_) => self.otherwise.fetch_add(1, Ordering::Relaxed),
            Err(_) => 0,
        };
    }
}
