use std::fmt;

/// Which rows were as expected.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    right: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Counts the row called `name`, and says what to print beside it.
    pub(crate) fn row(&mut self, name: &str, as_expected: bool) -> &'static str {
        if as_expected {
            self.right += 1;
            "ok"
        } else {
            self.wrong.push(name.to_owned());
            "NOT ok"
        }
    }

    /// Whether every row was as expected.
    pub(crate) fn is_right(&self) -> bool {
        self.wrong.is_empty()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.right + self.wrong.len();
        if self.is_right() {
            return write!(f, "All {rows} rows are as expected.");
        }
        write!(f, "{} of {rows} rows are NOT as expected: {}.", self.wrong.len(), self.wrong.join("; "))
    }
}
