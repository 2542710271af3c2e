use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::json_object;
use crate::policy::ServiceTagFile;

/// What tells a file from what stood under its name before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// What a file is about, or why it cannot be read.
type Read = Result<(String, u64), String>;

/// The files at one path that were looked at.
#[derive(Debug, Default)]
pub(super) struct Files {
    known: BTreeMap<PathBuf, (Identity, Read)>,
}

/// A file with service tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) cloud: String,
    pub(super) change_number: u64,
}

impl Files {
    /// What is at `path`, which is a file or a folder of them: the readable ones, highest number first, and what is wrong with
    /// the others. A file that is as it was is not read again. Blocks.
    pub(super) fn look(&mut self, path: &Path) -> io::Result<(Vec<Candidate>, Vec<String>)> {
        let mut known = BTreeMap::new();
        for (path, identity) in present(path)? {
            let before = self.known.remove(&path).filter(|(before, _)| *before == identity);
            let read = before.map_or_else(|| summary(&path), |(_, read)| read);
            known.insert(path, (identity, read));
        }
        self.known = known;
        let (mut candidates, mut problems) = (Vec::new(), Vec::new());
        for (path, (identity, read)) in &self.known {
            match read {
                Ok((cloud, change_number)) => candidates.push(Candidate {
                    path: path.clone(),
                    identity: *identity,
                    cloud: cloud.clone(),
                    change_number: *change_number,
                }),
                Err(problem) => problems.push(format!("{}: {problem}", path.display())),
            }
        }
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.change_number));
        Ok((candidates, problems))
    }
}

/// The file at `path`, or those in the folder there whose name begins and ends as that of a published file.
fn present(path: &Path) -> io::Result<Vec<(PathBuf, Identity)>> {
    let found = fs::metadata(path)?;
    if !found.is_dir() {
        return Ok(vec![(path.to_owned(), Identity::of(&found))]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let begins = |name: &OsStr| name.to_string_lossy().to_ascii_lowercase().starts_with("servicetags_");
        let is_json = |extension: &OsStr| extension.eq_ignore_ascii_case("json");
        let is_named = path.file_name().is_some_and(begins) && path.extension().is_some_and(is_json);
        // One that is gone meanwhile, or a link to nothing, is not there.
        let found = fs::metadata(&path).ok().filter(Metadata::is_file);
        if let Some(found) = found.filter(|_| is_named) {
            files.push((path, Identity::of(&found)));
        }
    }
    Ok(files)
}

impl Identity {
    fn of(found: &Metadata) -> Self {
        let changed = (found.ctime(), found.ctime_nsec());
        Self { device: found.dev(), inode: found.ino(), bytes: found.size(), changed }
    }
}

fn summary(path: &Path) -> Read {
    let file = read(path)?;
    match (file.cloud(), file.change_number()) {
        (Some(cloud), Some(change_number)) => Ok((cloud.to_owned(), change_number)),
        (None, _) => Err("cloud: missing".to_owned()),
        (_, None) => Err("changeNumber: missing".to_owned()),
    }
}

/// Reads a published file, or says what is wrong with it. Blocks.
pub(super) fn read(path: &Path) -> Result<ServiceTagFile, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    // To open a pipe would wait for its writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let most = ServiceTagFile::MOST_BYTES as u64;
    File::open(path).map_err(unreadable)?.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err(format!("is too long; accepted: at most {most} bytes"));
    }
    json_object::read(&bytes).map_err(|problem| format!("is not a file of service tags: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, cloud: &str, number: u64) {
        let values = r#"[{"name": "A", "properties": {"addressPrefixes": []}}]"#;
        let text = format!(r#"{{"changeNumber": {number}, "cloud": "{cloud}", "values": {values}}}"#);
        fs::write(path, text).unwrap();
    }

    fn numbers(candidates: &[Candidate]) -> Vec<u64> {
        candidates.iter().map(|candidate| candidate.change_number).collect()
    }

    #[test]
    fn a_folder_gives_the_published_files_in_it_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        for (name, number) in [("ServiceTags_Public_1.json", 7), ("servicetags_Public_0.JSON", 9), ("other.json", 11)] {
            write(&folder.path().join(name), "Public", number);
        }
        fs::create_dir(folder.path().join("ServiceTags_x.json")).unwrap();
        fs::write(folder.path().join("ServiceTags_cut.json"), r#"{"changeNumber": 12, "clo"#).unwrap();
        let (candidates, problems) = Files::default().look(folder.path()).unwrap();
        assert_eq!(numbers(&candidates), [9, 7]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("ServiceTags_cut.json: is not a file of service tags: EOF"), "{problems:?}");
    }

    #[test]
    fn a_file_is_read_again_when_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tags.json");
        let mut files = Files::default();
        assert_eq!(files.look(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, "{").unwrap();
        assert_eq!(files.look(&path).unwrap().1.len(), 1);
        write(&path, "Public", 7);
        let (candidates, problems) = files.look(&path).unwrap();
        assert_eq!((numbers(&candidates), problems.len()), (vec![7], 0));
        let (again, _) = files.look(&path).unwrap();
        assert_eq!(again, candidates);
        write(&path, "Public", 8);
        assert_eq!(numbers(&files.look(&path).unwrap().0), [8]);
    }
}
