//! Tables of one piece of work each: a row for each system, a column for each size.

use crate::race::Spread;
use std::fmt::Write as _;

/// One figure, or why there is none.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Nanoseconds for a turn, and how much longer than ours it took, compared within each round.
    Time(Spread, Spread),
    /// How one thing compares with another, which says it all.
    Share(Spread),
    /// A figure that does not vary, of which less is better.
    Figure(f64),
    /// Not offered.
    Refused(&'static str),
}

/// One piece of work.
#[derive(Debug)]
pub struct Table {
    /// What it is.
    pub title: &'static str,
    /// What its figures are.
    pub unit: &'static str,
    /// Their headers.
    pub columns: Vec<String>,
    /// The system, what it leaves out, and a cell for each column.
    pub rows: Vec<(&'static str, &'static str, Vec<Cell>)>,
}

impl Table {
    /// Without any column yet.
    pub fn new(title: &'static str, unit: &'static str) -> Self {
        eprintln!("{title} …");
        Table { title, unit, columns: Vec::new(), rows: Vec::new() }
    }

    /// One more column. Each has the same systems in the same order.
    ///
    /// # Panics
    /// If it has not.
    pub fn column(
        &mut self,
        header: impl Into<String>,
        cells: Vec<(&'static str, &'static str, Cell)>,
    ) {
        self.columns.push(header.into());
        if self.rows.is_empty() {
            self.rows =
                cells.iter().map(|&(name, leaves_out, _)| (name, leaves_out, Vec::new())).collect();
        }
        assert_eq!(self.rows.len(), cells.len(), "every column asks all");
        for (row, (name, _, cell)) in self.rows.iter_mut().zip(cells) {
            assert_eq!(row.0, name, "in the same order");
            row.2.push(cell);
        }
    }

    /// As text that is a table for people and for Markdown.
    pub fn text(&self) -> String {
        let mut cells = vec![vec![self.unit.to_string()]];
        cells[0].extend(self.columns.iter().cloned());
        for (name, _, row) in &self.rows {
            cells.push(
                std::iter::once(name.to_string())
                    .chain(row.iter().map(|cell| self.cell(cell)))
                    .collect(),
            );
        }
        let width = |at: usize| cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..cells[0].len()).map(width).collect();
        let mut text = format!("#### {}\n\n", self.title);
        for (at, row) in cells.iter().enumerate() {
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let _ = if at == 0 {
                    write!(text, "| {cell:<width$} ")
                } else {
                    write!(text, "| {cell:>width$} ")
                };
            }
            text.push_str("|\n");
            if at == 0 {
                for (at, width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(width + 1);
                    text.push_str(&if at == 0 {
                        format!("|{dashes}-")
                    } else {
                        format!("|{dashes}:")
                    });
                }
                text.push_str("|\n");
            }
        }
        text.push_str(&self.refusals());
        text
    }

    fn cell(&self, cell: &Cell) -> String {
        match cell {
            Cell::Time(nanos, ratio) => {
                let spread = (nanos.high - nanos.low) / 2.0 / nanos.median * 100.0;
                format!("{} ±{spread:.0}% {}×", short(nanos.median), short(ratio.median))
            }
            Cell::Share(share) => {
                format!("{:.3} ({:.3}–{:.3})", share.median, share.low, share.high)
            }
            Cell::Figure(figure) => short(*figure),
            Cell::Refused(_) => "–".into(),
        }
    }

    fn refusals(&self) -> String {
        let mut text = String::new();
        for (name, _, row) in &self.rows {
            let mut reasons: Vec<&str> = row
                .iter()
                .filter_map(|cell| if let Cell::Refused(why) = cell { Some(*why) } else { None })
                .collect();
            reasons.dedup();
            if !reasons.is_empty() {
                let _ = write!(
                    text,
                    "{}{name}: {}",
                    if text.is_empty() { "\n– " } else { "; " },
                    reasons.join(", ")
                );
            }
        }
        if text.is_empty() { text } else { text + ".\n" }
    }

    /// Where somebody needs less than we do, and why.
    fn lost(&self) -> Vec<String> {
        let Some((_, _, ours)) = self.rows.first() else { return Vec::new() };
        let mut lost = Vec::new();
        for (name, leaves_out, row) in &self.rows[1..] {
            let compared =
                row.iter().zip(ours).zip(&self.columns).filter_map(|((cell, ours), column)| {
                    let ratio = match (cell, ours) {
                        // Here less is not better, or is not compared with ours.
                        _ if column.starts_with("generations") || column.contains(" / ") => {
                            return None;
                        }
                        (Cell::Time(_, ratio), _) => ratio.median,
                        (Cell::Figure(theirs), Cell::Figure(ours)) => theirs / ours,
                        _ => return None,
                    };
                    (ratio < 0.98).then(|| format!("{column}: {}×", short(ratio)))
                });
            let compared: Vec<String> = compared.collect();
            if !compared.is_empty() {
                lost.push(format!(
                    "| {} | {name} | {} | {leaves_out} |",
                    self.title,
                    compared.join(", ")
                ));
            }
        }
        lost
    }

    /// The same as data.
    pub fn json(&self) -> serde_json::Value {
        let spread = |spread: &Spread| serde_json::json!([spread.low, spread.median, spread.high]);
        let cell = |cell: &Cell| match cell {
            Cell::Time(nanos, ratio) => {
                serde_json::json!({ "nanoseconds": spread(nanos), "ratio": spread(ratio) })
            }
            Cell::Share(share) => serde_json::json!({ "share": spread(share) }),
            Cell::Figure(figure) => serde_json::json!({ "figure": figure }),
            Cell::Refused(why) => serde_json::json!({ "refused": why }),
        };
        let rows = self.rows.iter().map(
            |(name, _, row)| serde_json::json!({ "system": name, "cells": row.iter().map(cell).collect::<Vec<_>>() }),
        );
        serde_json::json!({
            "title": self.title, "unit": self.unit, "columns": self.columns, "rows": rows.collect::<Vec<_>>(),
        })
    }
}

/// Where somebody needs less than we do, in any of these tables.
pub fn lost(tables: &[Table]) -> String {
    let lost: Vec<String> = tables.iter().flat_map(Table::lost).collect();
    format!(
        "#### Where somebody needs less than we do\n\n| work | who | times ours | leaves out |\n|-|-|-|-|\n{}\n",
        lost.join("\n")
    )
}

/// Three digits, and more only where they stand before the point.
pub fn short(figure: f64) -> String {
    match figure.abs() {
        0.0 => "0".into(),
        0.0..1.0 => format!("{figure:.2}"),
        1.0..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}
