//! Kernels as Debian ships them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;

use super::{
    apt::{Apt, Suite},
    chroot,
};
use crate::progress;

/// A kernel of one of Debian's suites.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DebianKernel {
    /// Debian 12's
    #[value(name = "6.1")]
    Linux6_1,
    /// Debian 13's
    #[value(name = "6.12")]
    Linux6_12,
    /// Debian 11's
    #[value(name = "5.10")]
    Linux5_10,
    /// The newest that Debian has packaged
    Newest,
}

/// A kernel on this machine.
pub(super) struct Kernel {
    /// What it is.
    pub(super) debian: DebianKernel,
    /// What `uname -r` says.
    pub(super) release: String,
    /// The kernel.
    pub(super) vmlinuz: PathBuf,
    /// What it starts with.
    pub(super) initrd: PathBuf,
}

impl DebianKernel {
    pub(super) const ALL: [Self; 4] = [Self::Linux6_1, Self::Linux6_12, Self::Linux5_10, Self::Newest];

    fn suites(self) -> &'static [Suite] {
        match self {
            Self::Linux6_1 => &[("debian-security", "bookworm-security"), ("debian", "bookworm")],
            Self::Linux6_12 => &[("debian-security", "trixie-security"), ("debian", "trixie")],
            Self::Linux5_10 => &[("debian-security", "bullseye-security"), ("debian", "bullseye")],
            Self::Newest => &[("debian", "sid")],
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Linux6_1 => "6.1",
            Self::Linux6_12 => "6.12",
            Self::Linux5_10 => "5.10",
            Self::Newest => "newest",
        }
    }

    /// Whether the product says that it needs a newer one.
    pub(super) fn is_too_old(self) -> bool {
        self == Self::Linux5_10
    }

    /// Fetches it into `folder` and puts its modules into `root`, unless that was done.
    pub(super) fn ensure(self, folder: &Path, root: &Path) -> Result<Kernel> {
        let own = folder.join("kernels").join(self.folder());
        let done = own.join("release");
        if !done.is_file() {
            if own.exists() {
                fs::remove_dir_all(&own).with_context(|| format!("removing {}", own.display()))?;
            }
            fs::create_dir_all(&own).with_context(|| format!("creating {}", own.display()))?;
            let apt = Apt::update(&folder.join("apt").join(self.folder()), self.suites())?;
            let release = install(&apt, &own, root)?;
            fs::write(&done, release).with_context(|| format!("writing {}", done.display()))?;
        }
        let release = fs::read_to_string(&done).with_context(|| format!("reading {}", done.display()))?;
        println!("vm-test: Linux {}: {release}", self.folder());
        Ok(Kernel { debian: self, vmlinuz: own.join("vmlinuz"), initrd: own.join("initrd"), release })
    }
}

/// Fetches the packages of the kernel that `linux-image-amd64` means, and returns its release. From Linux 7 on, image, modules
/// and the lists of what is built in are packages of their own.
fn install(apt: &Apt, own: &Path, root: &Path) -> Result<String> {
    let needed = apt.needed_for("linux-image-amd64")?;
    let is_release = |release: &&str| release.starts_with(|letter: char| letter.is_ascii_digit());
    let release = needed.iter().filter_map(|name| name.strip_prefix("linux-image-")).find(is_release);
    let release = release.context("linux-image-amd64 depends on no kernel")?.to_owned();
    let ending = format!("-{release}");
    let packages: Vec<String> =
        needed.into_iter().filter(|name| name.starts_with("linux-") && name.ends_with(&ending)).collect();
    apt.download(&packages, own)?;
    let unpacked = own.join("unpacked");
    for entry in fs::read_dir(own).with_context(|| format!("reading {}", own.display()))? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            let mut unpack = Command::new("dpkg-deb");
            unpack.arg("--extract").arg(&package).arg(&unpacked);
            progress::run(&format!("unpack {}", package.display()), unpack)?;
            fs::remove_file(&package).with_context(|| format!("removing {}", package.display()))?;
        }
    }
    place(&unpacked, &release, own, root)?;
    fs::remove_dir_all(&unpacked).with_context(|| format!("removing {}", unpacked.display()))?;
    Ok(release)
}

/// Debian 13 moved modules to `/usr`, and its newest kernels are beside them.
fn place(unpacked: &Path, release: &str, own: &Path, root: &Path) -> Result<()> {
    let modules = first([unpacked.join("usr/lib/modules").join(release), unpacked.join("lib/modules").join(release)])?;
    let kernel = first([unpacked.join(format!("boot/vmlinuz-{release}")), modules.join("vmlinuz")])?;
    let config = first([unpacked.join(format!("boot/config-{release}")), modules.join("config")])?;
    let boot = root.join("boot");
    for (from, to) in [(&kernel, own.join("vmlinuz")), (&config, boot.join(format!("config-{release}")))] {
        fs::copy(from, &to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    }
    let all = root.join("usr/lib/modules");
    fs::create_dir_all(&all).with_context(|| format!("creating {}", all.display()))?;
    let mut copy = Command::new("cp");
    copy.arg("--archive").arg(&modules).arg(&all);
    progress::run(&format!("put the modules of {release} into the image"), copy)?;

    let mut depmod = chroot::command(root, "depmod");
    depmod.arg(release);
    progress::run("depmod", depmod)?;
    let mut initramfs = chroot::command(root, "mkinitramfs");
    initramfs.args(["-o", "/boot/initrd", release]);
    progress::run("mkinitramfs", initramfs)?;
    let (from, to) = (boot.join("initrd"), own.join("initrd"));
    fs::rename(&from, &to).with_context(|| format!("moving {} to {}", from.display(), to.display()))
}

fn first(candidates: [PathBuf; 2]) -> Result<PathBuf> {
    let named = candidates.each_ref().map(|path| path.display().to_string()).join(" or ");
    let found = candidates.into_iter().find(|path| path.exists());
    ensure!(found.is_some(), "the kernel's packages have no {named}");
    Ok(found.unwrap_or_default())
}
