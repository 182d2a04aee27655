//! The ways of carrying side by side: a table for people, and whether all was well.
//!
//! Ten variables, six hops, one handler; see `server/six_hops.rs`.

use super::carriers::way::Way;
use super::client::outcomes::Outcomes;
use super::figures::grouped;
use super::oracle::hop::Hop;
use super::oracle::variables::CARRIED;
use super::race::Lane;
use super::ratio::{Ratio, median, quantile};
use super::server::listen::Observers;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use std::fmt;
use std::time::Duration;

/// One way of carrying at the end of a run, after its runtime has been shut down.
#[derive(Debug)]
pub(crate) struct Column {
    lane: Lane,
    wrong: Vec<String>,
    alive: usize,
}

/// The end of a race.
#[derive(Debug)]
pub(crate) struct Comparison {
    columns: Vec<Column>,
}

impl Comparison {
    /// To be taken when the services have been shut down: what is alive then is alive for ever.
    pub(crate) fn new(lanes: [Lane; Way::ALL.len()], observers: &Observers) -> Self {
        Comparison { columns: lanes.into_iter().map(|lane| Column::new(lane, observers)).collect() }
    }

    /// What was wrong, one line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.columns.iter().flat_map(Column::faults).collect()
    }

    /// How the requests of each way ended.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = &Outcomes> {
        self.columns.iter().map(|column| &column.lane.outcomes)
    }

    fn of(&self, way: Way) -> &Lane {
        &self.columns[way as usize].lane
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        let columns = || self.columns.iter().filter(|column| column.lane.was_run());
        let names = columns().map(|column| String::from(column.lane.way.name()));
        table.set_header(std::iter::once(String::new()).chain(names));
        for (name, show) in ROWS {
            table.add_row(std::iter::once(String::from(*name)).chain(columns().map(show)));
        }
        table
            .column_iter_mut()
            .skip(1)
            .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }
}

/// What a row of the table shows of each way.
type Show = fn(&Column) -> String;

const ROWS: &[(&str, Show)] = &[
    ("requests", |column| grouped(column.lane.outcomes.requests())),
    ("  answered", |column| grouped(column.lane.outcomes.answered)),
    ("values still alive", |column| grouped(column.alive as u64)),
    ("requests/s, median", |column| grouped(median(&column.lane.rates).round() as u64)),
    ("  middle half of the rounds", |column| spread(&column.lane.rates)),
    ("latency p50", |column| millis(column.lane.percentile(50.0))),
    ("latency p99", |column| millis(column.lane.percentile(99.0))),
    ("processor time of a request", |column| {
        column.lane.processor_each().map_or(String::from("not known"), micros)
    }),
];

impl Column {
    fn new(lane: Lane, observers: &Observers) -> Self {
        let observer = observers.of(lane.way);
        Column { wrong: observer.findings.faults(), alive: observer.live_count.alive(), lane }
    }

    fn faults(&self) -> Vec<String> {
        let (name, outcomes) = (self.lane.way.name(), &self.lane.outcomes);
        let mut faults = Vec::new();
        faults.extend(self.wrong.iter().map(|line| format!("{name}: {line}")));
        if self.alive > 0 {
            faults.push(format!("{name}: {} values are alive after the shutdown", self.alive));
        }
        if outcomes.failed > 0 {
            faults.push(format!("{name}: {} requests failed; the first of them:", outcomes.failed));
            faults.extend(outcomes.failures.iter().map(|line| format!("  {line}")));
        }
        faults
    }
}

/// The table, and the ratios.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [contexts, arguments, record, again, nothing, contexts_staged, arguments_staged] =
            Way::ALL.map(|way| self.of(way));
        let requests = self.outcomes().map(Outcomes::requests).sum();
        writeln!(
            f,
            "The same handler with values carried in several ways: {CARRIED} variables, {} hops, {} requests;\n\
             staged: one variable more, which each hop binds anew",
            Hop::MEASURED.len(),
            grouped(requests)
        )?;
        writeln!(
            f,
            "In {} rounds, in each of which all took turns; one way runs twice, to show what is chance",
            self.columns.iter().map(|column| column.lane.rates.len()).max().unwrap_or(0)
        )?;
        writeln!(f, "{}", self.table())?;
        let pairs = [
            ("contexts to ten arguments", contexts, arguments),
            ("contexts to one record", contexts, record),
            ("one record to one record", again, record),
            ("contexts to nothing", contexts, nothing),
            ("ten arguments to nothing", arguments, nothing),
            ("one record to nothing", record, nothing),
            ("contexts to arguments, staged", contexts_staged, arguments_staged),
        ];
        let pairs =
            pairs.into_iter().filter(|(_, ours, theirs)| ours.was_run() && theirs.was_run());
        for (name, ours, theirs) in pairs.clone() {
            writeln!(f, "throughput, {name:<29} {}", Ratio::of(&ours.rates, &theirs.rates))?;
        }
        for (name, ours, theirs) in pairs {
            if let (Some(ours), Some(theirs)) = (ours.processor_each(), theirs.processor_each()) {
                let more = (ours.as_secs_f64() - theirs.as_secs_f64()) * 1e6;
                writeln!(
                    f,
                    "processor,  {name:<29} {:.3} ×, {more:+.1} µs a request",
                    ours.div_duration_f64(theirs)
                )?;
            }
        }
        Ok(())
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
