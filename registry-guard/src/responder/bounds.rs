//! Every bound on what strangers can make the responder do.

use std::time::Duration;

/// Connections at one time. Beyond that each new one takes the place of another (see [`crate::places`]).
pub(super) const MOST_CONNECTIONS: usize = 512;

/// Connections at one time from one IPv4 address or one IPv6 /64.
pub(super) const MOST_PER_SOURCE: usize = 8;

/// Sockets at one time: those that lost their place close within moments, and are waited for when they do not.
pub(super) const MOST_SOCKETS: usize = 2 * MOST_CONNECTIONS;

/// From the connection to the end of the TLS handshake.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(3);

/// From there to the end of the first request's head.
pub(super) const HEAD: Duration = Duration::from_secs(3);

/// From the connection to the last byte of the answer.
pub(super) const CONNECTION: Duration = Duration::from_secs(8);

/// How long a client may go on sending what nobody reads, so that it sees the answer and no reset.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// How many bytes it may send then, as they are on the wire: a client on a fast link has sent several megabytes before it looks
/// for an answer.
pub(super) const LINGER_BYTES: usize = 16 << 20;

/// Bytes of a request's head over HTTP/1.1, and of its header list over HTTP/2. hyper takes no less than 8,192.
pub(super) const HEADER_BYTES: u16 = 16 << 10;

/// Header lines of a request over HTTP/1.1.
pub(super) const HEADER_LINES: usize = 100;

/// Requests at one time in one HTTP/2 connection.
pub(super) const STREAMS: u32 = 8;

/// How long an HTTP/2 client is listened to after its first answer. To say goodbye at once would make curl 7.88 give up while it
/// sends a body, before it reads the answer.
pub(super) const FURTHER_REQUESTS: Duration = Duration::from_secs(1);

/// Bytes of request bodies that an HTTP/2 client may send unasked, for each stream and in total. It is the least that RFC 9113
/// lets a connection begin with.
pub(super) const HTTP2_WINDOW: u32 = 65_535;

/// Bytes of answers that wait in one HTTP/2 connection.
pub(super) const HTTP2_SEND_BUFFER: usize = 16 << 10;

/// Reports that wait for the agent. Further ones are counted and left out.
pub(super) const REPORTS: usize = 1024;

/// How long a listening socket that was replaced is still accepted on: connections that were steered to it are in its queue.
pub(super) const RETIREMENT: Duration = Duration::from_secs(10);

/// How long answers that have begun may take once the process is to stop.
pub(super) const STOPPING: Duration = Duration::from_secs(5);

/// Descriptors of the process: two for each listening socket of a full set and its successor, and room for the runtime.
pub(super) const DESCRIPTORS: u64 = 4096;

/// Between two attempts to reach the agent: the first pause, and the longest.
pub(super) const RECONNECT: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
