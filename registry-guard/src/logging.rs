//! Where the daemons log to: standard error, for a terminal, a file or the journal.

use std::env;
use std::fmt;
use std::io::IsTerminal as _;
use std::os::fd::AsFd;

use nix::sys::stat::fstat;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Logs as the daemons do; once in a process.
pub(crate) fn log_to_standard_error() {
    // The netlink library warns of every attribute that is newer than it.
    let filter = EnvFilter::try_from_env("REGISTRY_GUARD_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,netlink_packet_route=error"));
    let stderr = std::io::stderr;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    if leads_to_the_journal(&stderr(), env::var("JOURNAL_STREAM").ok().as_deref()) {
        log.with_ansi(false).event_format(ForTheJournal(Format::default().without_time().with_level(false))).init();
    } else {
        log.with_ansi(stderr().is_terminal()).init();
    }
}

/// Whether this is the stream that `JOURNAL_STREAM` names by device and inode (systemd.exec(5)): it may have been turned elsewhere.
fn leads_to_the_journal(stream: &impl AsFd, journal: Option<&str>) -> bool {
    let numbers = journal.and_then(|journal| journal.split_once(':'));
    let numbers = numbers.and_then(|(device, inode)| Some((device.parse().ok()?, inode.parse().ok()?)));
    let (Some(numbers), Ok(status)) = (numbers, fstat(stream.as_fd())) else { return false };
    (status.st_dev, status.st_ino) == numbers
}

/// The journal keeps time and priority itself; the latter it takes from the number at the beginning of a line (sd-daemon(3)).
struct ForTheJournal<F>(F);

impl<S, N, F> FormatEvent<S, N> for ForTheJournal<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        writer.write_str(match *event.metadata().level() {
            Level::ERROR => "<3>",
            Level::WARN => "<4>",
            Level::INFO => "<6>",
            Level::DEBUG | Level::TRACE => "<7>",
        })?;
        self.0.format_event(context, writer, event)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn only_the_stream_that_the_service_manager_made_leads_to_the_journal() {
        let (journal, other) = UnixStream::pair().unwrap();
        let status = fstat(journal.as_fd()).unwrap();
        let name = format!("{}:{}", status.st_dev, status.st_ino);
        assert!(leads_to_the_journal(&journal, Some(&name)));
        assert!(!leads_to_the_journal(&other, Some(&name)));
        for nonsense in [None, Some(""), Some("1"), Some("a:b"), Some(":")] {
            assert!(!leads_to_the_journal(&journal, nonsense), "{nonsense:?}");
        }
    }
}
