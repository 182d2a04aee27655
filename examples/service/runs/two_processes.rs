//! Requests through two processes, and what both saw; in chaos the back is slow, dies, and is
//! replaced by what is no server.

use super::figures::{WIDTH, grouped};
use super::options::Options;
use super::split::callers::{Callers, Ends};
use super::split::front::Front;
use super::split::ledger::{Place, Totals};
use super::split::process::{Running, Where};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use std::fmt;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::task::JoinHandle;

/// How many requests to make, if nobody says.
const REQUESTS: u64 = 8_000;

/// How long a back lives in chaos, and how many there are if it is the number of requests that is
/// given.
const LIFE: Duration = Duration::from_secs(3);
const LIVES: u64 = 4;

/// How long to wait before looking again whether a back has lived long enough.
const LOOK: Duration = Duration::from_millis(5);

/// The result.
#[derive(Debug)]
pub(crate) struct SplitReport {
    pub(crate) ends: Ends,
    found: Totals,
    /// Of the backs, and in the front.
    alive: [u64; 2],
    ended: u64,
    pub(crate) killed: u64,
    is_chaos: bool,
    /// The latest notice of a deadline that was over.
    over_by: Duration,
    took: Duration,
}

/// All requests, with one back or, in chaos, with one after the other.
pub(crate) fn split(options: &Options, place: Where) -> io::Result<SplitReport> {
    let (seed, fault, is_chaos) = (options.seed, options.plant_wire_fault, options.chaos);
    let begun = Instant::now();
    let front = Front::start(seed, fault, is_chaos)?;
    let until = options.requests.unwrap_or(if is_chaos { u64::MAX } else { REQUESTS });
    let callers = Callers::new(&front, seed, is_chaos, until);
    let clients = Builder::new_multi_thread().thread_name("client").enable_all().build()?;
    let (mut found, mut ended, mut killed) = (Totals::default(), 0, 0);
    let mut back = Running::start(place, seed, fault)?;
    front.calls(back.addresses());
    let number = if is_chaos { options.clients().min(64) } else { options.clients() };
    let calls = clients.spawn(callers.clone().call(number));
    let time = Duration::from_secs(options.seconds);
    while is_chaos && lives(options, &callers, &calls, begun) {
        if begun.elapsed() >= time && options.requests.is_none() {
            callers.is_over.store(true, Relaxed);
            break;
        }
        // Every other one is shut down under load, and the others are killed.
        let old = if killed > ended {
            ended += 1;
            found.merge(back.end()?);
            Running::start(place, seed, fault)?
        } else {
            killed += 1;
            back.kill()?;
            Running::start(place, seed, fault)?
        };
        back = old;
        front.calls(back.addresses());
    }
    let ends = clients.block_on(calls).map_err(io::Error::other)?;
    drop(clients);
    let (at_front, over_by) = front.end();
    found.merge(back.end()?);
    let alive = [found.alive, at_front.alive];
    found.merge(at_front);
    let over_by = Duration::from_micros(over_by);
    let (ended, took) = (ended + 1, begun.elapsed());
    Ok(SplitReport { ends, found, alive, ended, killed, is_chaos, over_by, took })
}

/// Waits until the back has lived long enough; `false` if all requests are made.
fn lives(options: &Options, callers: &Callers, calls: &JoinHandle<Ends>, begun: Instant) -> bool {
    let (since, made) = (Instant::now(), callers.begun());
    let time = Duration::from_secs(options.seconds);
    while !calls.is_finished() {
        let is_old = match options.requests {
            Some(requests) => callers.begun() >= made + requests.div_ceil(LIVES),
            None => since.elapsed() >= LIFE.min(time / 8) || begun.elapsed() >= time,
        };
        if is_old {
            return true;
        }
        std::thread::sleep(LOOK);
    }
    false
}

impl SplitReport {
    /// What was wrong, one line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.found.lines.clone();
        let [wrong, checks] = [self.wrong(), self.found.checks.iter().sum()];
        if wrong > 0 {
            faults.insert(0, format!("{wrong} wrong values; the first of them:"));
        }
        for (place, alive) in ["the backs", "the front"].iter().zip(self.alive) {
            if alive > 0 {
                faults.push(format!("{alive} values are alive after the shutdown of {place}"));
            }
        }
        if self.ends.failed > 0 {
            faults.push(format!("{} requests failed; the first of them:", self.ends.failed));
            faults.extend(self.ends.failures.iter().map(|line| format!("  {line}")));
        }
        if checks == 0 {
            faults.push(String::from("nobody has looked at anything"));
        }
        faults
    }

    fn wrong(&self) -> u64 {
        self.found.wrong.iter().sum()
    }

    fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        table.set_header(head);
        for row in rows {
            table.add_row(row);
        }
        table
            .column_iter_mut()
            .skip(1)
            .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }
}

impl fmt::Display for SplitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ends { answered, kept, not_sent, refused, lost, failed, .. } = &self.ends;
        let requests = self.ends.requests();
        let seconds = self.took.as_secs_f64();
        writeln!(
            f,
            "{} requests through two processes in {seconds:.1} s, {} a second;",
            grouped(requests),
            grouped((requests as f64 / seconds).round() as u64)
        )?;
        if self.is_chaos {
            writeln!(f, "{} backs shut down, {} killed.", self.ended, self.killed)?;
        }
        let looks = Place::ALL.map(|at| {
            let number = |counts: [u64; 5]| grouped(counts[at as usize]);
            [at.name().into(), number(self.found.checks), number(self.found.wrong)]
        });
        writeln!(f, "{}", Self::table(["who looks", "checks", "wrong"], looks.to_vec()))?;
        let row = |what: &str, number: u64| [String::from(what), grouped(number)];
        let late = format!("{:.1} ms", self.over_by.as_secs_f64() * 1e3);
        let rows = vec![
            row("requests", requests),
            row("answered", *answered),
            row("deadlines kept: the back was slow", *kept),
            row("deadlines kept: no time was left, so the back was not called", *not_sent),
            row("told that what answered is no server", *refused),
            row("under way when the back was gone", *lost),
            row("failed, or went on after their deadline", *failed),
            row("wrong values", self.wrong()),
            row("values alive at the end", self.alive.iter().sum()),
            ["the latest notice of a deadline".into(), late],
        ];
        write!(f, "{}", Self::table(["both processes", ""], rows))
    }
}
