//! One request after the other, each with the whole of its answer.

use std::num::NonZeroI32;
use std::thread;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::inet::{InetRequest, InetResponseHeader};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;

use super::SockDiagError;
use super::wire::{Answer, Request};

/// The kernel fills as much of a buffer as it finds, up to 32 KiB (`netlink_recvmsg`).
const BUFFER: usize = 32 * 1024;
/// How often, and after which pause, a list is asked for again that was interrupted, or whose socket is busy.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

pub(super) fn open() -> Result<Socket, SockDiagError> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG).map_err(SockDiagError::Socket)?;
    socket.bind_auto().map_err(SockDiagError::Socket)?;
    // 0 is the kernel.
    socket.connect(&SocketAddr::new(0, 0)).map_err(SockDiagError::Socket)?;
    Ok(socket)
}

/// What came of one attempt at a list.
enum Listed {
    Whole(Vec<InetResponseHeader>),
    Interrupted,
    Failed(Errno),
}

/// Every socket that `request` describes.
pub(super) fn list(socket: &Socket, request: &InetRequest) -> Result<Vec<InetResponseHeader>, SockDiagError> {
    for _ in 0..TRIES {
        match attempt(socket, request)? {
            Listed::Whole(sockets) => return Ok(sockets),
            Listed::Interrupted => {}
            Listed::Failed(Errno::EBUSY) => thread::sleep(PAUSE),
            Listed::Failed(errno) => return Err(SockDiagError::Refused { action: "listing sockets", errno }),
        }
    }
    Err(SockDiagError::Interrupted(TRIES))
}

fn attempt(socket: &Socket, request: &InetRequest) -> Result<Listed, SockDiagError> {
    send(socket, Request::List(request.clone()), NLM_F_REQUEST | NLM_F_DUMP)?;
    let (mut sockets, mut interrupted, mut end) = (Vec::new(), false, None);
    while end.is_none() {
        receive(socket, |message| {
            interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
            match message.payload {
                NetlinkPayload::InnerMessage(Answer(answer)) => sockets.extend(answer),
                // A list that fails on its way ends with the error in place of the number of sockets.
                NetlinkPayload::Done(done) => end = Some(if done.code < 0 { errno(done.code) } else { Ok(()) }),
                NetlinkPayload::Error(error) => end = Some(outcome(error.code)),
                _ => {}
            }
        })?;
    }
    Ok(match end {
        Some(Err(errno)) => Listed::Failed(errno),
        _ if interrupted => Listed::Interrupted,
        _ => Listed::Whole(sockets),
    })
}

/// Sends a request that is answered by nothing but yes or no.
pub(super) fn tell(socket: &Socket, request: Request) -> Result<Result<(), Errno>, SockDiagError> {
    send(socket, request, NLM_F_REQUEST | NLM_F_ACK)?;
    let mut end = None;
    while end.is_none() {
        receive(socket, |message| {
            if let NetlinkPayload::Error(error) = message.payload {
                end = Some(outcome(error.code));
            }
        })?;
    }
    Ok(end.unwrap_or(Ok(())))
}

/// An error message without an error is an acknowledgement.
fn outcome(code: Option<NonZeroI32>) -> Result<(), Errno> {
    code.map_or(Ok(()), |code| errno(code.get()))
}

fn errno(code: i32) -> Result<(), Errno> {
    Err(Errno::from_raw(code.saturating_abs()))
}

fn send(socket: &Socket, request: Request, flags: u16) -> Result<(), SockDiagError> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0).map_err(SockDiagError::Exchange)?;
    Ok(())
}

/// Reads one datagram, which holds one message or more.
fn receive(socket: &Socket, mut take: impl FnMut(NetlinkMessage<Answer>)) -> Result<(), SockDiagError> {
    let mut buffer = Vec::with_capacity(BUFFER);
    socket.recv(&mut buffer, 0).map_err(SockDiagError::Exchange)?;
    let mut rest = buffer.as_slice();
    while !rest.is_empty() {
        let message = NetlinkMessage::<Answer>::deserialize(rest)
            .map_err(|problem| SockDiagError::Answer(problem.to_string()))?;
        // Messages begin at multiples of 4 bytes (`NLMSG_ALIGNTO`); the library checked that the length holds a header.
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX).saturating_add(3) & !3;
        rest = rest.get(length..).unwrap_or_default();
        take(message);
    }
    Ok(())
}
