use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::call::Sequence;

/// The sequences that failed once, one file each, in words: they stay true when the random choice changes.
#[derive(Debug)]
pub struct Regressions(PathBuf);

impl Regressions {
    /// Those of this source tree.
    pub fn of_this_tree() -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("sequences"))
    }

    /// Every stored sequence with its file.
    pub fn all(&self) -> Result<Vec<(PathBuf, Sequence)>> {
        let context = || format!("reading {}", self.0.display());
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.0).with_context(context)? {
            let path = entry.with_context(context)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
                let sequence = serde_json::from_slice(&text).with_context(|| format!("in {}", path.display()))?;
                all.push((path, sequence));
            }
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(all)
    }

    /// Stores one under a name that its contents give.
    pub fn store(&self, sequence: &Sequence) -> Result<PathBuf> {
        let text = serde_json::to_string_pretty(sequence)?;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let path = self.0.join(format!("{:016x}.json", hasher.finish()));
        fs::write(&path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}
