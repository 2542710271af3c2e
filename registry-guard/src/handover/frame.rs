use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use zeroize::Zeroizing;

/// The most bytes of one message to the responder: room for chain and key of 64 registries.
pub const MOST_TO_RESPONDER: usize = 16 << 20;

/// The most bytes of one message to the agent. The longest report has less than 2,000.
pub const MOST_TO_AGENT: usize = 4096;

/// Before each message stands its length in bytes, big endian.
pub(super) const LENGTH_BYTES: usize = 4;

/// Why the conversation cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The socket failed.
    #[error("the socket: {0}")]
    Socket(#[from] io::Error),
    /// The other side ended in the middle of a message.
    #[error("it ended within a message")]
    Truncated,
    /// A message is longer than this side takes.
    #[error("a message of {length} bytes; accepted: at most {most}")]
    TooLong {
        /// What it announced.
        length: usize,
        /// What is taken.
        most: usize,
    },
    /// A message cannot be understood.
    #[error("a message that cannot be understood: {0}")]
    Malformed(serde_json::Error),
    /// The descriptors do not fit the message.
    #[error("{got} descriptors for {wanted} listeners; accepted: one for each")]
    Descriptors {
        /// How many came.
        got: usize,
        /// How many the message describes.
        wanted: usize,
    },
}

/// A message with its length before it. The bytes are overwritten when they are dropped: a setup holds private keys.
pub fn encode(message: &impl Serialize, most: usize) -> Result<Zeroizing<Vec<u8>>, FrameError> {
    // A vector that grows leaves its old bytes behind, so its size is found out first.
    let mut size = Size(0);
    serde_json::to_writer(&mut size, message).map_err(FrameError::Malformed)?;
    let length = u32::try_from(size.0).ok().filter(|_| size.0 <= most);
    let length = length.ok_or(FrameError::TooLong { length: size.0, most })?;
    let mut frame = Zeroizing::new(Vec::with_capacity(LENGTH_BYTES + size.0));
    frame.extend_from_slice(&length.to_be_bytes());
    serde_json::to_writer(&mut *frame, message).map_err(FrameError::Malformed)?;
    Ok(frame)
}

/// Understands a message.
pub fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, FrameError> {
    serde_json::from_slice(bytes).map_err(FrameError::Malformed)
}

/// The length that `prefix` announces, if this side takes so much.
pub(super) fn length(prefix: [u8; LENGTH_BYTES], most: usize) -> Result<usize, FrameError> {
    let length = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
    if length > most { Err(FrameError::TooLong { length, most }) } else { Ok(length) }
}

/// The next message of at most `most` bytes, or nothing if the other side has ended. Descriptors that come along are closed by
/// the kernel, since nothing asks for them.
pub async fn read_frame(reader: &mut (impl AsyncRead + Unpin), most: usize) -> Result<Option<Vec<u8>>, FrameError> {
    let mut prefix = [0; LENGTH_BYTES];
    let mut have = 0;
    while let Some(room) = prefix.get_mut(have..).filter(|room| !room.is_empty()) {
        match reader.read(room).await? {
            0 if have == 0 => return Ok(None),
            0 => return Err(FrameError::Truncated),
            read => have += read,
        }
    }
    let mut message = vec![0; length(prefix, most)?];
    reader.read_exact(&mut message).await.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => FrameError::Truncated,
        _ => error.into(),
    })?;
    Ok(Some(message))
}

/// Counts what is written.
struct Size(usize);

impl Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
