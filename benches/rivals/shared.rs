//! Reads and stores of cells that many read and few replace; and reads of a process-wide value.

use crate::cells::{
    CELL, NUMBER, SWAP, Way, borrowed, owned, store_cell, store_lock, store_pair, store_swap,
};
use crate::work::Column;
use stackholm::{Globals, Var};
use stackholm_benches::race::Spread;
use stackholm_benches::table::{Cell, Table};
use std::sync::Barrier;
use std::time::{Duration, Instant};

const ROUNDS: usize = 60;
const TURNS: u32 = 50_000;

/// Nanoseconds for a turn on the slowest of so many threads.
fn together(threads: usize, read: fn(u32) -> u64) -> f64 {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let run = || {
            // What is kept is kept from here on.
            let _ = read(100);
            barrier.wait();
            let start = Instant::now();
            let sum = read(TURNS);
            let took = start.elapsed();
            assert_eq!(sum, NUMBER * u64::from(TURNS), "a turn read a wrong value");
            took.as_nanos() as f64 / f64::from(TURNS)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).fold(0.0, f64::max)
    })
}

/// One thread beside two, and one beside whom the value is replaced.
fn table(title: &'static str, ways: &[Way]) -> Table {
    let mut rounds = vec![[Vec::new(), Vec::new()]; ways.len()];
    for round in 0..ROUNDS {
        for turn in 0..ways.len() {
            let at = (turn + round) % ways.len();
            if ways[at].refused.is_none() {
                (0..2).for_each(|number| {
                    rounds[at][number].push(together(number + 1, ways[at].read))
                });
            }
        }
    }
    let mut table = Table::new(title, "ns");
    let ratio =
        |of: &[f64], to: &[f64]| Spread::of(of.iter().zip(to).map(|(of, to)| of / to).collect());
    let column = |cell: &dyn Fn(&[Vec<f64>; 2]) -> Cell| {
        let cell = |(way, rounds): (&Way, &[Vec<f64>; 2])| {
            (way.name, way.leaves_out, way.refused.map_or_else(|| cell(rounds), Cell::Refused))
        };
        ways.iter().zip(&rounds).map(cell).collect::<Vec<_>>()
    };
    for (number, header) in ["1 thread", "2 threads"].into_iter().enumerate() {
        let time = |way: &[Vec<f64>; 2]| {
            let ours = &rounds[0][number];
            Cell::Time(Spread::of(way[number].clone()), ratio(&way[number], ours))
        };
        table.column(header, column(&time));
    }
    table.column("2 threads / 1", column(&|way| Cell::Share(ratio(&way[1], &way[0]))));
    table.column("16 of them, 10 stores a second", stored(ways));
    table
}

/// In turns, on one thread; between turns the value is replaced every tenth of a second.
fn stored(ways: &[Way]) -> Vec<(&'static str, &'static str, Cell)> {
    let mut column = Column::new();
    for way in ways {
        let (read, store) = (way.read, way.store);
        let mut last = Instant::now();
        column.also_if(way.name, way.leaves_out, way.refused, move |batch| {
            if last.elapsed() > Duration::from_millis(100) {
                store();
                last = Instant::now();
            }
            // A turn is so many reads, so that what a way prepares is prepared once.
            batch.time(NUMBER * 16, || read(16));
        });
    }
    column.run()
}

pub fn reading() -> (Table, Table) {
    (
        table("A cell that many read and few replace: look at the value", &borrowed()),
        table("A cell that many read and few replace: take the value and drop it", &owned()),
    )
}

/// Has that many threads read all cells, at one time, and end.
fn readers(number: usize) {
    let all_read = Barrier::new(number);
    std::thread::scope(|scope| {
        for _ in 0..number {
            scope.spawn(|| {
                borrowed().iter().for_each(|way| assert_eq!((way.read)(1), NUMBER));
                all_read.wait();
            });
        }
    });
}

/// What the number of threads that ever read does to a store. The first column comes first.
pub fn storing() -> Table {
    let mut table = Table::new(
        "A cell that many read and few replace: a store, by threads that read it at once before",
        "ns",
    );
    for number in [2, 128] {
        readers(number);
        let mut column = Column::new();
        let mut store = |name, leaves_out, store: fn()| {
            column.also(name, leaves_out, move |batch| {
                batch.time(0, || {
                    store();
                    0
                });
            });
        };
        store("stackholm Shared", "", store_cell);
        store("arc-swap", "", store_swap);
        store("RwLock<Arc>", "readers and writers wait for each other", store_lock);
        store("left-right", "waits for all who read", store_pair);
        table.column(number.to_string(), column.run());
    }
    table
}

static GLOBAL: Var<u64> = Var::new("global");

/// What a pin does to reads of a process-wide value. The first column comes before any pin.
pub fn pinning() -> Table {
    GLOBAL.set_global(NUMBER);
    let mut table = Table::new("A process-wide value: read, by what is pinned", "ns");
    let read = || GLOBAL.try_with(|number| *number).unwrap_or(0);
    for (header, is_pinned) in
        [("nothing ever was", false), ("once, elsewhere", false), ("here", true)]
    {
        let mut column = Column::new();
        column.also("stackholm set_global", "", move |batch| match is_pinned {
            true => Globals::current().run(|| batch.time(NUMBER, read)),
            false => batch.time(NUMBER, read),
        });
        column.also("stackholm Shared::with", "not bound, nor passed along", |batch| {
            batch.time(NUMBER, || CELL.with(|number| *number));
        });
        column.also("arc-swap load", "as above", |batch| batch.time(NUMBER, || **SWAP.load()));
        table.column(header, column.run());
        Globals::current().run(|| ());
    }
    table
}
