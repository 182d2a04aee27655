//! The whole table: every boundary, in both ways of crossing it, with each of the three reaches.
//!
//! One row is one boundary; the job at its other side says what it sees. What was seen is compared
//! with the rule, and the table that comes of it with docs/boundaries.md: a row that is missing
//! there, or here, is a failure.
#![cfg(all(
    feature = "axum",
    feature = "futures-io",
    feature = "hyper",
    feature = "rayon",
    feature = "tokio-util"
))]
#![cfg(all(feature = "tower", feature = "tracing"))]

#[path = "../common/futures.rs"]
mod common;
mod futures;
mod rayon;
mod services;
mod threads;
mod tokio;

use common::three_ways;
use stackholm::{Context, Missing, Reason, Scope, Var};
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use tracing::Span;

static EVERYWHERE: Var<u32> = Var::new("everywhere");
static STACK: Var<u32> = Var::new("stack").stays_on_stack();
static CHECKPOINT: Var<u32> = Var::new("checkpoint").stays_in_checkpoint();

/// What is run at the other side.
type Job = Box<dyn FnOnce() + Send>;

/// What the docs call it, and the crossing itself.
type Way = (&'static str, fn(Job));

/// One boundary, and how to cross it with a job; comes back when the job is done.
struct Boundary {
    /// The part of the crate that it belongs to: a file of `src/ext`, or the core.
    of: &'static str,
    carrying: Way,
    detached: Way,
    hands: Hands,
}

/// Rows of one part of the crate: how the job crosses carrying, and how detached.
macro_rules! rows {
    ($of:literal $hands:ident $($carrying:literal $carry:expr, $detached:literal $detach:expr;)*) => {
        &[$(crate::Boundary {
            of: $of,
            hands: crate::Hands::$hands,
            carrying: ($carrying, $carry),
            detached: ($detached, $detach),
        }),*]
    };
}
use rows;

/// What the carrying side comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hands {
    /// A stack of its own, with what reaches it.
    Over,
    /// A stack of its own on top of the caller's: nothing is handed over, the work goes on.
    On,
    /// The stack of the caller: nothing is handed over, and nothing lost.
    Nowhere,
}

/// All rows there are.
fn boundaries() -> impl Iterator<Item = &'static Boundary> {
    let core = threads::BOUNDARIES
        .iter()
        .chain(futures::BOUNDARIES)
        .chain(futures::BINDING)
        .chain(futures::READERS);
    let jobs = rayon::BOUNDARIES
        .iter()
        .chain(tokio::BOUNDARIES)
        .chain(tokio::IN_PLACE)
        .chain(tokio::TRACKERS);
    let services = services::EXECUTORS
        .iter()
        .chain(services::BODIES)
        .chain(services::LAYERS)
        .chain(services::ARGUMENTS);
    core.chain(jobs).chain(services)
}

/// What one reading comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Seen,
    NotCarried,
    Unbound,
}

impl Cell {
    fn of(read: Result<u32, Missing>) -> Self {
        match read.map_err(|missing| missing.reason()) {
            Ok(_) => Cell::Seen,
            Err(Reason::NotCarried(at)) => {
                assert_eq!(at.file(), file!(), "it is said where it was bound");
                Cell::NotCarried
            }
            Err(Reason::Unbound) => Cell::Unbound,
            Err(other) => panic!("{other:?}"),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cell::Seen => "seen",
            Cell::NotCarried => "not carried",
            Cell::Unbound => "unbound",
        })
    }
}

/// What the job at the other side of `cross` sees of the three reaches, bound where it is called,
/// and whether it has the companions of there: the span of `tracing`, the context of OpenTelemetry.
fn cells(hands: Hands, way: Way) -> ([Cell; 3], [Cell; 2]) {
    let _ = stackholm::tracing::carry_spans();
    let _ = stackholm_opentelemetry::install();
    tracing::subscriber::with_default(tracing_subscriber::registry(), || {
        let span = tracing::info_span!("caller");
        let _attached = opentelemetry::Context::current_with_value(Caller(span.id())).attach();
        span.in_scope(|| cells_in_span(hands, way))
    })
}

/// What the context of OpenTelemetry has of the caller.
#[derive(Clone, PartialEq)]
struct Caller(Option<tracing::Id>);

