//! JSON in colours.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

const KEY: Style = AnsiColor::Blue.on_default().bold();
const STRING: Style = AnsiColor::Green.on_default();
const NUMBER: Style = AnsiColor::Cyan.on_default();
const WORD: Style = AnsiColor::Yellow.on_default();

/// Writes indented JSON with keys, strings, numbers and words each in their colour.
pub(super) fn write(out: &mut dyn Write, value: &impl Serialize) -> serde_json::Result<()> {
    write_with(PrettyFormatter::new(), out, value)
}

/// As [`write`], in one line.
pub(super) fn write_compact(out: &mut dyn Write, value: &impl Serialize) -> serde_json::Result<()> {
    write_with(CompactFormatter, out, value)
}

fn write_with(plain: impl Formatter, out: &mut dyn Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Coloured { plain, in_key: false }))
}

struct Coloured<F> {
    plain: F,
    in_key: bool,
}

impl<F> Coloured<F> {
    fn string(&self) -> Style {
        if self.in_key { KEY } else { STRING }
    }
}

fn styled<W: ?Sized + Write>(out: &mut W, style: Style, text: impl std::fmt::Display) -> io::Result<()> {
    write!(out, "{style}{text}{style:#}")
}

impl<F: Formatter> Formatter for Coloured<F> {
    fn write_null<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        styled(out, WORD, "null")
    }
    fn write_bool<W: ?Sized + Write>(&mut self, out: &mut W, value: bool) -> io::Result<()> {
        styled(out, WORD, value)
    }
    fn write_i64<W: ?Sized + Write>(&mut self, out: &mut W, value: i64) -> io::Result<()> {
        styled(out, NUMBER, value)
    }
    fn write_u64<W: ?Sized + Write>(&mut self, out: &mut W, value: u64) -> io::Result<()> {
        styled(out, NUMBER, value)
    }
    fn begin_string<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        write!(out, "{}\"", self.string().render())
    }
    fn end_string<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        write!(out, "\"{}", self.string().render_reset())
    }
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.plain.begin_array(out)
    }
    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.plain.end_array(out)
    }
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.plain.begin_array_value(out, first)
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.plain.end_array_value(out)
    }
    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.plain.begin_object(out)
    }
    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.plain.end_object(out)
    }
    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.in_key = true;
        self.plain.begin_object_key(out, first)
    }
    fn end_object_key<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.in_key = false;
        self.plain.end_object_key(out)
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.plain.begin_object_value(out)
    }
    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.plain.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn without_its_colours_it_is_the_plain_json() {
        let value = json!({"a": [1, -2, true, null, {}], "b\"": "x\ny", "c": []});
        let mut out = Vec::new();
        write(&mut out, &value).unwrap();
        let coloured = String::from_utf8(out).unwrap();
        assert!(coloured.contains("\u{1b}[36m1\u{1b}[0m") && coloured.contains("\u{1b}[32m\"x"), "{coloured}");
        assert_eq!(without_colours(&coloured), serde_json::to_string_pretty(&value).unwrap());
        let mut out = Vec::new();
        write_compact(&mut out, &value).unwrap();
        assert_eq!(without_colours(&String::from_utf8(out).unwrap()), value.to_string());
    }

    fn without_colours(coloured: &str) -> String {
        let mut plain = String::new();
        let mut rest = coloured;
        while let Some(start) = rest.find('\u{1b}') {
            plain.push_str(&rest[..start]);
            rest = &rest[start + rest[start..].find('m').unwrap() + 1..];
        }
        plain + rest
    }
}
