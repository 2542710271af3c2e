use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::FrameError;
use super::frame::{LENGTH_BYTES, length};

/// The most descriptors of one message: `SCM_MAX_FD` of Linux. 64 registries need at most 130.
pub const MOST_LISTENERS: usize = 253;

/// Sends a frame; `descriptors` ride on its first byte.
pub async fn send(stream: &UnixStream, frame: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let raw: Vec<RawFd> = descriptors.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect();
    let mut rights: &[RawFd] = &raw;
    let mut rest = frame;
    while !rest.is_empty() {
        let sent = stream
            .async_io(Interest::WRITABLE, || {
                let message = [ControlMessage::ScmRights(rights)];
                let control = if rights.is_empty() { &[][..] } else { &message };
                let bytes = [IoSlice::new(rest)];
                uninterrupted(|| sendmsg::<UnixAddr>(stream.as_raw_fd(), &bytes, control, MsgFlags::MSG_NOSIGNAL, None))
            })
            .await?;
        rights = &[];
        rest = rest.get(sent..).unwrap_or_default();
    }
    Ok(())
}

/// Receives frames and the descriptors that ride on them.
#[derive(Debug)]
pub struct FrameReceiver<'s> {
    stream: &'s UnixStream,
    descriptors: VecDeque<OwnedFd>,
}

impl<'s> FrameReceiver<'s> {
    /// Reads from `stream`, which nothing else may do.
    pub fn new(stream: &'s UnixStream) -> Self {
        Self { stream, descriptors: VecDeque::new() }
    }

    /// The next message of at most `most` bytes, or nothing if the other side has ended. Not cancel-safe.
    pub async fn frame(&mut self, most: usize) -> Result<Option<Zeroizing<Vec<u8>>>, FrameError> {
        let mut prefix = [0; LENGTH_BYTES];
        match self.fill(&mut prefix).await? {
            0 => return Ok(None),
            LENGTH_BYTES => {}
            _ => return Err(FrameError::Truncated),
        }
        let length = length(prefix, most)?;
        let mut message = Zeroizing::new(vec![0; length]);
        if self.fill(&mut message).await? < length {
            return Err(FrameError::Truncated);
        }
        Ok(Some(message))
    }

    /// The descriptors that came with the message read last, which describes `wanted` of them.
    pub fn descriptors(&mut self, wanted: usize) -> Result<Vec<OwnedFd>, FrameError> {
        let got = self.descriptors.len();
        if got == wanted {
            Ok(self.descriptors.drain(..).collect())
        } else {
            Err(FrameError::Descriptors { got, wanted })
        }
    }

    /// Reads until `buffer` is full or the other side ends, and returns how much was read.
    async fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, FrameError> {
        let mut have = 0;
        while let Some(room) = buffer.get_mut(have..).filter(|room| !room.is_empty()) {
            let stream = self.stream;
            let (read, descriptors) = stream.async_io(Interest::READABLE, || receive(stream, room)).await?;
            self.descriptors.extend(descriptors);
            if self.descriptors.len() > MOST_LISTENERS {
                return Err(FrameError::Descriptors { got: self.descriptors.len(), wanted: MOST_LISTENERS });
            }
            if read == 0 {
                break;
            }
            have += read;
        }
        Ok(have)
    }
}

fn receive(stream: &UnixStream, room: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = nix::cmsg_space!([RawFd; MOST_LISTENERS]);
    let mut bytes = [IoSliceMut::new(room)];
    let received = uninterrupted(|| {
        recvmsg::<UnixAddr>(stream.as_raw_fd(), &mut bytes, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC).map(
            |message| (message.bytes, message.cmsgs().map(|control| control.filter_map(rights).flatten().collect())),
        )
    })?;
    let (read, descriptors): (usize, nix::Result<Vec<RawFd>>) = received;
    Ok((read, descriptors?.into_iter().map(owned).collect()))
}

fn rights(control: ControlMessageOwned) -> Option<Vec<RawFd>> {
    match control {
        ControlMessageOwned::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    }
}

#[expect(unsafe_code, reason = "the kernel has just made this descriptor, and its number is all that recvmsg(2) gives")]
fn owned(descriptor: RawFd) -> OwnedFd {
    // SAFETY: recvmsg(2) installed it for this process in the call whose answer is being read, and nothing else knows it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// Calls again when a signal came in between. `EAGAIN` becomes `WouldBlock`, which Tokio waits for.
fn uninterrupted<T>(mut call: impl FnMut() -> nix::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other.map_err(io::Error::from),
        }
    }
}
