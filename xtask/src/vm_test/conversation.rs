//! What host and machine say to each other: a line of JSON each, over qemu's standard input and output, which are a serial port
//! in the machine.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{ChildStdin, ChildStdout},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Our end.
pub(super) struct Conversation {
    to_guest: ChildStdin,
    from_guest: Receiver<Value>,
}

impl Conversation {
    /// Reads from now on whatever comes, so that the machine never waits for us.
    pub(super) fn begin(to_guest: ChildStdin, from_guest: ChildStdout) -> Self {
        let (sender, receiver) = mpsc::channel();
        // It ends with qemu, which holds the other end of the pipe.
        thread::spawn(move || {
            for line in BufReader::new(from_guest).split(b'\n').map_while(Result::ok) {
                // A line that was cut off by the end of the machine says nothing.
                if let Ok(message) = serde_json::from_slice(&line)
                    && sender.send(message).is_err()
                {
                    break;
                }
            }
        });
        Self { to_guest, from_guest: receiver }
    }

    /// Says one thing.
    pub(super) fn say(&mut self, message: &Value) -> Result<()> {
        writeln!(self.to_guest, "{message}").context("talking to the machine")
    }

    /// Hears one thing.
    pub(super) fn hear(&self, until: Instant) -> Result<Value> {
        match self.from_guest.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(message) => Ok(message),
            Err(RecvTimeoutError::Timeout) => bail!("the machine says nothing within its time"),
            Err(RecvTimeoutError::Disconnected) => bail!("the machine ended"),
        }
    }

    /// Hears one thing if it is said before that moment.
    pub(super) fn hear_before(&self, moment: Instant) -> Result<Option<Value>> {
        match self.from_guest.recv_timeout(moment.saturating_duration_since(Instant::now())) {
            Ok(message) => Ok(Some(message)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the machine ended"),
        }
    }

    /// Says no more, and hears what is said until the other side ends.
    pub(super) fn rest(self) -> Vec<Value> {
        drop(self.to_guest);
        self.from_guest.into_iter().collect()
    }
}
