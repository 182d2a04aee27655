//! What crosses as bytes: for messages, jobs and files.

use super::build::Wire;
use super::listing::Peer;
use super::receive::Received;
use crate::context::Context;
use std::fmt;

/// The bytes of a context begin with these four, and then the number of the format.
const MAGIC: [u8; 4] = *b"stkh";
const FORMAT: u8 = 1;

impl Wire {
    /// The variables that are listed and bound in `context`, as bytes. The deadline is left out,
    /// since bytes may be stored for any time.
    ///
    /// The format is: four bytes `stkh`, one byte with the number of the format, then the lines. A
    /// line is the length of its name in two bytes, the length of its text in four, both
    /// big-endian, then the name and the text.
    ///
    /// # Errors
    /// If they would be more than [`Building::envelope_limit`](super::Building::envelope_limit).
    pub fn to_bytes(&self, context: &Context) -> Result<Vec<u8>, TooLarge> {
        let too_large = || TooLarge { most: self.0.envelope };
        let mut lines: Vec<(String, String)> = Vec::new();
        self.write(context, &mut lines);
        let mut bytes = [MAGIC.as_slice(), &[FORMAT]].concat();
        for (name, line) in lines {
            let name_length = u16::try_from(name.len()).map_err(|_| too_large())?;
            let length = u32::try_from(line.len()).map_err(|_| too_large())?;
            bytes.extend(name_length.to_be_bytes());
            bytes.extend(length.to_be_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(line.as_bytes());
        }
        if bytes.len() > self.0.envelope { Err(too_large()) } else { Ok(bytes) }
    }

    /// Takes the listed variables out of bytes that [`to_bytes`](Self::to_bytes) has made, within
    /// the limits of [`extract`](Self::extract). Each length is compared with the bytes that are
    /// there before anything is allocated.
    ///
    /// # Errors
    /// If they are not such bytes, are cut off, are of another format, or are too many.
    pub fn from_bytes(&self, bytes: &[u8], peer: Peer) -> Result<Received, Malformed> {
        let lines = read(bytes, self.0.envelope)?;
        Ok(self.taking(Context::empty(), &lines, peer).finish())
    }
}

/// A name and what stands there.
type Line<'b> = (&'b [u8], &'b [u8]);

fn read(bytes: &[u8], most: usize) -> Result<Vec<Line<'_>>, Malformed> {
    if bytes.len() > most {
        return Err(Malformed::TooLarge { most });
    }
    let rest = bytes.strip_prefix(&MAGIC).ok_or(Malformed::NotOurs)?;
    let (format, mut rest) = rest.split_first().ok_or(Malformed::Truncated)?;
    if *format != FORMAT {
        return Err(Malformed::Format(*format));
    }
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        let (line, after) = after.split_first_chunk().ok_or(Malformed::Truncated)?;
        let name = usize::from(u16::from_be_bytes(*name));
        let line = usize::try_from(u32::from_be_bytes(*line)).unwrap_or(usize::MAX);
        let (name, after) = after.split_at_checked(name).ok_or(Malformed::Truncated)?;
        let (line, after) = after.split_at_checked(line).ok_or(Malformed::Truncated)?;
        lines.push((name, line));
        rest = after;
    }
    Ok(lines)
}

/// What crosses of a context is more bytes than the wire allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    most: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what crosses is more than {} bytes", self.most)
    }
}

impl std::error::Error for TooLarge {}

/// Bytes are not those of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// They do not begin as ours do.
    NotOurs,
    /// They are of another format, which this version does not know.
    Format(u8),
    /// They end in the middle.
    Truncated,
    /// They are more than the wire allows.
    TooLarge {
        /// The limit, in bytes.
        most: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::NotOurs => f.write_str("these are not the bytes of a context"),
            Malformed::Format(format) => write!(f, "the format {format} is not known"),
            Malformed::Truncated => f.write_str("the bytes of a context end in the middle"),
            Malformed::TooLarge { most } => write!(f, "more than {most} bytes"),
        }
    }
}

impl std::error::Error for Malformed {}
