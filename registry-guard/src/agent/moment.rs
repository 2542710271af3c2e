use std::time::Duration;

use tracing::warn;

/// The machine's time for what is to happen later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Which boot of the machine.
    pub(super) boot: String,
    /// Milliseconds since then, those of sleep included (`CLOCK_BOOTTIME`): no clock that somebody sets.
    pub(super) since_boot: u64,
    /// Milliseconds since 1970, as the clock goes that somebody may set.
    pub(super) wall: u64,
}

impl Moment {
    pub(super) fn now() -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_else(|error| {
            warn!(%error, "cannot read which boot this is");
            String::new()
        });
        let since_boot = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map_or(0, |time| {
            let (seconds, nanoseconds) = (time.tv_sec(), time.tv_nsec());
            u64::try_from(seconds).unwrap_or(0) * 1000 + u64::try_from(nanoseconds).unwrap_or(0) / 1_000_000
        });
        let wall = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self { boot: boot.trim().to_owned(), since_boot, wall: milliseconds(wall) }
    }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
