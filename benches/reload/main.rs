//! Question: what does a service pay for routes and flags that a file replaces a hundred times a
//! second, what do its requests see, and what is that with other maps?
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench reload` prints the tables and writes
//! `results/reload.md`, `reload.json` and `reload.svg`. `-- --rounds N` takes so many rounds
//! in the place of 40. Words after that choose ways by their names; then nothing is written:
//! `-- --rounds 400 pinned held`.
//!
//! The service, its file and its requests are those of `examples/reload`.

#[path = "../../examples/reload/main.rs"]
#[allow(dead_code, unreachable_pub, reason = "its `main` is for people")]
mod example;
mod others;
mod turn;

use example::service::Seen;
use example::tables::{Held, Pinned, Unpinned};
use example::watch::Folder;
use stackholm::Shared;
use stackholm_benches::counting::Counting;
use stackholm_benches::race::Spread;
use stackholm_benches::table::{Cell, Table, lost};
use stackholm_benches::{machine, pictures};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use turn::{Kind, Of, Reloads, Way, cores};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// With 4 turns of two kinds for each way: 6 minutes.
const ROUNDS: usize = 40;

/// Of one turn: ten reloads.
const TURN: Duration = Duration::from_millis(100);

/// Within a round; how the first two differ is how much the machine does by itself.
const MODES: [Reloads; 4] = [Reloads::None, Reloads::None, Reloads::Dropped, Reloads::Loaded];

const KINDS: [Kind; 2] = [Kind::Short, Kind::Mixed];

const ANEW: &str = "each look is of the newest: a request may see two versions";
const ARGUMENT: &str = "an argument, passed by hand";

/// One way, and what came of its turns.
struct Row {
    name: &'static str,
    leaves_out: &'static str,
    way: Box<dyn Way>,
    /// For each kind and mode, the nanoseconds of each round.
    nanos: [[Vec<f64>; 4]; 2],
    /// For each kind, what requests saw while the file was loaded.
    seen: [Seen; 2],
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let (rounds, words) = match arguments.as_slice() {
        [flag, rounds, words @ ..] if flag == "--rounds" => (rounds.parse()?, words),
        words => (ROUNDS, words),
    };
    let busy = machine::busy();
    let mut rows = rows()?;
    rows.retain(|row| words.is_empty() || words.iter().any(|word| row.name.contains(&**word)));
    if rows.is_empty() {
        return Err("no way has such a name".into());
    }
    for round in 0..rounds {
        eprint!("\rround {} of {rounds} ", round + 1);
        run(&mut rows, round);
    }
    eprintln!();
    let tables = [costs(&rows), counts(&rows), shares(&rows)];
    let text: String = tables.iter().map(|table| table.text() + "\n").collect();
    let text = head(rounds, &busy) + &text + &lost(&tables);
    println!("{text}");
    if words.is_empty() {
        write(&text, &tables)?;
    }
    let mut whole = rows.iter().filter(|row| row.leaves_out != ANEW).flat_map(|row| row.seen);
    assert!(whole.all(|seen| seen.torn == 0), "who keeps a picture sees one");
    let right = |seen: &Seen| (seen.wrong, seen.stale) == (0, 0);
    assert!(rows.iter().all(|row| row.seen.iter().all(right)), "nobody sees what never was");
    Ok(())
}

fn rows() -> Result<Vec<Row>, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
    let (runtime, folder) = (Arc::new(runtime), Arc::new(Folder::new()?));
    let mut rows = Vec::new();
    macro_rules! way {
        ($name:literal, $leaves_out:expr, $tables:expr) => {
            rows.push(Row {
                name: $name,
                leaves_out: $leaves_out,
                way: Box::new(Of::new($tables, &runtime, &folder)),
                nanos: Default::default(),
                seen: Default::default(),
            });
        };
    }
    way!("stackholm set_globals, pinned", "", Pinned);
    way!("stackholm Shared, held", ARGUMENT, Held(Shared::default()));
    way!("stackholm set_globals, not pinned", ANEW, Unpinned);
    way!("stackholm SharedMap × 2", ANEW, others::SharedMaps::new());
    way!("RwLock<HashMap> × 2", ANEW, others::Locks::new());
    way!("dashmap × 2", ANEW, others::Dash::new());
    way!("papaya × 2", ANEW, others::Papayas::new());
    way!("concread HashMap × 2", ANEW, others::Concreads::new());
    way!("ArcSwap<imbl::HashMap> × 2", ANEW, others::Swaps::new());
    way!("ArcSwap of both, held", ARGUMENT, others::SwappedArc::new());
    way!("RwLock<Arc> of both, held", ARGUMENT, others::LockedArc::new());
    Ok(rows)
}

/// All ways take their turns, in another order in each round.
fn run(rows: &mut [Row], round: usize) {
    let number = rows.len();
    for turn in 0..number {
        let row = &mut rows[(turn + round) % number];
        for (at, kind) in KINDS.into_iter().enumerate() {
            for mode in 0..MODES.len() {
                let mode = (mode + round) % MODES.len();
                let turn = row.way.turn(kind, MODES[mode], TURN);
                row.nanos[at][mode].push(turn.nanos);
                if MODES[mode] == Reloads::Loaded {
                    row.seen[at] += turn.seen;
                }
            }
        }
    }
}

fn ratio(of: &[f64], to: &[f64]) -> Spread {
    Spread::of(of.iter().zip(to).map(|(of, to)| of / to).collect())
}

/// Its header, and its cell in each row.
type Column<'a> = (&'a str, &'a dyn Fn(&Row) -> Cell);

fn table(title: &'static str, unit: &'static str, rows: &[Row], columns: &[Column<'_>]) -> Table {
    let mut table = Table::new(title, unit);
    for (header, cell) in columns {
        table.column(
            *header,
            rows.iter().map(|row| (row.name, row.leaves_out, cell(row))).collect(),
        );
    }
    table
}

/// What a request costs while the file is loaded a hundred times a second.
fn costs(rows: &[Row]) -> Table {
    let cost = |kind: usize| {
        move |row: &Row| {
            let (nanos, ours) = (&row.nanos[kind][3], &rows[0].nanos[kind][3]);
            Cell::Time(Spread::of(nanos.clone()), ratio(nanos, ours))
        }
    };
    table(
        "A request of six look-ups, while a file is loaded 100 times a second",
        "ns of all cores",
        rows,
        &[("on one thread", &cost(0)), ("every other one on two", &cost(1))],
    )
}

/// What requests saw, and what publishing takes: counts.
fn counts(rows: &[Row]) -> Table {
    let per_million = |part: fn(&Seen) -> u64, kind: usize| {
        move |row: &Row| {
            let seen = &row.seen[kind];
            Cell::Figure(part(seen) as f64 * 1e6 / seen.requests.max(1) as f64)
        }
    };
    let torn = |seen: &Seen| seen.torn;
    let stale =
        |row: &Row| Cell::Figure(row.seen.iter().map(|seen| seen.stale).sum::<u64>() as f64);
    let asked = |row: &Row| Cell::Figure(row.way.publishing().0.asked as f64);
    let bytes = |row: &Row| Cell::Figure(row.way.publishing().0.asked_bytes as f64);
    let steps = |row: &Row| Cell::Figure(row.way.publishing().1 as f64);
    table(
        "What requests saw, of a million, and what a reload is, with 64 routes and 8 flags",
        "counts",
        rows,
        &[
            ("two versions, on one thread", &per_million(torn, 0)),
            ("two versions, every other on two", &per_million(torn, 1)),
            ("an old version, of all", &stale),
            ("steps until all is seen", &steps),
            ("allocations to publish", &asked),
            ("bytes of them", &bytes),
        ],
    )
}

/// What reloads take of the throughput.
fn shares(rows: &[Row]) -> Table {
    let share = |kind: usize, mode: usize, beside: usize| {
        // More nanoseconds are less throughput.
        move |row: &Row| Cell::Share(ratio(&row.nanos[kind][beside], &row.nanos[kind][mode]))
    };
    table(
        "Throughput: again without reloads, with files read and dropped, with files loaded",
        "quartiles",
        rows,
        &[
            ("on one thread: again / none", &share(0, 1, 0)),
            ("dropped / none", &share(0, 2, 0)),
            ("loaded / none", &share(0, 3, 0)),
            ("loaded / dropped", &share(0, 3, 2)),
            ("every other on two: again / none", &share(1, 1, 0)),
            ("dropped / none, on two", &share(1, 2, 0)),
            ("loaded / none, on two", &share(1, 3, 0)),
            ("loaded / dropped, on two", &share(1, 3, 2)),
        ],
    )
}

fn head(rounds: usize, busy: &str) -> String {
    format!(
        "{}\n\n{busy}{rounds} rounds in which all take turns of {} ms on {} cores, in changing order; the \
         ratios are medians over rounds. The file is rewritten by a rename, a watcher reads it, and \
         both run on the same cores. \"Held\" and \"pinned\": a request keeps one picture. \"× 2\": a \
         map for each table.\n\n",
        machine::machine(&["arc-swap", "concread", "dashmap", "imbl", "notify", "papaya", "tokio"]),
        TURN.as_millis(),
        cores(),
    )
}

fn write(text: &str, tables: &[Table]) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    std::fs::write(folder.join("reload.md"), text)?;
    let tables: Vec<_> = tables.iter().map(Table::json).collect();
    let data = serde_json::json!({ "tables": tables });
    std::fs::write(folder.join("reload.json"), serde_json::to_string_pretty(&data)? + "\n")?;
    pictures::draw_reload(&folder)
}
