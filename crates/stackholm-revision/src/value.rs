//! What stands in a column, exactly, as JSON in the database and as a value in the program.
//!
//! JSON has no bytes, no infinity and no text that is no UTF-8: each of them is an object with one
//! member, which no plain value is.

use crate::hex;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// What stood in a column.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// `NULL`.
    Null,
    /// True or false, where the database has a type for that.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number, infinities included.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes that are stored as text and are no UTF-8.
    Malformed(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
    /// The column is redacted: that it changed is known, and not from what to what.
    Redacted,
}

/// Reals are equal if their bits are.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) | (Value::Redacted, Value::Redacted) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::Real(a), Value::Real(b)) => a.to_bits() == b.to_bits(),
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Malformed(a), Value::Malformed(b)) | (Value::Blob(a), Value::Blob(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

/// A value that stands elsewhere.
#[derive(Clone, Copy)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
    Redacted,
}

impl Value {
    pub(crate) fn as_scalar(&self) -> Scalar<'_> {
        match self {
            Value::Null => Scalar::Null,
            Value::Bool(truth) => Scalar::Bool(*truth),
            Value::Integer(number) => Scalar::Integer(*number),
            Value::Real(number) => Scalar::Real(*number),
            Value::Text(text) => Scalar::Text(text.as_bytes()),
            Value::Malformed(bytes) => Scalar::Text(bytes),
            Value::Blob(bytes) => Scalar::Blob(bytes),
            Value::Redacted => Scalar::Redacted,
        }
    }

    /// The reverse of [`Scalar::push`].
    fn read(json: &str) -> Option<Value> {
        Some(match json.as_bytes().first()? {
            b'n' => Value::Null,
            b't' | b'f' => Value::Bool(json.parse().ok()?),
            b'"' => Value::Text(serde_json::from_str(json).ok()?),
            b'{' => {
                let tagged: BTreeMap<&str, &RawValue> = serde_json::from_str(json).ok()?;
                let (tag, value) = tagged.into_iter().next()?;
                let text = || serde_json::from_str::<String>(value.get()).ok();
                match tag {
                    "blob" => Value::Blob(hex::read(&text()?)?),
                    "text" => Value::Malformed(hex::read(&text()?)?),
                    "real" => Value::Real(text()?.parse().ok()?),
                    "redacted" => Value::Redacted,
                    _ => return None,
                }
            }
            _ if json.contains(['.', 'e', 'E']) => Value::Real(json.parse().ok()?),
            _ => Value::Integer(json.parse().ok()?),
        })
    }
}

impl Scalar<'_> {
    /// Whether both are the same to the bit, their types included.
    #[cfg(feature = "sqlite")]
    pub(crate) fn same(self, other: Self) -> bool {
        match (self, other) {
            (Scalar::Null, Scalar::Null) => true,
            (Scalar::Integer(a), Scalar::Integer(b)) => a == b,
            (Scalar::Real(a), Scalar::Real(b)) => a.to_bits() == b.to_bits(),
            (Scalar::Text(a), Scalar::Text(b)) | (Scalar::Blob(a), Scalar::Blob(b)) => a == b,
            _ => false,
        }
    }

    /// Writes it as JSON.
    pub(crate) fn push(self, out: &mut String) {
        match self {
            Scalar::Null => out.push_str("null"),
            Scalar::Bool(truth) => write!(out, "{truth}").expect("text"),
            Scalar::Integer(number) => push_integer(out, number),
            // `Debug` has the fewest digits that read back as the same, and always a point or an
            // exponent.
            Scalar::Real(number) if number.is_finite() => write!(out, "{number:?}").expect("text"),
            Scalar::Real(number) => write!(out, "{{\"real\":\"{number}\"}}").expect("text"),
            Scalar::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => push_text(out, text),
                Err(_) => push_hex(out, "text", bytes),
            },
            Scalar::Blob(bytes) => push_hex(out, "blob", bytes),
            Scalar::Redacted => out.push_str("{\"redacted\":true}"),
        }
    }
}

fn push_hex(out: &mut String, tag: &str, bytes: &[u8]) {
    out.push_str("{\"");
    out.push_str(tag);
    out.push_str("\":\"");
    hex::push(out, bytes);
    out.push_str("\"}");
}

fn push_integer(out: &mut String, number: i64) {
    if (0..10).contains(&number) {
        out.push(char::from(b'0' + number as u8));
    } else {
        write!(out, "{number}").expect("a string takes it");
    }
}

