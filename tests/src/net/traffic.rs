use std::io::{Read as _, Write as _};
use std::iter::Sum;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use nix::errno::Errno;

use super::client::Client;
use super::connect::{Outcome, connect, try_open};
use super::namespace::Namespace;
use super::network::Network;

/// A client that opens one connection after the other until it is told to stop.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
    begun: Instant,
    workers: Vec<JoinHandle<Result<()>>>,
}

fn errno(error: &anyhow::Error) -> Option<Errno> {
    error.downcast_ref().copied()
}

/// What came of the attempts so far.
#[derive(Debug, Default)]
struct Tally {
    connected: AtomicU64,
    forbidden: AtomicU64,
    unanswered: AtomicU64,
    refused: AtomicU64,
    timed_out: AtomicU64,
    unreachable: AtomicU64,
    slowest: AtomicU64,
}

/// What came of all attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Connections that were established; of clients that ask, those that were served.
    pub connected: u64,
    /// Connections on which the answer to what was asked was 403.
    pub forbidden: u64,
    /// Connections on which what was asked was not answered, or not in HTTP.
    pub unanswered: u64,
    /// Attempts answered by a reset.
    pub refused: u64,
    /// Attempts that nobody answered in time.
    pub timed_out: u64,
    /// Attempts that were answered by a host on the way, which does not know the way.
    pub unreachable: u64,
    /// The longest time that an attempt took.
    pub slowest: Duration,
    /// How long all of them took.
    pub lasted: Duration,
}

impl Attempts {
    /// Attempts that did not become a connection, or not one to the registry.
    pub fn failed(&self) -> u64 {
        self.refused + self.timed_out + self.unreachable + self.forbidden + self.unanswered
    }

    /// Attempts in a second.
    pub fn per_second(&self) -> f64 {
        let milliseconds = u32::try_from(self.lasted.as_millis().max(1)).unwrap_or(u32::MAX);
        u32::try_from(self.connected + self.failed()).map_or(f64::INFINITY, f64::from) * 1000.0
            / f64::from(milliseconds)
    }
}

impl Sum for Attempts {
    /// Of clients that came at the same time.
    fn sum<All: Iterator<Item = Self>>(all: All) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            connected: sum.connected + one.connected,
            forbidden: sum.forbidden + one.forbidden,
            unanswered: sum.unanswered + one.unanswered,
            refused: sum.refused + one.refused,
            timed_out: sum.timed_out + one.timed_out,
            unreachable: sum.unreachable + one.unreachable,
            slowest: sum.slowest.max(one.slowest),
            lasted: sum.lasted.max(one.lasted),
        })
    }
}

impl Traffic {
    /// How many ask at the same time, so that one that waits does not hold up the pace.
    const ASKERS: u32 = 8;
    /// How long an answer may take on a machine that is busy, once there is a connection.
    const ANSWER: Duration = Duration::from_secs(10);

    /// Starts to connect from one of the client's addresses; an attempt fails when `timeout` is over.
    pub fn start(client: &Client, source: IpAddr, destination: SocketAddr, timeout: Duration) -> Result<Self> {
        Self::run(client.namespace(), 1, move |tally, stop| {
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let outcome = connect(source, destination, timeout)?.outcome;
                tally.count(outcome, begun.elapsed());
                // Leaves the processor to others.
                thread::sleep(Duration::from_micros(500));
            }
            Ok(())
        })
    }

    /// Starts to ask the registry over plain HTTP from an address that is in `from`, `per_second` times a second and each time with a connection of its own, which
    /// must be there within `timeout`. Who is held up makes up for it.
    pub fn ask(
        from: &Namespace,
        source: IpAddr,
        destination: SocketAddr,
        per_second: u32,
        timeout: Duration,
    ) -> Result<Self> {
        let pause = Duration::from_secs(1) * Self::ASKERS / per_second;
        Self::run(from, Self::ASKERS, move |tally, stop| {
            let mut next = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                thread::sleep(next.saturating_duration_since(Instant::now()));
                next += pause;
                tally.ask(source, destination, timeout)?;
            }
            Ok(())
        })
    }

    fn run(
        from: &Namespace,
        workers: u32,
        work: impl Fn(&Tally, &AtomicBool) -> Result<()> + Clone + Send + 'static,
    ) -> Result<Self> {
        // A port is free again as soon as its connection is closed; there are far more attempts than ports.
        from.sysctl("net/ipv4/tcp_max_tw_buckets", "0")?;
        let stop = Arc::new(AtomicBool::new(false));
        let tally = Arc::new(Tally::default());
        let worker = |_| {
            let (stop, tally, namespace) = (Arc::clone(&stop), Arc::clone(&tally), from.clone());
            let work = work.clone();
            thread::spawn(move || {
                namespace.enter()?;
                work(&tally, &stop)
            })
        };
        let workers = (0..workers).map(worker).collect();
        Ok(Self { stop, tally, begun: Instant::now(), workers })
    }

    /// What came of the attempts so far.
    pub fn so_far(&self) -> Attempts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Attempts {
            connected: count(&self.tally.connected),
            forbidden: count(&self.tally.forbidden),
            unanswered: count(&self.tally.unanswered),
            refused: count(&self.tally.refused),
            timed_out: count(&self.tally.timed_out),
            unreachable: count(&self.tally.unreachable),
            slowest: Duration::from_micros(count(&self.tally.slowest)),
            lasted: self.begun.elapsed(),
        }
    }

    /// Waits for the attempts that are under way and says what came of all.
    pub fn stop(mut self) -> Result<Attempts> {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            worker.join().map_err(|_| anyhow!("the traffic's thread panicked"))?.context("traffic")?;
        }
        Ok(self.so_far())
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            _ = worker.join();
        }
    }
}

impl Tally {
    fn count(&self, outcome: Outcome, took: Duration) {
        self.add(
            match outcome {
                Outcome::Connected => &self.connected,
                Outcome::Refused => &self.refused,
                Outcome::TimedOut => &self.timed_out,
            },
            took,
        );
    }

    fn add(&self, counter: &AtomicU64, took: Duration) {
        counter.fetch_add(1, Ordering::Relaxed);
        self.slowest.fetch_max(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// For threads inside the client's namespace.
    fn ask(&self, source: IpAddr, destination: SocketAddr, timeout: Duration) -> Result<()> {
        let begun = Instant::now();
        let mut stream = match try_open(source, destination, timeout) {
            Ok(Ok(stream)) => stream,
            Ok(Err(outcome)) => {
                self.count(outcome, begun.elapsed());
                return Ok(());
            }
            // A host whose container is away says that it is unreachable.
            Err(error) if matches!(errno(&error), Some(Errno::EHOSTUNREACH | Errno::ENETUNREACH)) => {
                self.add(&self.unreachable, begun.elapsed());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        stream.set_read_timeout(Some(Traffic::ANSWER))?;
        let mut answer = [0; 12];
        let request = format!("GET /v2/ HTTP/1.1\r\nHost: {}\r\n\r\n", Network::LOGIN_SERVER);
        let answered = stream.write_all(request.as_bytes()).and_then(|()| stream.read_exact(&mut answer));
        let counter = match (answered, answer.as_slice()) {
            (Ok(()), b"HTTP/1.1 200") => &self.connected,
            (Ok(()), b"HTTP/1.1 403") => &self.forbidden,
            _ => &self.unanswered,
        };
        self.add(counter, begun.elapsed());
        Ok(())
    }
}
