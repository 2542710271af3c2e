//! Each fault that an operator's night may bring, under a sender of 100,000 denied SYNs a second and more: an allowed client is
//! served, a denied one never, and no SYN of the flood reaches the registry. docs/faults.md says what each does.
//!
//! It ends with a table. `FAULT=F10` stages one alone.

mod agent;
mod interfaces;
mod log;
mod policy;
mod responder;
mod scene;
mod second_layer;
mod store;
mod table;

use std::collections::BTreeMap;
use std::env;
use std::fs;

use table::Shown::{Elsewhere, Here};
use table::{Fault, stage};

const fn fault(name: &'static str, what: &'static str, shown: table::Shown) -> Fault {
    Fault { name, what, shown }
}

static FAULTS: [Fault; 40] = [
    fault("F1", "agent killed", Here(agent::killed)),
    fault("F2", "upgrade and downgrade, another map layout", Here(agent::upgraded_and_downgraded)),
    fault("F3", "agent stopped", Here(agent::stopped)),
    fault("F4", "boot", Elsewhere("vm-test boots machines; F5 is what happens then")),
    fault("F5", "interface appears late", Here(interfaces::late)),
    fault("F6", "agent killed after each change", Here(store::killed_while_it_writes)),
    fault("F7", "disk full", Here(store::disk_full)),
    fault("F8", "damaged store", Here(store::damaged)),
    fault("F9", "interface renamed", Here(interfaces::renamed)),
    fault("F10", "interface deleted and made again", Here(interfaces::deleted_and_made_again)),
    fault("F11", "MTU of 9,000 and 65,535", Here(interfaces::jumbo_frames)),
    fault("F12", "whole lists exchanged", Here(policy::lists_exchanged)),
    fault("F13", "map full", Here(policy::map_full)),
    fault("F14", "50,000 prefixes in and out", Here(policy::many_prefixes)),
    fault("F15", "too little memory", Here(agent::too_little_memory)),
    fault("F16", "little memory may be locked", Here(agent::little_locked_memory)),
    fault("F17", "no native XDP", Here(interfaces::no_native_mode)),
    fault("F18", "foreign XDP program", Here(interfaces::foreign_program)),
    fault("F19", "program taken away past its link", Here(interfaces::taken_away_without_a_link)),
    fault("F20", "no BPF file system", Here(agent::no_bpf_file_system)),
    fault("F21", "container made anew", Here(second_layer::container_made_anew)),
    fault("F22", "another network namespace", Elsewhere("F21 attaches to one under the flood")),
    fault("F23", "lockdown", Elsewhere("no kernel takes it back: own_machine, in vm-test")),
    fault("F24", "kernel without types (BTF)", Here(agent::without_types_of_the_kernel)),
    fault("F25", "clock jump", Elsewhere("the clock is the whole machine's: own_machine, in vm-test")),
    fault("F26", "operator shuts himself out", Here(store::locked_out)),
    fault("F27", "rule removed under an open connection", Here(policy::rule_removed)),
    fault("F28", "responder killed", Here(responder::dead)),
    fault("F29", "certificate renewed, then broken", Here(responder::certificate_changed)),
    fault("F30", "responder worn out", Here(responder::worn_out)),
    fault("F31", "budgets overflow", Here(responder::budgets_overflow)),
    fault("F32", "log flooded", Here(log::flooded)),
    fault("F33", "ring buffer full", Here(log::ring_full)),
    fault("F34", "agent hangs", Here(agent::hung)),
    fault("F35", "a second agent", Here(agent::a_second_one)),
    fault("F36", "pins edited by others", Here(agent::pins_edited)),
    fault("F37", "bridge, bond", Elsewhere("F17 is a bridge; a bond: own_machine, in vm-test")),
    fault("F38", "another kernel", Elsewhere("service: a verifier that refuses; vm-test boots too old a kernel")),
    fault("F39", "interface index given to another", Here(interfaces::index_given_to_another)),
    fault("F40", "one layer missing", Here(second_layer::one_layer_missing)),
];

#[test]
fn no_fault_lets_a_denied_client_in_or_keeps_an_allowed_one_out_under_a_flood() {
    let wanted = env::var("FAULT").ok();
    let failed = stage(FAULTS.iter().filter(|fault| wanted.as_deref().is_none_or(|wanted| wanted == fault.name)));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_page_tells_of_each_fault_once() -> anyhow::Result<()> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md"))?;
    let told = page.lines().filter_map(|line| line.strip_prefix("| F")?.split(' ').next());
    let told: BTreeMap<&str, usize> = told.fold(BTreeMap::new(), |mut told, number| {
        *told.entry(number).or_default() += 1;
        told
    });
    let known: BTreeMap<&str, usize> =
        FAULTS.iter().filter_map(|fault| Some((fault.name.strip_prefix('F')?, 1))).collect();
    assert_eq!(told, known);
    Ok(())
}
