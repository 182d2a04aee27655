//! Question: does the core keep what it promises about cost? Each promise compares two things that
//! are done in turns on the same machine; see `race`.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench promises` prints the table;
//! `-- --strict` also fails if a promise is broken.

use opentelemetry::{Context as Otel, context::FutureExt as _};
use stackholm::wire::{self, Peer, Text, Timeout, Token, Wire};
use stackholm::{Checkpoint, Context, Var, deadline};
use stackholm_benches::bound::{self, ABSENT, Absent, Number, VARS, value};
use stackholm_benches::race::{Race, Times};
use stackholm_benches::work::{self, Busy, enter_and_leave, poll};
use std::alloc::Layout;
use std::cell::RefCell;
use std::hint::black_box;
use std::pin::pin;
use std::sync::{Arc, Barrier, RwLock};
use std::thread;
use std::time::{Duration, Instant};

tokio::task_local! { static LOCAL: u64; }

static REQUEST: Var<String> = Var::new("request");

/// What is promised: `ours` takes at most `most` times as long as `theirs`; `aim` is what we want
/// next.
struct Promise {
    what: &'static str,
    ours: &'static str,
    theirs: &'static str,
    most: f64,
    aim: Option<f64>,
}

const fn promise(
    what: &'static str,
    ours: &'static str,
    theirs: &'static str,
    most: f64,
    aim: Option<f64>,
) -> Promise {
    Promise { what, ours, theirs, most, aim }
}

const PROMISES: &[Promise] = &[
    promise(
        "enter + leave / malloc + free of 64 bytes",
        "enter, 1 bound",
        "malloc",
        1.5,
        Some(1.2),
    ),
    promise("  the same at 8 bound", "enter, 8 bound", "malloc", 1.5, Some(1.2)),
    promise(
        "enter + leave at 32 bound / at 1 bound",
        "enter again, 32 bound",
        "enter, 1 bound",
        1.3,
        None,
    ),
    promise("  the same, a 33rd variable", "enter, 32 bound", "enter, 1 bound", 1.3, None),
    promise(
        "enter + leave / OpenTelemetry, 8 bound",
        "enter, 8 bound",
        "otel enter, 8 bound",
        1.0 / 8.0,
        None,
    ),
    promise(
        "enter + leave / OpenTelemetry, 32 bound",
        "enter, 32 bound",
        "otel enter, 32 bound",
        1.0 / 20.0,
        None,
    ),
    promise(
        "two scopes in turn / malloc + free, 1 bound",
        "two in turn, 1 bound",
        "malloc",
        3.0,
        Some(2.4),
    ),
    promise("  the same at 8 bound", "two in turn, 8 bound", "malloc", 3.0, Some(2.4)),
    promise(
        "two scopes in turn / OpenTelemetry, 8 bound",
        "two in turn, 8 bound",
        "otel enter, 8 bound",
        0.25,
        None,
    ),
    promise(
        "two scopes in turn / OpenTelemetry, 32 bound",
        "two in turn, 32 bound",
        "otel enter, 32 bound",
        0.1,
        None,
    ),
    promise(
        "a scope in a scope / malloc + free, 8 bound",
        "nested, 8 bound",
        "malloc",
        3.0,
        Some(2.4),
    ),
    promise(
        "  the same / OpenTelemetry, 8 bound",
        "nested, 8 bound",
        "otel enter, 8 bound",
        0.25,
        None,
    ),
    promise(
        "  the same / OpenTelemetry, 32 bound",
        "nested, 32 bound",
        "otel enter, 32 bound",
        0.1,
        None,
    ),
    promise(
        "a scope in a new checkpoint / OpenTelemetry, 8 bound",
        "anew, 8 bound",
        "otel enter, 8 bound",
        1.0,
        None,
    ),
    promise("  the same, 32 bound", "anew, 32 bound", "otel enter, 32 bound", 1.0, None),
    promise(
        "read at 8 bound / OpenTelemetry",
        "read present",
        "otel read present",
        0.75,
        Some(0.6),
    ),
    promise("read absent / read present", "read absent", "read present", 0.5, None),
    promise("  the same, by is_bound", "is_bound absent", "read present", 0.5, None),
    promise(
        "  the same, in a place that is taken",
        "read absent, crowded",
        "read present",
        1.0,
        None,
    ),
    promise("read process-wide / read present", "read global", "read present", 1.5, None),
    promise("read default / read present", "read default", "read present", 1.3, None),
    promise(
        "remaining, no deadline / is_bound absent",
        "remaining, none",
        "is_bound absent",
        1.5,
        None,
    ),
    promise("Shared::with / a thread-local read", "shared with", "thread-local", 2.4, None),
    promise("  the same, 10 stores a second", "shared with, stored", "shared with", 1.1, None),
    promise("Shared::with / arc-swap load", "shared with", "arc-swap load", 1.0, None),
    promise("  the same / arc-swap Cache", "shared with", "arc-swap cache", 3.5, None),
    promise("  the same / RwLock<Arc>", "shared with", "rwlock arc", 0.5, None),
    promise("  the same / left-right", "shared with", "left-right", 1.0, None),
    promise("Shared::load + drop / Arc clone + drop", "shared load", "arc", 1.2, None),
    promise("  the same / arc-swap load_full", "shared load", "arc-swap full", 1.0, None),
    promise(
        "Shared::store / arc-swap store, 128 threads read",
        "shared store",
        "arc-swap store",
        1.0,
        None,
    ),
    promise("poll / tokio's task_local with one key", "poll", "tokio poll", 0.6, Some(0.45)),
    promise("poll / OpenTelemetry's with_context", "poll", "otel poll", 0.1, None),
    promise("capture + drop, settled / Arc clone + drop", "capture", "arc", 1.3, Some(1.15)),
    promise("enter + capture + leave / Arc clone + drop", "enter + capture", "arc", 3.0, Some(3.0)),
    promise("  the same / malloc + free of 64 bytes", "enter + capture", "malloc", 3.0, Some(3.0)),
];