impl Caller {
    fn current() -> Option<Caller> {
        opentelemetry::Context::map_current(|context| context.get().cloned())
    }
}

fn cells_in_span(hands: Hands, (name, cross): Way) -> ([Cell; 3], [Cell; 2]) {
    let (send, receive) = mpsc::channel();
    let span = Span::current();
    let own = span.clone();
    let job = Box::new(move || {
        let reaches = [&EVERYWHERE, &STACK, &CHECKPOINT].map(|var| Cell::of(var.try_get()));
        let companions = [Span::current() == own, Caller::current() == Some(Caller(own.id()))];
        let seen = |is_seen| if is_seen { Cell::Seen } else { Cell::Unbound };
        send.send((reaches, companions.map(seen))).unwrap();
        if hands != Hands::Nowhere {
            // Whatever it leaves behind there is not seen here.
            std::mem::forget(EVERYWHERE.enter(99));
        }
    });
    Scope::new().set(&EVERYWHERE, 1).set(&STACK, 2).set(&CHECKPOINT, 3).run(|| {
        let before = Context::current();
        cross(job);
        assert_eq!(before, Context::current(), "{name}: the caller's stack is as before");
        assert_eq!(Span::current(), span, "{name}: the caller is in its span, as before");
        let caller = Some(Caller(span.id()));
        assert!(Caller::current() == caller, "{name}: and in its context of OpenTelemetry");
    });
    receive.recv().unwrap_or_else(|_| panic!("{name}: the job has run"))
}

#[test]
fn every_boundary_carries_and_detaches_every_reach_as_the_rule_says() {
    for boundary in boundaries() {
        three_ways(|| {
            let carried = match boundary.hands {
                Hands::Over => [Cell::Seen, Cell::NotCarried, Cell::NotCarried],
                Hands::On => [Cell::Seen, Cell::Seen, Cell::NotCarried],
                Hands::Nowhere => [Cell::Seen; 3],
            };
            let Boundary { hands, carrying, detached, .. } = *boundary;
            let ((reaches, companions), name) = (cells(hands, carrying), carrying.0);
            assert_eq!(reaches, carried, "{name}");
            // What goes on, or is entered without a hop, is where it is polled.
            let hops = hands == Hands::Over && !enters_alone(boundary);
            assert!(companions == [Cell::Seen; 2] || !hops, "{name}: it has those of its caller");
            let ((reaches, companions), name) = (cells(hands, detached), detached.0);
            assert_eq!(reaches, [Cell::Unbound; 3], "{name}");
            assert!(companions == [Cell::Unbound; 2] || !hops, "{name}: it has none");
        });
    }
}

/// Whether what crosses there enters a context where it runs and hands no companions over: layers
/// and arguments, which work within the spans of the layers around them, and parallel iterators.
fn enters_alone(boundary: &Boundary) -> bool {
    let is_parallel =
        || ["par_", ".carrying()"].iter().any(|part| boundary.carrying.0.contains(part));
    ["`tower`", "`axum`"].contains(&boundary.of) || (boundary.of == "`rayon`" && is_parallel())
}

/// The table, with what was seen just now.
fn table() -> String {
    let row = |boundary: &Boundary| {
        let [carried, detached] = [boundary.carrying, boundary.detached].map(|way| {
            let ([everywhere, stack, checkpoint], companions) = cells(boundary.hands, way);
            let [span, otel] =
                companions.map(|cell| if cell == Cell::Seen { "seen" } else { "none" });
            format!("{} | {everywhere} | {stack} | {checkpoint} | {span} | {otel}", way.0)
        });
        format!("| {} | {carried} | {detached} |\n", boundary.of)
    };
    boundaries().map(row).collect()
}

/// The stacks that handed over to the job at the other side, its own parent first, and the caller's.
#[cfg(feature = "inspect")]
fn handed_by(cross: fn(Job)) -> (Vec<u64>, u64) {
    use stackholm::inspect::{Look, this_stack};
    let (send, receive) = mpsc::channel();
    let job = Box::new(move || {
        let view = Look::new().limit(usize::MAX).look();
        let parent = |id| view.stacks().iter().find(|stack| stack.id() == id)?.parent();
        let this = this_stack().expect("it is listed");
        send.send(std::iter::successors(parent(this), |id| parent(*id)).collect()).unwrap();
    });
    let caller = EVERYWHERE.sync_scope(1, || {
        cross(job);
        this_stack().expect("it has handed over, or entered")
    });
    (receive.recv().unwrap(), caller)
}

