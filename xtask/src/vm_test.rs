//! `cargo xtask vm-test`: the product on Debian's own kernels, in virtual machines that this very command makes.
//!
//! Everything that it fetches and makes is in `target/vm`. Debian's packages are fetched once; whoever wants newer kernels
//! removes the folder.

mod accelerator;
mod apt;
mod chroot;
mod conversation;
mod debian_kernel;
mod first_packet;
mod frail_disk;
mod image;
mod kernel_tests;
mod machine;
mod payload;
mod power_cuts;
mod rootfs;
mod tools;

use std::{
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;

use self::{
    accelerator::Accelerator,
    debian_kernel::{DebianKernel, Kernel},
    machine::Computer,
    payload::Payload,
};
use crate::{setup, workspace};

/// What to try, and where.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these kernels, separated by commas
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = DebianKernel::ALL)]
    kernel: Vec<DebianKernel>,
    /// Only this part
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// How often the power goes
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    power_cuts: u32,
}

/// What is tried on each kernel.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The verdict corpus and other tests with the loaded programs
    Corpus,
    /// Install the package, reboot, and nobody is served unguarded from the first packet on
    Boot,
    /// Power cuts in the middle of changes
    PowerCuts,
}

impl Part {
    const ALL: [Self; 3] = [Self::Corpus, Self::Boot, Self::PowerCuts];

    /// The store is the same on every kernel, so the power goes on the first one that the product runs on.
    fn is_tried(self, kernel: &Kernel, kernels: &[Kernel], only: Option<Self>) -> bool {
        let cut = kernels.iter().find(|kernel| !kernel.debian.is_too_old());
        only.is_none_or(|only| only == self)
            && (self != Self::Boot || !kernel.debian.is_too_old())
            && (self != Self::PowerCuts || cut.is_some_and(|cut| cut.release == kernel.release))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Corpus => "corpus",
            Self::Boot => "boot",
            Self::PowerCuts => "power cuts",
        }
    }
}

/// What came of one part on one kernel.
struct Finding {
    kernel: String,
    part: Part,
    went: Result<String>,
    took: Duration,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kernel, part, took) = (&self.kernel, self.part.name(), self.took.as_secs());
        match &self.went {
            Ok(said) => write!(formatter, "Linux {kernel}: {part}: {said} ({took} s)"),
            Err(error) => write!(formatter, "Linux {kernel}: {part}: FAILED: {error:#} ({took} s)"),
        }
    }
}

/// Makes the machines and tries everything on each, also after something failed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::run_as_root("vm-test makes a Debian with debootstrap", "vm-test")?;
    println!("vm-test: tools: {}", tools::ensure()?);
    let started = Instant::now();
    let accelerator = Accelerator::find();
    println!("vm-test: {accelerator}");
    let folder = workspace::target_dir()?.join("vm");
    let runs = own_folder(&folder.join("run"))?;
    let lock = File::create(folder.join("lock")).context("creating target/vm/lock")?;
    lock.lock().context("waiting for another run of this verb to have made what both need")?;
    let with_package = arguments.only.is_none_or(|only| only == Part::Boot);
    let payload = Payload::build(&runs, &kernel_tests::TESTS, with_package)?;
    let root = rootfs::ensure(&folder)?;
    let mut kernels = Vec::new();
    for kernel in &arguments.kernel {
        kernels.push(kernel.ensure(&folder, &root)?);
    }
    let disk = image::ensure(&folder, &root)?;
    drop(lock);
    println!("vm-test: everything is there after {:.0} s", started.elapsed().as_secs_f32());

    let mut findings = Vec::new();
    for kernel in &kernels {
        let computer = Computer { accelerator, kernel, disk: &disk, payload: payload.image(), folder: &runs };
        for part in Part::ALL.into_iter().filter(|part| part.is_tried(kernel, &kernels, arguments.only)) {
            let begun = Instant::now();
            let went = match part {
                Part::Corpus => kernel_tests::run(&computer),
                Part::Boot => first_packet::run(&computer, &payload),
                Part::PowerCuts => power_cuts::run(&computer, arguments.power_cuts),
            };
            let finding = Finding { kernel: kernel.release.clone(), part, went, took: begun.elapsed() };
            println!("{finding}");
            findings.push(finding);
        }
    }
    summarize(&findings, kernels.len(), started)
}

/// A folder for what this run writes, named after its process; those of processes that are gone are removed.
fn own_folder(runs: &Path) -> Result<PathBuf> {
    let own = runs.join(process::id().to_string());
    fs::create_dir_all(runs).with_context(|| format!("creating {}", runs.display()))?;
    for entry in fs::read_dir(runs).with_context(|| format!("reading {}", runs.display()))? {
        let run = entry?.path();
        let lives = run.file_name().is_some_and(|pid| Path::new("/proc").join(pid).exists());
        if !lives || run == own {
            fs::remove_dir_all(&run).with_context(|| format!("removing {}", run.display()))?;
        }
    }
    fs::create_dir(&own).with_context(|| format!("creating {}", own.display()))?;
    Ok(own)
}

fn summarize(findings: &[Finding], kernels: usize, started: Instant) -> Result<()> {
    println!();
    for finding in findings {
        println!("{finding}");
    }
    let failed = findings.iter().filter(|finding| finding.went.is_err()).count();
    println!(
        "vm-test: {kernels} kernels, {} of {} parts as they should be, in {} s",
        findings.len() - failed,
        findings.len(),
        started.elapsed().as_secs()
    );
    ensure!(failed == 0, "{failed} parts failed; what the machines wrote is in target/vm/run");
    Ok(())
}
