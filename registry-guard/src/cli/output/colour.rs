//! JSON in colours.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

const KEY: Style = AnsiColor::Blue.on_default().bold();
const STRING: Style = AnsiColor::Green.on_default();
const NUMBER: Style = AnsiColor::Cyan.on_default();
const WORD: Style = AnsiColor::Yellow.on_default();

/// Writes indented JSON with keys, strings, numbers and words each in their colour.
pub(super) fn write(out: &mut dyn Write, value: &impl Serialize) -> serde_json::Result<()> {
    let formatter = Coloured { pretty: PrettyFormatter::new(), in_key: false };
    value.serialize(&mut Serializer::with_formatter(out, formatter))
}

struct Coloured {
    pretty: PrettyFormatter<'static>,
    in_key: bool,
}

impl Coloured {
    fn string(&self) -> Style {
        if self.in_key { KEY } else { STRING }
    }
}

fn styled<W: ?Sized + Write>(out: &mut W, style: Style, text: impl std::fmt::Display) -> io::Result<()> {
    write!(out, "{style}{text}{style:#}")
}

impl Formatter for Coloured {
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
        self.pretty.begin_array(out)
    }
    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.end_array(out)
    }
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_array_value(out, first)
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(out)
    }
    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.begin_object(out)
    }
    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.end_object(out)
    }
    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.in_key = true;
        self.pretty.begin_object_key(out, first)
    }
    fn end_object_key<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.in_key = false;
        self.pretty.end_object_key(out)
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(out)
    }
    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(out)
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
        let mut plain = String::new();
        let mut rest = coloured.as_str();
        while let Some(start) = rest.find('\u{1b}') {
            plain.push_str(&rest[..start]);
            rest = &rest[start + rest[start..].find('m').unwrap() + 1..];
        }
        assert_eq!(plain + rest, serde_json::to_string_pretty(&value).unwrap());
    }
}
