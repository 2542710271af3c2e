//! Power that goes at any moment, and disks that fail at any call: every call by which a real process changes files is recorded
//! (`strace`), and what any cut of it may leave on a disk is opened again.
//!
//! What a disk may hold after a cut: of each file all that was synced; of the writes since then any sectors of any of them,
//! the last one torn among others; of names all changes that were synced and any first part of those since then.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::process::{Command, Stdio};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::history::{Told, changes, told};
use super::*;
use crate::store::{Copies, Unconfirmed, verify};

/// The folder of a child that is recorded.
const RECORDED: &str = "REGISTRY_GUARD_TEST_RECORDED";
/// The folder of a child whose disk fails.
const FAILING: &str = "REGISTRY_GUARD_TEST_FAILING";
/// The smallest piece that a disk writes whole.
const SECTOR: usize = 512;
/// The script takes fewer calls of each kind that fails.
const MOST_CALLS: u32 = 90;
/// States of each cut that are chosen at random.
const RANDOM: u64 = 4;

fn script() -> Vec<Change> {
    let more = [patch_ips(addresses(300)), add_ip("192.0.2.77"), patch_ips(addresses(5)), add_ip("192.0.2.78")];
    furnishing().into_iter().step_by(2).take(4).chain(changes().into_iter().skip(3).take(3)).chain(more).collect()
}

/// Every fourth change is to be confirmed, and is before the next.
fn until(revision: u64) -> Option<Unconfirmed> {
    revision.is_multiple_of(4).then(|| Unconfirmed {
        revision,
        within: 60_000,
        boot: "a".into(),
        boot_deadline: 70_000,
        wall_deadline: 1_000_000,
    })
}

fn make(kept: &mut Kept, change: &Change, tell: &mut dyn FnMut(&str)) -> Result<(), StoreError> {
    let edits = kept.edits(change);
    let revision = kept.policy.revision + 1;
    let (entry, undo, unconfirmed) = (entry(revision), Undo::of(&kept.policy, &edits), until(revision));
    let commit = Revision { edits: &edits, entry: &entry, undo: &undo, unconfirmed: unconfirmed.as_ref() };
    tell(&format!("asked {revision}"));
    kept.store.commit(&commit, &mut || Ok(()))?;
    tell(&format!("acknowledged {revision}"));
    kept.policy.apply(&edits);
    kept.policy.revision = revision;
    Ok(())
}

/// Opens, changes, confirms, tidies up, makes copies and closes, as the agent does.
fn play(folder: &Path) {
    let mut tell = |line: &str| {
        let mut out = std::io::stdout();
        // One call of the kernel.
        out.write_all(format!("mark {line}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
    };
    let (store, policy) = opened(folder).unwrap();
    tell("acknowledged 0");
    let mut kept = Kept { folder: tempfile::TempDir::new().unwrap(), store, policy };
    for change in script() {
        make(&mut kept, &change, &mut tell).unwrap();
        let revision = kept.policy.revision;
        if revision.is_multiple_of(4) {
            tell("confirming");
            kept.store.confirm().unwrap();
            tell("confirmed");
        }
        if revision.is_multiple_of(3) {
            let file = kept.store.tidy().unwrap().unwrap();
            Copies::beside(folder).keep(&file, revision).unwrap();
        }
    }
    drop(kept.store);
    tell("closed");
}

fn recorded() -> Option<Vec<Call>> {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut strace = Command::new("strace");
    strace
        .args([
            "-ff",
            "-qq",
            "-xx",
            "-s",
            "100000000",
            "-e",
            "trace=%file,%desc,fsync,fdatasync,ftruncate",
            "-e",
            "signal=none",
        ])
        .arg("-o")
        .arg(folder.path().join("calls"))
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "store::tests::power_cut::power_that_goes_at_any_call_leaves_the_old_policy_or_the_new_one",
        ])
        .env(RECORDED, &state)
        .stdout(Stdio::null());
    let status = match strace.status() {
        Err(error) => {
            println!("SKIPPED: strace cannot be started: {error}");
            return None;
        }
        Ok(status) => status,
    };
    assert!(status.success(), "{status}");
    let calls = std::fs::read_dir(folder.path()).unwrap().filter_map(|entry| {
        let entry = entry.unwrap();
        let is_trace = entry.file_name().to_string_lossy().starts_with("calls.");
        let text = is_trace.then(|| std::fs::read_to_string(entry.path()).unwrap())?;
        text.contains(&hex("mark acknowledged 0")).then(|| text.lines().filter_map(Call::parse).collect::<Vec<_>>())
    });
    let calls: Vec<Vec<Call>> = calls.collect();
    assert_eq!(calls.len(), 1, "one thread did it all");
    let state = state.to_str().unwrap().to_owned();
    let mut calls = calls.into_iter().next().unwrap();
    for call in &mut calls {
        for text in call.texts.iter_mut().filter(|text| text.starts_with(state.as_bytes())) {
            *text = [b"/state", &text[state.len()..]].concat();
        }
    }
    Some(calls)
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\x{byte:02x}");
        text
    })
}