fn main() {
    bound::touch();
    let times = race().run(Duration::from_secs(12));
    print_times(&times);
    let broken = print_promises(&times);
    if broken > 0 && std::env::args().any(|argument| argument == "--strict") {
        std::process::exit(1);
    }
}

fn print_times(times: &Times) {
    println!("\n{:<26}{:>10}{:>20}", "ns for a turn", "median", "quartiles");
    for name in times.names() {
        let nanos = times.nanos(name);
        println!(
            "{name:<26}{:>10.2}{:>20}",
            nanos.median,
            format!("{:.2} .. {:.2}", nanos.low, nanos.high)
        );
    }
}

/// Prints the table and says how many promises are broken.
fn print_promises(times: &Times) -> usize {
    println!(
        "\n{:<46}{:>8}{:>18}{:>8}{:>7}{:>8}",
        "promise", "figure", "quartiles", "most", "holds", "aim"
    );
    let mut broken = 0;
    for promise in PROMISES {
        let ratio = times.ratio(promise.ours, promise.theirs);
        let holds = ratio.median <= promise.most;
        broken += usize::from(!holds);
        let quartiles = format!("{:.3} .. {:.3}", ratio.low, ratio.high);
        let aim = promise.aim.map_or(String::new(), |aim| {
            format!("{aim:.2} {}", if ratio.median <= aim { "yes" } else { "no" })
        });
        let holds = if holds { "yes" } else { "NO" };
        println!(
            "{:<46}{:>8.3}{quartiles:>18}{:>8.3}{holds:>7}  {aim:>8}",
            promise.what, ratio.median, promise.most
        );
    }
    println!("\n{} of {} promises hold", PROMISES.len() - broken, PROMISES.len());
    broken
}

fn race() -> Race<'static> {
    let mut race = Race::new();
    yardsticks(&mut race);
    entering(&mut race);
    reading(&mut race);
    sharing(&mut race);
    polling(&mut race);
    capturing(&mut race);
    race
}

fn yardsticks(race: &mut Race<'_>) {
    race.runner("malloc", |batch| {
        batch.time(0, || malloc_and_free(black_box(Layout::new::<[u64; 8]>())))
    });
    race.runner("arc", |batch| {
        let arc = Arc::new(7_u64);
        batch.time(7, || *black_box(Arc::clone(black_box(&arc))));
    });
}

#[expect(unsafe_code, reason = "the yardstick is the bare allocator")]
fn malloc_and_free(layout: Layout) -> u64 {
    // SAFETY: the layout is not of size zero, and the memory is freed once, with the same layout.
    unsafe {
        let memory = black_box(std::alloc::alloc(layout));
        std::alloc::dealloc(memory, layout);
    }
    0
}

#[inline(always)]
fn otel_enter_and_leave<const N: usize>() -> u64 {
    let number = Number::<N>(black_box(value(N)));
    drop(black_box(Otel::map_current(|context| context.with_value(number)).attach()));
    0
}

