//! Chaos for a given time or number of requests: one service after the other is shut down under
//! load.
//!
//! After each shutdown no value may be alive, and from shutdown to shutdown memory may not grow.

use super::client::http::Client;
use super::client::load::{Ends, Load};
use super::memory;
use super::options::Options;
use super::oracle::hop::Hop;
use super::oracle::observer::Observer;
use super::ratio::median;
use super::server::listen::{Observers, Server};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// How long a service lives at most.
const LIFE: Duration = Duration::from_secs(5);

/// How many services are run one after the other at least, so that a growth of memory shows.
const LIVES: u32 = 12;

/// With fewer services than this, memory is not compared. A shutdown takes time, so there may be
/// fewer than planned.
const ENOUGH: usize = 9;

/// How many services are run if the number of requests is given.
const LIVES_BY_NUMBER: u64 = 4;

/// How much memory may grow from the middle third of the time to the last: as a factor, and in KiB.
/// The allocator keeps some for each of many threads. If one context were kept of each request, the
/// growth would be far above this.
const GROWTH: (f64, f64) = (1.25, 4096.0);

/// Some time of chaos.
pub(crate) struct Chaos<'a> {
    options: &'a Options,
    observers: Observers,
    clients: Runtime,
    next: Arc<AtomicU64>,
    begun: Instant,
}

/// The result of the chaos.
#[derive(Debug)]
pub(crate) struct ChaosReport {
    ends: Ends,
    lives: u64,
    hops: u64,
    wrong: u64,
    lines: Vec<String>,
    /// Hops that no request has reached.
    missed: Vec<Hop>,
    /// The most values that were alive after a shutdown.
    alive: usize,
    /// Resident memory after each shutdown, in KiB.
    resident: Vec<f64>,
}

impl<'a> Chaos<'a> {
    pub(crate) fn new(options: &'a Options) -> io::Result<Self> {
        let clients = Builder::new_multi_thread().thread_name("client").enable_all().build()?;
        let next = Arc::new(AtomicU64::new(0));
        Ok(Chaos { options, observers: Observers::default(), clients, next, begun: Instant::now() })
    }

    /// One service after the other, until the time is over or all requests are made.
    pub(crate) fn run(self) -> io::Result<ChaosReport> {
        let mut report = ChaosReport::new();
        while let Some(life) = self.next_life() {
            let ends = self.live(life)?;
            report.add(ends, self.observer());
            println!("{:>5} s  {}", self.begun.elapsed().as_secs(), report.line());
        }
        Ok(report)
    }

    fn observer(&self) -> &Arc<Observer> {
        self.observers.all_hops()
    }

    fn next_life(&self) -> Option<Life> {
        if let Some(requests) = self.options.requests {
            let made = self.next.load(Relaxed);
            return (made < requests)
                .then(|| Life::Until(requests.min(made + requests.div_ceil(LIVES_BY_NUMBER))));
        }
        let time = Duration::from_secs(self.options.seconds);
        let left = time.checked_sub(self.begun.elapsed()).filter(|left| !left.is_zero())?;
        Some(Life::For(left.min(LIFE).min(time / LIVES)))
    }

    /// Runs one service, which is shut down while its clients are still sending.
    fn live(&self, life: Life) -> io::Result<Ends> {
        let server = Server::start(&self.observers)?;
        let load = Arc::new(Load {
            observer: Arc::clone(self.observer()),
            client: Client::new(server.address),
            seed: self.options.seed,
            next: Arc::clone(&self.next),
            until: life.until(),
            reached: Notify::new(),
            is_over: AtomicBool::new(false),
        });
        self.clients.block_on(async {
            let clients = load.begin(self.options.clients());
            match life {
                Life::For(time) => tokio::time::sleep(time).await,
                Life::Until(_) => load.reached.notified().await,
            }
            load.is_over.store(true, Relaxed);
            tokio::task::block_in_place(|| drop(server));
            let mut ends = Ends::default();
            clients.join_all().await.into_iter().for_each(|theirs| ends.merge(theirs));
            Ok(ends)
        })
    }
}

/// How long a service lives.
#[derive(Clone, Copy)]
enum Life {
    For(Duration),
    /// Until the request of this number is made.
    Until(u64),
}

impl Life {
    fn until(self) -> u64 {
        match self {
            Life::For(_) => u64::MAX,
            Life::Until(number) => number,
        }
    }
}

