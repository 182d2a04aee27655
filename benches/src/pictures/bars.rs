//! Bars: a row for each system, a column for each figure.

use super::{COLOURS, INK, styled};
use plotters::prelude::*;
use serde_json::Value;
use std::error::Error;
use std::path::Path;

const WIDTH: i32 = 860;
const NAMES: i32 = 250;
const ROW: i32 = 26;
const TOP: i32 = 64;

/// The table, its column, and what its bars are.
const COLUMNS: [(usize, usize, &str); 2] =
    [(0, 0, "cost of a request, times ours"), (1, 1, "of a million, saw two versions")];

/// Draws `reload.svg` from the data in that folder, beside it.
///
/// # Errors
/// If the data is not there or not complete, or the picture cannot be drawn or written.
pub fn draw_reload(folder: &Path) -> Result<(), Box<dyn Error>> {
    let data: Value = serde_json::from_slice(&std::fs::read(folder.join("reload.json"))?)?;
    let column = |(table, at, what): (usize, usize, &'static str)| {
        let rows = data["tables"][table]["rows"].as_array()?.iter();
        let bar = |row: &Value| {
            let cell = &row["cells"][at];
            cell["figure"].as_f64().or_else(|| cell["ratio"][1].as_f64())
        };
        Some((what, rows.map(bar).collect::<Option<Vec<f64>>>()?))
    };
    let columns: Option<Vec<_>> = COLUMNS.into_iter().map(column).collect();
    let rows = data["tables"][0]["rows"].as_array().ok_or("no rows")?;
    let names: Vec<&str> = rows.iter().filter_map(|row| row["system"].as_str()).collect();
    let title = data["tables"][0]["title"].as_str().ok_or("no title")?;
    let svg = svg(title, &names, &columns.ok_or("a table is not complete")?)?;
    Ok(std::fs::write(folder.join("reload.svg"), styled(svg))?)
}

fn svg(
    title: &str,
    names: &[&str],
    columns: &[(&str, Vec<f64>)],
) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    let height = TOP + ROW * names.len() as i32 + 10;
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32));
        let root = root.into_drawing_area();
        let text = |text: &str, x: i32, y: i32, size: i32| {
            let font = ("sans-serif", size).into_font().color(&INK);
            root.draw(&Text::new(text.to_string(), (x, y), font))
        };
        text(title, 12, 10, 17)?;
        for (row, name) in names.iter().enumerate() {
            text(name, 12, TOP + ROW * row as i32 + 4, 14)?;
        }
        let wide = (WIDTH - NAMES) / columns.len() as i32;
        for (at, (what, figures)) in columns.iter().enumerate() {
            let left = NAMES + wide * at as i32;
            text(what, left, 40, 13)?;
            let most = figures.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
            for (row, figure) in figures.iter().enumerate() {
                let y = TOP + ROW * row as i32;
                let right = left + (f64::from(wide - 70) * figure / most).round() as i32;
                let colour = COLOURS[usize::from(!names[row].starts_with("stackholm"))];
                root.draw(&Rectangle::new([(left, y + 3), (right, y + 19)], colour.filled()))?;
                text(&crate::table::short(*figure), right + 6, y + 4, 13)?;
            }
        }
        root.present()?;
    }
    Ok(svg)
}
