use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the store does not do what it was asked. What the kernel enforces is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder cannot be used at all.
    #[error("policy store {}: {problem}; enforcement in the kernel is unchanged", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system or `SQLite` said.
        problem: String,
    },
    /// The file is something else than a policy store.
    #[error("policy store {}: is not a policy store ({problem}); restore the one that belongs there (`registry-guard restore --from last-good`, or --from FILE) or name another folder; enforcement in the kernel is unchanged", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        problem: String,
    },
    /// The file is damaged.
    #[error("policy store {}: is damaged ({problem}); restore it (`registry-guard restore --from last-good`, or --from FILE); enforcement in the kernel is unchanged", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// There was a file once, since there are copies of it.
    #[error("policy store {}: is gone, but good copies of it are beside it ({copies}); `registry-guard restore --from last-good` brings the last one back; enforcement in the kernel is unchanged", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// How many copies there are.
        copies: usize,
    },
    /// A later version of this program has written the file.
    #[error("policy store {}: has layout {found}, this version of registry-guard knows {known}; start the version that wrote it, or a later one, or restore an earlier policy (`registry-guard restore --from last-good`); enforcement in the kernel is unchanged", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's layout.
        found: i64,
        /// The layout that this version writes.
        known: i64,
    },
    /// Another process has the file open.
    #[error("policy store {}: is in use by another process, perhaps a second agent on the same folder; accepted: one agent for one folder; enforcement in the kernel is unchanged", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// More registries are named than there are slots.
    #[error("policy store {}: no slot is left for registry `{registry}`; accepted: at most {most} registries", path.display())]
    TooManyRegistries {
        /// The file.
        path: PathBuf,
        /// The registry that got none.
        registry: String,
        /// How many slots there are.
        most: usize,
    },
    /// The edits could not be enforced, so they were not kept.
    #[error("{0:#}")]
    Enforce(anyhow::Error),
}

impl StoreError {
    /// Whether the file cannot be used until another is in its place.
    pub fn is_lost(&self) -> bool {
        matches!(
            self,
            Self::Unusable { .. }
                | Self::Foreign { .. }
                | Self::Corrupt { .. }
                | Self::Missing { .. }
                | Self::Newer { .. }
        )
    }

    /// What an error of `SQLite` means for the store at `path`.
    pub(super) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let problem = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, problem },
            Some(ErrorCode::NotADatabase) => Self::Foreign { path, problem },
            _ => Self::Unusable { path, problem },
        }
    }
}
