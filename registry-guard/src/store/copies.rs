//! Good copies of the store beside it: what to go back to when it is lost.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use ring::digest::{Context, SHA256};
use serde::Serialize;

/// The folder beside the store.
const FOLDER: &str = "good";
/// What stands behind the name of a copy in the name of the file with its hash, in the form of `sha256sum`.
const HASH: &str = "sha256";
/// So many are kept, the newest ones.
const MOST: usize = 10;
/// Beyond this many bytes in all, only the newest two are kept.
const MOST_BYTES: u64 = 1 << 30;
const FEWEST: usize = 2;

/// The folder of copies.
#[derive(Clone, Debug)]
pub struct Copies {
    folder: PathBuf,
}

/// One copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodCopy {
    /// Its name in the folder.
    pub name: String,
    /// The revision of its policy.
    pub revision: u64,
    /// When it was made, RFC 3339 in UTC.
    pub time: String,
    /// Its size.
    pub bytes: u64,
    /// The file.
    pub path: PathBuf,
}

/// Why a copy is none.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct CopyError {
    path: PathBuf,
    problem: String,
}

impl CopyError {
    fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self { path: path.clone(), problem: error.to_string() }
    }
}

impl Copies {
    /// Those beside the store in `state`.
    pub fn beside(state: &Path) -> Self {
        Self { folder: state.join(FOLDER) }
    }

    /// The copies there are, the newest first. What has another name is not looked at.
    pub fn list(&self) -> Vec<GoodCopy> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let mut copies: Vec<GoodCopy> = entries.filter_map(|entry| read(&entry.path())).collect();
        copies.sort_unstable_by(|one, other| (&other.time, other.revision).cmp(&(&one.time, one.revision)));
        copies
    }

    /// Copies `store`, a whole file that nobody changes meanwhile, whose policy has `revision`. The copy is there under its name with
    /// its hash, and will outlive a power cut, or it is not there. Older ones than are to be kept are removed.
    pub fn keep(&self, store: &Path, revision: u64) -> Result<(), CopyError> {
        let failed = CopyError::at(&self.folder);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(&failed)?;
        let time = format_rfc3339_seconds(SystemTime::now()).to_string().replace([':', '-'], "");
        let name = format!("policy-{revision}-{time}.db");
        let mut draft = tempfile::Builder::new().prefix(".copy-").tempfile_in(&self.folder).map_err(&failed)?;
        let mut original = File::open(store).map_err(CopyError::at(store))?;
        let mut hash = Context::new(&SHA256);
        each_part(&mut original, |part| {
            hash.update(part);
            draft.write_all(part)
        })
        .map_err(&failed)?;
        draft.as_file().sync_all().map_err(&failed)?;
        let mut beside = tempfile::Builder::new().prefix(".hash-").tempfile_in(&self.folder).map_err(&failed)?;
        writeln!(beside, "{}  {name}", hex(hash.finish().as_ref())).map_err(&failed)?;
        beside.as_file().sync_all().map_err(&failed)?;
        // First the hash: a copy that is there has one.
        beside.persist(self.folder.join(format!("{name}.{HASH}"))).map_err(|error| failed(error.error))?;
        draft.persist(self.folder.join(&name)).map_err(|error| failed(error.error))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(&failed)?;
        self.prune();
        Ok(())
    }

    fn prune(&self) {
        let mut bytes = 0;
        for (place, copy) in self.list().iter().enumerate() {
            bytes += copy.bytes;
            if place >= MOST || (place >= FEWEST && bytes > MOST_BYTES) {
                // One that stays is no harm.
                let _ = fs::remove_file(&copy.path);
                let _ = fs::remove_file(hash_of(&copy.path));
            }
        }
        // Hashes of copies that never came, and what was left by a copy that was cut off.
        let copies: Vec<PathBuf> = self.list().iter().map(|copy| hash_of(&copy.path)).collect();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name();
            let left = name.as_encoded_bytes().starts_with(b".") || entry.path().extension() == Some(OsStr::new(HASH));
            if left && !copies.contains(&entry.path()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Whether the file is what its hash says. A file of somebody's own need not have a hash beside it; one of ours must.
pub fn verify(path: &Path) -> Result<(), CopyError> {
    let wrong = |problem: &str| CopyError { path: path.to_owned(), problem: problem.to_owned() };
    let hash = match fs::read_to_string(hash_of(path)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && read(path).is_none() => return Ok(()),
        Err(error) => return Err(wrong(&format!("its hash cannot be read: {error}"))),
    };
    let mut found = Context::new(&SHA256);
    let mut file = File::open(path).map_err(CopyError::at(path))?;
    each_part(&mut file, |part| {
        found.update(part);
        Ok(())
    })
    .map_err(CopyError::at(path))?;
    let found = hex(found.finish().as_ref());
    let expected = hash.split_whitespace().next().unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    Err(wrong(&format!("is damaged: its SHA-256 is {found}, and {expected} beside it")))
}

fn hash_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(HASH);
    name.into()
}

/// The copy at `path`, if that is the name of one.
fn read(path: &Path) -> Option<GoodCopy> {
    let name = path.file_name()?.to_str()?;
    let (revision, time) = name.strip_prefix("policy-")?.strip_suffix(".db")?.split_once('-')?;
    let part = |range: std::ops::Range<usize>| time.get(range);
    let (date, clock) = (time.get(..8)?, time.get(8..)?);
    if !date.bytes().all(|byte| byte.is_ascii_digit()) || clock.len() != 8 {
        return None;
    }
    let time = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(9..11)?,
        part(11..13)?,
        part(13..15)?
    );
    let bytes = path.metadata().ok().filter(fs::Metadata::is_file)?.len();
    Some(GoodCopy { name: name.to_owned(), revision: revision.parse().ok()?, time, bytes, path: path.to_owned() })
}

