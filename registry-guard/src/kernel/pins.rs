//! The folder of pins, on a BPF file system of its own.

use std::fmt;
use std::fs::{self, File};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use aya::maps::MapInfo;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use registry_guard_common::{
    BUDGET_SOURCES, Budget, BudgetSource, ENDPOINT_CAPACITY, EVENT_BUDGETS, EVENT_BYTES, Endpoint, EndpointKey,
    FLOW_CAPACITY, FlowKey, FlowRecord, GuardedPorts, INTERFACE_CAPACITY, Interface, InterfaceKey, LAYOUT_VERSION,
    LISTENER_ROWS, LOCAL_ADDRESS_CAPACITY, Listeners, LocalAddressKey, MAX_REGISTRIES, OUTCOME_COUNTERS, PLACES,
    REASON_COUNTERS, RESPONDER_SOCKETS, RuleKey, Settings, VTEP_CAPACITY,
};

use super::KernelError;

/// The maps that outlive the agent.
pub(super) const MAPS: [&str; 20] = [
    "FRONTS",
    "NODES",
    "RULES",
    "ENDPOINTS",
    "GUARDED_PORTS",
    "LISTENERS",
    "VTEPS",
    "SETTINGS",
    "REASONS",
    "OUTCOMES",
    "RULE_HITS",
    "EVENTS",
    "EVENT_BUDGET",
    "INTERFACES",
    "LOCAL_ADDRESSES",
    "BUDGETS",
    "SPENT",
    "SPENT_BY",
    "FLOWS",
    "RESPONDERS",
];

/// What the name of a folder of maps begins with; the version of their layout follows.
const MAPS_OF_LAYOUT: &str = "maps-v";

/// A folder of pins that this process alone may change.
#[derive(Debug)]
pub struct Pins {
    root: PathBuf,
    lock: Flock<File>,
}

impl Pins {
    /// Makes the folder, mounts a BPF file system on it unless it is on one, and locks it.
    ///
    /// # Errors
    ///
    /// [`KernelError::SecondAgent`] if another process holds it; [`KernelError::Pins`] if it cannot be used.
    pub fn take(root: &Path) -> Result<Self, KernelError> {
        Self::go_on(root, None)
    }

    /// As [`Pins::take`]; a lock that was `inherited` from the process before goes on.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn go_on(root: &Path, inherited: Option<OwnedFd>) -> Result<Self, KernelError> {
        fs::create_dir_all(root).map_err(|error| unusable(root, &error.to_string()))?;
        ensure_bpffs(root)?;
        let folder = File::open(root).map_err(|error| unusable(root, &error.to_string()))?;
        // A lock belongs to what was opened (flock(2)), so this is no second one.
        let inherited = inherited.map(File::from).filter(|inherited| is_same(inherited, &folder));
        let folder = inherited.unwrap_or(folder);
        let lock = Flock::lock(folder, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, _)| KernelError::SecondAgent(root.to_path_buf()))?;
        let pins = Self { root: root.to_path_buf(), lock };
        for folder in [pins.maps(), links(root), lookups(root)] {
            fs::create_dir_all(&folder).map_err(|source| KernelError::File { path: folder, source })?;
        }
        Ok(pins)
    }

    /// The lock, which another process can go on with.
    pub(crate) fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// The maps of this layout: another version finds none of them.
    fn maps(&self) -> PathBuf {
        self.root.join(format!("{MAPS_OF_LAYOUT}{LAYOUT_VERSION}"))
    }

    /// The folders of maps of other layouts, which an agent of another version has left.
    pub(super) fn other_layouts(&self) -> Result<Vec<PathBuf>, KernelError> {
        let folders = names(&self.root)?.into_iter().filter(|name| name.starts_with(MAPS_OF_LAYOUT));
        let mut folders: Vec<PathBuf> = folders.map(|name| self.root.join(name)).collect();
        folders.retain(|folder| *folder != self.maps());
        Ok(folders)
    }

    /// Where the map `name` is pinned.
    pub(super) fn map(&self, name: &str) -> PathBuf {
        self.maps().join(name)
    }

    /// Where the link on the interface with this index is pinned.
    pub(super) fn link(&self, ifindex: u32) -> PathBuf {
        links(&self.root).join(ifindex.to_string())
    }

    /// Where the link to a network namespace is pinned.
    pub(super) fn lookup(&self, pin: LookupPin) -> PathBuf {
        lookups(&self.root).join(pin.to_string())
    }

    /// The network namespaces that have a pinned link.
    pub(super) fn lookups(&self) -> Result<Vec<LookupPin>, KernelError> {
        let mut found: Vec<LookupPin> =
            names(&lookups(&self.root))?.iter().filter_map(|name| LookupPin::parse(name)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The interface indexes that have a pinned link.
    pub(super) fn linked(&self) -> Result<Vec<u32>, KernelError> {
        linked(&self.root)
    }

    /// Unpins each map whose shape is not the one this version uses, since a loader reuses pins without comparing. The
    /// attached program keeps its own reference until it is replaced.
    pub(super) fn drop_maps_of_another_shape(&self, rule_capacity: u32) -> Result<(), KernelError> {
        for (name, want) in shapes(rule_capacity) {
            let path = self.map(name);
            if !path.exists() {
                continue;
            }
            let have = MapInfo::from_pin(&path).map(|info| Shape {
                key: info.key_size(),
                value: info.value_size(),
                entries: info.max_entries(),
            });
            if have.ok() != Some(want) {
                fs::remove_file(&path).map_err(|source| KernelError::File { path, source })?;
            }
        }
        Ok(())
    }
}

/// The name of a link to a network namespace: its number in the maps, its inode, and which file of config.toml stood for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookupPin {
    /// The number of the namespace in the maps.
    pub number: u8,
    /// Its inode.
    pub inode: u64,
    /// The [`path_number`] of the file that stood for it, or 0 for the agent's own.
    pub path: u64,
}

