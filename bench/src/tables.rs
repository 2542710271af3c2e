//! What is printed.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use crate::aim::Aim;
use crate::bounds::{Bound, Limit};
use crate::figure::{Figures, Spread};
use crate::updates::{KernelMemory, Latency, MANY, Updates};
use crate::{program_time, receiver_cpu, traffic};

fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(columns.iter().copied());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Median, and lowest to highest.
fn spread(figures: &Figures, digits: usize) -> String {
    figures.spread().map_or_else(|| "-".to_owned(), |spread| spread_of(spread, digits))
}

/// The same; what was seen once stands alone.
fn spread_of(Spread { low, median, high }: Spread, digits: usize) -> String {
    if low < high {
        format!("{median:.digits$} ({low:.digits$}-{high:.digits$})")
    } else {
        format!("{median:.digits$}")
    }
}

/// CPU time of the receiver.
pub(crate) fn receiver(rows: &[receiver_cpu::Row]) -> Table {
    let mut table = table(&[
        "filter",
        "packets",
        "prefixes",
        "sources",
        "ns a packet",
        "times the floor",
        "received",
        "not dropped",
        "ring full",
    ]);
    for row in rows {
        let frames = row.frames;
        table.add_row([
            row.case.filter.name().to_owned(),
            row.case.shape.name().to_owned(),
            row.case.prefixes.to_string(),
            row.aim.name().to_owned(),
            spread(&row.cost, 0),
            spread(&row.ratio, 2),
            frames.received.to_string(),
            (frames.received - frames.denied).to_string(),
            frames.lost.to_string(),
        ]);
    }
    table
}

/// Time of the programs alone for SYNs.
pub(crate) fn judged(rows: &[program_time::Judged]) -> Table {
    let mut table = table(&["SYNs to 443", "prefixes", "sources", "ns of the guard", "ns of the floor"]);
    for row in rows {
        table.add_row([
            row.case.shape.name().to_owned(),
            row.case.prefixes.to_string(),
            row.aim.name().to_owned(),
            spread(&row.cost, 1),
            spread(&row.floor, 1),
        ]);
    }
    table
}

/// Time of the programs alone for what is not guarded.
pub(crate) fn not_guarded(rows: &[program_time::NotGuarded]) -> Table {
    let mut table = table(&["not guarded", "", "prefixes", "ns", "ns of pass", "ns of the floor", "times the floor"]);
    for row in rows {
        table.add_row([
            row.what.name().to_owned(),
            row.case.shape.name().to_owned(),
            row.case.prefixes.to_string(),
            spread(&row.cost, 1),
            spread(&row.pass, 1),
            spread(&row.floor, 1),
            spread(&row.ratio, 2),
        ]);
    }
    table
}

/// What allowed clients notice.
pub(crate) fn traffic(rows: &[traffic::Row]) -> Table {
    let mut table = table(&[
        "allowed client",
        "prefixes",
        "connections a second",
        "of those without a guard",
        "MB/s pulled",
        "of those without a guard",
    ]);
    for row in rows {
        table.add_row([
            row.case.filter.name().to_owned(),
            row.case.prefixes.to_string(),
            spread(&row.connections, 0),
            spread(&row.connections_ratio, 3),
            spread(&row.pull, 0),
            spread(&row.pull_ratio, 3),
        ]);
    }
    table
}

/// Rules in numbers.
pub(crate) fn updates(updates: &Updates) -> Table {
    let mut table = table(&["at 1,000,000 rules", "seen"]);
    let many = i64::try_from(MANY).unwrap_or(i64::MAX);
    let memory = |memory: &KernelMemory| {
        format!(
            "{} bytes a rule: slab {}, vmalloc {}, per CPU {}",
            memory.total() / many,
            memory.slab / many,
            memory.vmalloc / many,
            memory.per_cpu / many
        )
    };
    let latency = |latency: &Latency| {
        let Latency { count, median, percentile_99, longest } = latency;
        format!("median {median:.2} ms, 99th percentile {percentile_99:.2} ms, longest {longest:.2} ms of {count}")
    };
    let told = |told: &Option<Latency>| told.as_ref().map_or_else(|| "not told".to_owned(), latency);
    let one_more = &updates.one_more;
    table.add_rows([
        ["kernel memory, rules".to_owned(), memory(&updates.rules)],
        ["kernel memory, agent without rules".to_owned(), format!("{} KiB", updates.fixed.total() / 1024)],
        ["memory of the agent".to_owned(), format!("{} MiB", updates.agent >> 20)],
        ["first apply".to_owned(), format!("{:.2} s", updates.load.as_secs_f64())],
        ["apply of others".to_owned(), format!("{} s", spread(&updates.swap, 2))],
        ["cold start until enforced".to_owned(), format!("{} s", spread(&updates.cold_start, 2))],
        ["one rule more, command".to_owned(), latency(&one_more.command)],
        ["one rule more, request".to_owned(), latency(&one_more.request)],
        ["one rule more, enforced by then in the agent".to_owned(), told(&one_more.enforced)],
        ["one rule more, stored by then in the agent".to_owned(), told(&one_more.stored)],
        [
            "longest wait of an urgent thread, swaps".to_owned(),
            format!("{} ms, {} ms stolen in all", spread(&updates.stall, 2), updates.stolen.1),
        ],
        [
            "longest wait of an urgent thread, no swap".to_owned(),
            format!("{} ms, {} ms stolen in all", spread(&updates.stall_without, 2), updates.stolen.0),
        ],
    ]);
    table
}

/// CPU time of the receiver, as a reader wants it: one line for each filter and number of prefixes.
pub(crate) fn receiver_by_aim(rows: &[receiver_cpu::Row]) -> Table {
    let mut table = table(&["filter", "packets", "prefixes", "fixed source", "uniform", "near"]);
    for together in
        rows.chunk_by(|one, next| one.case.shape == next.case.shape && one.case.prefixes == next.case.prefixes)
    {
        for row in together.iter().filter(|row| row.aim == Aim::Fixed) {
            let cell = |aim: Aim| {
                let row = together.iter().find(|other| other.aim == aim && other.case.filter == row.case.filter);
                row.map_or_else(String::new, |row| format!("{:.0}, {}", median(&row.cost), spread(&row.ratio, 2)))
            };
            table.add_row([
                row.case.filter.name().to_owned(),
                row.case.shape.name().to_owned(),
                row.case.prefixes.to_string(),
                cell(Aim::Fixed),
                cell(Aim::Uniform),
                cell(Aim::Near),
            ]);
        }
    }
    table
}

/// What is promised, and what was seen.
pub(crate) fn bounds(bounds: &[Bound]) -> Table {
    let mut table = table(&["promised", "bound", "seen", "holds"]);
    for bound in bounds {
        let limit = match bound.limit {
            Limit::AtMost(limit) => format!("at most {limit}"),
            Limit::AtLeast(limit) => format!("at least {limit}"),
        };
        let seen = bound.seen.map_or_else(|| "not measured".to_owned(), |seen| spread_of(seen, 2));
        let holds = match bound.holds() {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        table.add_row([&bound.what, &limit, &seen, holds]);
    }
    table
}

fn median(figures: &Figures) -> f64 {
    figures.spread().map_or(f64::NAN, |spread| spread.median)
}
