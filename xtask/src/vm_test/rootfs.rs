//! The Debian 12 that the machines run, with whatever kernel.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{apt, chroot};
use crate::progress;

const SUITE: &str = "bookworm";
/// What a machine has beside the smallest Debian: what makes it boot, and what the tests run.
const PACKAGES: &str = "systemd,systemd-sysv,udev,dbus,kmod,initramfs-tools,zstd,iproute2,iputils-ping,procps,ethtool,\
                        nftables,iptables,curl,ca-certificates,docker-registry,openssl";

/// Files of the machines, by path.
const FILES: [(&str, &str); 5] = [
    ("etc/fstab", include_str!("rootfs/fstab")),
    ("etc/hostname", "vm\n"),
    ("etc/initramfs-tools/modules", "virtio_pci\nvirtio_blk\next4\n"),
    ("etc/initramfs-tools/conf.d/vm-test", "MODULES=list\n"),
    (GUEST_UNIT, include_str!("rootfs/vm-guest.service")),
];
const GUEST_UNIT: &str = "etc/systemd/system/vm-guest.service";
const ENABLED: &str = "etc/systemd/system/multi-user.target.wants/vm-guest.service";
/// Units that only take time: timers of a machine that lives for minutes, and the registry, which tests start themselves.
const MASKED: [&str; 8] = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_reap.service",
    "e2scrub_all.timer",
    "fstrim.timer",
    "docker-registry.service",
    "systemd-pcrphase.service",
];

/// Makes it in `folder` unless it is there, and writes the files of this version of the verb into it.
pub(super) fn ensure(folder: &Path) -> Result<PathBuf> {
    let root = folder.join("rootfs");
    // Its packages are part of what it is.
    let packages = folder.join("rootfs.packages");
    if !fs::read_to_string(&packages).is_ok_and(|there| there == PACKAGES) {
        for stale in [root.clone(), folder.join("kernels")] {
            if stale.exists() {
                fs::remove_dir_all(&stale).with_context(|| format!("removing {}", stale.display()))?;
            }
        }
        let mut debootstrap = chroot::in_mounts_of_its_own("debootstrap");
        debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE]).arg(&root);
        debootstrap.arg(format!("{}/debian", apt::MIRROR));
        progress::run(&format!("debootstrap {SUITE}"), debootstrap)?;
        fs::write(&packages, PACKAGES).with_context(|| format!("writing {}", packages.display()))?;
    }
    for (path, text) in FILES {
        let path = root.join(path);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    link("/etc/systemd/system/vm-guest.service", &root.join(ENABLED))?;
    for unit in MASKED {
        link("/dev/null", &root.join("etc/systemd/system").join(unit))?;
    }
    let payload = root.join("payload");
    fs::create_dir_all(&payload).with_context(|| format!("creating {}", payload.display()))?;
    Ok(root)
}

/// What the files of this version say, so that an image made of others is known.
pub(super) fn version() -> String {
    format!("{PACKAGES}\n{FILES:?}\n{MASKED:?}\n")
}

fn link(target: &str, path: &Path) -> Result<()> {
    if path.symlink_metadata().is_err() {
        symlink(target, path).with_context(|| format!("making the link {}", path.display()))?;
    }
    Ok(())
}
