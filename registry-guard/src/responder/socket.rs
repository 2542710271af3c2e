use std::io;
use std::os::fd::AsRawFd as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use nix::sys::socket::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::bounds::{LINGER, LINGER_BYTES};

/// A connection that outlives the TLS and HTTP that are spoken over it, so that they cannot close it too early.
#[derive(Clone, Debug)]
pub(crate) struct Socket(Arc<TcpStream>);

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.0
    }

    /// Makes closing it a reset, which leaves nothing behind in the kernel.
    pub(crate) fn abort(&self) {
        if let Err(error) = self.0.set_zero_linger() {
            tracing::debug!(%error, "cannot reset a connection");
        }
    }

    /// Sends no more, and reads and forgets what still arrives, within bounds. To close a socket while its peer is sending resets
    /// the connection (RFC 9112, section 9.6), and the answer may be lost with it.
    pub(crate) async fn linger(&self) {
        if shut_down(&self.0).is_err() {
            return;
        }
        let drain = async {
            let mut left = LINGER_BYTES;
            let mut buffer = vec![0; 16 << 10];
            while left > 0 && self.0.readable().await.is_ok() {
                match self.0.try_read(&mut buffer) {
                    Ok(0) => return,
                    Ok(read) => left = left.saturating_sub(read),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        };
        // However it ends, the connection is closed next.
        let _ = timeout(LINGER, drain).await;
    }
}

fn shut_down(stream: &TcpStream) -> io::Result<()> {
    Ok(shutdown(stream.as_raw_fd(), Shutdown::Write)?)
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shut_down(&self.0))
    }
}