fn entering(race: &mut Race<'_>) {
    race.runner("enter, 1 bound", |batch| {
        let _bound = bound::ours(1);
        batch.time(0, enter_and_leave::<1>);
    });
    race.runner("enter, 8 bound", |batch| {
        let _bound = bound::ours(8);
        batch.time(0, enter_and_leave::<8>);
    });
    race.runner("enter, 32 bound", |batch| {
        let _bound = bound::ours(32);
        batch.time(0, enter_and_leave::<32>);
    });
    race.runner("enter again, 32 bound", |batch| {
        let _bound = bound::ours(32);
        batch.time(0, enter_and_leave::<5>);
    });
    // A turn is two scopes, one after the other.
    race.runner("two in turn, 1 bound", |batch| {
        let _bound = bound::ours(1);
        batch.time(0, || enter_and_leave::<1>() + enter_and_leave::<0>());
    });
    race.runner("two in turn, 8 bound", |batch| {
        let _bound = bound::ours(8);
        batch.time(0, || enter_and_leave::<8>() + enter_and_leave::<5>());
    });
    race.runner("two in turn, 32 bound", |batch| {
        let _bound = bound::ours(32);
        batch.time(0, || enter_and_leave::<6>() + enter_and_leave::<5>());
    });
    race.runner("nested, 8 bound", |batch| {
        let _bound = bound::ours(8);
        batch.time(0, || {
            let _outer = work::enter::<8>();
            enter_and_leave::<5>()
        });
    });
    race.runner("nested, 32 bound", |batch| {
        let _bound = bound::ours(32);
        batch.time(0, || {
            let _outer = work::enter::<6>();
            enter_and_leave::<5>()
        });
    });
    // The scope is made anew each time, index and all, because the frame that it is entered on is a
    // new one.
    race.runner("anew, 8 bound", |batch| {
        let _bound = bound::ours(8);
        batch.time(0, || {
            let _outer = Checkpoint::enter();
            enter_and_leave::<5>()
        });
    });
    race.runner("anew, 32 bound", |batch| {
        let _bound = bound::ours(32);
        batch.time(0, || {
            let _outer = Checkpoint::enter();
            enter_and_leave::<5>()
        });
    });
    race.runner("otel enter, 8 bound", |batch| {
        let _bound = bound::otel(8);
        batch.time(0, otel_enter_and_leave::<8>);
    });
    race.runner("otel enter, 32 bound", |batch| {
        let _bound = bound::otel(32);
        batch.time(0, otel_enter_and_leave::<32>);
    });
}

fn reading(race: &mut Race<'_>) {
    race.runner("read present", |batch| {
        let _bound = bound::ours(8);
        batch.time(value(3), work::read_present);
    });
    race.runner("read global", |batch| {
        let _bound = bound::ours(8);
        batch.time(value(3), work::read_global);
    });
    race.runner("read default", |batch| {
        let _bound = bound::ours(8);
        batch.time(value(3), work::read_default);
    });
    race.runner("read absent", |batch| {
        let _bound = bound::ours(8);
        batch.time(1, work::read_absent);
    });
    race.runner("read absent, crowded", |batch| {
        let _bound = bound::ours(8);
        batch.time(1, || u64::from(VARS[32].try_with(|number| *number).is_err()));
    });
    race.runner("is_bound absent", |batch| {
        let _bound = bound::ours(8);
        batch.time(0, || u64::from(ABSENT.is_bound()));
    });
    race.runner("remaining, none", |batch| {
        let _bound = bound::ours(8);
        batch.time(0, || deadline::remaining().map_or(0, |left| left.as_nanos() as u64));
    });
    race.runner("extract of nothing", |batch| {
        let wire = Wire::builder()
            .list(wire::header("x-request-id", &REQUEST, Token::<64>).from_anyone())
            .list(wire::baggage("tenant", &REQUEST, Text))
            .timeout(Timeout::grpc())
            .build()
            .expect("it is well-formed");
        let headers: Vec<(String, String)> = Vec::new();
        batch.time(0, || {
            let received = wire.extract(black_box(&headers), Peer::Unknown);
            received.rejected().len() as u64
        });
    });
    race.runner("otel read present", |batch| {
        let _bound = bound::otel(8);
        batch.time(value(3), || {
            Otel::map_current(|context| context.get::<Number<3>>().map_or(0, |number| number.0))
        });
    });
    race.runner("otel read absent", |batch| {
        let _bound = bound::otel(8);
        batch.time(1, || {
            Otel::map_current(|context| context.get::<Absent>().map_or(1, |absent| absent.0))
        });
    });
}