/// One call of the kernel that succeeded.
#[derive(Debug)]
struct Call {
    name: String,
    /// The arguments, with `"` where a text was.
    arguments: Vec<String>,
    texts: Vec<Vec<u8>>,
    result: i64,
}

impl Call {
    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let result = result.split_whitespace().next()?.parse().ok()?;
        let arguments = arguments.trim_end().strip_suffix(')')?;
        let mut texts = Vec::new();
        let mut shape = String::new();
        for (place, part) in arguments.split('"').enumerate() {
            if place % 2 == 0 {
                shape.push_str(part);
                continue;
            }
            let bytes = part.split("\\x").skip(1).map(|byte| u8::from_str_radix(byte, 16).unwrap());
            texts.push(bytes.collect());
            shape.push('"');
        }
        assert!(!shape.contains("\"..."), "a text was cut off: {shape}");
        let arguments = shape.split(", ").map(str::to_owned).collect();
        (result >= 0).then_some(Self { name: name.to_owned(), arguments, texts, result })
    }

    fn number(&self, place: usize) -> i64 {
        self.arguments[place].parse().unwrap_or_else(|_| panic!("{self:?}"))
    }

    fn path(&self, place: usize) -> String {
        String::from_utf8(self.texts[place].clone()).unwrap()
    }
}

#[derive(Clone, Default)]
struct Inode {
    synced: Vec<u8>,
    since: Vec<Written>,
}

#[derive(Clone)]
enum Written {
    At(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone)]
enum Named {
    Is(String, usize),
    IsNot(String),
}

/// A disk with all that may still be lost.
#[derive(Default)]
struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    names_since: Vec<Named>,
    /// Open files: their inode, or none for a folder, and where the next write goes.
    open: BTreeMap<i64, (Option<usize>, usize)>,
}

impl Disk {
    /// Whether it may have changed.
    fn follow(&mut self, call: &Call) -> bool {
        let ours = |path: &str| path.starts_with("/state");
        match call.name.as_str() {
            "openat" | "open" | "creat" => {
                let path = call.path(0);
                if !ours(&path) {
                    self.open.remove(&call.result);
                    return false;
                }
                let flags = call.arguments.iter().find(|it| it.contains("O_")).cloned().unwrap_or_default();
                if flags.contains("O_DIRECTORY") || path == "/state" || path == "/state/good" {
                    self.open.insert(call.result, (None, 0));
                    return false;
                }
                assert!(!flags.contains("O_TMPFILE") && !flags.contains("O_TRUNC"), "{call:?}");
                let is_new = !self.names.contains_key(&path);
                if is_new {
                    self.inodes.push(Inode::default());
                    self.name(Named::Is(path.clone(), self.inodes.len() - 1));
                }
                let inode = self.names[&path];
                let end = if flags.contains("O_APPEND") { self.inodes[inode].now().len() } else { 0 };
                self.open.insert(call.result, (Some(inode), end));
                is_new
            }
            "close" => {
                self.open.remove(&call.number(0));
                false
            }
            "pwrite64" => self.write(call, Some(usize::try_from(call.number(3)).unwrap())),
            "write" => self.write(call, None),
            "lseek" => {
                if let Some((_, place)) = self.open.get_mut(&call.number(0)) {
                    *place = usize::try_from(call.result).unwrap();
                }
                false
            }
            "ftruncate" => {
                let Some((Some(inode), _)) = self.open.get(&call.number(0)) else { return false };
                self.inodes[*inode].since.push(Written::Length(usize::try_from(call.number(1)).unwrap()));
                true
            }
            "fsync" | "fdatasync" => {
                match self.open.get(&call.number(0)) {
                    Some((Some(inode), _)) => {
                        let inode = &mut self.inodes[*inode];
                        inode.synced = inode.now();
                        inode.since.clear();
                    }
                    Some((None, _)) => {
                        self.synced_names.clone_from(&self.names);
                        self.names_since.clear();
                    }
                    None => return false,
                }
                true
            }
            "rename" | "renameat" | "renameat2" => {
                let (from, to) = (call.path(0), call.path(1));
                if !ours(&from) && !ours(&to) {
                    return false;
                }
                let inode = self.names[&from];
                self.name(Named::Is(to, inode));
                self.name(Named::IsNot(from));
                true
            }
            "link" | "linkat" => {
                let (from, to) = (call.path(0), call.path(1));
                ours(&to) && {
                    let inode = self.names[&from];
                    self.name(Named::Is(to, inode));
                    true
                }
            }
            "unlink" | "unlinkat" => {
                let path = call.path(0);
                ours(&path) && {
                    self.name(Named::IsNot(path));
                    true
                }
            }
            // They change no contents and no names; folders are there from the beginning.
            "read" | "pread64" | "readv" | "stat" | "fstat" | "lstat" | "newfstatat" | "statx" | "access"
            | "faccessat" | "faccessat2" | "readlink" | "readlinkat" | "getcwd" | "fcntl" | "ioctl" | "poll"
            | "ppoll" | "getdents64" | "fadvise64" | "mkdir" | "mkdirat" | "chmod" | "fchmod" | "fchown"
            | "geteuid" | "execve" | "flock" | "statfs" | "fstatfs" | "eventfd2" | "epoll_create1" | "pipe2"
            | "epoll_ctl" | "munmap" => false,
            "mmap" => {
                assert!(!call.arguments.iter().any(|it| it.contains("MAP_SHARED")), "{call:?}");
                false
            }
            other => panic!("{other} is not known to this test: {call:?}"),
        }
    }

