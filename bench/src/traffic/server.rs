use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};
use socket2::SockRef;
use tests::net::{Namespace, Network};

use crate::cpu;

/// Asks for one byte and the end.
pub(super) const CLOSE: u8 = b'c';
/// Asks for a layer and the end.
pub(super) const SEND: u8 = b's';
/// Bytes of a layer.
pub(super) const LAYER: usize = 256 << 20;

/// What stands for the registry: it answers one connection after the other, at port 443.
pub(super) struct Server {
    listener: Arc<TcpListener>,
    worker: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(host: &Namespace) -> Result<Self> {
        let address = SocketAddr::from((Network::REGISTRY_V4, 443));
        let listener = Arc::new(host.within(|| TcpListener::bind(address))?.context("listening")?);
        let worker = thread::spawn({
            let listener = Arc::clone(&listener);
            move || {
                if let Err(error) = cpu::stay_on(cpu::RECEIVER) {
                    eprintln!("{error:#}");
                }
                while let Ok((connection, _)) = listener.accept() {
                    // Whoever leaves early says so itself.
                    _ = serve(connection);
                }
            }
        });
        Ok(Self { listener, worker: Some(worker) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever waits in accept(2) is told so (EINVAL).
        _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        if let Some(worker) = self.worker.take() {
            _ = worker.join();
        }
    }
}

fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    let mut asked = [0];
    connection.read_exact(&mut asked)?;
    if asked[0] == SEND {
        let bytes = vec![0; 1 << 18];
        for _ in 0..LAYER / bytes.len() {
            connection.write_all(&bytes)?;
        }
        return Ok(());
    }
    connection.write_all(&[0])?;
    // The client's end of the connection comes as a reset.
    connection.read_exact(&mut asked)
}
