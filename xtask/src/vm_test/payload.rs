//! What a machine gets to run: the product, tests as plain programs, and the program that starts them.

use std::{
    collections::BTreeMap,
    fs,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Message;

use super::image;
use crate::{
    guard_binary::{self, Profile},
    package, progress, workspace,
};

/// Where a machine finds it.
pub(super) const FOLDER: &str = "/payload";
/// The program that does what the host says.
const GUEST: &str = "vm-guest";
/// The program at the other end of a machine's network cable, which runs on this host.
const WIRE: &str = "vm-wire";

/// A disk with programs.
pub(super) struct Payload {
    image: PathBuf,
    wire: PathBuf,
}

impl Payload {
    /// Builds everything, without what only a debugger reads. The tests are those that `cargo xtask test` runs; the Debian package,
    /// if it is asked for, is the one that is shipped.
    pub(super) fn build(folder: &Path, tests: &[&str], with_package: bool) -> Result<Self> {
        let product = guard_binary::build(Profile::Dev)?;
        let mut programs = build_tests(tests)?;
        // It is built along with the product.
        programs.insert(GUEST.to_owned(), product.with_file_name(GUEST));
        let wire = product.with_file_name(WIRE);
        programs.insert("registry-guard".to_owned(), product);
        let content = folder.join("payload");
        fs::create_dir(&content).with_context(|| format!("creating {}", content.display()))?;
        for (name, program) in &programs {
            let mut strip = Command::new("strip");
            strip.arg("--strip-debug").arg("-o").arg(content.join(name)).arg(program);
            progress::run(&format!("take {name}"), strip)?;
        }
        if with_package {
            let package = package::build(Profile::Release)?;
            fs::copy(&package, content.join("registry-guard.deb"))
                .with_context(|| format!("copying {}", package.display()))?;
        }
        let image = folder.join("payload.img");
        image::make(&image, &content, "1G")?;
        fs::remove_dir_all(&content).with_context(|| format!("removing {}", content.display()))?;
        Ok(Self { image, wire })
    }

    /// The disk.
    pub(super) fn image(&self) -> &Path {
        &self.image
    }

    /// The program at the other end of a machine's network cable.
    pub(super) fn wire(&self) -> &Path {
        &self.wire
    }
}

/// These integration tests as programs.
fn build_tests(tests: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--no-run", "--package", "tests", "--message-format=json-render-diagnostics"]);
    cargo.args(Profile::Dev.flag());
    for test in tests {
        cargo.args(["--test", test]);
    }
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("starting cargo test --no-run")?;
    let messages = child.stdout.take().context("cargo test has no output")?;
    let mut programs = BTreeMap::new();
    for message in Message::parse_stream(BufReader::new(messages)) {
        if let Message::CompilerArtifact(artifact) = message.context("reading what cargo says")?
            && artifact.profile.test
            && let Some(executable) = artifact.executable
        {
            programs.insert(artifact.target.name, executable.into_std_path_buf());
        }
    }
    let status = child.wait().context("waiting for cargo test --no-run")?;
    ensure!(status.success(), "cargo test --no-run failed");
    for name in tests {
        ensure!(programs.contains_key(*name), "cargo built no test named {name}");
    }
    Ok(programs)
}
