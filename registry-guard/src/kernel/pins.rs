//! The folder of pins, on a BPF file system of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use aya::maps::MapInfo;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use registry_guard_common::{
    ENDPOINT_CAPACITY, EVENT_BYTES, Endpoint, EndpointKey, LAYOUT_VERSION, MAX_REGISTRIES, REASON_COUNTERS, RuleKey,
    Settings, VTEP_CAPACITY,
};

use super::KernelError;

/// The maps that outlive the agent.
pub(super) const MAPS: [&str; 8] =
    ["RULES", "ENDPOINTS", "VTEPS", "SETTINGS", "REASONS", "RULE_HITS", "EVENTS", "EVENT_BUDGET"];

/// A folder of pins that this process alone may change.
#[derive(Debug)]
pub struct Pins {
    root: PathBuf,
    _lock: Flock<File>,
}

impl Pins {
    /// Makes the folder, mounts a BPF file system on it unless it is on one, and locks it.
    ///
    /// # Errors
    ///
    /// [`KernelError::SecondAgent`] if another process holds it; [`KernelError::Pins`] if it cannot be used.
    pub fn take(root: &Path) -> Result<Self, KernelError> {
        fs::create_dir_all(root).map_err(|error| unusable(root, &error.to_string()))?;
        ensure_bpffs(root)?;
        let folder = File::open(root).map_err(|error| unusable(root, &error.to_string()))?;
        let lock = Flock::lock(folder, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, _)| KernelError::SecondAgent(root.to_path_buf()))?;
        let pins = Self { root: root.to_path_buf(), _lock: lock };
        for folder in [pins.maps(), links(root)] {
            fs::create_dir_all(&folder).map_err(|source| KernelError::File { path: folder, source })?;
        }
        Ok(pins)
    }

    /// The maps of this layout: another version finds none of them.
    fn maps(&self) -> PathBuf {
        self.root.join(format!("maps-v{LAYOUT_VERSION}"))
    }

    /// Where the map `name` is pinned.
    pub(super) fn map(&self, name: &str) -> PathBuf {
        self.maps().join(name)
    }

    /// Where the link on the interface with this index is pinned.
    pub(super) fn link(&self, ifindex: u32) -> PathBuf {
        links(&self.root).join(ifindex.to_string())
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
        ("RULES", shape(index, index, MAX_REGISTRIES)),
        ("ENDPOINTS", shape(size::<EndpointKey>(), size::<Endpoint>(), ENDPOINT_CAPACITY)),
        ("VTEPS", shape(4 + size::<RuleKey>(), size::<u32>(), VTEP_CAPACITY)),
        ("SETTINGS", shape(index, size::<Settings>(), 1)),
        ("REASONS", shape(index, size::<u64>(), REASON_COUNTERS)),
        ("RULE_HITS", shape(index, size::<u64>(), rule_capacity)),
        ("EVENTS", shape(0, 0, EVENT_BYTES)),
        ("EVENT_BUDGET", shape(index, size::<i64>(), 1)),
    ]
}

/// Links are apart from the maps: whatever the layout of the maps, a link only names an interface and a program.
pub(super) fn links(root: &Path) -> PathBuf {
    root.join("links")
}

/// The interface indexes that have a pinned link below `root`.
pub(super) fn linked(root: &Path) -> Result<Vec<u32>, KernelError> {
    let path = links(root);
    let file = |source| KernelError::File { path: path.clone(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(&path).map_err(file)? {
        let name = entry.map_err(file)?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    found.sort_unstable();
    Ok(found)
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

fn unusable(root: &Path, problem: &str) -> KernelError {
    KernelError::Pins { path: root.to_path_buf(), problem: problem.to_owned() }
}