impl LookupPin {
    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let (number, inode, path) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            number: number.parse().ok()?,
            inode: inode.parse().ok()?,
            path: u64::from_str_radix(path, 16).ok()?,
        })
    }
}

impl fmt::Display for LookupPin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}-{:x}", self.number, self.inode, self.path)
    }
}

/// A number that stands for a path, the same in every version (FNV-1a): a bpffs has no files to write a path into.
pub fn path_number(path: &Path) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    path.as_os_str().as_bytes().iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[derive(PartialEq, Eq)]
struct Shape {
    key: u32,
    value: u32,
    entries: u32,
}

fn shapes(rule_capacity: u32) -> [(&'static str, Shape); MAPS.len()] {
    const fn size<T>() -> u32 {
        // No record is anywhere near 4 GiB.
        #[expect(clippy::cast_possible_truncation, reason = "records are a few bytes long")]
        let size = size_of::<T>() as u32;
        size
    }
    let shape = |key, value, entries| Shape { key, value, entries };
    let index = size::<u32>();
    [
        ("FRONTS", shape(index, index, MAX_REGISTRIES)),
        ("NODES", shape(index, index, PLACES)),
        ("RULES", shape(index, index, PLACES)),
        ("ENDPOINTS", shape(size::<EndpointKey>(), size::<Endpoint>(), ENDPOINT_CAPACITY)),
        ("GUARDED_PORTS", shape(index, size::<GuardedPorts>(), 1)),
        ("LISTENERS", shape(index, size::<Listeners>(), LISTENER_ROWS)),
        ("VTEPS", shape(4 + size::<RuleKey>(), size::<u32>(), VTEP_CAPACITY)),
        ("SETTINGS", shape(index, size::<Settings>(), 1)),
        ("REASONS", shape(index, size::<u64>(), REASON_COUNTERS)),
        ("RULE_HITS", shape(index, size::<u64>(), rule_capacity)),
        ("EVENTS", shape(0, 0, EVENT_BYTES)),
        ("EVENT_BUDGET", shape(index, size::<i64>(), EVENT_BUDGETS)),
        ("OUTCOMES", shape(index, size::<u64>(), OUTCOME_COUNTERS)),
        ("INTERFACES", shape(size::<InterfaceKey>(), size::<Interface>(), INTERFACE_CAPACITY)),
        ("LOCAL_ADDRESSES", shape(size::<LocalAddressKey>(), size::<u32>(), LOCAL_ADDRESS_CAPACITY)),
        ("BUDGETS", shape(index, size::<Budget>(), MAX_REGISTRIES)),
        ("SPENT", shape(index, size::<u64>(), MAX_REGISTRIES)),
        ("SPENT_BY", shape(size::<BudgetSource>(), size::<u64>(), BUDGET_SOURCES)),
        ("FLOWS", shape(size::<FlowKey>(), size::<FlowRecord>(), FLOW_CAPACITY)),
        ("RESPONDERS", shape(index, index, RESPONDER_SOCKETS)),
    ]
}

/// Links are apart from the maps: whatever the layout of the maps, a link only names an interface and a program.
pub(super) fn links(root: &Path) -> PathBuf {
    root.join("links")
}

fn lookups(root: &Path) -> PathBuf {
    root.join("lookups")
}

/// The interface indexes that have a pinned link below `root`.
pub(super) fn linked(root: &Path) -> Result<Vec<u32>, KernelError> {
    let mut found: Vec<u32> = names(&links(root))?.iter().filter_map(|name| name.parse().ok()).collect();
    found.sort_unstable();
    Ok(found)
}

fn names(folder: &Path) -> Result<Vec<String>, KernelError> {
    let file = |source| KernelError::File { path: folder.to_path_buf(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(file)? {
        names.extend(entry.map_err(file)?.file_name().into_string());
    }
    Ok(names)
}

fn ensure_bpffs(root: &Path) -> Result<(), KernelError> {
    let on_bpffs = || statfs(root).map(|fs| fs.filesystem_type() == BPF_FS_MAGIC);
    if on_bpffs().map_err(|error| unusable(root, &error.to_string()))? {
        return Ok(());
    }
    let is_empty = fs::read_dir(root).map_err(|error| unusable(root, &error.to_string()))?.next().is_none();
    if !is_empty {
        return Err(unusable(
            root,
            "it is not on a BPF file system, and mounting one would hide what is in it; accepted: an empty folder, or one \
             on a BPF file system",
        ));
    }
    let options = Some("mode=0700");
    mount(Some("bpf"), root, Some("bpf"), MsFlags::empty(), options).map_err(|error| {
        unusable(
            root,
            &format!(
                "it is not on a BPF file system, and mounting one failed ({error}); run `mount -t bpf bpf {}` as root",
                root.display()
            ),
        )
    })
}

fn is_same(one: &File, other: &File) -> bool {
    let identity = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

fn unusable(root: &Path, problem: &str) -> KernelError {
    KernelError::Pins { path: root.to_path_buf(), problem: problem.to_owned() }
}
