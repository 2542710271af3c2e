//! How near the programs are to what the kernel's verifier accepts.

use anyhow::{Context as _, Result, ensure};
use aya::programs::loaded_programs;
use tests::guard::Guard;

/// `BPF_COMPLEXITY_LIMIT_INSNS`.
const LIMIT: u32 = 1_000_000;

#[test]
fn the_verifier_accepts_the_program_with_a_margin() -> Result<()> {
    let guard = Guard::new(&tests::naive::Policy::default())?;
    let program = loaded_programs()
        .filter_map(Result::ok)
        .find(|program| program.id() == guard.program_id())
        .context("the program is not loaded")?;
    let verified = program.verified_instruction_count().context("the kernel does not say (Linux 5.16)")?;
    println!("FIGURE: guard_xdp: {verified} of {LIMIT} instructions verified");
    // Another version of the kernel counts somewhat differently.
    ensure!(verified < LIMIT / 10 * 8, "guard_xdp: {verified} instructions verified, and {LIMIT} are the limit");
    Ok(())
}
