//! A block of requests, driven by so many clients at a time.

use super::http::Client;
use super::oracle::scenario::{Fate, Planted};
use super::outcomes::Tally;
use super::plan::{Plan, Weather};
use super::server::routes::App;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Requests with consecutive numbers.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) app: Arc<App>,
    pub(crate) path: &'static str,
    pub(crate) seed: u64,
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) weather: Weather,
    /// Something wrong to be done in the first request.
    pub(crate) fault: Option<Planted>,
}

/// What came of a block.
#[derive(Debug, Default)]
pub(crate) struct Harvest {
    pub(crate) tally: Tally,
    /// How long each request took.
    pub(crate) latencies: Vec<Duration>,
}

impl Block {
    /// Makes all requests, `concurrency` at a time, and waits for their ends.
    pub(crate) async fn drive(self, client: &Client, concurrency: u16) -> Harvest {
        let next = Arc::new(AtomicU64::new(0));
        let mut clients = JoinSet::new();
        for _ in 0..concurrency {
            clients.spawn(self.clone().work(client.clone(), Arc::clone(&next)));
        }
        let mut harvest = Harvest::default();
        while let Some(theirs) = clients.join_next().await {
            let theirs = theirs.expect("a client does not panic");
            harvest.tally.merge(theirs.tally);
            harvest.latencies.extend(theirs.latencies);
        }
        harvest
    }

    async fn work(self, client: Client, next: Arc<AtomicU64>) -> Harvest {
        let mut harvest = Harvest::default();
        loop {
            let nth = next.fetch_add(1, Relaxed);
            if nth >= self.count {
                return harvest;
            }
            let plan = self.plan(nth);
            let begun = Instant::now();
            let outcome = client.send(&self.app, self.path, &plan).await;
            harvest.latencies.push(begun.elapsed());
            harvest.tally.add(plan.request(), outcome);
        }
    }

    fn plan(&self, nth: u64) -> Plan {
        let mut plan = Plan::new(self.seed, self.first + nth, self.weather);
        if let Some(fault) = self.fault.filter(|_| nth == 0) {
            plan.fate = Fate::Planted(fault);
        }
        plan
    }
}
