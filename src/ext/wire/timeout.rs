//! The deadline as a header: how much time is left.

use super::rejected::{Reason, Tally};
use super::{Carried, Carrier};
use crate::context::Context;
use crate::deadline::{DEADLINE, Deadline, Expired};
use crate::engine::Snapshot;
use crate::error::Place;
use std::ops::ControlFlow;
use std::panic::Location;
use std::time::{Duration, Instant};

/// How the deadline crosses. The header says how much time is left, so clocks need not agree.
///
/// **Received**, the work gets the smaller of that time and the ceiling. A header that is malformed
/// or sent twice is dropped and counted, and the ceiling applies. The header is taken from anyone,
/// because it can only shorten the time.
///
/// **Sent** is the time that is left until [`DEADLINE`], less the slack. If none is left, nothing
/// is sent and the error says who set the limit. A header that is there already stays if it is
/// smaller.
#[must_use = "it does nothing before a wire has it"]
#[derive(Clone, Copy, Debug)]
pub struct Timeout {
    name: &'static str,
    format: Format,
    ceiling: Option<Duration>,
    slack: Duration,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Grpc,
    Millis,
}

impl Timeout {
    /// In `grpc-timeout`.
    #[track_caller]
    pub fn grpc() -> Timeout {
        Self::new("grpc-timeout", Format::Grpc)
    }

    /// In milliseconds, in a header of your choice in lower case, such as `connect-timeout-ms`.
    #[track_caller]
    pub fn millis(name: &'static str) -> Timeout {
        Self::new(name, Format::Millis)
    }

    #[track_caller]
    fn new(name: &'static str, format: Format) -> Timeout {
        let slack = Duration::ZERO;
        Timeout { name, format, ceiling: None, slack, place: Location::caller() }
    }

    /// The most time that a request may take here, whatever the peer says.
    pub fn ceiling(self, most: Duration) -> Timeout {
        Timeout { ceiling: Some(most), ..self }
    }

    /// Sends this much less than the time that is left, as a reserve for the way back.
    pub fn slack(self, slack: Duration) -> Timeout {
        Timeout { slack, ..self }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// `None` if there is no such header, or it is malformed.
    fn read(&self, from: &(impl Carried + ?Sized), tally: &mut Tally) -> Option<Duration> {
        let mut found = None;
        from.lines(self.name, &mut |line| {
            found = match found {
                None => Some(self.parse(line).ok_or(Reason::Malformed)),
                Some(_) => Some(Err(Reason::Repeated)),
            };
            if matches!(found, Some(Err(Reason::Repeated))) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let found = found?.map_err(|reason| tally.note(self.name, reason));
        found.ok()
    }

    fn parse(&self, line: &[u8]) -> Option<Duration> {
        let (digits, unit) = match self.format {
            Format::Grpc => (line.split_last()?.1, *line.last()?),
            Format::Millis => (line, b'm'),
        };
        let most = if matches!(self.format, Format::Grpc) { 8 } else { 10 };
        let is_number = (1..=most).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        let number: u64 = std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()?;
        UNITS.iter().find(|(name, _)| *name == unit).map(|(_, nanos)| times(number, *nanos))
    }

    fn write(&self, left: Duration) -> Option<String> {
        match self.format {
            Format::Millis => {
                let millis = left.as_millis().min(9_999_999_999);
                (millis > 0).then(|| millis.to_string())
            }
            Format::Grpc => {
                let fits = |(name, nanos): &(u8, u64)| {
                    let number = left.as_nanos() / u128::from(*nanos);
                    (number < 100_000_000).then(|| format!("{number}{}", char::from(*name)))
                };
                let longest = || String::from("99999999H");
                (!left.is_zero()).then(|| UNITS.iter().find_map(fits).unwrap_or_else(longest))
            }
        }
    }

    /// The context under the smaller of what the peer says, the ceiling, and its own deadline.
    pub(super) fn take(
        &self,
        from: &(impl Carried + ?Sized),
        onto: Context,
        tally: &mut Tally,
    ) -> Context {
        let (theirs, ours) = (self.read(from, tally), self.ceiling);
        let (limit, name) = match (theirs, ours) {
            (Some(theirs), ours) if ours.is_none_or(|ours| theirs < ours) => {
                (theirs, "the caller's")
            }
            (_, Some(ours)) => (ours, "the ceiling"),
            (_, None) => return onto,
        };
        let Some(at) = Instant::now().checked_add(limit) else { return onto };
        if onto.get(&DEADLINE).is_some_and(|outer| outer.at() <= at) {
            return onto;
        }
        let deadline = Deadline::new(at, self.place, Some(name));
        let link = Snapshot::with(onto.into_snapshot(), DEADLINE.key(), deadline, self.place);
        Context::captured(Some(link))
    }

    /// Writes what is left.
    pub(super) fn put(
        &self,
        context: &Context,
        to: &mut (impl Carrier + ?Sized),
    ) -> Result<(), Expired> {
        let Some(deadline) = context.get(&DEADLINE) else { return Ok(()) };
        let left = deadline.remaining().saturating_sub(self.slack);
        let text = self.write(left).ok_or_else(|| deadline.expired())?;
        let there = self.read(to, &mut Tally::default());
        if there.is_none_or(|there| left < there) {
            to.put(self.name, &text);
        }
        Ok(())
    }
}

/// The finest one first, in nanoseconds.
const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

fn times(number: u64, nanos: u64) -> Duration {
    let total = u128::from(number) * u128::from(nanos);
    let seconds = u64::try_from(total / 1_000_000_000).unwrap_or(u64::MAX);
    Duration::new(seconds, (total % 1_000_000_000) as u32)
}
