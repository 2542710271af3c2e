use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::namespace::Namespace;

/// Waits until the kernel calls `interface` of `namespace` operational; before that it drops what is sent.
pub(super) fn wait(namespace: &Namespace, interface: &str) -> Result<()> {
    let limit = Duration::from_secs(5);
    let start = Instant::now();
    while !namespace.within(|| is_running(interface))?? {
        ensure!(
            start.elapsed() < limit,
            "{interface} in namespace {} did not come up within {limit:?}",
            namespace.name()
        );
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn is_running(interface: &str) -> Result<bool> {
    let mut addresses = getifaddrs()?;
    Ok(addresses.any(|entry| entry.interface_name == interface && entry.flags.contains(InterfaceFlags::IFF_RUNNING)))
}
