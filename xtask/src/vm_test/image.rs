//! Disks, made without mounting anything.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::rootfs;
use crate::progress;

/// The disk that every machine starts from; none ever writes to it.
pub(super) fn ensure(folder: &Path, root: &Path) -> Result<PathBuf> {
    let (image, made_of) = (folder.join("root.img"), folder.join("root.img.made-of"));
    let wanted = rootfs::version() + &modules(root)?;
    if image.is_file() && fs::read_to_string(&made_of).is_ok_and(|there| there == wanted) {
        return Ok(image);
    }
    make(&image, root, "4G")?;
    fs::write(&made_of, wanted).with_context(|| format!("writing {}", made_of.display()))?;
    Ok(image)
}

/// Makes an ext4 file system of this size with what is in `content`.
pub(super) fn make(image: &Path, content: &Path, size: &str) -> Result<()> {
    _ = fs::remove_file(image);
    let mut mke2fs = Command::new("mke2fs");
    mke2fs.args(["-q", "-t", "ext4", "-d"]).arg(content).arg(image).arg(size);
    progress::run(&format!("make {}", image.display()), mke2fs)
}

/// The kernels whose modules are in there.
fn modules(root: &Path) -> Result<String> {
    let folder = root.join("usr/lib/modules");
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names: Vec<String> =
        entries.filter_map(Result::ok).map(|entry| entry.file_name().display().to_string()).collect();
    names.sort();
    Ok(names.join("\n"))
}