fn each_part(file: &mut File, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut part = vec![0; 1 << 20];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(()),
            count => take(&part[..count])?,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies() -> (tempfile::TempDir, Copies, PathBuf) {
        let state = tempfile::tempdir().unwrap();
        let store = state.path().join("policy.db");
        fs::write(&store, b"a store").unwrap();
        let copies = Copies::beside(state.path());
        (state, copies, store)
    }

    #[test]
    fn a_copy_is_what_it_was_made_of_and_tells_when_it_is_not() {
        let (_state, copies, store) = copies();
        assert_eq!(copies.list(), []);
        copies.keep(&store, 7).unwrap();
        let [copy] = <[GoodCopy; 1]>::try_from(copies.list()).unwrap();
        assert_eq!((copy.revision, copy.bytes, fs::read(&copy.path).unwrap().as_slice()), (7, 7, &b"a store"[..]));
        assert!(copy.time.starts_with("20") && copy.time.ends_with('Z') && copy.time.len() == 20, "{}", copy.time);
        verify(&copy.path).unwrap();
        let checked = std::process::Command::new("sha256sum")
            .args(["--check", "--status", &format!("{}.{HASH}", copy.name)])
            .current_dir(copy.path.parent().unwrap())
            .status();
        assert!(checked.unwrap().success());
        fs::write(&copy.path, b"A store").unwrap();
        let problem = verify(&copy.path).unwrap_err().to_string();
        assert!(problem.contains("is damaged: its SHA-256 is "), "{problem}");
        fs::remove_file(hash_of(&copy.path)).unwrap();
        assert!(verify(&copy.path).unwrap_err().to_string().contains("its hash cannot be read"));
        verify(&store).unwrap();
    }

    #[test]
    fn ten_copies_are_kept_and_what_was_cut_off_is_not() {
        let (_state, copies, store) = copies();
        for revision in 0..12 {
            copies.keep(&store, revision).unwrap();
        }
        for left in [".copy-x", ".hash-y", "policy-3-20260101T000000Z.db.sha256"] {
            fs::write(copies.folder.join(left), b"half").unwrap();
        }
        fs::write(copies.folder.join("notes.txt"), b"of somebody").unwrap();
        copies.keep(&store, 12).unwrap();
        let revisions: Vec<u64> = copies.list().iter().map(|copy| copy.revision).collect();
        assert_eq!(revisions, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
        assert_eq!(fs::read_dir(&copies.folder).unwrap().count(), 21, "each with its hash, and the notes");
    }
}
