use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use crate::compile::{TrustedPrefixes, compile};
use crate::policy::{Change, Limits, Policy, Undo};
use crate::store::{Entry, Revision, SqliteStore, Store as _};

const NAMES: [&str; 2] = ["contoso", "fabrikam"];
/// What each database begins with (<https://sqlite.org/fileformat2.html#the_database_header>).
const MAGIC: &[u8] = b"SQLite format 3\0";

/// A real store, with a rule that allows and one that denies.
static REAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    {
        let mut store = SqliteStore::open(folder.path()).expect("a new store");
        let mut policy = store.load(&NAMES.map(str::to_owned)).expect("an empty policy");
        for (value, action) in [("203.0.113.0/24", "Allow"), ("203.0.113.9", "Deny")] {
            let change = Change::AddIpRule {
                registry: NAMES[0].to_owned(),
                value: value.to_owned(),
                only_if_absent: false,
                action: Some(action.to_owned()),
            };
            let edits = policy.validate(&change, &Limits::default()).expect("a rule");
            let entry = Entry { revision: policy.revision + 1, ..Entry::default() };
            let undo = Undo::of(&policy, &edits);
            let revision = Revision { edits: &edits, entry: &entry, undo: &undo, unconfirmed: None };
            store.commit(&revision, &mut || Ok(())).expect("a commit");
            policy.apply(&edits);
            policy.revision += 1;
        }
    }
    fs::read(folder.path().join(SqliteStore::FILE)).expect("the file")
});

/// As the file of the store. After an even first byte, that is what follows; after an odd one, a real store in which pieces are
/// changed: each is two bytes of an offset, in units of eight bytes, and eight bytes to put there.
///
/// What is no store at all is refused and left as it is. Whatever is opened has no registries but those that were asked for,
/// and can be compiled; what it remembers is told or refused.
pub fn store(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let file = if choice % 2 == 0 { rest.to_vec() } else { damaged(rest) };
    let Ok(folder) = tempfile::tempdir_in(fast()) else { return };
    let path = folder.path().join(SqliteStore::FILE);
    if fs::write(&path, &file).is_err() {
        return;
    }
    match opened(folder.path()) {
        Ok(policy) => {
            assert!(file.is_empty() || file.starts_with(MAGIC), "whatever is no store was opened");
            assert!(policy.registries.keys().all(|name| NAMES.contains(&name.as_str())));
            for registry in policy.registries.values() {
                _ = compile(registry, &policy, &TrustedPrefixes::default());
            }
        }
        Err(refusal) => {
            assert!(!refusal.is_empty());
            assert!(file.starts_with(MAGIC) || fs::read(&path).is_ok_and(|there| there == file), "it was changed");
        }
    }
}

fn opened(folder: &Path) -> Result<Policy, String> {
    let mut store = SqliteStore::open(folder).map_err(|error| error.to_string())?;
    let policy = store.load(&NAMES.map(str::to_owned)).map_err(|error| error.to_string())?;
    _ = (store.history().is_ok(), store.undos(0, u64::MAX).is_ok(), store.unconfirmed().is_ok());
    Ok(policy)
}

fn damaged(pieces: &[u8]) -> Vec<u8> {
    let mut file = REAL.clone();
    for piece in pieces.chunks_exact(10) {
        let at = usize::from(u16::from_be_bytes([piece[0], piece[1]])) * 8 % file.len().max(1);
        for (place, byte) in file.iter_mut().skip(at).zip(&piece[2..]) {
            *place = *byte;
        }
    }
    file
}

/// Where files need no disk, if there is such a place.
fn fast() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { Path::new("/tmp") }
}
