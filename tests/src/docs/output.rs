//! What a page shows beside what was printed.

use anyhow::{Result, anyhow};
use regex::Regex;
use snapbox::{Assert, IntoData as _};

/// What is another each time, whatever it is.
const VARIES: [(&str, &str); 2] = [
    ("[UUID]", "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ("[TIME]", "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z"),
];

/// Compares line by line, but for spaces at the end of lines and what is another each time. In what is shown, a line of three
/// dots stands for any lines, and `[..]` for anything within a line.
pub(super) fn compare(shown: &str, printed: &str) -> Result<()> {
    let (shown, printed) = (plain(shown)?, plain(printed)?);
    Assert::new()
        .normalize_paths(false)
        .try_eq(None, printed.into_data(), shown.into_data())
        .map_err(|difference| anyhow!("what it printed is not what the page shows:\n{difference}"))
}

/// Whether what was printed so far holds the shown lines, in their order.
pub(super) fn holds(shown: &str, printed: &str) -> Result<bool> {
    let (shown, printed) = (plain(shown)?, plain(printed)?);
    let mut printed = printed.lines();
    Ok(shown.lines().filter(|line| *line != "...").all(|line| printed.any(|other| other == line)))
}

/// Without spaces at the end of lines, and with names for what varies.
fn plain(text: &str) -> Result<String> {
    let mut plain: String = text.trim_end().lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    for (name, pattern) in VARIES {
        plain = Regex::new(pattern)?.replace_all(&plain, name).into_owned();
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_varies_may_differ() {
        let shown = "first\nat 2026-01-02T03:04:05Z by 0f8fad5b-d9cb-469f-a165-70867728950e\n...\nlast [..] line\n";
        let printed =
            "first   \nat 2030-11-12T13:14:15.678Z by 7c9e6679-7425-40de-944b-e07fc1f90ae7\n1\n2\nlast long line";
        compare(shown, printed).unwrap();
        assert!(compare(shown, &printed.replace("first", "second")).is_err());
        assert!(compare("first\n", printed).is_err());
    }

    #[test]
    fn a_log_holds_its_lines_in_order() {
        assert!(holds("b\n...\nd\n", "a\nb\nc\nd\n").unwrap());
        assert!(!holds("d\nb\n", "a\nb\nc\nd\n").unwrap());
    }
}
