//! A line of a log with the fields of its request: what they cost the record, the line included.
//!
//! All write the same line with the same code: the message, and each field as ` key=value`, into
//! memory that is kept. The number that is checked is the length of the lines.

use crate::work::Column;
use context_logger::{ContextLogger, LogContext};
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Log, Metadata, Record};
use stackholm::{Scope, Var};
use stackholm_benches::race::Batch;
use stackholm_benches::table::Table;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io;
use tracing::subscriber::with_default;
use tracing_subscriber::fmt;

const OURS: &str = "stackholm";
const BARE: &str = "no fields at all";
const THREAD: &str = "strings of one thread, carried nowhere";
const MIRROR: &str = "";

static ID: Var<u64> = Var::new("request.id").logged();
static USER: Var<&str> = Var::new("user").logged();
static LIVE: Var<bool> = Var::new("live").logged();
static SHARD: Var<u64> = Var::new("shard").logged();
static REGION: Var<&str> = Var::new("region").logged();
static TIER: Var<&str> = Var::new("tier").logged();
static TRIES: Var<u64> = Var::new("tries").logged();
static CACHED: Var<bool> = Var::new("cached").logged();

thread_local! { static LINE: RefCell<String> = const { RefCell::new(String::new()) }; }

/// The length of what `f` has written.
fn written(f: impl FnOnce()) -> u64 {
    LINE.with_borrow_mut(String::clear);
    f();
    LINE.with_borrow(String::len) as u64
}

struct Pairs<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        write!(self.0, " {key}={value}").map_err(Error::from)
    }
}

/// Writes the key-values of a record.
struct ByPairs;

impl Log for ByPairs {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINE.with_borrow_mut(|line| {
            let _ = write!(line, "{}", record.args());
            let _ = record.key_values().visit(&mut Pairs(line));
        });
    }

    fn flush(&self) {}
}

/// Writes what log-mdc has.
struct ByMdc;

impl Log for ByMdc {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINE.with_borrow_mut(|line| {
            let _ = write!(line, "{}", record.args());
            log_mdc::iter(|key, value| {
                let _ = write!(line, " {key}={value}");
            });
        });
    }

    fn flush(&self) {}
}

/// One record, from where the macro of `log` would hand it on.
#[inline(always)]
fn record(logger: &dyn Log) {
    let line = format_args!("saved");
    logger.log(&Record::builder().level(Level::Info).args(line).build());
}

/// Binds as many of ours.
fn ours<R>(number: usize, f: impl FnOnce() -> R) -> R {
    match number {
        0 => f(),
        1 => ID.sync_scope(black_box(17), f),
        3 => Scope::new().set(&ID, black_box(17)).set(&USER, "ada").set(&LIVE, true).run(f),
        8 => Scope::new()
            .set(&ID, black_box(17))
            .set(&USER, "ada")
            .set(&LIVE, true)
            .set(&SHARD, 4)
            .set(&REGION, "north")
            .set(&TIER, "gold")
            .set(&TRIES, 1)
            .set(&CACHED, false)
            .run(f),
        _ => unreachable!("no column has that many"),
    }
}

/// The same as key and text.
const TEXTS: [(&str, &str); 8] = [
    ("request.id", "17"),
    ("user", "ada"),
    ("live", "true"),
    ("shard", "4"),
    ("region", "north"),
    ("tier", "gold"),
    ("tries", "1"),
    ("cached", "false"),
];

fn mdc<R>(number: usize, f: impl FnOnce() -> R) -> R {
    let _scope =
        log_mdc::extend_scoped(TEXTS[..number].iter().map(|(key, text)| (*key, black_box(*text))));
    f()
}

fn context_logger<R>(number: usize, f: impl FnOnce() -> R) -> R {
    let mut context = LogContext::new();
    for (at, (key, text)) in TEXTS[..number].iter().enumerate() {
        context = match at {
            0 => context.with_inherited_field(*key, black_box(17_u64)),
            2 => context.with_inherited_field(*key, true),
            3 => context.with_inherited_field(*key, 4_u64),
            6 => context.with_inherited_field(*key, 1_u64),
            7 => context.with_inherited_field(*key, false),
            _ => context.with_inherited_field(*key, *text),
        };
    }
    context_logger::LogScope::in_scope(context, f)
}

/// How long a line is.
fn length(number: usize) -> u64 {
    let fields = TEXTS[..number].iter().map(|(key, text)| key.len() + text.len() + 2);
    ("saved".len() + fields.sum::<usize>()) as u64
}

