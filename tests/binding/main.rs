//! Binding a future: made where, polled where, by which wrapper, then spawned bare or carrying.
//!
//! Each cell of the table in docs/binding.md is measured here and compared with what the page says.
#![cfg(all(feature = "tokio", feature = "futures-io", feature = "http-body"))]

#[path = "../common/futures.rs"]
mod common;
mod kinds;
mod programs;
mod staying;

use common::finish;
use futures_util::FutureExt;
use stackholm::{Checkpoint, ContextExt, Missing, Reason, Scope, Var};
use std::fmt;
use std::fs;
use std::path::Path;
use std::pin::Pin;

static PLACE: Var<&str> = Var::new("place");
static STAYS: Var<&str> = Var::new("stays").stays_on_stack();
static CHECKPOINT: Var<&str> = Var::new("checkpoint").stays_in_checkpoint();
static OTHER: Var<u8> = Var::new("other");

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What one reading comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cell {
    Made,
    Polled,
    Nothing,
    NotCarried,
}

impl Cell {
    fn of(read: Result<&'static str, Missing>) -> Cell {
        match read {
            Ok("made") => Cell::Made,
            Ok("polled") => Cell::Polled,
            Ok(other) => panic!("{other}"),
            Err(missing) => match missing.reason() {
                Reason::NotCarried(_) => Cell::NotCarried,
                Reason::Unbound => Cell::Nothing,
                other => panic!("{other:?}"),
            },
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cell::Made => "made",
            Cell::Polled => "polled",
            Cell::Nothing => "–",
            Cell::NotCarried => "not carried",
        })
    }
}

async fn look(var: &'static Var<&'static str>) -> Cell {
    Cell::of(var.try_get())
}

/// A way to wrap a future, and what the page calls it.
type Way = (&'static str, fn(&'static Var<&'static str>) -> Boxed<Cell>);

const WAYS: &[Way] = &[
    ("nothing: the bare future", |var| look(var).boxed()),
    ("`VAR.scope(value, future)`", |var| OTHER.scope(1, look(var)).boxed()),
    ("`Scope::wrap`", |var| Scope::new().set(&OTHER, 1).wrap(look(var)).boxed()),
    ("`Checkpoint::wrap`", |var| Checkpoint::wrap(look(var)).boxed()),
    ("`Prepared::wrap`", |var| Checkpoint::prepare().set(&OTHER, 1).wrap(look(var)).boxed()),
    ("a scope in a scope", |var| OTHER.scope(1, OTHER.scope(2, look(var).boxed())).boxed()),
    ("`future.in_current_context()`", |var| look(var).in_current_context().boxed()),
    ("a scope around `future.in_current_context()`", |var| {
        OTHER.scope(1, look(var).in_current_context()).boxed()
    }),
    ("`VAR.scope(value, future).in_current_context()`", |var| {
        OTHER.scope(1, look(var)).in_current_context().boxed()
    }),
    ("`future.detached()`", |var| look(var).detached().boxed()),
];

fn made<R>(f: impl FnOnce() -> R) -> R {
    PLACE.sync_scope("made", || STAYS.sync_scope("made", f))
}

fn polled<T>(future: impl Future<Output = T>) -> T {
    PLACE.sync_scope("polled", || {
        STAYS.sync_scope("polled", || CHECKPOINT.sync_scope("polled", || finish(future)))
    })
}

/// Spawned by `spawn` where more is bound, and polled by a worker of tokio's.
fn spawned(future: Boxed<Cell>, spawn: fn(Boxed<Cell>) -> tokio::task::JoinHandle<Cell>) -> Cell {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let _runtime = runtime.enter();
    let task = PLACE.sync_scope("polled", || spawn(future));
    runtime.block_on(task).unwrap()
}

/// The cells of one row, in the order of the columns.
fn cells((_, make): Way) -> [Cell; 7] {
    [
        finish(made(|| make(&PLACE))),
        polled(make(&PLACE)),
        polled(made(|| make(&PLACE))),
        spawned(made(|| make(&PLACE)), tokio::spawn),
        spawned(made(|| make(&PLACE)), stackholm::tokio::spawn),
        polled(make(&STAYS)),
        polled(make(&CHECKPOINT)),
    ]
}

#[test]
fn what_binds_sees_where_it_is_polled_and_what_hands_over_where_it_is_made() {
    use Cell::{Made, NotCarried, Nothing, Polled};
    for way in WAYS {
        let expected = match way.0 {
            name if name.contains("detached") => [Nothing; 7],
            name if name.contains("in_current_context") => {
                [Made, Nothing, Made, Made, Made, Nothing, Nothing]
            }
            name if name.contains("bare") => {
                [Nothing, Polled, Polled, Nothing, Polled, Polled, Polled]
            }
            _ => [Nothing, Polled, Polled, Nothing, Polled, Polled, NotCarried],
        };
        assert_eq!(cells(*way), expected, "{}", way.0);
    }
}

#[test]
fn the_table_of_the_page_is_the_one_that_was_just_measured() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/binding.md");
    let page = fs::read_to_string(&path).unwrap();
    let head = page
        .find("|---|")
        .map(|at| at + page[at..].find('\n').unwrap() + 1)
        .expect("there is a table");
    let end = head + page[head..].find("\n\n").expect("something comes after it") + 1;
    let table: String = WAYS
        .iter()
        .map(|way| {
            format!("| {} | {} |\n", way.0, cells(*way).map(|cell| cell.to_string()).join(" | "))
        })
        .collect();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{}{table}{}", &page[..head], &page[end..])).unwrap();
    } else {
        assert_eq!(page[head..end], table, "UPDATE_DOCS=1 writes it");
    }
}
