//! Messages to the service manager; without one, nothing happens. None of them is worth failing for.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

/// What the agent enforces is in force.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// One line about how it stands.
pub(crate) fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// Another configuration, or another binary, is about to take over.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // `Type=notify-reload` compares the time with that of its signal.
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "cannot read the monotonic clock"),
    }
}

/// The agent ends; what was enforced stays enforced.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// It was seen that everything works.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often it wants to hear that, if it does.
pub(crate) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Has it keep a socket under this name for the next process.
pub(crate) fn keep(name: &str, socket: BorrowedFd<'_>) {
    told(sd_notify::notify_with_fds(&[NotifyState::FdStore, NotifyState::FdName(name)], &[socket]));
}

/// Has it forget the sockets that it keeps under this name.
pub(crate) fn forget(name: &str) {
    tell(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]);
}

fn tell(states: &[NotifyState<'_>]) {
    told(sd_notify::notify(states));
}

fn told(result: io::Result<()>) {
    if let Err(error) = result {
        warn!(%error, "cannot tell the service manager");
    }
}
