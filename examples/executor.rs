//! The executor of `loom-tests/`, on real threads under load: a million tasks, no wrong value, no
//! leak.
//!
//! `cargo run --release --example executor`; another number of tasks may follow.

#[path = "../loom-tests/executor.rs"]
mod executor;

use executor::{Pool, give_way};
use stackholm::{Context, Var};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

static NUMBER: Var<usize> = Var::new("number");
static STEP: Var<Counted> = Var::new("step");

static RIGHT: AtomicUsize = AtomicUsize::new(0);
static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// How many tasks one round has. With all of them at once, waiting tasks would fill the memory.
const ROUND: usize = 50_000;

/// A value that is counted while it is alive.
struct Counted(usize);

impl Counted {
    fn new(number: usize) -> Self {
        ALIVE.fetch_add(1, Relaxed);
        Counted(number)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Relaxed);
    }
}

/// Checks that it sees its own values, before and after it yields to others, on any thread.
async fn job(pool: Arc<Pool>, number: usize) {
    assert_eq!(NUMBER.get(), number, "what it was spawned in");
    STEP.set(Counted::new(number)).expect("a task begins in an open checkpoint of its own");
    give_way().await;
    STEP.with(|step| assert_eq!(step.0, number, "what it has set itself"));
    let inner = async move {
        give_way().await;
        assert_eq!(NUMBER.get(), number + 1, "what it has entered");
    };
    NUMBER.scope(number + 1, inner).await;
    if number % 16 == 0 {
        pool.spawn(async move {
            STEP.with(|step| assert_eq!(step.0, number, "what it inherited"));
            RIGHT.fetch_add(1, Relaxed);
        });
    }
    assert_eq!(NUMBER.get(), number, "what it was spawned in, again");
    RIGHT.fetch_add(1, Relaxed);
}

fn main() {
    let tasks: usize =
        std::env::args().nth(1).map_or(1_000_000, |tasks| tasks.parse().expect("a number"));
    let workers = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let (start, pool) = (Instant::now(), Pool::new(workers));
    let mut expected = 0;
    for first in (0..tasks).step_by(ROUND) {
        for number in first..tasks.min(first + ROUND) {
            let context = Context::empty().with(&NUMBER, number);
            let task = pool.spawn_in(context, job(pool.clone(), number));
            if number % 1000 == 7 {
                task.cancel();
            } else {
                expected += 1 + usize::from(number % 16 == 0);
            }
        }
        std::thread::scope(|scope| {
            for worker in 0..workers {
                let pool = &pool;
                scope.spawn(move || {
                    pool.work(worker);
                    assert!(!NUMBER.is_bound() && !STEP.is_bound(), "nothing stays on a worker");
                });
            }
        });
    }
    assert_eq!(
        RIGHT.load(Relaxed),
        expected,
        "every task that was not cancelled saw its own values"
    );
    assert_eq!(ALIVE.load(Relaxed), 0, "no value is left");
    println!("{tasks} tasks on {workers} workers: no wrong value, no leak, {:?}", start.elapsed());
}
