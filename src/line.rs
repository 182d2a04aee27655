//! How a field is written: as a member of an object of JSON, or on a line of text.

use crate::field::FieldValue;
use core::fmt::{self, Write};

/// Writes `"key":value`.
pub(crate) fn json_member(
    out: &mut (impl Write + ?Sized),
    key: &str,
    value: FieldValue<'_>,
) -> fmt::Result {
    json_text(out, key)?;
    out.write_char(':')?;
    match value {
        FieldValue::Str(text) => json_text(out, text),
        other => write!(out, "{other}"),
    }
}

/// Writes a string of JSON.
pub(crate) fn json_text(out: &mut (impl Write + ?Sized), text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        // JSON allows those beyond ASCII, but elsewhere they end a line or reverse it.
        let is_plain = c != '"' && c != '\\' && !breaks_line(c);
        if is_plain {
            continue;
        }
        out.write_str(&text[plain..at])?;
        plain = at + c.len_utf8();
        match c {
            '"' | '\\' => write!(out, "\\{c}")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            // Four digits are enough: all of these characters lie in the basic plane.
            c => write!(out, "\\u{:04x}", u32::from(c))?,
        }
    }
    out.write_str(&text[plain..])?;
    out.write_char('"')
}

/// Whether a character would end a line, or change how the rest of it is shown: control characters,
/// the separators of lines and paragraphs, and those that turn the direction of writing.
fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text without any character that would end its line, each escaped as Rust escapes it.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl OneLine<'_> {
    /// Whether nothing in the text has to be escaped.
    pub(crate) fn is_plain(&self) -> bool {
        !self.0.chars().any(breaks_line)
    }
}

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            c if breaks_line(c) => c.escape_default().try_for_each(|c| f.write_char(c)),
            c => f.write_char(c),
        })
    }
}

/// One field as text: `key=value`, on one line, quoted where it would be taken for more than one
/// value.
pub(crate) struct Pair<'a>(pub(crate) &'a str, pub(crate) FieldValue<'a>);

impl fmt::Display for Pair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pair(key, value) = self;
        let is_word = |text: &str| {
            !text.is_empty()
                && !text.contains(|c: char| {
                    c.is_whitespace() || breaks_line(c) || matches!(c, '"' | '=' | '\\' | ',')
                })
        };
        write!(f, "{key}=")?;
        match value {
            FieldValue::Str(text) if !is_word(text) => json_text(f, text),
            other => other.fmt(f),
        }
    }
}
