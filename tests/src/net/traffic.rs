use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::client::Client;
use super::connect::{Outcome, connect};

/// A client that opens one connection after the other until it is told to stop.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
    worker: Option<JoinHandle<Result<()>>>,
}

/// What came of the attempts so far.
#[derive(Debug, Default)]
struct Tally {
    connected: AtomicU64,
    refused: AtomicU64,
    timed_out: AtomicU64,
}

/// What came of all attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Connections that were established.
    pub connected: u64,
    /// Attempts answered by a reset.
    pub refused: u64,
    /// Attempts that nobody answered in time.
    pub timed_out: u64,
}

impl Attempts {
    /// Attempts that did not become a connection.
    pub fn failed(&self) -> u64 {
        self.refused + self.timed_out
    }
}

impl Traffic {
    /// Starts to connect from one of the client's addresses; an attempt fails when `timeout` is over.
    pub fn start(client: &Client, source: IpAddr, destination: SocketAddr, timeout: Duration) -> Result<Self> {
        // A port is free again as soon as its connection is closed; there are far more attempts than ports.
        client.namespace().sysctl("net/ipv4/tcp_max_tw_buckets", "0")?;
        let stop = Arc::new(AtomicBool::new(false));
        let tally = Arc::new(Tally::default());
        let worker = thread::spawn({
            let (stop, tally, namespace) = (Arc::clone(&stop), Arc::clone(&tally), client.namespace().clone());
            move || {
                namespace.enter()?;
                while !stop.load(Ordering::Relaxed) {
                    let count = match connect(source, destination, timeout)?.outcome {
                        Outcome::Connected => &tally.connected,
                        Outcome::Refused => &tally.refused,
                        Outcome::TimedOut => &tally.timed_out,
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                    // Leaves the processor to others.
                    thread::sleep(Duration::from_micros(500));
                }
                Ok(())
            }
        });
        Ok(Self { stop, tally, worker: Some(worker) })
    }

    /// What came of the attempts so far.
    pub fn so_far(&self) -> Attempts {
        Attempts {
            connected: self.tally.connected.load(Ordering::Relaxed),
            refused: self.tally.refused.load(Ordering::Relaxed),
            timed_out: self.tally.timed_out.load(Ordering::Relaxed),
        }
    }

    /// Waits for the attempt that is under way and says what came of all.
    pub fn stop(mut self) -> Result<Attempts> {
        self.stop.store(true, Ordering::Relaxed);
        let worker = self.worker.take().context("stopped already")?;
        worker.join().map_err(|_| anyhow!("the traffic's thread panicked"))?.context("traffic")?;
        Ok(self.so_far())
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            _ = worker.join();
        }
    }
}
