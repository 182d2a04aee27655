//! What a run comes to: the table for people, and whether all was well.

use super::hop::Hop;
use super::race::Lane;
use super::ratio::{Ratio, median, quantile};
use super::server::{Apps, Way};
use super::tally::Tally;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use std::fmt;
use std::time::Duration;

/// One way of carrying at the end of a run, after its runtime has been shut down.
#[derive(Debug)]
pub(crate) struct Column {
    lane: Lane,
    hops: u64,
    wrong: u64,
    alive: usize,
    lines: Vec<String>,
}

/// The end of a run.
#[derive(Debug)]
pub(crate) struct Verdict {
    columns: Vec<Column>,
}

impl Verdict {
    /// To be taken when the services have been shut down: what is alive then is alive for ever.
    pub(crate) fn new(lanes: [Lane; 3], apps: &Apps) -> Self {
        Verdict { columns: lanes.into_iter().map(|lane| Column::new(lane, apps)).collect() }
    }

    /// What was wrong, one line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.columns.iter().flat_map(Column::faults).collect()
    }

    /// How the requests of each way ended.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.columns.iter().map(|column| &column.lane.tally)
    }

    fn of(&self, way: Way) -> &Lane {
        &self.columns[way as usize].lane
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        let names = self.columns.iter().map(|column| String::from(column.lane.name));
        table.set_header(std::iter::once(String::new()).chain(names));
        for (name, show) in ROWS {
            table.add_row(std::iter::once(String::from(*name)).chain(self.columns.iter().map(show)));
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }
}

/// What a row of the table shows of each way.
type Show = fn(&Column) -> String;

const ROWS: &[(&str, Show)] = &[
    ("requests", |column| grouped(column.lane.tally.requests())),
    ("  answered", |column| grouped(column.lane.tally.answered)),
    ("  cancelled by their client", |column| grouped(column.lane.tally.cancelled)),
    ("  panicked in the service", |column| grouped(column.lane.tally.panicked)),
    ("  failed", |column| grouped(column.lane.tally.failed)),
    ("hops checked", |column| grouped(column.hops)),
    ("wrong values", |column| grouped(column.wrong)),
    ("values still alive", |column| grouped(column.alive as u64)),
    ("requests/s, median", |column| grouped(median(&column.lane.rates).round() as u64)),
    ("  middle half of the rounds", |column| spread(&column.lane.rates)),
    ("latency p50", |column| millis(column.lane.tally.percentile(50.0))),
    ("latency p99", |column| millis(column.lane.tally.percentile(99.0))),
    ("processor per request", |column| column.lane.processor_each().map_or(String::from("not known"), micros)),
];

impl Column {
    fn new(lane: Lane, apps: &Apps) -> Self {
        let app = apps.of(lane.way);
        let (hops, wrong) = (app.ledger.hops(), app.ledger.wrong());
        Column { hops, wrong, alive: app.census.alive(), lines: app.ledger.first(), lane }
    }

    fn faults(&self) -> Vec<String> {
        let (name, tally) = (self.lane.name, &self.lane.tally);
        let mut faults = Vec::new();
        if self.wrong > 0 {
            faults.push(format!("{name}: {} wrong values; the first of them:", self.wrong));
            faults.extend(self.lines.iter().map(|line| format!("  {line}")));
        }
        if self.alive > 0 {
            faults.push(format!("{name}: {} values are alive after the shutdown", self.alive));
        }
        if tally.failed > 0 {
            faults.push(format!("{name}: {} requests failed; the first of them:", tally.failed));
            faults.extend(tally.failures.iter().map(|line| format!("  {line}")));
        }
        if self.hops < tally.answered * u64::from(Hop::LOOKS_ONCE) {
            faults.push(format!("{name}: only {} hops for {} answers", self.hops, tally.answered));
        }
        faults
    }
}

/// The table, and the comparison.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (contexts, by_hand, nothing) = (self.of(Way::Contexts), self.of(Way::ByHand), self.of(Way::Nothing));
        let requests = self.tallies().map(Tally::requests).sum();
        writeln!(f, "{} requests over real connections, in {} rounds", grouped(requests), contexts.rates.len())?;
        writeln!(f, "{}", self.table())?;
        writeln!(f, "throughput, ratio of medians:")?;
        writeln!(f, "  contexts to by hand  {}", Ratio::of(&contexts.rates, &by_hand.rates))?;
        writeln!(f, "  contexts to nothing  {}", Ratio::of(&contexts.rates, &nothing.rates))?;
        writeln!(f, "  by hand to nothing   {}", Ratio::of(&by_hand.rates, &nothing.rates))?;
        match (contexts.processor_each(), by_hand.processor_each()) {
            (Some(ours), Some(theirs)) => {
                writeln!(f, "processor time, contexts to by hand: {:.3} ×", ours.div_duration_f64(theirs))
            }
            _ => Ok(()),
        }
    }
}

fn spread(figures: &[f64]) -> String {
    let at = |part| grouped(quantile(figures, part).round() as u64);
    format!("{} to {}", at(0.25), at(0.75))
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

fn micros(duration: Duration) -> String {
    format!("{:.1} µs", duration.as_secs_f64() * 1e6)
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
    groups.join(" ")
}
