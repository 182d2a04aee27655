//! Clients that behave as badly as clients do, until they are told to stop.
//!
//! Besides requests that are cancelled and requests that panic: readers that take their time, and
//! connections that are dropped in the middle of a request.

use super::http::Client;
use super::oracle::observer::Observer;
use super::oracle::scenario::Scenario;
use super::outcomes::{Outcome, Outcomes};
use super::plan::{Mix, Plan};
use super::server::routes::PATH;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What the clients that make the load share.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) observer: Arc<Observer>,
    pub(crate) client: Client,
    pub(crate) seed: u64,
    /// The number of the next request.
    pub(crate) next: Arc<AtomicU64>,
    /// `reached` is notified when this number comes up.
    pub(crate) until: u64,
    pub(crate) reached: Notify,
    pub(crate) is_over: AtomicBool,
}

/// How the requests of the load ended.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    pub(crate) outcomes: Outcomes,
    pub(crate) slow: u64,
    pub(crate) dropped: u64,
    /// How many requests were under way when the service was shut down.
    pub(crate) interrupted: u64,
}

impl Load {
    /// Starts this many clients. Each ends when the load is over and its last request has ended.
    pub(crate) fn begin(self: &Arc<Self>, clients: u16) -> JoinSet<Ends> {
        (0..clients).map(|_| Arc::clone(self).behave_badly()).collect()
    }

    async fn behave_badly(self: Arc<Self>) -> Ends {
        let mut ends = Ends::default();
        while !self.is_over.load(Relaxed) {
            let number = self.next.fetch_add(1, Relaxed);
            if number == self.until {
                self.reached.notify_one();
            }
            let mut plan = Plan::new(self.seed, number, Mix::Rough);
            match number % 16 {
                0 => {
                    plan.scenario = Scenario::Answer;
                    let outcome = self.client.send_and_read_slowly(PATH, &plan).await;
                    ends.slow += u64::from(outcome == Outcome::Answered);
                    self.add(&mut ends, &plan, outcome);
                }
                1 => {
                    let cut = number as usize / 16 % 600;
                    // The connection is gone, so there is no outcome to look at.
                    let _ = self.client.drop_connection(PATH, &plan, cut).await;
                    ends.dropped += 1;
                }
                _ => {
                    let outcome = self.client.send(&self.observer, PATH, &plan).await;
                    self.add(&mut ends, &plan, outcome);
                }
            }
        }
        ends
    }

    fn add(&self, ends: &mut Ends, plan: &Plan, outcome: Outcome) {
        // The load is declared over before the service is shut down, so a request that fails for
        // that reason sees the flag.
        if matches!(outcome, Outcome::Failed(_)) && self.is_over.load(Relaxed) {
            ends.interrupted += 1;
        } else {
            ends.outcomes.add(plan.request(), outcome);
        }
    }
}

impl Ends {
    /// Adds the ends of another client.
    pub(crate) fn merge(&mut self, others: Ends) {
        self.outcomes.merge(others.outcomes);
        self.slow += others.slow;
        self.dropped += others.dropped;
        self.interrupted += others.interrupted;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.outcomes.requests() + self.dropped + self.interrupted
    }
}
