//! History as a table for people.

use comfy_table::{ContentArrangement, Table};
use stackholm_revision::{Entry, Op};
use std::time::UNIX_EPOCH;

pub(crate) fn changes(entries: &[Entry]) {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(100);
    table.set_header(["time", "who", "what", "changes", "why"]);
    for entry in entries {
        table.add_row([
            time(entry),
            entry.actor.to_string(),
            what(entry),
            columns(entry),
            why(entry),
        ]);
    }
    println!("{table}");
}

fn time(entry: &Entry) -> String {
    let seconds = entry.at.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

fn what(entry: &Entry) -> String {
    let verb = match entry.op {
        Op::Insert => "made",
        Op::Update => "changed",
        Op::Delete => "deleted",
        Op::Gap => return format!("{}: not tracked", entry.table),
    };
    format!("{} {} {verb}", entry.table, entry.key)
}

fn columns(entry: &Entry) -> String {
    let change = |change: stackholm_revision::Change<'_>| match (change.old, change.new) {
        (Some(old), Some(new)) => format!("{}: {old} → {new}", change.column),
        (Some(old), None) => format!("{} was {old}", change.column),
        (None, Some(new)) => format!("{} = {new}", change.column),
        (None, None) => String::from(change.column),
    };
    entry.changes().into_iter().map(change).collect::<Vec<_>>().join("\n")
}

fn why(entry: &Entry) -> String {
    let because = entry.because.clone().or(entry.description.clone()).unwrap_or_default();
    match &entry.reverts {
        Some(_) => format!("{because} (revert)"),
        None => because,
    }
}
