//! What was dropped or left out, and why: names that are listed, and reasons; never the input
//! itself.

use std::fmt;

/// Lines or members that were dropped, or a value that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    name: &'static str,
    reason: Reason,
    count: usize,
}

/// Why something did not cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The peer is not trusted, and the listing does not say that it may come from anyone.
    NotTrusted,
    /// No variable of that name is listed for this direction.
    NotListed,
    /// It does not follow the grammar of its place.
    Malformed,
    /// The codec does not take it, or says that the value must not be sent.
    Unfit,
    /// It has a version for which the listing has no codec.
    UnknownVersion,
    /// It was sent in several lines, where only one is allowed.
    Repeated,
    /// It is longer than its place allows.
    TooLong,
    /// There was no room within the limit of bytes or members. Of input everything after the limit
    /// is counted once, since it is not looked at.
    OverLimit,
}

impl Rejected {
    /// The name of the header, or of the baggage member if it is listed.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// How often.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}, {} times", self.name, self.reason, self.count)
    }
}

/// The list, one entry for each name and reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(pub(super) Vec<Rejected>);

impl Tally {
    pub(super) fn note(&mut self, name: &'static str, reason: Reason) {
        let known = |entry: &&mut Rejected| entry.name == name && entry.reason == reason;
        match self.0.iter_mut().find(known) {
            Some(entry) => entry.count += 1,
            None => self.0.push(Rejected { name, reason, count: 1 }),
        }
    }
}
