//! `Wire`: everything that may cross, built once.

use super::Codec;
use super::encoding::is_token;
use super::listing::{Crosses, Listing, Spot};
use super::of_trace::OfTrace;
use super::rejected::Rejected;
use super::timeout::Timeout;
use super::trace::Trace;
use crate::sys::Arc;
use std::fmt;

/// Everything that crosses to other processes and from them. Cloned in O(1).
///
/// The example is that of the [module](super).
#[derive(Clone)]
pub struct Wire(pub(super) Arc<Lists>);

pub(super) struct Lists {
    pub(super) listings: Vec<Box<dyn Crosses>>,
    pub(super) trace: Option<Listing<Trace, OfTrace>>,
    pub(super) timeout: Option<Timeout>,
    pub(super) passes_unknown: bool,
    pub(super) bytes: usize,
    pub(super) members: usize,
    pub(super) trace_state: usize,
    pub(super) envelope: usize,
    pub(super) when_rejected: Option<Report>,
}

/// What is told of each thing that was dropped or left out.
type Report = Box<dyn Fn(&Rejected) + Send + Sync>;

impl Lists {
    pub(super) fn of(&self, spot: Spot) -> impl Iterator<Item = &dyn Crosses> {
        self.listings.iter().map(|listing| &**listing).filter(move |it| it.of().spot == spot)
    }

    pub(super) fn report(&self, rejected: &[Rejected]) {
        if let Some(report) = &self.when_rejected {
            rejected.iter().for_each(report);
        }
    }
}

impl Wire {
    /// A wire that nothing crosses yet.
    pub fn builder() -> Building {
        Building {
            lists: Lists {
                listings: Vec::new(),
                trace: None,
                timeout: None,
                passes_unknown: false,
                bytes: 8_192,
                members: 64,
                trace_state: 512,
                envelope: 65_536,
                when_rejected: None,
            },
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.listings.iter().map(|listing| listing.of().name);
        f.debug_tuple("Wire").field(&names.collect::<Vec<_>>()).finish()
    }
}

/// A [`Wire`] that is being built.
#[must_use = "there is no wire before it is built"]
pub struct Building {
    lists: Lists,
}

impl Building {
    /// One more variable crosses.
    pub fn list<T: Send + Sync, C: Codec<T>>(mut self, listing: Listing<T, C>) -> Self {
        self.lists.listings.push(Box::new(listing));
        self
    }

    /// The trace context crosses.
    pub fn trace(mut self, listing: Listing<Trace, OfTrace>) -> Self {
        self.lists.trace = Some(listing);
        self
    }

    /// The deadline crosses: see [`Timeout`].
    pub fn timeout(mut self, timeout: Timeout) -> Self {
        self.lists.timeout = Some(timeout);
        self
    }

    /// Members of baggage that are not listed are taken from trusted peers, and sent on byte for
    /// byte. For a service in the middle of a chain of calls.
    pub fn passing_unknown_baggage(mut self) -> Self {
        self.lists.passes_unknown = true;
        self
    }

    /// Sets the limit for all `baggage` lines together, in both directions. The default is 8 192
    /// bytes and 64 members.
    pub fn baggage_limits(mut self, bytes: usize, members: usize) -> Self {
        (self.lists.bytes, self.lists.members) = (bytes, members);
        self
    }

    /// Sets the limit for all `tracestate` lines together that come in. The default is 512 bytes.
    /// The limit of 32 members is that of the W3C recommendation and cannot be changed.
    pub fn trace_state_limit(mut self, bytes: usize) -> Self {
        self.lists.trace_state = bytes;
        self
    }

    /// Sets the limit for what [`Wire::to_bytes`] writes and [`Wire::from_bytes`] reads. The
    /// default is 65 536 bytes.
    pub fn envelope_limit(mut self, bytes: usize) -> Self {
        self.lists.envelope = bytes;
        self
    }

    /// Calls `f` with each [`Rejected`], in both directions: for a counter, or a log.
    pub fn when_rejected(mut self, f: impl Fn(&Rejected) + Send + Sync + 'static) -> Self {
        self.lists.when_rejected = Some(Box::new(f));
        self
    }

    /// Builds the wire.
    ///
    /// # Errors
    /// If a variable is of short reach; if a name is not one for its place, such as a header in
    /// upper case; if it is a header of the wire itself, or one that decides how a message is read,
    /// such as `content-length`; or if two listings have the same place.
    pub fn build(self) -> Result<Wire, Refused> {
        let listings = &self.lists.listings;
        for (at, listing) in listings.iter().enumerate() {
            let (of, (variable, is_everywhere)) = (listing.of(), listing.variable());
            let before = listings[..at].iter().map(|earlier| earlier.of());
            let is_header = of.spot == Spot::Header;
            let timeout = self.lists.timeout.as_ref().map(|timeout| timeout.name());
            let why = if !is_everywhere {
                Why::ShortReach
            } else if of.name.is_empty() || !of.name.bytes().all(is_token) {
                Why::NoName
            } else if is_header && of.name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                Why::NotLowerCase
            } else if is_header && (RESERVED.contains(&of.name) || timeout == Some(of.name)) {
                Why::Reserved
            } else if before.clone().any(|it| it.spot == of.spot && it.name == of.name) {
                Why::Twice
            } else {
                continue;
            };
            return Err(Refused { variable: variable.into(), name: of.name, why });
        }
        if let Some(trace) = self.lists.trace.as_ref().filter(|trace| !trace.is_everywhere()) {
            let (variable, name) = (trace.variable_name().into(), trace.of.name);
            return Err(Refused { variable, name, why: Why::ShortReach });
        }
        Ok(Wire(Arc::new(self.lists)))
    }
}

/// Headers that no variable can have: those of the wire itself, and those that decide how a message
/// is read.
const RESERVED: [&str; 8] = [
    "baggage",
    "traceparent",
    "tracestate",
    "grpc-timeout",
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
];

impl fmt::Debug for Building {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Building").finish_non_exhaustive()
    }
}

/// A wire cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    variable: String,
    name: &'static str,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    ShortReach,
    NoName,
    NotLowerCase,
    Reserved,
    Twice,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::ShortReach => "its reach does not carry it out of its task",
            Why::NoName => "that is not a name for its place",
            Why::NotLowerCase => "names of headers are in lower case",
            Why::Reserved => "that name belongs to others",
            Why::Twice => "that place is taken",
        };
        write!(f, "the variable `{}` cannot cross as `{}`: {why}", self.variable, self.name)
    }
}

impl std::error::Error for Refused {}
