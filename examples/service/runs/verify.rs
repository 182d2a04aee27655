//! Requests that all go the long way, in rough weather, and what each hop saw of them.

use super::client::batch::Block;
use super::client::http::Client;
use super::client::outcomes::Tally;
use super::client::plan::Weather;
use super::comparison::grouped;
use super::options::Options;
use super::oracle::hop::{Hop, Sight};
use super::oracle::variables;
use super::server::listen::Apps;
use super::server::routes::App;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use indicatif::ProgressBar;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// How many requests to make, if nobody says.
pub(crate) const REQUESTS: u64 = 6_000;

/// How long to go on making them, if nobody says how many.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many are made before one looks at the clock.
const AT_A_TIME: u64 = 500;

/// What came of them, after their service has been shut down.
#[derive(Debug)]
pub(crate) struct Travels {
    pub(crate) tally: Tally,
    rows: Vec<Row>,
    wrong: Vec<String>,
    alive: usize,
    took: Duration,
}

/// What one hop saw.
#[derive(Debug)]
struct Row {
    hop: Hop,
    looks: u64,
    wrong: u64,
}

/// Drives the requests, from a runtime of the clients' own.
pub(crate) fn travel(
    options: &Options,
    apps: &Apps,
    client: &Client,
    progress: &ProgressBar,
) -> io::Result<Tally> {
    let clients = Builder::new_multi_thread().thread_name("client").enable_all().build()?;
    let (begun, mut tally) = (Instant::now(), Tally::default());
    let requests = options.requests(REQUESTS);
    for first in (0..requests).step_by(AT_A_TIME as usize) {
        let block = Block {
            app: apps.long().clone(),
            path: App::PATH,
            seed: options.seed,
            first,
            count: AT_A_TIME.min(requests - first),
            weather: Weather::Rough,
            fault: options.plant_fault.filter(|_| first == 0),
        };
        progress.inc(block.count);
        tally.merge(clients.block_on(block.drive(client, options.clients())).tally);
        if begun.elapsed() >= options.patience(PATIENCE) {
            break;
        }
    }
    Ok(tally)
}

impl Travels {
    /// To be taken when the service has been shut down: what is alive then is alive for ever.
    pub(crate) fn new(tally: Tally, app: &App, took: Duration) -> Self {
        let row =
            |hop| Row { hop, looks: app.ledger.looks_at(hop), wrong: app.ledger.wrong_at(hop) };
        let rows = Hop::ALL.map(row).into_iter().collect();
        Travels { tally, rows, wrong: app.ledger.faults(), alive: app.census.alive(), took }
    }

    /// What was wrong, one line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.wrong.clone();
        if self.alive > 0 {
            faults.push(format!("{} values are alive after the shutdown", self.alive));
        }
        if self.tally.failed > 0 {
            faults.push(format!("{} requests failed; the first of them:", self.tally.failed));
            faults.extend(self.tally.failures.iter().map(|line| format!("  {line}")));
        }
        for Row { hop, looks, .. } in &self.rows {
            let least = self.tally.answered * u64::from(hop.looks());
            if *looks < least {
                faults.push(format!(
                    "hop `{hop}`: {looks} looks, and {least} for what was answered alone"
                ));
            }
        }
        faults
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header([
            "",
            "hop",
            "how the request came there",
            "to be seen",
            "looks",
            "each",
            "wrong",
        ]);
        for Row { hop, looks, wrong } in &self.rows {
            let sight = match hop.sight() {
                Sight::Nothing => String::from("nothing"),
                Sight::Values => variables::ALL.to_string(),
            };
            let [field, name, how] = [hop.field().to_string(), hop.to_string(), hop.how().into()];
            let [looks, each, wrong] = [*looks, u64::from(hop.looks()), *wrong].map(grouped);
            table.add_row([field, name, how, sight, looks, each, wrong]);
        }
        table
            .column_iter_mut()
            .skip(3)
            .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }
}

impl fmt::Display for Travels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { answered, cancelled, panicked, failed, .. } = self.tally;
        let [requests, answered, cancelled, panicked] =
            [self.tally.requests(), answered, cancelled, panicked].map(grouped);
        writeln!(
            f,
            "{requests} requests over real connections, each sent through every hop, in {:.1} s:",
            self.took.as_secs_f64()
        )?;
        writeln!(
            f,
            "  {answered} answered, {cancelled} given up by their client and {panicked} panicked at one of the hops, {failed} failed"
        )?;
        writeln!(f, "{}", self.table())?;
        let looks = self.rows.iter().map(|row| row.looks).sum();
        let wrong = self.rows.iter().map(|row| row.wrong).sum();
        writeln!(
            f,
            "{} looks, {} wrong values, {} values alive after the shutdown",
            grouped(looks),
            grouped(wrong),
            self.alive
        )
    }
}