#[test]
#[cfg(feature = "inspect")]
fn whatever_is_handed_over_is_listed_with_who_did_and_whatever_is_detached_without() {
    let _watching = stackholm::inspect::watch();
    let over = boundaries().filter(|boundary| boundary.hands == Hands::Over);
    // What enters where it runs is on the stack of there.
    for boundary in over.filter(|boundary| !enters_alone(boundary)) {
        let (parents, caller) = handed_by(boundary.carrying.1);
        // Of a scope of jobs, the closure is one stack and may have ended.
        let is_of_scope = boundary.of == "`rayon`" && boundary.carrying.0.contains("spawn");
        let is_right = parents.contains(&caller) || is_of_scope && !parents.is_empty();
        assert!(is_right, "{}: {parents:?}, {caller}", boundary.carrying.0);
        let (parents, _) = handed_by(boundary.detached.1);
        assert!(parents.is_empty(), "{}: {parents:?}", boundary.detached.0);
    }
}

#[test]
fn the_table_in_the_docs_is_the_one_that_was_just_measured() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/boundaries.md");
    let page = fs::read_to_string(&path).unwrap();
    let head = page
        .find("|---|")
        .map(|at| at + page[at..].find('\n').unwrap() + 1)
        .expect("there is a table");
    let end = head + page[head..].find("\n\n").expect("something comes after it") + 1;
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{}{table}{}", &page[..head], &page[end..])).unwrap();
    } else {
        for line in table.lines() {
            assert!(page[head..end].contains(line), "UPDATE_DOCS=1 writes it: {line}");
        }
        assert_eq!(
            page[head..end].lines().count(),
            table.lines().count(),
            "a row that is tested by nobody"
        );
    }
}

#[test]
fn every_file_of_the_integrations_has_rows() {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ext")).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> =
        files.filter_map(|file| Some(file.strip_suffix(".rs")?.replace('_', "-"))).collect();
    let of: BTreeSet<_> =
        boundaries().map(|boundary| boundary.of.trim_matches('`').to_owned()).collect();
    // What crosses to another process has a suite of its own, `tests/wire`, and so has a map in a
    // cell, which hands nothing over.
    // What carries though nobody asked it to has suites of its own, under its cfg; `mod` is the
    // list of the others.
    let hooks = ["imbl", "mod", "spawn-hook", "tokio-hooks", "wire"].map(String::from);
    // Sinks of fields take what is there and hand nothing over; companions have a column.
    let sinks = ["log", "log-mdc", "metrics", "serde", "slog", "tracing", "tracing-subscriber"]
        .map(String::from);
    let others = |name: &String| hooks.contains(name) || sinks.contains(name);
    let missing: Vec<_> =
        names.iter().filter(|name| !of.contains(*name) && !others(name)).collect();
    assert_eq!(missing, [""; 0], "a file of src/ext without a row");
    assert!(names.len() > 8, "{names:?}");
}

/// All files of a folder, and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_function_that_carries_or_detaches_by_name_is_in_the_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let page = fs::read_to_string(source.with_file_name("docs").join("boundaries.md")).unwrap();
    let mut functions = BTreeSet::new();
    for file in files(&source.join("ext")).iter().chain([&source.join("thread.rs")]) {
        for declared in fs::read_to_string(file).unwrap().split("fn ").skip(1) {
            let name = declared
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default();
            // On a runtime or a set that is named is the same as on the current one.
            functions.insert(if name.starts_with("block_on") {
                name.into()
            } else {
                name.replace("_on", "")
            });
        }
    }
    functions.retain(|name| {
        name.ends_with("_carrying") || name.ends_with("_detached") || name == "carrying_nothing"
    });
    assert!(functions.len() > 20, "{functions:?}");
    functions.retain(|name| {
        !page.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    });
    assert_eq!(functions, BTreeSet::new(), "without a row");
}