thread_local! { static BESIDE: RefCell<u64> = const { RefCell::new(7) }; }

/// What is left-right's: one number, replaced.
struct Put(u64);

impl left_right::Absorb<Put> for u64 {
    fn absorb_first(&mut self, put: &mut Put, _: &Self) {
        *self = put.0;
    }

    fn sync_with(&mut self, first: &Self) {
        *self = *first;
    }
}

/// A cell that many read and few replace, and what else is used for that.
fn sharing(race: &mut Race<'_>) {
    race.runner("thread-local", |batch| {
        batch.time(7, || black_box(&BESIDE).with_borrow(|number| *number));
    });
    race.runner("shared with", |batch| batch.time(value(3), work::read_shared));
    let mut last = Instant::now();
    race.runner("shared with, stored", move |batch| {
        // Between batches: what it costs is the miss of the next read.
        if last.elapsed() > Duration::from_millis(100) {
            work::store_shared();
            last = Instant::now();
        }
        batch.time(value(3), work::read_shared);
    });
    race.runner("shared load", |batch| batch.time(value(3), work::load_shared));
    race.runner("rwlock arc", |batch| {
        let cell = RwLock::new(Arc::new(7_u64));
        batch.time(7, || *Arc::clone(&black_box(&cell).read().expect("nobody panics")));
    });
    let swap = Arc::new(arc_swap::ArcSwap::from_pointee(7_u64));
    let theirs = swap.clone();
    race.runner("arc-swap load", move |batch| batch.time(7, || **black_box(&theirs).load()));
    let theirs = swap.clone();
    race.runner("arc-swap full", move |batch| {
        batch.time(7, || *black_box(black_box(&theirs).load_full()));
    });
    let mut cache = arc_swap::Cache::new(swap.clone());
    race.runner("arc-swap cache", move |batch| batch.time(7, || **black_box(&mut cache).load()));
    let (mut writer, reader) = left_right::new::<u64, Put>();
    writer.append(Put(7)).publish();
    race.runner("left-right", move |batch| {
        let _writer = &writer;
        batch.time(7, || *black_box(&reader).enter().expect("the writer is there"));
    });
    let theirs = swap;
    readers(128, &theirs);
    race.runner("shared store", |batch| batch.time(0, work::store_shared));
    race.runner("arc-swap store", move |batch| {
        batch.time(0, || {
            theirs.store(Arc::new(black_box(7)));
            0
        });
    });
}

/// Has that many threads read both cells, at one time, and end.
fn readers(number: usize, swap: &arc_swap::ArcSwap<u64>) {
    let all_read = Barrier::new(number);
    thread::scope(|scope| {
        for _ in 0..number {
            scope.spawn(|| {
                assert_eq!((work::read_shared(), **swap.load()), (value(3), 7));
                all_read.wait();
            });
        }
    });
}

fn polling(race: &mut Race<'_>) {
    race.runner("poll", |batch| {
        let mut future = pin!(VARS[0].scope(value(0), Busy::new()));
        batch.time(1, || poll(future.as_mut()));
    });
    race.runner("poll, bare", |batch| {
        let mut future = pin!(Busy::new());
        batch.time(1, || poll(future.as_mut()));
    });
    race.runner("tokio poll", |batch| {
        let mut future = pin!(LOCAL.scope(value(0), Busy::new()));
        batch.time(1, || poll(future.as_mut()));
    });
    race.runner("otel poll", |batch| {
        let context = Otel::new().with_value(Number::<0>(value(0)));
        let mut future = pin!(Busy::new().with_context(context));
        batch.time(1, || poll(future.as_mut()));
    });
}

fn capturing(race: &mut Race<'_>) {
    race.runner("capture", |batch| {
        let _bound = bound::ours(8);
        let settled = Context::current();
        batch.time(0, work::capture);
        drop(settled);
    });
    race.runner("enter + capture", |batch| {
        let _bound = bound::ours(8);
        let settled = Context::current();
        batch.time(0, work::enter_and_capture::<8>);
        drop(settled);
    });
    race.runner("hand over to a future", |batch| {
        let _bound = bound::ours(8);
        batch.time(0, work::hand_over);
    });
}
