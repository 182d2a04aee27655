//! One variable and its place: how it is encoded, in which direction it crosses, and who may set
//! it.

use super::codec::Codec;
use super::encoding::{
    base64_decode, base64_encode, is_plain, is_plain_in_baggage, percent_decode, percent_encode,
};
use super::rejected::Reason;
use crate::context::Context;
use crate::engine::Snapshot;
use crate::error::Place;
use crate::var::Var;
use std::fmt;
use std::panic::Location;

/// Where a variable stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    Header,
    Baggage,
}

/// Which way a variable crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Both,
    In,
    Out,
}

/// A variable that crosses: made by [`header`], [`baggage`] and
/// [`trace`](super::trace), and listed in a
/// [`Wire`](super::Wire).
#[must_use = "a listing does nothing before a wire lists it"]
pub struct Listing<T: 'static, C> {
    pub(super) of: Of,
    pub(super) var: &'static Var<T>,
    pub(super) codec: C,
    version: Option<u16>,
    older: Vec<(u16, Box<dyn Codec<T>>)>,
}

/// The part of a listing that does not depend on its types.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of {
    pub(super) name: &'static str,
    pub(super) spot: Spot,
    pub(super) most: usize,
    way: Way,
    is_from_anyone: bool,
    pub(super) place: Place,
}

impl Of {
    pub(super) fn comes_in(&self) -> bool {
        self.way != Way::Out
    }

    pub(super) fn goes_out(&self) -> bool {
        self.way != Way::In
    }

    pub(super) fn may_come_from(&self, peer: Peer) -> bool {
        self.is_from_anyone || peer == Peer::Trusted
    }
}

/// Who is at the other end. Decide that by the connection, such as a client certificate or a socket
/// that only your own machines reach; never by a header, which anyone can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Anyone.
    Unknown,
    /// One of ours.
    Trusted,
}

/// A variable in a header of its own. If the name ends with `-bin`, the value is written as base64,
/// otherwise percent-encoded where necessary. At most 512 bytes, see [`Listing::at_most`].
#[track_caller]
pub fn header<T: Send + Sync, C: Codec<T>>(
    name: &'static str,
    var: &'static Var<T>,
    codec: C,
) -> Listing<T, C> {
    Listing::new(name, Spot::Header, var, codec, Location::caller())
}

/// A variable in a member of W3C `baggage`, percent-encoded where necessary. At most 512 bytes, see
/// [`Listing::at_most`].
#[track_caller]
pub fn baggage<T: Send + Sync, C: Codec<T>>(
    key: &'static str,
    var: &'static Var<T>,
    codec: C,
) -> Listing<T, C> {
    Listing::new(key, Spot::Baggage, var, codec, Location::caller())
}

impl<T: Send + Sync, C> Listing<T, C> {
    pub(super) fn new(
        name: &'static str,
        spot: Spot,
        var: &'static Var<T>,
        codec: C,
        place: Place,
    ) -> Self {
        let of = Of { name, spot, most: 512, way: Way::Both, is_from_anyone: false, place };
        Listing { of, var, codec, version: None, older: Vec::new() }
    }

    /// Taken from any peer. Without this it is taken from trusted peers only.
    pub fn from_anyone(mut self) -> Self {
        self.of.is_from_anyone = true;
        self
    }

    /// Taken, and never sent.
    pub fn only_in(mut self) -> Self {
        self.of.way = Way::In;
        self
    }

    /// Sent, and never taken.
    pub fn only_out(mut self) -> Self {
        self.of.way = Way::Out;
        self
    }

    /// The name of the variable.
    pub(super) fn variable_name(&self) -> &str {
        self.var.name()
    }
}

