//! What one process found: how often it checked, what was wrong, and how many values are alive.

use super::errand::{NAMES, Sight};
use super::oracle::live_count::LiveCount;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many wrong values of each place are kept for the report; all are counted.
const KEPT: u64 = 16;

/// Where values are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Trusted,
    Stranger,
    Http,
    Grpc,
    Answer,
}

impl Place {
    pub(crate) const ALL: [Place; 5] =
        [Place::Trusted, Place::Stranger, Place::Http, Place::Grpc, Place::Answer];

    /// The name of the place in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Place::Trusted => "the front, from those it trusts",
            Place::Stranger => "the front, from anyone",
            Place::Http => "the back, by HTTP",
            Place::Grpc => "the back, by gRPC",
            Place::Answer => "the front, what the back says it saw",
        }
    }
}

/// The ledger of one process.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) live_count: LiveCount,
    checks: [AtomicU64; Place::ALL.len()],
    wrong: [AtomicU64; Place::ALL.len()],
    first: Mutex<Vec<String>>,
}

impl Ledger {
    /// Compares all that is seen, and the limit.
    pub(crate) fn check(&self, place: Place, number: u64, sights: [&Sight; 2], limit: Limit<'_>) {
        self.checks[place as usize].fetch_add(1, Relaxed);
        let [expected, seen] = sights;
        for (name, (expected, seen)) in NAMES.iter().zip(expected.iter().zip(seen)) {
            if expected != seen {
                self.report(place, number, name, &format!("{seen:?}"), &format!("{expected:?}"));
            }
        }
        let Limit { seen, name, most } = limit;
        if !seen.is_some_and(|(theirs, left)| theirs == Some(name) && left <= most) {
            let expected = format!("{name}, at most {most:?}");
            self.report(place, number, "deadline", &format!("{seen:?}"), &expected);
        }
    }

    /// Compares what the back says that it saw with what it was to see.
    pub(crate) fn check_answer(&self, number: u64, said: &str, expected: &str) {
        self.checks[Place::Answer as usize].fetch_add(1, Relaxed);
        if said != expected {
            self.report(Place::Answer, number, "answer", said, expected);
        }
    }

    #[cold]
    fn report(&self, place: Place, number: u64, name: &str, seen: &str, expected: &str) {
        if self.wrong[place as usize].fetch_add(1, Relaxed) < KEPT {
            let place = place.name();
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            first.push(format!("request {number}, {place}: `{name}` {seen}, should be {expected}"));
        }
    }

    /// What was found so far.
    pub(crate) fn totals(&self) -> Totals {
        let number =
            |counts: &[AtomicU64; 5]| Place::ALL.map(|at| counts[at as usize].load(Relaxed));
        Totals {
            checks: number(&self.checks),
            wrong: number(&self.wrong),
            alive: self.live_count.alive() as u64,
            lines: self.first.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// The limit that is seen, and what it may be.
#[derive(Debug)]
pub(crate) struct Limit<'a> {
    pub(crate) seen: Option<(Option<&'static str>, Duration)>,
    pub(crate) name: &'a str,
    pub(crate) most: Duration,
}

/// What ledgers have found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) checks: [u64; Place::ALL.len()],
    pub(crate) wrong: [u64; Place::ALL.len()],
    pub(crate) alive: u64,
    /// The first wrong values, one line each.
    pub(crate) lines: Vec<String>,
}

impl Totals {
    /// Adds what another process has found.
    pub(crate) fn merge(&mut self, other: Totals) {
        let add = |ours: &mut [u64; 5], theirs: [u64; 5]| {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
        };
        add(&mut self.checks, other.checks);
        add(&mut self.wrong, other.wrong);
        self.alive += other.alive;
        self.lines.extend(other.lines);
    }

    /// As one line of numbers, and the other lines after it.
    pub(crate) fn to_text(&self) -> String {
        let numbers = self.checks.iter().chain(&self.wrong).chain([&self.alive]);
        let numbers: Vec<_> = numbers.map(u64::to_string).collect();
        let lines = self.lines.iter().map(|line| line.replace('\n', " "));
        std::iter::once(numbers.join(" ")).chain(lines).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let numbers = lines.next()?.split(' ').map(str::parse);
        let [checks @ .., alive] =
            <[u64; 11]>::try_from(numbers.collect::<Result<Vec<_>, _>>().ok()?).ok()?;
        let (checks, wrong) = checks.split_at(5);
        Some(Totals {
            checks: checks.try_into().ok()?,
            wrong: wrong.try_into().ok()?,
            alive,
            lines: lines.map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_found_crosses_as_text_and_what_is_none_is_refused() {
        let ledger = Ledger::default();
        ledger.check_answer(7, "this", "that");
        let totals = ledger.totals();
        assert_eq!((totals.checks, totals.wrong), ([0, 0, 0, 0, 1], [0, 0, 0, 0, 1]));
        assert_eq!(Totals::from_text(&totals.to_text()), Some(totals));
        assert_eq!(Totals::from_text("1 2 3"), None);
        assert_eq!(Totals::from_text(""), None);
    }
}
