//! The pictures: lines over a logarithmic grid, and bars, in colours that do on light and on dark.

mod bars;

pub use bars::draw_reload;

use plotters::prelude::*;
use serde_json::Value;
use std::error::Error;
use std::path::Path;

/// Middle tones: each has enough contrast on white and on black. Ours is the first, and thicker.
const COLOURS: [RGBColor; 11] = [
    RGBColor(220, 80, 40),
    RGBColor(60, 130, 200),
    RGBColor(50, 150, 90),
    RGBColor(160, 100, 190),
    RGBColor(180, 130, 20),
    RGBColor(20, 150, 160),
    RGBColor(200, 80, 130),
    RGBColor(120, 130, 50),
    RGBColor(120, 120, 220),
    RGBColor(150, 110, 90),
    RGBColor(128, 128, 128),
];

const INK: RGBColor = RGBColor(128, 128, 128);

/// The reader's own colours where the picture is shown inline or knows the scheme.
const STYLE: &str = "<style>text{fill:#555;font-family:system-ui,sans-serif}\
@media(prefers-color-scheme:dark){text{fill:#bbb}}</style>";

/// The file, how the title of its table begins, and what goes across.
const PICTURES: [(&str, &str, &str); 5] = [
    ("cost-by-number.svg", "Enter and leave one more", "variables bound"),
    ("cost-by-depth.svg", "Enter and leave, by depth", "checkpoints, one within the other"),
    ("read-by-depth.svg", "Read the outermost", "checkpoints, one within the other"),
    ("cost-by-threads.svg", "Threads that enter", "threads"),
    ("bytes-by-number.svg", "Bytes held", "variables bound"),
];

/// Draws all pictures from the data in that folder, beside it.
///
/// # Errors
/// If the data is not there or not complete, or a picture cannot be drawn or written.
pub fn draw(folder: &Path) -> Result<(), Box<dyn Error>> {
    let data: Value = serde_json::from_slice(&std::fs::read(folder.join("rivals.json"))?)?;
    let tables = data["tables"].as_array().ok_or("no tables")?;
    for (file, title, across) in PICTURES {
        let begins =
            |table: &&Value| table["title"].as_str().is_some_and(|whole| whole.starts_with(title));
        let table = tables.iter().find(begins).ok_or("a table is missing")?;
        let picture = Picture::of(table, across).ok_or("a table is not complete")?;
        std::fs::write(folder.join(file), picture.svg()?)?;
    }
    Ok(())
}

/// Lines of cost against size, both logarithmic. A size or a cost of nothing stands at one half.
struct Picture<'a> {
    title: &'a str,
    unit: &'a str,
    across: &'a str,
    /// Each with its name, the first one being ours.
    lines: Vec<(&'a str, Vec<(f64, f64)>)>,
}

impl<'a> Picture<'a> {
    /// The columns of a table that are sizes.
    fn of(table: &'a Value, across: &'a str) -> Option<Self> {
        let size =
            |column: &Value| column.as_str()?.trim_end_matches(" sharing").parse::<f64>().ok();
        let sizes = table["columns"].as_array()?.iter().map(size);
        let sizes: Vec<(usize, f64)> =
            sizes.enumerate().filter_map(|(at, size)| Some((at, size?))).collect();
        let line = |row: &'a Value| {
            let point = |(at, size): &(usize, f64)| {
                let cell = &row["cells"][at];
                let figure = cell["figure"].as_f64().or_else(|| cell["nanoseconds"][1].as_f64())?;
                Some((size.max(0.5), figure.max(0.5)))
            };
            Some((row["system"].as_str()?, sizes.iter().filter_map(point).collect()))
        };
        let lines = table["rows"]
            .as_array()?
            .iter()
            .filter_map(line)
            .filter(|(_, points): &(_, Vec<_>)| !points.is_empty());
        Some(Picture {
            title: table["title"].as_str()?,
            unit: table["unit"].as_str()?,
            across,
            lines: lines.collect(),
        })
    }

    fn svg(&self) -> Result<String, Box<dyn Error>> {
        let points: Vec<(f64, f64)> =
            self.lines.iter().flat_map(|(_, points)| points.iter().copied()).collect();
        let range = |of: fn(&(f64, f64)) -> f64, wider: f64| {
            let low = points.iter().map(of).fold(f64::INFINITY, f64::min);
            let high = points.iter().map(of).fold(0.0, f64::max);
            low / wider..high * wider
        };
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (860, 460)).into_drawing_area();
            let (left, legend) = root.split_horizontally(640);
            let mut chart = ChartBuilder::on(&left)
                .margin(12)
                .caption(self.title, ("sans-serif", 17, &INK))
                .x_label_area_size(42)
                .y_label_area_size(58)
                .build_cartesian_2d(
                    range(|point| point.0, 1.15).log_scale(),
                    range(|point| point.1, 1.4).log_scale(),
                )?;
            chart
                .configure_mesh()
                .axis_style(INK)
                .bold_line_style(INK.mix(0.3))
                .light_line_style(INK.mix(0.0))
                .label_style(("sans-serif", 13, &INK))
                .x_desc(self.across)
                .y_desc(self.unit)
                .x_label_formatter(&|x| label(*x))
                .y_label_formatter(&|y| label(*y))
                .draw()?;
            for (at, (name, points)) in self.lines.iter().enumerate() {
                let style = COLOURS[at % COLOURS.len()].stroke_width(if at == 0 { 4 } else { 2 });
                chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
                chart.draw_series(
                    points
                        .iter()
                        .map(|point| Circle::new(*point, 3, COLOURS[at % COLOURS.len()].filled())),
                )?;
                let y = 50 + at as i32 * 22;
                legend.draw(&PathElement::new([(4, y), (26, y)], style))?;
                legend.draw(&Text::new(
                    name.to_string(),
                    (32, y - 7),
                    ("sans-serif", 14).into_font().color(&INK),
                ))?;
            }
            root.present()?;
        }
        Ok(styled(svg))
    }
}

/// With colours of text for light and for dark.
fn styled(mut svg: String) -> String {
    let end = svg.find('>').map_or(0, |first| {
        // The head may be followed by the element itself.
        if svg[..first].starts_with("<?") {
            svg[first + 1..].find('>').map_or(first, |at| first + 1 + at)
        } else {
            first
        }
    });
    svg.insert_str(end + 1, STYLE);
    svg
}

fn label(figure: f64) -> String {
    if figure < 1.0 && figure >= 0.5 { "0".into() } else { format!("{figure}") }
}
