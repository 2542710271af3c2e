use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::loaded_programs;
use tests::net::{Agent, Network};

/// What would show that something of the demo is still there.
pub(crate) struct Traces {
    label: String,
    folder: PathBuf,
    /// Inodes of the network namespaces.
    namespaces: BTreeSet<u64>,
    /// Identifiers of the programs, one on the NICs and one at the sockets.
    programs: BTreeSet<u32>,
}

const NAMESPACES: &str = "/run/netns";

impl Traces {
    /// Remembers what there is while it is there.
    pub(crate) fn of(network: &Network, agent: &Agent) -> Result<Self> {
        let host = network.host().name();
        let label = host.strip_suffix("host").context("the host's namespace has another name")?.to_owned();
        let namespaces =
            named(&label)?.iter().map(|name| inode(&Path::new(NAMESPACES).join(name))).collect::<Result<_>>()?;
        let programs = ["links", "lookups"].map(|links| programs_behind(&agent.pins().join(links)));
        let programs = programs.into_iter().collect::<Result<Vec<_>>>()?.concat().into_iter().collect();
        Ok(Self { label, folder: network.folder().to_owned(), namespaces, programs })
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
        loop {
            let all = loaded_programs().flatten();
            let left: Vec<String> =
                all.filter(|program| self.programs.contains(&program.id())).map(|it| it.id().to_string()).collect();
            if left.is_empty() || begun.elapsed() > Duration::from_secs(5) {
                return left;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The programs that the links pinned in `folder` belong to; there is at least one.
fn programs_behind(folder: &Path) -> Result<Vec<u32>> {
    let mut programs = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let link: FdLink = PinnedLink::from_pin(entry?.path())?.into();
        programs.push(link.info()?.program_id());
    }
    ensure!(!programs.is_empty(), "no link is pinned in {}", folder.display());
    Ok(programs)
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
