//! An apt that knows other suites than this machine's, with all that it writes in a folder of its own.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::progress;

/// Where Debian is fetched from.
pub(super) const MIRROR: &str = "http://deb.debian.org";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An archive below [`MIRROR`] and a suite of it, as in `debian trixie`.
pub(super) type Suite = (&'static str, &'static str);

/// One apt.
pub(super) struct Apt {
    settings: PathBuf,
}

impl Apt {
    /// Fetches the lists of these suites into `folder`.
    pub(super) fn update(folder: &Path, suites: &[Suite]) -> Result<Self> {
        for name in ["lists/partial", "cache/archives/partial", "nothing"] {
            let folder = folder.join(name);
            fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        let mut sources = String::new();
        for (archive, suite) in suites {
            writeln!(sources, "deb [signed-by={KEYRING}] {MIRROR}/{archive} {suite} main")?;
        }
        let settings = folder.join("apt.conf");
        let text = include_str!("apt.conf").replace("FOLDER", &folder.display().to_string());
        for (name, text) in [("sources.list", &*sources), ("status", ""), ("apt.conf", &text)] {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        let apt = Self { settings };
        let mut update = apt.command("apt-get");
        update.args(["--quiet", "update"]);
        progress::run(&format!("apt-get update for {}", suites.last().map_or("", |(_, suite)| suite)), update)?;
        Ok(apt)
    }

    /// The package and everything that it depends on, by name.
    pub(super) fn needed_for(&self, package: &str) -> Result<Vec<String>> {
        let mut depends = self.command("apt-cache");
        depends.args(["depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks"]);
        depends.args(["--no-replaces", "--no-enhances", package]);
        let output = depends.output().context("running apt-cache")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "apt-cache: {}", String::from_utf8_lossy(&output.stderr).trim());
        // What a package depends on stands below it, indented.
        Ok(said.lines().filter(|line| line.starts_with(char::is_alphanumeric)).map(str::to_owned).collect())
    }

    /// Fetches these packages into `folder`.
    pub(super) fn download(&self, packages: &[String], folder: &Path) -> Result<()> {
        let mut download = self.command("apt-get");
        download.args(["--quiet", "download"]).args(packages).current_dir(folder);
        progress::run(&format!("fetch {}", packages.join(" ")), download)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.settings).env("LC_ALL", "C.UTF-8");
        command
    }
}
