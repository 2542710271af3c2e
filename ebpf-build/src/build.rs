//! The build of the object, run by a build script.

use std::{
    env,
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use aya_build::{Package, Toolchain};

use crate::{Pair, ToolchainError};

/// The package of the product's programs.
pub const PACKAGE: &str = "registry-guard-ebpf";

/// What objects are made of beside their package, which aya-build watches itself.
const WATCHED: [&str; 4] =
    ["registry-guard-common/src", "registry-guard-common/Cargo.toml", "Cargo.toml", "Cargo.lock"];

/// Set in the process that runs aya-build.
const INNER: &str = "REGISTRY_GUARD_EBPF_BUILD";

/// Builds the binary of `package`, a folder of the workspace, into `$OUT_DIR/PACKAGE`: the whole `main` of a build script.
/// Those of `features` that the build script's own package has been given are handed on.
///
/// It reads the variables that Cargo sets for a build script (`OUT_DIR`, `CARGO_CFG_TARGET_ARCH`,
/// `CARGO_CFG_TARGET_ENDIAN`), prints the lines that Cargo reads from one, and tells on standard error what went wrong.
///
/// aya-build hands each line of its inner Cargo on as a warning, progress included, and offers no way to change that
/// Cargo's environment. So the program starts itself once more, in an environment where Cargo tells only what is wrong.
pub fn build(package: &str, features: &[&str]) -> ExitCode {
    let outcome = if env::var_os(INNER).is_some() { build_object(package, features) } else { build_in_quiet_process() };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build_in_quiet_process() -> Result<()> {
    let program = env::current_exe().context("finding the build script")?;
    let status = Command::new(&program)
        .env(INNER, "1")
        .env("CARGO_TERM_QUIET", "true")
        .env_remove("CARGO_TERM_VERBOSE")
        .status()
        .with_context(|| format!("running {}", program.display()))?;
    ensure!(status.success(), "the kernel programs were not built");
    Ok(())
}

fn build_object(package: &str, features: &[&str]) -> Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("ebpf-build is not inside the workspace")?;
    for watched in WATCHED {
        println!("cargo:rerun-if-changed={}", workspace.join(watched).display());
    }
    let Pair { nightly, linker } = Pair::find().map_err(with_remedy)?;
    println!("cargo:rerun-if-changed={}", linker.path.display());
    let root = workspace.join(package);
    let root_dir = root.to_str().context("the path of the workspace is not UTF-8")?;
    let features: Vec<&str> = features.iter().copied().filter(|feature| is_given(feature)).collect();
    let package = Package { name: package, root_dir, features: &features, ..Package::default() };
    aya_build::build_ebpf([package], Toolchain::Custom(nightly.name))
        .with_context(|| format!("building the kernel programs with {} and {}", nightly.name, linker.path.display()))
}

/// Whether Cargo gave the build script's own package this feature.
fn is_given(feature: &str) -> bool {
    let variable = feature.to_ascii_uppercase().replace('-', "_");
    env::var_os(format!("CARGO_FEATURE_{variable}")).is_some()
}

/// Only rustup itself is beyond `cargo xtask setup`.
fn with_remedy(finding: ToolchainError) -> anyhow::Error {
    match finding {
        ToolchainError::NoRustup { .. } => finding.into(),
        _ => anyhow!("{finding}; `cargo xtask setup` mends that"),
    }
}
