use std::ops::{Range, RangeInclusive};
use std::path::Path;

use super::ConfigError;
use super::raw::{Number, Text};
use super::words::Words;

/// The file that is being read, from which errors take their place.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// The number of the line, from 1, that the byte `at` is on.
    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }

    pub(super) fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        let line = self.line(error.span().map_or(0, |span| span.start));
        ConfigError::Syntax {
            path: self.path.into(),
            line,
            problem: error.message().replace('\n', " ").into(),
            text: shown(self.text.lines().nth(line - 1).unwrap_or_default().trim()).into(),
        }
    }

    pub(super) fn invalid(
        &self,
        span: &Range<usize>,
        field: &str,
        value: &(impl ToString + ?Sized),
        problem: impl Into<String>,
        accepted: impl Into<String>,
    ) -> ConfigError {
        ConfigError::Invalid {
            path: self.path.into(),
            line: self.line(span.start),
            field: field.into(),
            value: value.to_string().escape_debug().to_string().into(),
            problem: problem.into().into(),
            accepted: accepted.into().into(),
        }
    }

    /// The value at `at`, a byte of the table that it belongs to, is missing.
    pub(super) fn missing(&self, at: usize, field: &str, accepted: &str) -> ConfigError {
        ConfigError::Missing {
            path: self.path.into(),
            line: self.line(at),
            field: field.into(),
            accepted: accepted.into(),
        }
    }

    pub(super) fn word<W: Words>(&self, field: &str, text: Option<Text>) -> Result<Option<W>, ConfigError> {
        let Some(text) = text else { return Ok(None) };
        if let Some((_, meaning)) = W::WORDS.iter().find(|(word, _)| word == text.get_ref()) {
            return Ok(Some(*meaning));
        }
        let words: Vec<&str> = W::WORDS.iter().map(|(word, _)| *word).collect();
        Err(self.invalid(&text.span(), field, text.get_ref(), "is not known", words.join(", ")))
    }

    pub(super) fn number(
        &self,
        field: &str,
        number: Option<Number>,
        accepted: RangeInclusive<u32>,
    ) -> Result<Option<u32>, ConfigError> {
        let Some(number) = number else { return Ok(None) };
        let within = u32::try_from(*number.get_ref()).ok().filter(|number| accepted.contains(number));
        if within.is_some() {
            return Ok(within);
        }
        let accepted = format!("{} to {}", accepted.start(), accepted.end());
        Err(self.invalid(&number.span(), field, number.get_ref(), "is out of range", accepted))
    }
}

/// A line of the file for an error, unless somebody may have written a secret there.
fn shown(line: &str) -> &str {
    if line.to_ascii_lowercase().contains("secret") { "(a line with a secret is not shown)" } else { line }
}
