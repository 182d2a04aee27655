//! Question: what does a user pay with us, and what with everything they would pick instead, for
//! the same work on the same machine in the same run?
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench rivals` prints all tables and writes
//! them to `benches/results/`: `table.md`, `rivals.json`, and the pictures. Words after `--` choose
//! some of the tables; `measure` has the words. Then nothing is written, unless `--write` is there
//! too: `-- shared --write` writes `table-shared.md`.

mod by_hand;
mod cells;
mod dcontext;
mod growth;
mod hub;
mod index;
mod lines;
mod memory;
mod otel;
mod ours;
mod shared;
mod spans;
mod system;
mod task_local;
mod threads;
mod wire;
mod work;

use stackholm_benches::table::{Table, lost};
use stackholm_benches::{machine, pictures};
use std::error::Error;
use std::path::{Path, PathBuf};
use system::System as _;

/// Does the same for each system, ours first.
#[macro_export]
macro_rules! systems {
    (|$system:ident| $body:expr) => {{
        $crate::systems!(@ $system $body; $crate::ours::Stackholm, $crate::otel::OpenTelemetry,
            $crate::dcontext::Dcontext, $crate::task_local::KeyEach, $crate::task_local::OneKey,
            $crate::spans::Tracing, $crate::hub::Sentry, $crate::spans::Fastrace, $crate::by_hand::Cloned,
            $crate::by_hand::ThreadMap, $crate::by_hand::ByHand)
    }};
    (@ $system:ident $body:expr; $($each:path),*) => {{ $({ type $system = $each; $body; })* }};
}

/// Which tables.
struct Choice(Vec<String>);

impl Choice {
    fn wants(&self, word: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|chosen| chosen == word)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let choice =
        Choice(std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect());
    // Deep nesting of rivals that recurse; the rest of it is never touched.
    let measure = move || measure(&choice).map(|tables| (tables, choice.0));
    let thread = std::thread::Builder::new().stack_size(1 << 30).spawn(measure)?;
    let (tables, chosen) = thread.join().map_err(|_| "a race failed")??;
    let lost = lost(&tables);
    println!("{lost}");
    let text = || {
        let all: String = tables.iter().map(|table| table.text() + "\n").collect();
        head() + &all + &lost
    };
    if chosen.is_empty() {
        write(&text(), &tables)?;
    } else if std::env::args().any(|argument| argument == "--write") {
        std::fs::write(results().join(format!("table-{}.md", chosen.join("-"))), text())?;
    }
    Ok(())
}

fn measure(choice: &Choice) -> Result<Vec<Table>, String> {
    systems!(|S| S::prepare());
    println!("{}", head());
    let mut tables = Vec::new();
    let pair = |word: &str, make: fn() -> (Table, Table), tables: &mut Vec<Table>| {
        if choice.wants(word) {
            let (first, second) = make();
            println!("{}\n{}", first.text(), second.text());
            tables.extend([first, second]);
        }
    };
    let one = |word: &str, make: fn() -> Table, tables: &mut Vec<Table>| {
        if choice.wants(word) {
            let table = make();
            println!("{}", table.text());
            tables.push(table);
        }
    };
    // First, while nothing else has been allocated.
    pair("memory", memory::tables, &mut tables);
    one("enter", work::entering, &mut tables);
    pair("depth", work::nested, &mut tables);
    one("read", work::reading, &mut tables);
    one("capture", work::capturing, &mut tables);
    one("hand over", work::handing_over, &mut tables);
    one("poll", work::polling, &mut tables);
    one("request", work::requests, &mut tables);
    pair("lines", of_lines, &mut tables);
    pair("threads", threads::tables, &mut tables);
    one("index", index::inserting, &mut tables);
    one("index", index::looking_up, &mut tables);
    one("wire", wire::crossing, &mut tables);
    one("generations", growth::tasks, &mut tables);
    one("variables", growth::variables, &mut tables);
    pair("shared", shared::reading, &mut tables);
    one("shared", shared::storing, &mut tables);
    // Last: who pins reads otherwise from there on.
    one("shared", shared::pinning, &mut tables);
    Ok(tables)
}

fn of_lines() -> (Table, Table) {
    (lines::of_log(), lines::of_tracing())
}

fn head() -> String {
    format!(
        "{}\n\nEach cell: median of a turn, half the distance of its quartiles, and how many times ours it took, as \
         the median over rounds in which all took turns. Less is better.\n\n",
        machine()
    )
}

/// The machine, the day and the versions.
fn machine() -> String {
    machine::machine(&[
        "opentelemetry",
        "opentelemetry_sdk",
        "dcontext",
        "tokio",
        "tracing",
        "tracing-subscriber",
        "sentry-core",
        "fastrace",
        "log",
        "log-mdc",
        "context-logger",
        "http",
        "im",
        "imbl",
        "rpds",
        "arc-swap",
        "left-right",
    ])
}

fn results() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results")
}

fn write(text: &str, tables: &[Table]) -> Result<(), Box<dyn Error>> {
    let folder = results();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("table.md"), text)?;
    let data = serde_json::json!({ "machine": machine(), "tables": tables.iter().map(Table::json).collect::<Vec<_>>() });
    std::fs::write(folder.join("rivals.json"), serde_json::to_string_pretty(&data)? + "\n")?;
    pictures::draw(&folder)
}
