//! Question: what does the view into a running process cost, where nobody watches, where somebody
//! does, and where somebody looks all the time? The rival of each row is the same work without.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --no-default-features --features inspect --bench
//! inspect` prints the table, and fails if a look at 100 000 tasks takes a second; with `-- --strict`
//! also if work that comes and goes on two threads gets a tenth slower because of dumps.

use stackholm::inspect::{self, Look};
use stackholm::{Context, ContextExt, Envelope, Var};
use std::future::{Future, pending};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{self, Waker};
use std::thread;
use std::time::{Duration, Instant};

static REQUEST: Var<u64> = Var::new("request");
static TENANT: Var<String> = Var::new("tenant").shown();

fn poll<F: Future>(future: Pin<&mut F>) -> bool {
    future.poll(&mut task::Context::from_waker(Waker::noop())).is_pending()
}

/// Nanoseconds for each of `number` times, the least of some rounds.
fn least(number: u32, mut f: impl FnMut()) -> f64 {
    let round = |f: &mut dyn FnMut()| {
        let begun = Instant::now();
        for _ in 0..number {
            f();
        }
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(number)
    };
    (0..15).map(|_| round(&mut f)).fold(f64::INFINITY, f64::min)
}

/// What one watches and what not, in nanoseconds.
fn row(what: &str, number: u32, f: impl Fn()) {
    let off = least(number, &f);
    let watching = inspect::watch();
    let on = least(number, &f);
    drop(watching);
    println!("| {what} | {off:.1} | {on:.1} |");
}

/// Futures that are made, polled and dropped on two threads, each second, while another thread does
/// `other` again and again.
fn rate(time: Duration, other: impl Fn() -> usize) -> f64 {
    let is_over = AtomicBool::new(false);
    let work = || {
        let mut made = 0u64;
        while !is_over.load(Relaxed) {
            for _ in 0..100 {
                REQUEST.sync_scope(made, || {
                    let mut task = Box::pin(pending::<()>().in_current_context());
                    assert!(poll(task.as_mut()));
                });
                made += 1;
            }
        }
        made
    };
    let made: u64 = thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        let begun = Instant::now();
        // Whoever does not look is as busy: what is compared is not the number of processors.
        while begun.elapsed() < time {
            black_box(other());
        }
        is_over.store(true, Relaxed);
        workers.map(|worker| worker.join().expect("it does not panic")).iter().sum()
    });
    made as f64 / time.as_secs_f64()
}

fn main() {
    println!("| ns | nobody watches | somebody does |\n|---|---|---|");
    let mut task = Box::pin(REQUEST.sync_scope(1, || pending::<()>().in_current_context()));
    let off = least(100_000, || assert!(poll(task.as_mut())));
    let watching = inspect::watch();
    let on = least(100_000, || assert!(poll(task.as_mut())));
    drop(watching);
    println!("| poll of a future that was handed over | {off:.1} | {on:.1} |");
    row("enter and leave", 100_000, || drop(REQUEST.enter(black_box(1))));
    row("hand over, and end", 10_000, || {
        REQUEST.sync_scope(1, || drop(pending::<()>().in_current_context()));
    });
    row("an envelope that outlives its scope", 10_000, || {
        drop(REQUEST.sync_scope(1, || Envelope::new(1)));
    });
    row("a context made by hand", 10_000, || drop(Context::empty().with(&REQUEST, 1)));

    println!("\nOf the rate at which two threads make, poll and drop futures, while a third one");
    let median = |what: &str, other: &dyn Fn() -> usize| {
        let watching = inspect::watch();
        let time = Duration::from_millis(300);
        let ratio = |_| rate(time, other) / rate(time, || 0);
        let mut ratios: Vec<_> = (0..15).map(ratio).collect();
        drop(watching);
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ratios.len() / 2];
        println!("{what}: {median:.3} ({ratios:.3?})");
        median
    };
    let nothing = median("does nothing that concerns them", &|| 0);
    let dumped =
        median("dumps all stacks as text, again and again", &|| inspect::look().to_string().len());
    median("looks again and again", &|| inspect::look().stacks().len());

    const MANY: usize = 100_000;
    let watching = inspect::watch();
    let mut tasks: Vec<_> = (0..MANY)
        .map(|n| {
            let scoped = TENANT.scope(format!("tenant {n}"), pending::<()>());
            Box::pin(REQUEST.sync_scope(n as u64, || scoped.in_current_context()))
        })
        .collect();
    assert!(tasks.iter_mut().all(|task| poll(task.as_mut())));
    let all = Look::new().limit(usize::MAX);
    let timed = |what: &str, f: &dyn Fn() -> usize| {
        let begun = Instant::now();
        let seen = f();
        let took = begun.elapsed();
        println!("{what}: {} ms, {seen}", took.as_millis());
        took
    };
    println!("\n{MANY} tasks, each with a scope inside:");
    let took = timed("a look at all of them", &|| all.look().stacks().len());
    timed("by default", &|| inspect::look().stacks().len());
    timed("with values", &|| all.clone().values(true).look().stacks().len());
    let view = all.look();
    assert!(view.stacks().len() >= 2 * MANY, "each task, and each scope");
    timed("as JSON, bytes", &|| view.to_json().len());
    timed("as OpenMetrics, bytes", &|| view.to_openmetrics().len());
    drop(tasks);

    drop(watching);
    // On a machine that is busy this says little.
    let is_strict = std::env::args().any(|argument| argument == "--strict");
    assert!(dumped > 0.9 * nothing || !is_strict, "dumps slow others down to {dumped:.3}");
    assert!(took < Duration::from_secs(1), "a look took {took:?}");
}
