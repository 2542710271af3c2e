//! `cargo xtask package`: the Debian package, and what lintian says to it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    guard_binary::{self, Profile},
    setup, workspace,
};

/// What the package is made with, and the Debian packages that bring it: `dpkg-shlibdeps` finds out which libraries are needed.
const TOOLS: [(&str, &str); 2] = [("/usr/bin/dpkg-shlibdeps", "dpkg-dev"), ("/usr/bin/lintian", "lintian")];

/// Each shell, and the file in which it looks for completions.
const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "registry-guard"), ("zsh", "_registry-guard"), ("fish", "registry-guard.fish")];

/// How to make it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Pack what `cargo xtask test` builds: sooner made, larger and slower, to try and not to ship
    #[arg(long)]
    dev: bool,
}

/// Builds everything as it is shipped, has the binary write its manual pages and completions, makes the package, and has lintian look
/// at it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let package = build(if arguments.dev { Profile::Dev } else { Profile::Release })?;
    println!("package: {}", package.display());
    Ok(())
}

/// The package, made with this profile.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    setup::run(&setup::Arguments::default())?;
    setup::ensure_files(&TOOLS, "making a package")?;
    let (cargo_deb, state) = setup::deb::ensure()?;
    println!("package: cargo-deb: {state}");
    let binary = guard_binary::build(profile)?;
    // cargo-deb finds what was built beside the binary.
    let pages = binary.with_file_name("package");
    if pages.exists() {
        fs::remove_dir_all(&pages).with_context(|| format!("emptying {}", pages.display()))?;
    }
    write_pages(&binary, &pages)?;

    let folder = workspace::target_dir()?.join("package");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let package = folder.join("registry-guard.deb");
    let status = workspace::cargo_of(&cargo_deb)
        .args([
            "--package",
            "registry-guard",
            "--no-build",
            "--strip",
            "--locked",
            "--profile",
            profile.name(),
            "--output",
        ])
        .arg(&package)
        .args((profile == Profile::Dev).then_some("--fast"))
        .status()
        .context("starting cargo-deb")?;
    ensure!(status.success(), "cargo-deb failed ({status})");
    judge(&package)?;
    Ok(package)
}

/// What the binary itself knows best.
fn write_pages(binary: &Path, folder: &Path) -> Result<()> {
    let (pages, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&completions).with_context(|| format!("making {}", completions.display()))?;
    let written = Command::new(binary).args(["man", "--directory"]).arg(&pages).status();
    ensure!(written.context("writing manual pages")?.success(), "the manual pages could not be written");
    // Nobody else compresses what is packed as if it was built.
    let compressed = Command::new("gzip").args(["--best", "--no-name", "--recursive"]).arg(&pages).status();
    ensure!(compressed.context("starting gzip")?.success(), "the manual pages could not be compressed");
    for (shell, file) in COMPLETIONS {
        let output = Command::new(binary).args(["completions", shell]).output().context("writing completions")?;
        ensure!(output.status.success(), "the completions for {shell} could not be written");
        fs::write(completions.join(file), output.stdout).with_context(|| format!("writing {file}"))?;
    }
    Ok(())
}

/// Prints what lintian finds; an error is one of ours.
fn judge(package: &Path) -> Result<()> {
    let output = Command::new("lintian")
        .args(["--fail-on", "error", "--tag-display-limit", "0", "--allow-root"])
        .arg(package)
        .output()
        .context("starting lintian")?;
    let told = String::from_utf8_lossy(&output.stdout);
    print!("{told}");
    let count = |kind: &str| told.lines().filter(|line| line.starts_with(kind)).count();
    println!("package: lintian: {} errors, {} warnings", count("E:"), count("W:"));
    ensure!(output.status.success(), "lintian finds errors");
    Ok(())
}
