use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::unistd::{Uid, fchown};
use socket2::{Domain, Protocol, Socket, Type};

use super::namespace::Namespace;

/// A registry without TLS that answers 200 to whatever is asked, and counts who came.
#[derive(Debug)]
pub struct PlainRegistry {
    visits: Arc<Mutex<BTreeMap<IpAddr, u64>>>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl PlainRegistry {
    /// Who its socket belongs to: nobody else here.
    pub const USER: u32 = 65_533;
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    /// Connections that wait to be taken, so that none is lost while the machine is busy.
    const BACKLOG: i32 = 8192;
    /// A client that has its answer hangs up first; to hang up on what it has not read would take the answer with it.
    const PATIENCE: Duration = Duration::from_secs(1);

    /// Listens at port `port` of every address in `namespace`.
    pub fn start(namespace: &Namespace, port: u16) -> Result<Self> {
        let listener = namespace.within(|| listen(port))?.with_context(|| format!("in {}", namespace.name()))?;
        let visits = Arc::new(Mutex::new(BTreeMap::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let worker = thread::spawn({
            let (visits, stop) = (Arc::clone(&visits), Arc::clone(&stop));
            move || answer_until(&stop, &listener, &visits)
        });
        Ok(Self { visits, stop, worker: Some(worker) })
    }

    /// How often this address connected.
    pub fn visits_from(&self, source: IpAddr) -> u64 {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        visits.get(&source).copied().unwrap_or(0)
    }
}

impl Drop for PlainRegistry {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            _ = worker.join();
        }
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_only_v6(false)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new("::".parse()?, port).into()).with_context(|| format!("binding to port {port}"))?;
    // Half-open connections show whose socket took them.
    fchown(&socket, Some(Uid::from_raw(PlainRegistry::USER)), None)?;
    socket.listen(PlainRegistry::BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn answer_until(stop: &AtomicBool, listener: &TcpListener, visits: &Mutex<BTreeMap<IpAddr, u64>>) {
    let mut answered: VecDeque<(Instant, TcpStream)> = VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        while answered.front().is_some_and(|(since, _)| since.elapsed() > PlainRegistry::PATIENCE) {
            answered.pop_front();
        }
        match listener.accept() {
            Ok((mut stream, visitor)) => {
                let mut visits = visits.lock().unwrap_or_else(PoisonError::into_inner);
                *visits.entry(visitor.ip().to_canonical()).or_default() += 1;
                drop(visits);
                // Whoever is gone already needs no answer.
                _ = stream.write_all(PlainRegistry::ANSWER);
                answered.push_back((Instant::now(), stream));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
            // The visitor was gone before it was greeted, or the process is out of descriptors for now.
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}
