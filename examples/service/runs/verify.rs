//! Requests through every hop, many of them cancelled or panicking, and what each hop saw.

use super::client::batch::Batch;
use super::client::http::Client;
use super::client::outcomes::Outcomes;
use super::client::plan::Mix;
use super::figures::{WIDTH, grouped};
use super::options::Options;
use super::oracle::hop::{Hop, Sight};
use super::oracle::lines::SINKS;
use super::oracle::observer::Observer;
use super::oracle::variables;
use super::server::listen::Observers;
use super::server::routes::PATH;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use indicatif::ProgressBar;
use stackholm::inspect::{Look, View};
use std::fmt;
use std::io;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// How many requests to make, if nobody says.
pub(crate) const REQUESTS: u64 = 6_000;

/// How long to go on making them, if nobody says how many.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many are made before the clock is read again.
const AT_A_TIME: u64 = 500;

/// The result, after the service has been shut down.
#[derive(Debug)]
pub(crate) struct Verification {
    pub(crate) outcomes: Outcomes,
    rows: Vec<Row>,
    wrong: Vec<String>,
    alive: usize,
    /// Which of them.
    left: Option<String>,
    /// What contexts keep of them, one line each.
    kept: Vec<String>,
    took: Duration,
}

/// What one hop saw.
#[derive(Debug)]
struct Row {
    hop: Hop,
    looks: u64,
    lines: u64,
    wrong: u64,
}

/// Drives the requests, from a runtime of the clients' own.
pub(crate) fn verify(
    options: &Options,
    observers: &Observers,
    client: &Client,
    progress: &ProgressBar,
) -> io::Result<Outcomes> {
    let clients = Builder::new_multi_thread().thread_name("client").enable_all().build()?;
    let (begun, mut outcomes) = (Instant::now(), Outcomes::default());
    let requests = options.requests(REQUESTS);
    for first in (0..requests).step_by(AT_A_TIME as usize) {
        let block = Batch {
            observer: observers.all_hops().clone(),
            path: PATH,
            seed: options.seed,
            first,
            count: AT_A_TIME.min(requests - first),
            mix: Mix::Rough,
            fault: options.plant_fault.filter(|_| first == 0),
        };
        progress.inc(block.count);
        outcomes.merge(clients.block_on(block.drive(client, options.clients())).outcomes);
        if begun.elapsed() >= options.patience(PATIENCE) {
            break;
        }
    }
    Ok(outcomes)
}

/// What contexts keep: where it was bound, and captured.
fn kept(view: &View) -> Vec<String> {
    let left = view.outlived().iter().map(|one| {
        let captured = one.captured_at().map_or(String::new(), |at| format!(", captured at {at}"));
        format!("kept though left: `{}` bound at {}{captured}", one.name(), one.bound_at())
    });
    let made = view.derived().iter().map(|one| {
        format!("never let go: a context made with `{}` at {}", one.name(), one.bound_at())
    });
    left.chain(made).collect()
}

impl Verification {
    /// Made after the service has been shut down: a value that is alive then has leaked.
    pub(crate) fn new(outcomes: Outcomes, observer: &Observer, took: Duration) -> Self {
        let row = |hop| Row {
            hop,
            looks: observer.findings.looks_at(hop),
            lines: observer.findings.lines_at(hop),
            wrong: observer.findings.wrong_at(hop),
        };
        let rows = Hop::ALL.map(row).into_iter().collect();
        Verification {
            outcomes,
            rows,
            wrong: observer.findings.faults(),
            alive: observer.live_count.alive(),
            left: variables::alive(&observer.live_count),
            kept: kept(&Look::new().limit(0).look()),
            took,
        }
    }

    /// What was wrong, one line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.wrong.clone();
        faults.extend(self.left.clone());
        // The view is that of the process: without this it says nothing of this service.
        if self.alive > 0 {
            faults.extend(self.kept.iter().cloned());
        }
        if self.outcomes.failed > 0 {
            faults.push(format!("{} requests failed; the first of them:", self.outcomes.failed));
            faults.extend(self.outcomes.failures.iter().map(|line| format!("  {line}")));
        }
        for Row { hop, looks, lines, .. } in &self.rows {
            let all = looks * SINKS.len() as u64;
            if *lines != all {
                faults
                    .push(format!("hop `{hop}`: {lines} lines logged; {looks} checks make {all}"));
            }
            let least = self.outcomes.answered * u64::from(hop.looks());
            if *looks < least {
                faults.push(format!(
                    "hop `{hop}`: {looks} checks; the answered requests alone make {least}"
                ));
            }
        }
        faults
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        table.set_header(["hop", "how the request gets there", "sees", "checks", "wrong"]);
        for Row { hop, looks, wrong, .. } in &self.rows {
            let sight = match hop.sight() {
                Sight::Nothing => String::from("nothing"),
                Sight::Values => variables::ALL.to_string(),
            };
            let [looks, wrong] = [*looks, *wrong].map(grouped);
            table.add_row([hop.to_string(), hop.how().into(), sight, looks, wrong]);
        }
        table
            .column_iter_mut()
            .skip(2)
            .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcomes { answered, cancelled, panicked, failed, .. } = self.outcomes;
        let [requests, answered, cancelled, panicked] =
            [self.outcomes.requests(), answered, cancelled, panicked].map(grouped);
        writeln!(
            f,
            "{requests} requests over real connections, each through every hop, in {:.1} s:",
            self.took.as_secs_f64()
        )?;
        writeln!(
            f,
            "  {answered} answered, {cancelled} cancelled by the client, \
             {panicked} ended by a panic at a hop, {failed} failed"
        )?;
        writeln!(f, "{}", self.table())?;
        let looks = self.rows.iter().map(|row| row.looks).sum();
        let wrong = self.rows.iter().map(|row| row.wrong).sum();
        let lines = self.rows.iter().map(|row| row.lines).sum();
        writeln!(
            f,
            "{} lines logged, through {}, each compared with its request",
            grouped(lines),
            SINKS.join(" and through ")
        )?;
        writeln!(
            f,
            "{} checks of {} variables: {} wrong values. {} values alive after the shutdown",
            grouped(looks),
            variables::ALL,
            grouped(wrong),
            self.alive
        )
    }
}
