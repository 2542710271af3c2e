//! Where a command reads and writes everything: injected, so that tests run commands in-process.

use std::io::{self, BufRead as _, BufReader, BufWriter, IsTerminal, Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::oneshot;

use super::failure::Failure;

/// Standard output, standard error, and whether colours are welcome.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the streams")]
pub(crate) struct Terminal {
    /// The answer goes here and nothing else does.
    pub(crate) out: Box<dyn Write>,
    /// Notes, warnings and errors.
    pub(crate) err: Box<dyn Write>,
    /// Documents and answers to questions come from here.
    pub(crate) input: Box<dyn Read>,
    /// Somebody sits before `input` who can be asked.
    pub(crate) interactive: bool,
    /// Standard output is a terminal and `NO_COLOR` is not set.
    pub(crate) colour: bool,
    /// Somebody sees standard error while the command runs.
    pub(crate) watched: bool,
    /// `--only-show-errors`: notes and warnings are dropped.
    pub(crate) quiet: bool,
    /// Where `out` goes in the end, if that can be watched.
    pub(crate) descriptor: Option<io::Stdout>,
}

impl Terminal {
    /// The real standard streams.
    pub(crate) fn of_this_process() -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            out: Box::new(BufWriter::with_capacity(64 * 1024, UntilClosed::new(io::stdout()))),
            err: Box::new(UntilClosed::new(io::stderr())),
            input: Box::new(io::stdin()),
            interactive: io::stdin().is_terminal(),
            colour: io::stdout().is_terminal() && !no_colour,
            watched: io::stderr().is_terminal(),
            quiet: false,
            descriptor: Some(io::stdout()),
        }
    }

    /// A fact worth knowing that is not part of the answer.
    pub(crate) fn note(&mut self, text: &str) {
        if !self.quiet {
            // Standard error is the last resort: there is nowhere left to report its failure.
            let _ = writeln!(self.err, "{text}");
        }
    }

    /// Whether to show how far something is.
    pub(crate) const fn shows_progress(&self) -> bool {
        self.watched && !self.quiet
    }

    /// A consequence the caller may not have meant.
    pub(crate) fn warn(&mut self, text: &str) {
        self.note(&format!("WARNING: {text}"));
    }

    /// Whether to go on: what somebody says who sits there, and yes where nobody does.
    pub(crate) fn agrees(&mut self, question: &str) -> Result<bool, Failure> {
        if !self.interactive {
            return Ok(true);
        }
        let _ = write!(self.err, "{question}");
        let _ = self.err.flush();
        let mut answer = String::new();
        let read = BufReader::new(&mut self.input).read_line(&mut answer);
        read.map_err(|error| Failure::Local(format!("cannot read the answer: {error}; nothing was changed")))?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Why the command failed; shown even under `--only-show-errors`.
    pub(crate) fn error(&mut self, failure: &Failure) {
        // What was already printed belongs before the error.
        let _ = self.out.flush();
        let _ = writeln!(self.err, "ERROR: {failure}");
    }

    /// Ends when nobody reads standard output any more: its pipe or its terminal was closed.
    pub(crate) fn unread(&self) -> impl Future<Output = ()> + use<> {
        let (tell, told) = oneshot::channel();
        let descriptor = self.descriptor.as_ref().and_then(|stdout| stdout.as_fd().try_clone_to_owned().ok());
        // Not a thread of the runtime: nothing ends this wait but the end of the reader, or of the process.
        std::thread::spawn(move || {
            if descriptor.is_some_and(|descriptor| wait_until_closed(&descriptor)) {
                let _ = tell.send(());
            }
        });
        async move {
            if told.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Writes out what is buffered.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::unwritten(&error))
    }
}

/// `poll` with no event asked for reports errors and the end of the other side (POLLERR, POLLHUP), which no flag turns off.
/// False if it cannot be watched.
fn wait_until_closed(descriptor: &OwnedFd) -> bool {
    loop {
        match poll(&mut [PollFd::new(descriptor.as_fd(), PollFlags::empty())], PollTimeout::NONE) {
            Err(Errno::EINTR) | Ok(0) => {}
            result => return result.is_ok(),
        }
    }
}

/// A writer that goes silent when its reader has gone away (`… | head`), instead of failing.
struct UntilClosed<W> {
    inner: W,
    closed: bool,
}

impl<W: Write> UntilClosed<W> {
    fn new(inner: W) -> Self {
        Self { inner, closed: false }
    }

    fn unless_closed<T>(&mut self, silent: T, write: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        if self.closed {
            return Ok(silent);
        }
        match write(&mut self.inner) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(silent)
            }
            outcome => outcome,
        }
    }
}

impl<W: Write> Write for UntilClosed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_closed(bytes.len(), |inner| inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_closed((), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_not_an_error() {
        let mut out = UntilClosed::new(Gone);
        out.write_all(b"answer").unwrap();
        out.flush().unwrap();
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut out = UntilClosed::new(Full);
        assert!(out.write_all(b"answer").is_err());
    }
}
