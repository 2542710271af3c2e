//! Which of this namespace's netfilter rules take connections elsewhere, read from `nft` and `iptables-save`.
//!
//! What is not understood counts as a match: the answer may name a rule that takes nothing, but misses none that it was told.

mod iptables;
mod nft;
mod rules;
mod tool;

use std::fs;
use std::time::Duration;

pub use rules::{Ruleset, Target, Translation};

/// How long a tool may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The tables that iptables keeps in the kernel without nftables, one name on each line.
const LEGACY: [(&str, &str, &str); 2] = [
    ("/proc/thread-self/net/ip_tables_names", "iptables-legacy-save", "ip"),
    ("/proc/thread-self/net/ip6_tables_names", "ip6tables-legacy-save", "ip6"),
];
/// What prints the rules that iptables put into nftables, where `nft` only says that there are some.
const COMPATIBLE: [(&str, &str); 2] = [("iptables-nft-save", "ip"), ("ip6tables-nft-save", "ip6")];
const NAT: &str = "nat";

/// What is known of this network namespace's rules. Blocks for as long as the tools take.
///
/// # Errors
///
/// Why some rules could not be read, beside those that could.
pub fn read() -> (Ruleset, Vec<String>) {
    let (mut ruleset, mut unknown) = (Ruleset::default(), Vec::new());
    match tool::output("nft", &["--json", "list", "ruleset"], LIMIT).and_then(|text| nft::parse(&text)) {
        Ok(rules) => ruleset = rules,
        Err(problem) => unknown.push(problem),
    }
    for (program, family) in COMPATIBLE {
        let table = format!("{family} {NAT}");
        if ruleset.is_vague(&table) {
            // Without the tool the vague rules stand, and count as matches.
            if let Ok(text) = tool::output(program, &["-t", NAT], LIMIT) {
                ruleset.replace(&table, iptables::parse(&text));
            }
        }
    }
    for (names, program, family) in LEGACY {
        if fs::read_to_string(names).is_ok_and(|names| names.lines().any(|name| name == NAT)) {
            match tool::output(program, &["-t", NAT], LIMIT) {
                Ok(text) => {
                    let table = format!("{family} {NAT} (legacy)");
                    ruleset.replace(&table, iptables::parse(&text));
                }
                Err(problem) => unknown.push(problem),
            }
        }
    }
    (ruleset, unknown)
}
