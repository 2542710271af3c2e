use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aya::programs::loaded_programs;
use tests::net::{Agent, Network};

/// What would show that something of the demo is still there.
pub(crate) struct Traces {
    label: String,
    folder: PathBuf,
    /// Inodes of the network namespaces.
    namespaces: BTreeSet<u64>,
    program: u32,
}

const NAMESPACES: &str = "/run/netns";

impl Traces {
    /// Remembers what there is while it is there.
    pub(crate) fn of(network: &Network, agent: &Agent) -> Result<Self> {
        let host = network.host().name();
        let label = host.strip_suffix("host").context("the host's namespace has another name")?.to_owned();
        let namespaces =
            named(&label)?.iter().map(|name| inode(&Path::new(NAMESPACES).join(name))).collect::<Result<_>>()?;
        let status = agent.json(["status"])?;
        let program = status["program"]["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        let program = program.context("status names no program")?;
        Ok(Self { label, folder: network.folder().to_owned(), namespaces, program })
    }

    /// What is still there, by kind.
    pub(crate) fn left_behind(&self) -> Result<Vec<(&'static str, Vec<String>)>> {
        Ok(vec![
            ("network namespaces", named(&self.label)?),
            ("mounts", self.mounts()?),
            ("folders", self.folder.exists().then(|| self.folder.display().to_string()).into_iter().collect()),
            ("processes", self.processes()?),
            ("programs in the kernel", self.programs()),
        ])
    }

    fn mounts(&self) -> Result<Vec<String>> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let folder = self.folder.display().to_string();
        let points = mounts.lines().filter_map(|line| line.split_whitespace().nth(1));
        let left = |point: &&str| point.starts_with(&folder) || point.contains(&self.label);
        Ok(points.filter(left).map(str::to_owned).collect())
    }

    /// Processes in one of the demo's network namespaces.
    fn processes(&self) -> Result<Vec<String>> {
        let mut left = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            // Processes come and go while this looks; those that are gone are not there.
            if inode(&path.join("ns/net")).is_ok_and(|inode| self.namespaces.contains(&inode)) {
                let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
                left.push(format!("{} ({})", path.display(), name.trim()));
            }
        }
        Ok(left)
    }

    /// The kernel takes a moment to free a program whose last holder is gone.
    fn programs(&self) -> Vec<String> {
        let begun = Instant::now();
        let is_there = || loaded_programs().flatten().any(|program| program.id() == self.program);
        while is_there() {
            if begun.elapsed() > Duration::from_secs(5) {
                return vec![format!("guard_xdp (id {})", self.program)];
            }
            thread::sleep(Duration::from_millis(20));
        }
        Vec::new()
    }
}

fn named(label: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(NAMESPACES)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name.starts_with(label));
    Ok(names)
}

fn inode(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)?.ino())
}