    fn write(&mut self, call: &Call, at: Option<usize>) -> bool {
        let Some((Some(inode), place)) = self.open.get_mut(&call.number(0)) else { return false };
        let bytes = call.texts[0][..usize::try_from(call.result).unwrap()].to_vec();
        let offset = at.unwrap_or(*place);
        if at.is_none() {
            *place += bytes.len();
        }
        self.inodes[*inode].since.push(Written::At(offset, bytes));
        true
    }

    fn name(&mut self, named: Named) {
        apply_name(&mut self.names, &named);
        self.names_since.push(named);
    }

    /// What the disk may hold if the power goes now.
    fn left(&self, choice: Choice) -> BTreeMap<String, Vec<u8>> {
        let mut random = match choice {
            Choice::Random(seed) => Some(StdRng::seed_from_u64(seed)),
            _ => None,
        };
        let all = match choice {
            Choice::All | Choice::LastTorn => self.names_since.len(),
            Choice::Synced => 0,
            Choice::Random(_) => random.as_mut().map_or(0, |random| random.random_range(0..=self.names_since.len())),
        };
        let mut names = self.synced_names.clone();
        for named in &self.names_since[..all] {
            apply_name(&mut names, named);
        }
        let mut contents: Vec<Option<Vec<u8>>> = vec![None; self.inodes.len()];
        let mut left = BTreeMap::new();
        for (name, inode) in names {
            let content = contents[inode].get_or_insert_with(|| self.inodes[inode].left(choice, random.as_mut()));
            left.insert(name, content.clone());
        }
        left
    }
}

fn apply_name(names: &mut BTreeMap<String, usize>, change: &Named) {
    match change {
        Named::Is(name, inode) => names.insert(name.clone(), *inode),
        Named::IsNot(name) => names.remove(name),
    };
}

#[derive(Clone, Copy, Debug)]
enum Choice {
    /// All of it reached the disk.
    All,
    /// Nothing did that was not synced.
    Synced,
    /// All of it but half of the last write to each file.
    LastTorn,
    /// Whatever.
    Random(u64),
}

impl Inode {
    fn now(&self) -> Vec<u8> {
        self.left(Choice::All, None)
    }

