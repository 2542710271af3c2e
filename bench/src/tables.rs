//! What is printed.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use crate::figure::{Figures, Spread};
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
    let text = |Spread { low, median, high }| format!("{median:.digits$} ({low:.digits$}-{high:.digits$})");
    figures.spread().map_or_else(|| "-".to_owned(), text)
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
