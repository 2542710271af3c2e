//! How the demo looks.

use std::time::Duration;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};

use crate::interrupt;

/// As wide as a table may get, in columns; on a terminal that is narrower, as wide as that.
const WIDTH: u16 = 118;

/// Starts an act, unless the demo shall end.
pub(crate) fn heading(text: &str) -> Result<()> {
    interrupt::check()?;
    println!("\n== {text} ==\n");
    Ok(())
}

/// A table with this header.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none_or(|terminal| terminal > WIDTH) {
        table.set_width(WIDTH);
    }
    table.set_header(header);
    table
}

/// Prints `text` indented; a table, or what a command printed.
pub(crate) fn show(text: &str) {
    for line in text.lines() {
        println!("{}", format!("  {line}").trim_end());
    }
}

/// Prints the tables that stand under one of these titles in what a command printed (under none: the empty title).
pub(crate) fn excerpt(text: &str, titles: &[&str]) {
    for part in text.split("\n\n") {
        let title = part.lines().next().filter(|line| !line.contains(' ')).unwrap_or_default();
        if titles.contains(&title) {
            show(part);
            println!();
        }
    }
}

/// Prints a command of this actor's and what it said.
pub(crate) fn session(who: &str, command: &str, said: &str) {
    println!("  {who}$ {command}");
    show(said.trim_end());
    println!();
}

/// A duration in milliseconds, with as many digits as mean something.
pub(crate) fn ms(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    let digits = match milliseconds {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{milliseconds:.digits$} ms")
}

/// A large number in groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The middle one; zero if there is none.
pub(crate) fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}
