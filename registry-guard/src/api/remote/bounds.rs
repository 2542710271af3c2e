//! Every bound on what strangers, and principals, can make the API do over TLS.

use std::time::Duration;

/// Connections at one time. Beyond that each new one takes the place of another (see [`crate::places`]).
pub(super) const MOST_CONNECTIONS: usize = 256;

/// Connections at one time from one IPv4 address or one IPv6 /64.
pub(super) const MOST_PER_SOURCE: usize = 32;

/// From the connection to the end of the TLS handshake.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);

/// For the head of a request, from the handshake or the answer before it.
pub(super) const HEAD: Duration = Duration::from_secs(60);

/// From the connection until no further request is taken.
pub(super) const CONNECTION: Duration = Duration::from_mins(15);

/// How long what has begun may take then.
pub(super) const GOODBYE: Duration = Duration::from_mins(1);

/// Bytes of a request's head.
pub(super) const HEADER_BYTES: usize = 32 << 10;

/// Header lines of a request.
pub(super) const HEADER_LINES: usize = 100;

/// Bytes of any body. A million rules have some 50 MB.
pub(super) const BODY_BYTES: usize = 64 << 20;

/// How long requests that have begun may take once the agent is to stop.
pub(super) const STOPPING: Duration = Duration::from_secs(10);

/// After a connection that could not be accepted.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
