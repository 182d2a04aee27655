//! Eight readers and a writer of a `Shared` cell and of two process-wide values, for a while:
//! versions never go back on a thread, pairs are whole, each value ends once and within the stated
//! bound, and memory stays flat.
//!
//! A second by default; `STACKHOLM_SECONDS` says how long (`scripts/long-checks shared`: two
//! minutes).

use stackholm::{Globals, Shared, Var, set_globals};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const READERS: usize = 8;

/// How many values of one kind there may be. The newest, the one that is being set, and the one
/// that the writer was given back; and of each reader those that it keeps, that its picture or
/// snapshot keeps, that it is reading, and that it is in the middle of finding.
const BOUND: usize = 3 + 4 * READERS;

static ALIVE: AtomicUsize = AtomicUsize::new(0);
static MADE: AtomicUsize = AtomicUsize::new(0);

/// Half a kilobyte, so that a leak is seen.
struct Value {
    number: u64,
    rest: [u64; 63],
}

impl Value {
    fn new(number: u64) -> Value {
        ALIVE.fetch_add(1, SeqCst);
        MADE.fetch_add(1, SeqCst);
        Value { number, rest: [number; 63] }
    }

    fn number(&self) -> u64 {
        assert!(self.rest.iter().all(|rest| *rest == self.number), "a value is whole");
        self.number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        assert!(self.rest[0] == self.number && self.number != u64::MAX, "ended twice");
        self.number = u64::MAX;
        ALIVE.fetch_sub(1, SeqCst);
    }
}

static CELL: Shared<Option<(Value, u64)>> = Shared::new(|| None);
static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");

fn set(number: u64) {
    CELL.store(Some((Value::new(number), number)));
    set_globals(|globals| globals.set(&A, Value::new(number)).set(&B, Value::new(number)));
}

fn pair(cell: &Option<(Value, u64)>) -> u64 {
    let (value, beside) = cell.as_ref().expect("it was set first");
    assert_eq!(value.number(), *beside, "a torn pair");
    *beside
}

/// One round of a reader; gives the numbers that it read, in their order.
fn read(round: u64) -> [u64; 2] {
    match round % 5 {
        0 => [CELL.with(pair), A.with(Value::number)],
        1 => [pair(&CELL.load()), B.with(Value::number)],
        2 => Globals::current().run(|| {
            let number = A.with(Value::number);
            assert_eq!(number, B.with(Value::number), "a torn pair");
            [CELL.with(pair), number]
        }),
        3 => CELL.with(|outer| {
            let number = pair(outer);
            assert!(CELL.with(pair) >= number, "the cell went back");
            [number, A.with(|a| a.number())]
        }),
        _ => A.with(|a| {
            let number = a.number();
            assert!(B.with(Value::number) >= number, "the values went back");
            [CELL.with(pair), number]
        }),
    }
}

/// The kilobytes that are resident, where the system says so.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
fn readers_see_whole_pairs_that_never_go_back_and_memory_stays_flat() {
    let seconds = std::env::var("STACKHOLM_SECONDS").map_or(1, |number| number.parse().unwrap());
    let all = Duration::from_secs(seconds);
    set(0);
    let (is_over, start) = (AtomicBool::new(false), Instant::now());
    let (mut sets, mut most, mut early) = (0, 0, None);
    let reads: u64 = thread::scope(|scope| {
        let reader = |kind| {
            let is_over = &is_over;
            scope.spawn(move || {
                let (mut last, mut round) = ([0; 2], kind);
                while !is_over.load(SeqCst) {
                    let now = read(round);
                    assert!(now[0] >= last[0] && now[1] >= last[1], "{now:?} after {last:?}");
                    (last, round) = (now, round + 1);
                }
                round - kind
            })
        };
        let readers: Vec<_> = (0..READERS as u64).map(reader).collect();
        while start.elapsed() < all && readers.iter().all(|reader| !reader.is_finished()) {
            for _ in 0..100 {
                sets += 1;
                set(sets);
                let alive = ALIVE.load(SeqCst);
                most = most.max(alive);
                assert!(alive <= 3 * BOUND, "{alive} values are alive");
            }
            if early.is_none() && start.elapsed() > all / 10 {
                early = resident();
            }
        }
        is_over.store(true, SeqCst);
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    let late = resident();
    println!(
        "{seconds} s: {sets} sets, {reads} rounds of reading, {} values made, at most {most} alive \
         (bound {}), resident {early:?} kB after a tenth and {late:?} kB at the end",
        MADE.load(SeqCst),
        3 * BOUND
    );
    if let (Some(early), Some(late)) = (early, late) {
        assert!(late < early + 8 * 1024, "{early} kB became {late} kB");
    }
    assert_eq!((CELL.with(pair), A.with(Value::number)), (sets, sets));
    CELL.store(None);
    set_globals(|globals| globals.clear(&A).clear(&B));
    assert_eq!(ALIVE.load(SeqCst), 0, "each value ended once");
}
