//! Builds one test and runs it.

use std::{
    fmt::{self, Display, Formatter},
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use cargo_metadata::Message;

use super::{list::Test, scratch::Scratch};
use crate::workspace;

/// A test that takes longer than this has come to a standstill.
const LIMIT: Duration = Duration::from_mins(10);
/// Packets for `tests/tests/agreement.rs`: a bug that it does not find among these is too well hidden.
const PACKETS: &str = "200_000";

/// What became of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It passed.
    Passed,
    /// It ran and found something wrong.
    Failed,
    /// The compiler, or the verifier of the kernel, refused the sources before the test could say anything.
    Refused,
    /// There is no such test.
    Missing,
    /// It did not end.
    Endless,
}

impl Display for Outcome {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Refused => "could not run: compiler or verifier refused what was built",
            Self::Missing => "does not exist",
            Self::Endless => "did not end",
        })
    }
}

/// Where tests are built and what they say is kept.
pub(super) struct Trial<'a> {
    scratch: &'a Scratch,
    /// Apart from that of the workspace: Cargo takes a member of a copy for the member itself, so a mutated library would stand in
    /// for the real one.
    build: PathBuf,
    said: PathBuf,
}

impl<'a> Trial<'a> {
    pub(super) fn new(scratch: &'a Scratch, folder: &Path) -> Result<Self> {
        let said = folder.join("said");
        fs::create_dir_all(&said).with_context(|| format!("creating {}", said.display()))?;
        Ok(Self { scratch, build: folder.join("build"), said })
    }

    /// Builds the test and runs it. What it says goes into a file of this name.
    pub(super) fn run(&self, test: &Test, name: &str) -> Result<Outcome> {
        let path = self.said.join(format!("{name}.txt"));
        let said = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        let Some(binary) = self.build(test, &said)? else { return Ok(Outcome::Refused) };
        let mut command = Command::new(binary);
        command
            .args(["--exact", &test.name, "--nocapture"])
            .current_dir(self.scratch.folder().join(&test.package))
            .env("REGISTRY_GUARD_PACKETS", PACKETS)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        let child = command.spawn().context("starting a test")?;
        let Some(status) = wait(child)? else { return Ok(Outcome::Endless) };
        let said = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(outcome(status, &said))
    }

    fn build(&self, test: &Test, said: &File) -> Result<Option<PathBuf>> {
        let mut cargo = workspace::cargo();
        cargo.args(["test", "--no-run", "--message-format=json-render-diagnostics", "--package", &test.package]);
        match &test.file {
            Some(file) => cargo.args(["--test", file]),
            None => cargo.arg("--lib"),
        };
        let mut child = cargo
            .current_dir(self.scratch.folder())
            .env("CARGO_TARGET_DIR", &self.build)
            .stdout(Stdio::piped())
            .stderr(said.try_clone()?)
            .spawn()
            .context("starting cargo test")?;
        let messages = child.stdout.take().context("cargo test has no output")?;
        let mut binary = None;
        for message in Message::parse_stream(BufReader::new(messages)) {
            if let Message::CompilerArtifact(artifact) = message.context("reading what cargo says")?
                && artifact.profile.test
            {
                binary = artifact.executable.map(Into::into);
            }
        }
        let built = child.wait().context("waiting for cargo test")?.success();
        Ok(binary.filter(|_| built))
    }
}

/// How it ended, if it did.
fn wait(mut child: Child) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < LIMIT {
        if let Some(status) = child.try_wait().context("waiting for a test")? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().context("ending a test")?;
    child.wait().context("waiting for a test")?;
    Ok(None)
}

fn outcome(status: ExitStatus, said: &str) -> Outcome {
    if said.contains("the kernel refuses the program") {
        Outcome::Refused
    } else if said.contains("running 0 tests") {
        Outcome::Missing
    } else if status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed
    }
}
