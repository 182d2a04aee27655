//! The ways of carrying side by side, as a table, and what was wrong.
//!
//! Ten variables, six hops, one handler; see `server/six_hops.rs`.

use super::carriers::way::Way;
use super::client::outcomes::Outcomes;
use super::figures::{WIDTH, grouped};
use super::oracle::hop::Hop;
use super::oracle::variables::{self, CARRIED};
use super::race::Lane;
use super::ratio::{Ratio, Ratios, median, quantile};
use super::server::listen::Observers;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use std::fmt;
use std::time::Duration;

/// One way of carrying at the end of a run, after its runtime has been shut down.
#[derive(Debug)]
pub(crate) struct Row {
    lane: Lane,
    wrong: Vec<String>,
    alive: usize,
    /// Which of them.
    left: Option<String>,
}

/// The end of a race.
#[derive(Debug)]
pub(crate) struct Comparison {
    rows: Vec<Row>,
}

impl Comparison {
    /// Made after the services have been shut down: a value that is alive then has leaked.
    pub(crate) fn new(lanes: [Lane; Way::ALL.len()], observers: &Observers) -> Self {
        Comparison { rows: lanes.into_iter().map(|lane| Row::new(lane, observers)).collect() }
    }

    /// What was wrong, one line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.rows.iter().flat_map(Row::faults).collect()
    }

    /// How the requests of each way ended.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = &Outcomes> {
        self.rows.iter().map(|row| &row.lane.outcomes)
    }

    fn of(&self, way: Way) -> &Lane {
        &self.rows[way as usize].lane
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        table.set_header(COLUMNS.iter().map(|(name, _)| *name));
        for row in self.rows.iter().filter(|row| row.lane.was_run()) {
            table.add_row(COLUMNS.iter().map(|(_, show)| show(row)));
        }
        table
            .column_iter_mut()
            .skip(1)
            .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }
}

/// One cell of a column.
type Show = fn(&Row) -> String;

const COLUMNS: &[(&str, Show)] = &[
    ("carried by", |row| String::from(row.lane.way.name())),
    ("answered", |row| grouped(row.lane.outcomes.answered)),
    ("alive", |row| grouped(row.alive as u64)),
    ("CPU each", |row| row.lane.pace.processor_each().map_or(String::from("unknown"), micros)),
    ("requests/s", |row| grouped(median(&row.lane.pace.rates).round() as u64)),
    ("middle half", |row| spread(&row.lane.pace.rates)),
    ("p50", |row| millis(row.lane.percentile(50.0))),
    ("p99", |row| millis(row.lane.percentile(99.0))),
];

impl Row {
    fn new(lane: Lane, observers: &Observers) -> Self {
        let observer = observers.of(lane.way);
        Row {
            wrong: observer.findings.faults(),
            alive: observer.live_count.alive(),
            left: variables::alive(&observer.live_count),
            lane,
        }
    }

    fn faults(&self) -> Vec<String> {
        let (name, outcomes) = (self.lane.way.name(), &self.lane.outcomes);
        let mut faults = Vec::new();
        faults.extend(self.wrong.iter().map(|line| format!("{name}: {line}")));
        faults.extend(self.left.iter().map(|line| format!("{name}: {line}")));
        if outcomes.failed > 0 {
            faults.push(format!("{name}: {} requests failed; the first of them:", outcomes.failed));
            faults.extend(outcomes.failures.iter().map(|line| format!("  {line}")));
        }
        faults
    }
}

/// The table, and the ratios: of processor time first, which a busy machine disturbs least.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.outcomes().map(Outcomes::requests).sum();
        let rounds = self.rows.iter().map(|row| row.lane.pace.rates.len()).max().unwrap_or(0);
        writeln!(
            f,
            "The same handler, with its values carried in several ways:\n\
             {CARRIED} variables, {} hops, {} requests in {rounds} rounds of all ways in turn.\n\
             CPU each: processor time per request. Middle half: of the rounds, by requests/s.\n\
             + stage: one more variable, bound anew at each hop. Again: the same way, run twice.",
            Hop::MEASURED.len(),
            grouped(requests)
        )?;
        writeln!(f, "{}", self.table())?;
        self.ratios("CPU per request", |ours, theirs| {
            let (ours, theirs) = (ours.pace.processor_each()?, theirs.pace.processor_each()?);
            Some(Ratio::of_times(ours, theirs))
        })
        .fmt(f)?;
        self.ratios("throughput", |ours, theirs| {
            Some(Ratio::of(&ours.pace.rates, &theirs.pace.rates))
        })
        .fmt(f)?;
        self.rows.iter().try_for_each(|row| looked_at(&row.lane, f))
    }
}

/// What it did to a way of carrying that somebody looked at what was in flight.
fn looked_at(lane: &Lane, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Lane { way, pace, looked_at, looks, .. } = lane;
    if looked_at.rates.is_empty() {
        return Ok(());
    }
    let throughput = Ratio::of(&looked_at.rates, &pace.rates);
    writeln!(f, "{}, looked at once a second ({looks} times) / not looked at", way.name())?;
    writeln!(f, "  {:<30} {throughput}", "throughput")?;
    let (Some(ours), Some(theirs)) = (looked_at.processor_each(), pace.processor_each()) else {
        return Ok(());
    };
    writeln!(f, "  {:<30} {}", "CPU per request", Ratio::of_times(ours, theirs))
}

impl Comparison {
    /// Some figure of one way by that of another, for each pair of which both were run.
    fn ratios(&self, what: &'static str, of: fn(&Lane, &Lane) -> Option<Ratio>) -> Ratios {
        let ratio = |ours: Way, theirs: Way| {
            let (ours, theirs) = (self.of(ours), self.of(theirs));
            (ours.was_run() && theirs.was_run()).then(|| of(ours, theirs)).flatten()
        };
        let pairs = PAIRS.iter();
        let pairs = pairs.filter_map(|(name, ours, theirs)| Some((*name, ratio(*ours, *theirs)?)));
        Ratios { what, pairs: pairs.collect(), itself: ratio(Way::Again, Way::Record) }
    }
}

const PAIRS: &[(&str, Way, Way)] = &[
    ("contexts / ten arguments", Way::Contexts, Way::Arguments),
    ("contexts / one record", Way::Contexts, Way::Record),
    ("contexts / nothing", Way::Contexts, Way::Nothing),
    ("ten arguments / nothing", Way::Arguments, Way::Nothing),
    ("one record / nothing", Way::Record, Way::Nothing),
    ("contexts / arguments, + stage", Way::ContextsStaged, Way::ArgumentsStaged),
];

fn spread(figures: &[f64]) -> String {
    let at = |part| grouped(quantile(figures, part).round() as u64);
    format!("{}–{}", at(0.25), at(0.75))
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

fn micros(duration: Duration) -> String {
    format!("{:.1} µs", duration.as_secs_f64() * 1e6)
}