impl ChaosReport {
    fn new() -> Self {
        let (lines, missed, resident) = (Vec::new(), Vec::new(), Vec::new());
        ChaosReport {
            ends: Ends::default(),
            lives: 0,
            hops: 0,
            wrong: 0,
            lines,
            missed,
            alive: 0,
            resident,
        }
    }

    fn add(&mut self, ends: Ends, observer: &Observer) {
        self.ends.merge(ends);
        self.lives += 1;
        self.hops = observer.findings.looks();
        self.wrong = observer.findings.wrong();
        self.lines = observer.findings.faults();
        self.missed =
            Hop::ALL.into_iter().filter(|hop| observer.findings.looks_at(*hop) == 0).collect();
        self.alive = self.alive.max(observer.live_count.alive());
        self.resident.extend(memory::resident().map(|kib| kib as f64));
    }

    fn line(&self) -> String {
        let resident = self
            .resident
            .last()
            .map_or(String::from("not known"), |kib| format!("{:.1} MiB", kib / 1024.0));
        let (requests, hops, wrong, alive) =
            (self.ends.requests(), self.hops, self.wrong, self.alive);
        format!(
            "{requests:>9} requests {hops:>10} checks  {wrong} wrong  \
             {alive} alive after shutdown  {resident}"
        )
    }

    /// What was wrong, one line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.lines.clone();
        faults.extend(self.missed.iter().map(|hop| format!("no request came to hop `{hop}`")));
        if self.alive > 0 {
            faults.push(format!("{} values were alive after a shutdown", self.alive));
        }
        if self.ends.outcomes.failed > 0 {
            faults
                .push(format!("{} requests failed; the first of them:", self.ends.outcomes.failed));
            faults.extend(self.ends.outcomes.failures.iter().map(|line| format!("  {line}")));
        }
        if let Some((before, after)) = growth(&self.resident) {
            faults.push(format!("memory has grown from {before:.0} KiB to {after:.0} KiB"));
        }
        faults
    }
}

/// The medians of the middle third of the time and of the last, if memory has grown in between.
fn growth(resident: &[f64]) -> Option<(f64, f64)> {
    let [_, before, after] = thirds(resident)?.map(|mib| mib * 1024.0);
    (after > before * GROWTH.0 + GROWTH.1).then_some((before, after))
}

/// The medians of the three thirds of the time, in MiB.
fn thirds(resident: &[f64]) -> Option<[f64; 3]> {
    let third = resident.len() / 3;
    let enough = resident.len() >= ENOUGH;
    let parts = [0..third, third..2 * third, 2 * third..resident.len()];
    enough.then(|| parts.map(|part| median(&resident[part]) / 1024.0))
}

impl fmt::Display for ChaosReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ends { outcomes, slow, dropped, interrupted } = &self.ends;
        writeln!(
            f,
            "{} services, each shut down under load; {} requests in all:",
            self.lives,
            self.ends.requests()
        )?;
        writeln!(
            f,
            "  {} answered ({slow} of them to slow readers), {} cancelled,",
            outcomes.answered, outcomes.cancelled
        )?;
        writeln!(f, "  {} panicked, {dropped} dropped with their connection,", outcomes.panicked)?;
        writeln!(f, "  {interrupted} interrupted by the shutdown, {} failed;", outcomes.failed)?;
        writeln!(f, "  {} checks at all hops together, {} wrong values,", self.hops, self.wrong)?;
        writeln!(f, "  at most {} values alive after a shutdown;", self.alive)?;
        match thirds(&self.resident) {
            Some([first, second, last]) => {
                write!(f, "  median memory in each third of the run: ")?;
                writeln!(f, "{first:.1}, {second:.1}, {last:.1} MiB")
            }
            None => writeln!(f, "  the run was too short to judge memory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::growth;

    #[test]
    fn memory_that_grows_is_noticed_and_memory_that_only_settles_is_not() {
        let flat: Vec<f64> =
            (0..30).map(|second| if second < 5 { 10_000.0 } else { 30_000.0 }).collect();
        assert_eq!(growth(&flat), None);
        let growing: Vec<f64> =
            (0..30).map(|second| 30_000.0 + 2_000.0 * f64::from(second)).collect();
        assert!(growth(&growing).is_some());
        assert_eq!(growth(&[]), None);
    }
}
