//! How requests ended, and how long the answered ones took.

use super::client::Outcome;
use hdrhistogram::Histogram;
use std::time::Duration;

/// How many requests that failed are kept for the report; all are counted.
const KEPT: usize = 5;

/// The ends of some requests.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    pub(crate) cancelled: u64,
    pub(crate) panicked: u64,
    pub(crate) failed: u64,
    /// The first that failed, as lines for people.
    pub(crate) failures: Vec<String>,
    /// Of the answered ones, in nanoseconds.
    latency: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let latency = Histogram::new(3).expect("three digits are allowed");
        Tally { answered: 0, cancelled: 0, panicked: 0, failed: 0, failures: Vec::new(), latency }
    }

    pub(crate) fn add(&mut self, request: &str, outcome: Outcome, took: Duration) {
        match outcome {
            Outcome::Answered => {
                self.answered += 1;
                self.latency.record(took.as_nanos().try_into().unwrap_or(u64::MAX)).expect("it grows as needed");
            }
            Outcome::Cancelled => self.cancelled += 1,
            Outcome::Panicked => self.panicked += 1,
            Outcome::Failed(why) => {
                self.failed += 1;
                self.keep(format!("request {request:?} failed: {why}"));
            }
        }
    }

    fn keep(&mut self, failure: String) {
        if self.failures.len() < KEPT {
            self.failures.push(failure);
        }
    }

    /// Takes over the ends of others.
    pub(crate) fn merge(&mut self, others: Tally) {
        self.latency.add(&others.latency).expect("both are of one shape");
        self.count(others);
    }

    /// Takes over the ends of others, but not how long they took.
    pub(crate) fn count(&mut self, others: Tally) {
        self.answered += others.answered;
        self.cancelled += others.cancelled;
        self.panicked += others.panicked;
        self.failed += others.failed;
        others.failures.into_iter().for_each(|failure| self.keep(failure));
    }

    pub(crate) fn requests(&self) -> u64 {
        self.answered + self.cancelled + self.panicked + self.failed
    }

    /// The latency that so many of a hundred requests keep below.
    pub(crate) fn percentile(&self, of_hundred: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_percentile(of_hundred))
    }
}
