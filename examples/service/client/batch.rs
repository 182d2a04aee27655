//! A batch of requests, made by a number of clients at a time.

use super::http::Client;
use super::oracle::observer::Observer;
use super::oracle::scenario::{Planted, Scenario};
use super::outcomes::Outcomes;
use super::plan::{Mix, Plan};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Requests with consecutive numbers.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) observer: Arc<Observer>,
    pub(crate) path: &'static str,
    pub(crate) seed: u64,
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) mix: Mix,
    /// A fault to plant in the first request.
    pub(crate) fault: Option<Planted>,
}

/// The result of a batch.
#[derive(Debug, Default)]
pub(crate) struct BatchResult {
    pub(crate) outcomes: Outcomes,
    /// How long each request took.
    pub(crate) latencies: Vec<Duration>,
}

impl Batch {
    /// Makes all requests, `concurrency` at a time, and waits until they have ended.
    pub(crate) async fn drive(self, client: &Client, concurrency: u16) -> BatchResult {
        let next = Arc::new(AtomicU64::new(0));
        let mut clients = JoinSet::new();
        for _ in 0..concurrency {
            clients.spawn(self.clone().work(client.clone(), Arc::clone(&next)));
        }
        let mut result = BatchResult::default();
        while let Some(theirs) = clients.join_next().await {
            let theirs = theirs.expect("a client does not panic");
            result.outcomes.merge(theirs.outcomes);
            result.latencies.extend(theirs.latencies);
        }
        result
    }

    async fn work(self, client: Client, next: Arc<AtomicU64>) -> BatchResult {
        let mut result = BatchResult::default();
        loop {
            let nth = next.fetch_add(1, Relaxed);
            if nth >= self.count {
                return result;
            }
            let plan = self.plan(nth);
            let begun = Instant::now();
            let outcome = client.send(&self.observer, self.path, &plan).await;
            result.latencies.push(begun.elapsed());
            result.outcomes.add(plan.request(), outcome);
        }
    }

    fn plan(&self, nth: u64) -> Plan {
        let mut plan = Plan::new(self.seed, self.first + nth, self.mix);
        if let Some(fault) = self.fault.filter(|_| nth == 0) {
            plan.scenario = Scenario::Planted(fault);
        }
        plan
    }
}
