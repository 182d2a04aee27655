//! How requests ended.

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    Cancelled,
    Panicked,
    /// In a way that was not expected.
    Failed(String),
}

/// How many requests that failed are kept for the report; all are counted.
const KEPT: usize = 5;

/// The ends of some requests.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) answered: u64,
    pub(crate) cancelled: u64,
    pub(crate) panicked: u64,
    pub(crate) failed: u64,
    /// The first that failed, one line each.
    pub(crate) failures: Vec<String>,
}

impl Outcomes {
    pub(crate) fn add(&mut self, request: &str, outcome: Outcome) {
        match outcome {
            Outcome::Answered => self.answered += 1,
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

    /// Adds other outcomes.
    pub(crate) fn merge(&mut self, others: Outcomes) {
        self.answered += others.answered;
        self.cancelled += others.cancelled;
        self.panicked += others.panicked;
        self.failed += others.failed;
        others.failures.into_iter().for_each(|failure| self.keep(failure));
    }

    pub(crate) fn requests(&self) -> u64 {
        self.answered + self.cancelled + self.panicked + self.failed
    }
}
