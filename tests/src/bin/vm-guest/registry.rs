//! Something that listens where a registry would, and remembers who came.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;

use anyhow::{Context as _, Result};

/// A line for each connection, its source.
pub(crate) const VISITS: &str = "/var/lib/vm-test-visits";
const LISTEN: &str = "[::]:443";

/// Serves everybody who gets here, for ever.
pub(crate) fn serve() -> Result<()> {
    let mut visits = File::options().create(true).append(true).open(VISITS).context("opening the list of visits")?;
    let listener = TcpListener::bind(LISTEN).with_context(|| format!("listening at {LISTEN}"))?;
    loop {
        let (mut client, source) = listener.accept().context("accepting a connection")?;
        // In one piece, so that nobody reads half a line.
        visits.write_all(format!("{}\n", source.ip()).as_bytes())?;
        // Whether the client takes it is its own affair.
        _ = client.write_all(b"served\n");
    }
}
