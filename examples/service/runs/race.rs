//! The ways of carrying side by side: many short rounds in which they take turns.
//!
//! A machine is never quiet, but what disturbs one way in a round disturbs its neighbours too. So
//! the ratio of two ways within a round says more than the figure of either. The order changes from
//! round to round, so that no way always runs after the same other one.

use super::carriers::way::Way;
use super::client::batch::{Batch, BatchResult};
use super::client::http::Client;
use super::client::outcomes::Outcomes;
use super::client::plan::Mix;
use super::looker::{self, Looker};
use super::options::Options;
use super::processor;
use super::server::listen::Observers;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use std::io;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// One in this many requests warms up and is not measured.
const WARM: u64 = 8;

/// How many requests to make over all ways, if nobody says.
pub(crate) const REQUESTS: u64 = 60_000;

/// How long to go on beginning rounds, if nobody says how many requests to make.
const PATIENCE: Duration = Duration::from_secs(12);

const WAYS: usize = Way::ALL.len();

/// Each way has each place twice, and comes twice after each other way: a Williams design.
const ORDERS: [[Way; WAYS]; 2 * WAYS] = {
    const FIRST: [usize; WAYS] = [0, 1, 6, 2, 5, 3, 4];
    let mut orders = [Way::ALL; 2 * WAYS];
    let mut i = 0;
    while i < 2 * WAYS * WAYS {
        let (order, place) = (i / WAYS, i % WAYS);
        let from = if order < WAYS { place } else { WAYS - 1 - place };
        orders[order][place] = Way::ALL[(FIRST[from] + order) % WAYS];
        i += 1;
    }
    orders
};

/// The results of one way of carrying.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) way: Way,
    pub(crate) outcomes: Outcomes,
    /// Of the measured ones, in nanoseconds.
    latency: Histogram<u64>,
    pub(crate) pace: Pace,
    /// The pace while somebody looked once a second at what was in flight, if that was asked for.
    pub(crate) looked_at: Pace,
    /// How often they looked.
    pub(crate) looks: usize,
}

/// How fast requests were answered.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Requests in a second, round by round.
    pub(crate) rates: Vec<f64>,
    /// Processor time of all measured requests, service and client together; where the system
    /// tells.
    processor: Option<Duration>,
    measured: u64,
}

/// Drives all ways, round by round, from a runtime of the clients' own.
pub(crate) struct Race<'a> {
    options: &'a Options,
    observers: &'a Observers,
    client: Client,
    clients: Runtime,
    progress: &'a ProgressBar,
}

impl<'a> Race<'a> {
    pub(crate) fn new(
        options: &'a Options,
        observers: &'a Observers,
        client: Client,
        progress: &'a ProgressBar,
    ) -> io::Result<Self> {
        let clients = tokio::runtime::Builder::new_multi_thread()
            .thread_name("client")
            .enable_all()
            .build()?;
        Ok(Race { options, observers, client, clients, progress })
    }

    /// All rounds, or as many as patience allows.
    pub(crate) fn run(self) -> [Lane; WAYS] {
        let begun = Instant::now();
        let mut lanes = Way::ALL.map(Lane::new);
        for (round, order) in (0..u64::from(self.options.rounds)).zip(ORDERS.iter().cycle()) {
            for way in order.iter().filter(|way| self.options.compares(**way)) {
                let lane = &mut lanes[*way as usize];
                self.warm_up(lane, round);
                if !self.options.looked_at {
                    self.measure(lane, round, false);
                    continue;
                }
                // Each is the first in every second round.
                let looked_at_first = round % 2 == 1;
                self.measure(lane, round, looked_at_first);
                self.measure(lane, round, !looked_at_first);
            }
            if begun.elapsed() >= self.options.patience(PATIENCE) {
                break;
            }
        }
        lanes
    }

    fn warm_up(&self, lane: &mut Lane, round: u64) {
        let result = self.drive(lane, round, 0, self.each() / WARM);
        lane.outcomes.merge(result.outcomes);
    }

    fn measure(&self, lane: &mut Lane, round: u64, looked_at: bool) {
        let warm = self.each() / WARM;
        let looker = looked_at.then(looker::begin);
        let (used, begun) = (processor::used(), Instant::now());
        let BatchResult { outcomes, latencies } = self.drive(lane, round, warm, self.each() - warm);
        let (took, requests) = (begun.elapsed(), outcomes.requests());
        let used = (|| Some(processor::used()? - used?))();
        let looks = looker.map_or(0, Looker::end);
        lane.outcomes.merge(outcomes);
        lane.looks += looks;
        if looked_at {
            return lane.looked_at.round(requests, took, used);
        }
        lane.pace.round(requests, took, used);
        for latency in latencies {
            lane.latency
                .record(latency.as_nanos().try_into().unwrap_or(u64::MAX))
                .expect("it grows as needed");
        }
    }

    /// How many requests each way makes in a round.
    fn each(&self) -> u64 {
        let ways = Way::ALL.iter().filter(|way| self.options.compares(**way)).count() as u64;
        let times = if self.options.looked_at { 2 } else { 1 };
        let turns = ways * u64::from(self.options.rounds) * times;
        (self.options.requests(REQUESTS) / turns).max(WARM)
    }

    fn drive(&self, lane: &Lane, round: u64, skip: u64, count: u64) -> BatchResult {
        let block = Batch {
            observer: self.observers.of(lane.way).clone(),
            path: lane.way.path(),
            seed: self.options.seed,
            first: round * self.each() + skip,
            count,
            mix: Mix::Calm,
            fault: None,
        };
        let result = self.clients.block_on(block.drive(&self.client, self.options.clients()));
        self.progress.inc(count);
        result
    }
}

impl Lane {
    fn new(way: Way) -> Self {
        let latency = Histogram::new(3).expect("three digits are allowed");
        let [pace, looked_at] = [(); 2].map(|()| Pace::new());
        Lane { way, outcomes: Outcomes::default(), latency, pace, looked_at, looks: 0 }
    }

    /// Whether it took part.
    pub(crate) fn was_run(&self) -> bool {
        !self.pace.rates.is_empty()
    }

    /// A percentile of the latency of measured requests.
    pub(crate) fn percentile(&self, of_hundred: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_percentile(of_hundred))
    }
}

impl Pace {
    fn new() -> Self {
        Pace { rates: Vec::new(), processor: Some(Duration::ZERO), measured: 0 }
    }

    fn round(&mut self, requests: u64, took: Duration, processor: Option<Duration>) {
        self.rates.push(requests as f64 / took.as_secs_f64());
        self.processor = (|| Some(self.processor? + processor?))();
        self.measured += requests;
    }

    /// Processor time of one request.
    pub(crate) fn processor_each(&self) -> Option<Duration> {
        self.processor?.checked_div(self.measured.try_into().ok()?)
    }
}
