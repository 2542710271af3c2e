use std::path::Path;

/// Why config.toml cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read, or is not UTF-8.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: Box<Path>,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or not of the shape that this version knows.
    #[error("{}:{line}: {problem}, in `{text}`", path.display())]
    Syntax {
        /// The file.
        path: Box<Path>,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: Box<str>,
        /// The line's text.
        text: Box<str>,
    },
    /// A value is not accepted where it stands.
    #[error("{}:{line}: {field}: `{value}` {problem}; accepted: {accepted}", path.display())]
    Invalid {
        /// The file.
        path: Box<Path>,
        /// The line, from 1.
        line: usize,
        /// The dotted name of the field.
        field: Box<str>,
        /// The value as written.
        value: Box<str>,
        /// What is wrong with it, to be read after the value.
        problem: Box<str>,
        /// What would be accepted.
        accepted: Box<str>,
    },
    /// A value without which the rest means nothing.
    #[error("{}:{line}: {field}: missing; accepted: {accepted}", path.display())]
    Missing {
        /// The file.
        path: Box<Path>,
        /// The line where it belongs, from 1.
        line: usize,
        /// The dotted name of the field.
        field: Box<str>,
        /// What would be accepted.
        accepted: Box<str>,
    },
}
