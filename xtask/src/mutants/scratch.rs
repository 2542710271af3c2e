//! A copy of the workspace, in which bugs are seeded.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::list::Mutant;
use crate::workspace;

pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// The workspace as it is now, committed or not, in `folder`. What is there already and the same is left alone, so that
    /// Cargo need not build it again.
    pub(super) fn fresh(folder: &Path) -> Result<Self> {
        let wanted = sources()?;
        let there = files_below(folder)?;
        for gone in there.difference(&wanted) {
            fs::remove_file(folder.join(gone)).with_context(|| format!("removing {}", gone.display()))?;
        }
        for path in &wanted {
            copy(&workspace::root().join(path), &folder.join(path))?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Does something while the bug is there.
    pub(super) fn with<T>(&self, mutant: &Mutant, what: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = self.folder.join(&mutant.file);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        fs::write(&path, mutant.apply(&text)?).with_context(|| format!("writing {}", path.display()))?;
        let result = what();
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        result
    }
}

/// What git knows of, or would if it were asked to add it.
fn sources() -> Result<BTreeSet<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace::root())
        .output()
        .context("starting git")?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    let listed = String::from_utf8(output.stdout).context("a path that is no text")?;
    let paths = listed.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from);
    Ok(paths.filter(|path| workspace::root().join(path).is_file()).collect())
}

fn files_below(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop().filter(|next| next.is_dir()) {
        for entry in fs::read_dir(&next).with_context(|| format!("reading {}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(inside) = path.strip_prefix(folder) {
                files.insert(inside.to_owned());
            }
        }
    }
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let text = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
    if fs::read(to).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(to, text).with_context(|| format!("writing {}", to.display()))
}