pub(crate) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            byte @ (b'"' | b'\\') => {
                out.push('\\');
                out.push(char::from(byte));
            }
            byte => write!(out, "\\u{byte:04x}").expect("a string takes it"),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(truth) => truth.fmt(f),
            Value::Integer(number) => number.fmt(f),
            Value::Real(number) => write!(f, "{number:?}"),
            Value::Text(text) => text.fmt(f),
            Value::Malformed(bytes) => write!(f, "({} bytes of text)", bytes.len()),
            Value::Blob(bytes) => write!(f, "({} bytes)", bytes.len()),
            Value::Redacted => f.write_str("(redacted)"),
        }
    }
}

macro_rules! from {
    ($($type:ty => $make:expr),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Value {
                let make: fn($type) -> Value = $make;
                make(value)
            }
        }
    )*};
}

from! {
    i64 => Value::Integer,
    i32 => |value| Value::Integer(value.into()),
    u32 => |value| Value::Integer(value.into()),
    bool => |value| Value::Integer(value.into()),
    f64 => Value::Real,
    String => Value::Text,
    &str => |value| Value::Text(value.into()),
    Vec<u8> => Value::Blob,
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// The key of a row: the values of its key columns, in the order of the key.
///
/// Made from one value or from a tuple or array of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Vec<Value>);

impl Key {
    /// The values, in the order of the key.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    #[cfg(any(feature = "sqlite", test))]
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Key(values)
    }

    /// The key as it is stored: a JSON array.
    pub(crate) fn stored(&self) -> String {
        let mut out = String::from("[");
        for (n, value) in self.0.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            value.as_scalar().push(&mut out);
        }
        out.push(']');
        out
    }

    pub(crate) fn read(json: &str) -> Option<Key> {
        let parts: Vec<&RawValue> = serde_json::from_str(json).ok()?;
        parts.into_iter().map(|part| Value::read(part.get())).collect::<Option<_>>().map(Key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, value) in self.0.iter().enumerate() {
            write!(f, "{}{value}", if n > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl<T: Into<Value>> From<T> for Key {
    fn from(value: T) -> Key {
        Key(vec![value.into()])
    }
}

impl<A: Into<Value>, B: Into<Value>> From<(A, B)> for Key {
    fn from((a, b): (A, B)) -> Key {
        Key(vec![a.into(), b.into()])
    }
}

impl<A: Into<Value>, B: Into<Value>, C: Into<Value>> From<(A, B, C)> for Key {
    fn from((a, b, c): (A, B, C)) -> Key {
        Key(vec![a.into(), b.into(), c.into()])
    }
}

impl<const N: usize> From<[Value; N]> for Key {
    fn from(values: [Value; N]) -> Key {
        Key(values.into())
    }
}

/// Some columns of a row, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row(pub(crate) BTreeMap<String, Value>);

impl Row {
    /// The value of a column; `None` if nothing is known of it.
    pub fn get(&self, column: &str) -> Option<&Value> {
        self.0.get(column)
    }

    /// The columns and their values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(column, value)| (column.as_str(), value))
    }

    /// Reads what a trigger wrote.
    pub(crate) fn read(json: &str) -> Option<Row> {
        let columns: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
        let read = |(column, value): (String, &RawValue)| Some((column, Value::read(value.get())?));
        columns.into_iter().map(read).collect::<Option<_>>().map(Row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            Just(Value::Redacted),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            prop_oneof![Just(i64::MIN), Just(i64::MAX), -10..10i64].prop_map(Value::Integer),
            any::<u64>()
                .prop_map(f64::from_bits)
                .prop_filter_map("no NaN is ever stored", |real| {
                    (!real.is_nan()).then_some(Value::Real(real))
                }),
            prop_oneof![Just(f64::INFINITY), Just(-0.0), Just(1.0), Just(5e-324)]
                .prop_map(Value::Real),
            any::<String>().prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::Blob),
            Just(Value::Malformed(vec![0xff, 0, b'"'])),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_to_the_bit(value in any_value()) {
            let mut json = String::new();
            value.as_scalar().push(&mut json);
            prop_assert_eq!(Value::read(&json), Some(value.clone()));
            let key = Key::new(vec![value.clone(), Value::Null, value]);
            prop_assert_eq!(Key::read(&key.stored()), Some(key));
        }
    }
}