    fn left(&self, choice: Choice, mut random: Option<&mut StdRng>) -> Vec<u8> {
        let mut content = self.synced.clone();
        for (place, written) in self.since.iter().enumerate() {
            let is_last = place + 1 == self.since.len();
            match (written, choice) {
                (_, Choice::Synced) => {}
                (Written::Length(length), Choice::Random(_)) => {
                    if random.as_mut().is_some_and(|random| random.random_bool(0.5)) {
                        content.resize(*length, 0);
                    }
                }
                (Written::Length(length), _) => content.resize(*length, 0),
                (Written::At(offset, bytes), Choice::LastTorn) if is_last => {
                    put(&mut content, *offset, &bytes[..bytes.len() / 2]);
                }
                (Written::At(offset, bytes), Choice::Random(_)) => {
                    // Some writes reach it whole, some not at all, some in part.
                    let manner = random.as_mut().map_or(0, |random| random.random_range(0..3));
                    for (part, sector) in bytes.chunks(SECTOR).enumerate() {
                        let reaches = match manner {
                            0 => true,
                            1 => false,
                            _ => random.as_mut().is_some_and(|random| random.random_bool(0.5)),
                        };
                        if reaches {
                            put(&mut content, offset + part * SECTOR, sector);
                        }
                    }
                }
                (Written::At(offset, bytes), _) => put(&mut content, *offset, bytes),
            }
        }
        content
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// What was asked for and acknowledged up to a cut.
#[derive(Clone, Copy, Default)]
struct Progress {
    opened: bool,
    asked: u64,
    acknowledged: u64,
    confirming: bool,
    confirmed: u64,
}

impl Progress {
    fn mark(&mut self, mark: &str) {
        let mut words = mark.split_whitespace();
        match (words.next(), words.next()) {
            (Some("asked"), Some(revision)) => self.asked = revision.parse().unwrap(),
            (Some("acknowledged"), Some(revision)) => {
                self.opened = true;
                self.acknowledged = revision.parse().unwrap();
            }
            (Some("confirming"), _) => self.confirming = true,
            (Some("confirmed"), _) => {
                self.confirming = false;
                self.confirmed = self.acknowledged;
            }
            _ => {}
        }
    }
}

/// Opens what is left, and compares it with what may be there.
fn judge(left: &BTreeMap<String, Vec<u8>>, progress: Progress, policies: &[Told], what: &str) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    for (name, content) in left {
        let path = folder.path().join(name.strip_prefix("/state/").unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    for copy in Copies::beside(folder.path()).list() {
        verify(&copy.path).unwrap_or_else(|problem| panic!("{what}: {problem}"));
        let alone = tempfile::tempdir_in(folder.path()).unwrap();
        std::fs::copy(&copy.path, alone.path().join(SqliteStore::FILE)).unwrap();
        let (_, policy) = opened(alone.path()).unwrap();
        assert_eq!(told(&policy), policies[usize::try_from(copy.revision).unwrap()], "{what}: {}", copy.name);
    }
    let (mut store, policy) = opened(folder.path()).unwrap_or_else(|problem| panic!("{what}: {problem}"));
    let revision = policy.revision;
    assert!(
        (progress.acknowledged..=progress.asked.max(progress.acknowledged)).contains(&revision),
        "{what}: revision {revision}"
    );
    let at = |revision: u64| &policies[usize::try_from(revision).unwrap()];
    assert_eq!(&told(&policy), at(revision), "{what}");
    let entries: Vec<u64> = store.history().unwrap().iter().map(|entry| entry.revision).collect();
    assert!(entries.iter().copied().eq(1..=revision), "{what}: {entries:?}");
    for back in [0, revision / 2] {
        assert_eq!(&told(&policy.before(store.undos(back, revision).unwrap())), at(back), "{what}: back to {back}");
    }
    let unconfirmed = store.unconfirmed().unwrap();
    if !(progress.confirming && revision == progress.acknowledged) {
        let expected = until(revision).filter(|_| progress.confirmed < revision);
        assert_eq!(unconfirmed, expected, "{what}");
    }
}

fn policies() -> Vec<Told> {
    let mut kept = Kept::new();
    let mut policies = vec![told(&kept.policy)];
    for change in script() {
        kept.change(&change);
        policies.push(told(&kept.policy));
    }
    policies
}

#[test]
fn power_that_goes_at_any_call_leaves_the_old_policy_or_the_new_one() {
    if let Some(folder) = std::env::var_os(RECORDED) {
        return play(Path::new(&folder));
    }
    let Some(calls) = recorded() else { return };
    let policies = policies();
    let (mut disk, mut progress) = (Disk::default(), Progress::default());
    let (mut seen, mut cuts, mut states) = (HashSet::new(), 0_u64, 0_u64);
    for (place, call) in calls.iter().enumerate() {
        if call.name == "write" && call.number(0) == 1 {
            for line in String::from_utf8_lossy(&call.texts[0]).lines() {
                if let Some(mark) = line.strip_prefix("mark ") {
                    progress.mark(mark);
                }
            }
            continue;
        }
        if !disk.follow(call) {
            continue;
        }
        cuts += 1;
        let random = (0..RANDOM).map(|turn| Choice::Random(cuts * RANDOM + turn));
        for choice in [Choice::All, Choice::Synced, Choice::LastTorn].into_iter().chain(random) {
            let left = disk.left(choice);
            let mut hasher = DefaultHasher::new();
            (&left, progress.acknowledged, progress.asked, progress.confirming, progress.confirmed).hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                states += 1;
                judge(&left, progress, &policies, &format!("{choice:?} after call {place}, {}", call.name));
            }
        }
    }
    assert_eq!(usize::try_from(progress.acknowledged).unwrap() + 1, policies.len(), "the whole script was played");
    println!("power was cut at {cuts} calls; {states} different disks were opened again");
}

#[test]
fn a_disk_that_fails_at_any_call_refuses_the_change_or_makes_it_and_the_next_one_is_made() {
    if let Some(folder) = std::env::var_os(FAILING) {
        return play_failing(Path::new(&folder));
    }
    let policies = policies();
    let (mut runs, mut refusals) = (0, 0);
    for (call, error, length) in
        [("pwrite64", "ENOSPC", 1), ("pwrite64", "ENOSPC", 6), ("pwrite64", "EIO", 1), ("fdatasync", "EIO", 1)]
    {
        let mut first: u32 = 1;
        loop {
            let folder = tempfile::tempdir().unwrap();
            // Made before anything fails.
            drop(opened(folder.path()).unwrap());
            let mut strace = Command::new("strace");
            strace
                .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"])
                .arg(format!("inject={call}:error={error}:when={first}..{}", first + length - 1))
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", "--nocapture"])
                .arg("store::tests::power_cut::a_disk_that_fails_at_any_call_refuses_the_change_or_makes_it_and_the_next_one_is_made")
                .env(FAILING, folder.path())
                .stderr(Stdio::inherit());
            let ran = match strace.output() {
                Err(error) => return println!("SKIPPED: strace cannot be started: {error}"),
                Ok(ran) => ran,
            };
            let out = String::from_utf8_lossy(&ran.stdout);
            assert!(ran.status.success(), "{call} {error} from {first} on: {out}");
            let (store, policy) = opened(folder.path()).unwrap();
            drop(store);
            assert_eq!(&told(&policy), policies.last().unwrap(), "{call} {error} from {first} on");
            let refused: u32 = out.lines().find_map(|line| line.strip_prefix("refused ")?.parse().ok()).unwrap();
            let ended: bool = out.contains("played");
            assert!(ended, "{out}");
            runs += 1;
            refusals += refused;
            // Of the calls of one kind each one fails once alone; more at a time, and other errors, are tried here and there.
            first += if (error, length) == ("ENOSPC", 1) { 1 } else { 7 };
            if first > MOST_CALLS {
                break;
            }
        }
    }
    assert!(refusals > 20, "{refusals} of {runs}");
    println!("the disk failed in {runs} ways; {refusals} changes were refused, and made once there was room");
}

/// Makes each change as often as it takes. A refused one has changed nothing.
fn play_failing(folder: &Path) {
    let mut store = SqliteStore::open(folder);
    for _ in 0..20 {
        if store.is_ok() {
            break;
        }
        store = SqliteStore::open(folder);
    }
    let mut store = store.unwrap();
    let names = names(&["Contoso", "fabrikam"]);
    let mut policy = store.load(&names);
    while policy.is_err() {
        policy = store.load(&names);
    }
    let mut kept = Kept { folder: tempfile::TempDir::new().unwrap(), store, policy: policy.unwrap() };
    let mut refused = 0;
    for change in script() {
        let before = kept.policy.clone();
        while let Err(problem) = make(&mut kept, &change, &mut |_| {}) {
            refused += 1;
            assert!(refused < 50, "{problem}");
            // To read it may fail too.
            if let Ok(stored) = kept.store.load(&names) {
                assert_eq!(stored, before, "{problem}");
            }
        }
        if kept.policy.revision.is_multiple_of(4) {
            while kept.store.confirm().is_err() {}
        }
        if kept.policy.revision.is_multiple_of(3) {
            // The log stays longer then, and nothing else.
            let _ = kept.store.tidy();
        }
    }
    println!("\nrefused {refused}");
    println!("played");
}
