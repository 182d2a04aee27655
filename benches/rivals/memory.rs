//! What is held: bytes and allocations.

use crate::system::{Ask, System, bind, bound, value};
use crate::systems;
use crate::work::let_go;
use stackholm_benches::counting::{Counting, Held, begin, end, held};
use stackholm_benches::table::{Cell, Table};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type Cells = Vec<(&'static str, &'static str, Held, Result<(), &'static str>)>;

fn columns(bytes: &mut Table, blocks: &mut Table, header: &str, cells: Cells) {
    let column = |figure: fn(&Held) -> i64| {
        let cell = |(name, leaves_out, held, offers): &(_, _, Held, Result<(), _>)| match offers {
            Ok(()) => (*name, *leaves_out, Cell::Figure(figure(held) as f64)),
            Err(why) => (*name, *leaves_out, Cell::Refused(*why)),
        };
        cells.iter().map(cell).collect()
    };
    bytes.column(header, column(|held| held.bytes));
    blocks.column(header, column(|held| held.blocks));
}

fn ask<S: System>(
    ask: Ask,
    measure: fn() -> Held,
) -> (&'static str, &'static str, Held, Result<(), &'static str>) {
    let offers = S::offers(ask);
    let held = if offers.is_ok() { measure() } else { Held::default() };
    (S::NAME, S::LEAVES_OUT, held, offers)
}

/// On a thread that has done nothing yet, and so keeps nothing for reuse.
fn fresh(measure: impl FnOnce() -> Held + Send) -> Held {
    std::thread::scope(|scope| scope.spawn(measure).join().expect("no panic"))
}

/// What one more binding holds at `BOUND` bound.
fn binding<S: System, const BOUND: usize>() -> Held {
    fresh(|| {
        let mut result = Held::default();
        bound::<S>(BOUND, |state| {
            begin();
            S::scope::<BOUND, _>(state, black_box(value(BOUND)), |state| {
                black_box(state);
                result = held();
            });
            end();
        });
        result
    })
}

/// What 64 bindings hold, for each.
fn each_of_64<S: System>() -> Held {
    fresh(|| {
        let mut result = Held::default();
        S::begin(&mut |state| {
            begin();
            bind::<S>(state, 64, 64, &mut |state| {
                black_box(state);
                result = held();
            });
            end();
        });
        Held { bytes: result.bytes / 64, blocks: result.blocks / 64, ..result }
    })
}

/// What a snapshot holds at 8 bound, besides what is bound.
fn snapshot<S: System>() -> Held {
    fresh(|| {
        let mut result = Held::default();
        bound::<S>(8, |state| {
            begin();
            let snapshot = S::capture(state, 8);
            result = held();
            let_go(snapshot);
            end();
        });
        Held { bytes: result.bytes + size_of::<S::Snapshot>() as i64, ..result }
    })
}

/// What a task holds that was handed 10 variables: the future in its box, and what it keeps
/// outside.
fn task<S: System>() -> Held {
    fresh(|| {
        let mut result = Held::default();
        bound::<S>(10, |state| {
            begin();
            let task = S::busy(state, 10);
            result = held();
            drop(task);
            end();
        });
        result
    })
}

pub fn tables() -> (Table, Table) {
    let mut bytes = Table::new(
        "Bytes held by one more binding, by number bound; by a context; by a task",
        "bytes",
    );
    let mut blocks = Table::new("Allocations held by the same", "allocations");
    // First, while nobody keeps anything from before.
    let mut cells = Cells::new();
    systems!(|S| cells.push(ask::<S>(Ask::Bound(64), each_of_64::<S>)));
    columns(&mut bytes, &mut blocks, "each of 64", cells);
    macro_rules! at {
        ($($number:literal)*) => {$(
            let mut cells = Cells::new();
            systems!(|S| cells.push(ask::<S>(Ask::Bound($number), binding::<S, $number>)));
            columns(&mut bytes, &mut blocks, concat!($number), cells);
        )*};
    }
    at!(0 1 4 8 16 32 64 1024);
    let mut cells = Cells::new();
    systems!(|S| cells.push(ask::<S>(Ask::Poll, snapshot::<S>)));
    columns(&mut bytes, &mut blocks, "context at 8", cells);
    let mut cells = Cells::new();
    systems!(|S| cells.push(ask::<S>(Ask::Poll, task::<S>)));
    columns(&mut bytes, &mut blocks, "live task with 10", cells);
    (bytes, blocks)
}