impl<T: Send + Sync, C: Codec<T>> Listing<T, C> {
    /// Sets how many bytes are read and written at most, counted as they are on the wire. The
    /// default is 512.
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.of.most = bytes;
        self
    }

    /// Values are written with their version, as `v2:…`. Version 1 has no prefix, unless the value
    /// itself begins like one. What is read is taken apart in the same way. Without this no prefix
    /// is written or looked for.
    pub fn version(mut self, version: u16) -> Self {
        self.version = Some(version);
        self
    }

    /// Sets the codec that reads values of another version.
    pub fn older(mut self, version: u16, codec: impl Codec<T>) -> Self {
        self.older.push((version, Box::new(codec)));
        self
    }

    fn decode_value(&self, bytes: &[u8]) -> Result<T, Reason> {
        let Some(ours) = self.version else {
            return self.codec.decode(bytes).map_err(|_| Reason::Unfit);
        };
        let (version, bytes) = prefix(bytes).unwrap_or((1, bytes));
        let value = if version == ours {
            self.codec.decode(bytes)
        } else {
            let known = self.older.iter().find(|(known, _)| *known == version);
            known.ok_or(Reason::UnknownVersion)?.1.decode(bytes)
        };
        value.map_err(|_| Reason::Unfit)
    }

    fn encode_value(&self, value: &T) -> Result<Vec<u8>, Reason> {
        let bytes = self.codec.encode(value).map_err(|_| Reason::Unfit)?;
        match self.version {
            Some(version) if version != 1 || prefix(&bytes).is_some() => {
                Ok([format!("v{version}:").as_bytes(), &bytes].concat())
            }
            _ => Ok(bytes),
        }
    }
}

/// The version that the bytes begin with, and what follows.
fn prefix(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let at = bytes.iter().take(7).position(|byte| *byte == b':')?;
    let digits = bytes[..at].strip_prefix(b"v").filter(|digits| !digits.is_empty())?;
    let is_number = digits.iter().all(u8::is_ascii_digit) && digits[0] != b'0';
    let version = std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()?;
    Some((version, &bytes[at + 1..]))
}

/// A listing, whatever its variable holds.
pub(super) trait Crosses: Send + Sync {
    fn of(&self) -> &Of;
    /// The name of the variable, and whether its bindings reach everywhere.
    fn variable(&self) -> (&str, bool);
    /// The context and what these bytes of the wire bind.
    fn take(&self, line: &[u8], onto: Context) -> Result<Context, (Reason, Context)>;
    /// What stands on the wire for what the context shows.
    fn text(&self, context: &Context) -> Option<Result<String, Reason>>;
}

impl<T: Send + Sync, C: Codec<T>> Crosses for Listing<T, C> {
    fn of(&self) -> &Of {
        &self.of
    }

    fn variable(&self) -> (&str, bool) {
        (self.var.name(), self.var.key().reaches_everywhere())
    }

    fn take(&self, line: &[u8], onto: Context) -> Result<Context, (Reason, Context)> {
        match self.value(line) {
            Ok(value) => {
                let link = onto.into_snapshot();
                let link = Snapshot::with(link, self.var.key(), value, self.of.place);
                Ok(Context::captured(Some(link)))
            }
            Err(reason) => Err((reason, onto)),
        }
    }

    fn text(&self, context: &Context) -> Option<Result<String, Reason>> {
        let bytes = match self.encode_value(context.get(self.var)?) {
            Ok(bytes) => bytes,
            Err(reason) => return Some(Err(reason)),
        };
        let text = match self.of.spot {
            Spot::Header if self.of.name.ends_with("-bin") => base64_encode(&bytes),
            Spot::Header => percent_encode(bytes, is_plain),
            Spot::Baggage => percent_encode(bytes, is_plain_in_baggage),
        };
        Some(if text.len() > self.of.most { Err(Reason::TooLong) } else { Ok(text) })
    }
}

impl<T: Send + Sync, C: Codec<T>> Listing<T, C> {
    /// Compares the length with the limit before anything is decoded.
    fn value(&self, line: &[u8]) -> Result<T, Reason> {
        if line.len() > self.of.most {
            return Err(Reason::TooLong);
        }
        match self.of.spot {
            Spot::Header if self.of.name.ends_with("-bin") => {
                self.decode_value(&base64_decode(line).ok_or(Reason::Malformed)?)
            }
            Spot::Header | Spot::Baggage => {
                let is_text = line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
                let bytes = percent_decode(line).filter(|_| is_text);
                self.decode_value(&bytes.ok_or(Reason::Malformed)?)
            }
        }
    }
}

impl<T, C> fmt::Debug for Listing<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("name", &self.of.name).finish_non_exhaustive()
    }
}
