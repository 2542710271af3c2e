use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::namespace::Namespace;

/// A TCP server that accepts everyone, remembers who came, and keeps the connections until it is dropped or told not to.
#[derive(Debug)]
pub struct Listener {
    visits: Arc<Mutex<Vec<(SocketAddr, TcpStream)>>>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens at `address` in `namespace`; `[::]` hears IPv4 too.
    pub fn start(namespace: &Namespace, address: SocketAddr) -> Result<Self> {
        let listener = namespace
            .within(|| TcpListener::bind(address))?
            .with_context(|| format!("listening at {address} in {}", namespace.name()))?;
        listener.set_nonblocking(true)?;
        let visits = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let worker = thread::spawn({
            let (visits, stop) = (Arc::clone(&visits), Arc::clone(&stop));
            move || accept_until(&stop, &listener, &visits)
        });
        Ok(Self { visits, stop, worker: Some(worker) })
    }

    /// Who connected, in the order of arrival. A client may see its connection a moment before it counts here.
    pub fn visitors(&self) -> Vec<SocketAddr> {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        visits.iter().map(|(visitor, _)| *visitor).collect()
    }

    /// How often this address connected.
    pub fn visits_from(&self, source: IpAddr) -> usize {
        self.visitors().iter().filter(|visitor| visitor.ip() == source).count()
    }

    /// Waits for a connection from this address; false if none comes within `limit`.
    pub fn arrival(&self, source: IpAddr, limit: Duration) -> bool {
        let start = Instant::now();
        while self.visits_from(source) == 0 {
            if start.elapsed() > limit {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Closes every connection and forgets who came.
    pub fn forget(&self) {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            _ = worker.join();
        }
    }
}

fn accept_until(stop: &AtomicBool, listener: &TcpListener, visits: &Mutex<Vec<(SocketAddr, TcpStream)>>) {
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, visitor)) => {
                let visitor = SocketAddr::new(visitor.ip().to_canonical(), visitor.port());
                visits.lock().unwrap_or_else(PoisonError::into_inner).push((visitor, stream));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
            // The visitor was gone before it was greeted, or the process is out of descriptors for now.
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}