/// What a turn is: a line, in a request that is bound around all turns, or a request of so many
/// lines.
#[derive(Clone, Copy)]
enum Turn {
    Line(usize),
    Request { fields: usize, lines: u64 },
}

impl Turn {
    fn time(self, batch: &mut Batch, logger: &dyn Log, bind: impl Fn(usize, &mut dyn FnMut())) {
        match self {
            Turn::Line(number) => bind(number, &mut || {
                batch.time(length(number), || written(|| record(black_box(logger))));
            }),
            Turn::Request { fields, lines } => batch.time(length(fields) * lines, || {
                written(|| bind(fields, &mut || (0..lines).for_each(|_| record(black_box(logger)))))
            }),
        }
    }
}

const TURNS: [(&str, Turn); 5] = [
    ("nothing bound", Turn::Line(0)),
    ("1 field", Turn::Line(1)),
    ("3 fields", Turn::Line(3)),
    ("8 fields", Turn::Line(8)),
    ("bind 3, 20 lines", Turn::Request { fields: 3, lines: 20 }),
];

pub fn of_log() -> Table {
    let mut table = Table::new("A record of `log`, written, by fields of its request", "ns");
    for (header, turn) in TURNS {
        let mut column = Column::new();
        column.also(OURS, "", move |batch| {
            let logger = stackholm::log::Logger::new(ByPairs);
            turn.time(batch, &logger, |number, f| ours(number, f));
        });
        column.also("stackholm, mirrored into log-mdc", MIRROR, move |batch| {
            let logger = stackholm::log_mdc::Mirror::new(ByMdc);
            turn.time(batch, &logger, |number, f| ours(number, f));
        });
        column.also("log-mdc", THREAD, move |batch| {
            turn.time(batch, &ByMdc, |number, f| mdc(number, f));
        });
        column.also("context-logger", "fields only: nothing can be read back", move |batch| {
            let logger = ContextLogger::new(ByPairs);
            turn.time(batch, &logger, |number, f| context_logger(number, f));
        });
        column.also("the logger alone", BARE, move |batch| {
            let fields = match turn {
                Turn::Line(_) => Turn::Line(0),
                Turn::Request { lines, .. } => Turn::Request { fields: 0, lines },
            };
            fields.time(batch, &ByPairs, |_, f| f());
        });
        table.column(header, column.run());
    }
    table
}

/// Where events are written.
struct ToLine;

impl io::Write for ToLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        LINE.with_borrow_mut(|line| line.push_str(text));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `f` where events are written in this format.
macro_rules! formatted {
    ($format:expr, $f:expr) => {
        with_default(
            fmt().with_ansi(false).event_format($format).with_writer(|| ToLine).finish(),
            $f,
        )
    };
}

/// Times events; each must be as long as the first.
fn events(batch: &mut Batch) {
    let event = || written(|| tracing::info!("saved"));
    let length = event();
    batch.time(length, event);
}

pub fn of_tracing() -> Table {
    let mut table = Table::new("An event of `tracing`, written, by fields of its request", "ns");
    let format = || fmt::format().without_time().with_target(false);
    for number in [0, 1, 3, 8] {
        let mut column = Column::new();
        column.also(OURS, "", move |batch| {
            let format = stackholm::tracing_subscriber::Format::new(format());
            formatted!(format, || ours(number, || events(batch)));
        });
        column.also(
            "tracing, fields of a span",
            "written once, as text, if the span is not filtered out",
            move |batch| {
                formatted!(format(), || span(number).in_scope(|| events(batch)));
            },
        );
        column.also("the format alone", BARE, move |batch| {
            formatted!(format(), || events(batch));
        });
        table.column(number.to_string(), column.run());
    }
    table
}

fn span(number: usize) -> tracing::Span {
    match number {
        0 => tracing::Span::none(),
        1 => tracing::info_span!("request", request.id = black_box(17_u64)),
        3 => tracing::info_span!(
            "request",
            request.id = black_box(17_u64),
            user = "ada",
            live = true
        ),
        8 => tracing::info_span!(
            "request",
            request.id = black_box(17_u64),
            user = "ada",
            live = true,
            shard = 4_u64,
            region = "north",
            tier = "gold",
            tries = 1_u64,
            cached = false
        ),
        _ => unreachable!("no column has that many"),
    }
}
