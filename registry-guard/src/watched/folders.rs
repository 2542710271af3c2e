//! What to watch to learn that a path has come to name other contents.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// As many symbolic links as Linux follows in one path.
const MOST_LINKS: usize = 40;

/// The folders in which something changes when `path` comes to name other contents: that of the file, and that of every
/// symbolic link on the way to it, be it a folder's or the file's own.
pub(crate) fn folders(path: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let Ok(absolute) = std::path::absolute(path) else {
        return folders;
    };
    let mut rest: VecDeque<OsString> = parts(&absolute).collect();
    let mut here = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&part);
        if let Ok(target) = std::fs::read_link(&next) {
            folders.insert(here.clone());
            links += 1;
            if links > MOST_LINKS {
                break;
            }
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            let target: Vec<OsString> = parts(&target).collect();
            target.into_iter().rev().for_each(|part| rest.push_front(part));
        } else {
            if rest.is_empty() {
                folders.insert(here.clone());
            }
            here = next;
        }
    }
    folders
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_on_the_way_is_watched_where_it_stands() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for folder in ["mount/..2026", "live", "archive"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::write(root.join("archive/one.pem"), "").unwrap();
        symlink("..2026", root.join("mount/..data")).unwrap();
        symlink("..data/tls.crt", root.join("mount/tls.crt")).unwrap();
        symlink("../../live/tls.crt", root.join("mount/..2026/tls.crt")).unwrap();
        symlink(root.join("archive/one.pem"), root.join("live/tls.crt")).unwrap();
        let expected = ["archive", "live", "mount", "mount/..2026"].map(|folder| root.join(folder));
        let found = folders(&root.join("mount/tls.crt"));
        assert!(found.is_superset(&BTreeSet::from(expected)), "{found:?}");
    }

    #[test]
    fn a_loop_of_links_ends() {
        let root = tempfile::tempdir().unwrap();
        symlink("b", root.path().join("a")).unwrap();
        symlink("a", root.path().join("b")).unwrap();
        assert!(folders(&root.path().join("a")).contains(root.path()));
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_watched_for() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        assert!(folders(&root.join("cert.pem")).contains(&root));
    }
}
