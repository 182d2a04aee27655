//! Threads that work from one shared base, beside threads that each have a base of their own.

use crate::system::{Ask, System, bound, read, value};
use crate::systems;
use stackholm_benches::race::Spread;
use stackholm_benches::table::{Cell, Table};
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

const ROUNDS: usize = 40;
const TURNS: u32 = 2000;

/// Enters, reads both what is new and what came with the base, leaves.
fn turn<S: System>(state: &S::State) -> u64 {
    S::scope::<8, _>(state, black_box(value(8)), |state| read::<S, 8>(state) + read::<S, 3>(state))
}

fn base<S: System>() -> S::Snapshot {
    let mut base = None;
    bound::<S>(8, |state| base = Some(S::capture(state, 8)));
    base.expect("was captured")
}

/// How a thread uses the base: once for many turns, or anew for each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Steady,
    Anew,
}

fn turns<S: System>(base: S::Snapshot, how: Use) -> f64 {
    let expected = value(8) + value(3);
    let start = Instant::now();
    match how {
        Use::Steady => S::within(base, |state| {
            for _ in 0..TURNS {
                assert_eq!(black_box(turn::<S>(state)), expected);
            }
        }),
        Use::Anew => {
            for _ in 0..TURNS {
                let base = S::copy(&base).expect("was asked");
                assert_eq!(black_box(S::within(base, turn::<S>)), expected);
            }
        }
    }
    start.elapsed().as_nanos() as f64 / f64::from(TURNS)
}

/// The nanoseconds of the slowest thread.
fn together<S: System>(threads: usize, shared: bool, how: Use) -> f64 {
    let ours = base::<S>();
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let mut all = Vec::new();
        for _ in 0..threads {
            let copy = if shared { S::copy(&ours).expect("was asked") } else { base::<S>() };
            let barrier = &barrier;
            all.push(scope.spawn(move || {
                // What was made on another thread is only "independent" if nobody else has it.
                let base = if shared {
                    copy
                } else {
                    drop(copy);
                    base::<S>()
                };
                barrier.wait();
                turns::<S>(base, how)
            }));
        }
        all.into_iter().map(|thread| thread.join().expect("no panic")).fold(0.0, f64::max)
    })
}

fn compare<S: System>(threads: &[usize], how: Use) -> Vec<[Cell; 2]> {
    if let Err(why) = S::offers(Ask::Share) {
        return threads.iter().map(|_| [Cell::Refused(why), Cell::Refused(why)]).collect();
    }
    let mut rounds = vec![[Vec::new(), Vec::new()]; threads.len()];
    for _ in 0..ROUNDS {
        for (at, threads) in threads.iter().enumerate() {
            rounds[at][0].push(together::<S>(*threads, true, how));
            rounds[at][1].push(together::<S>(*threads, false, how));
        }
    }
    let cell = |[shared, alone]: [Vec<f64>; 2]| {
        let ratio = shared.iter().zip(&alone).map(|(shared, alone)| shared / alone).collect();
        [Cell::Figure(Spread::of(shared).median), Cell::Figure(Spread::of(ratio).median)]
    };
    rounds.into_iter().map(cell).collect()
}

fn table(title: &'static str, how: Use) -> Table {
    let cores = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let threads: Vec<usize> =
        [1, 2, 4, 8, 16, 32].into_iter().filter(|threads| *threads <= cores).collect();
    let mut table = Table::new(title, "ns");
    let mut rows = Vec::new();
    systems!(|S| rows.push((S::NAME, S::LEAVES_OUT, compare::<S>(&threads, how))));
    for (at, threads) in threads.iter().enumerate() {
        let column = |which: usize| {
            rows.iter().map(move |(name, why, cells)| (*name, *why, cells[at][which].clone()))
        };
        table.column(format!("{threads} sharing"), column(0).collect());
        table.column(format!("{threads}: shared / own"), column(1).collect());
    }
    table
}

pub fn tables() -> (Table, Table) {
    (
        table("Threads in one shared base: enter, read two, leave", Use::Steady),
        table(
            "Threads that enter one shared base for each turn: enter it, enter, read two, leave both",
            Use::Anew,
        ),
    )
}
