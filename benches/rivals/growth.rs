//! Large numbers: a million variables, and a million generations that each bind one variable anew
//! and hand over.

use crate::system::{Ask, System, bound};
use crate::systems;
use stackholm::{Context, Var};
use stackholm_benches::counting::{begin, end, held};
use stackholm_benches::table::{Cell, Table};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

const MILLION: usize = 1_000_000;

/// Nobody may take longer, or hold more.
const PATIENCE: Duration = Duration::from_secs(3);
const MOST_BYTES: i64 = 1 << 29;

type Row = (&'static str, &'static str, [Cell; 3]);

fn million<M>(
    name: &'static str,
    leaves_out: &'static str,
    mut map: M,
    insert: impl Fn(M, usize) -> M,
    read: impl Fn(&M, usize) -> u64,
) -> Row {
    begin();
    let start = Instant::now();
    for number in 0..MILLION {
        map = insert(map, number);
    }
    let per_insert = start.elapsed().as_nanos() as f64 / MILLION as f64;
    let bytes = held().bytes as f64 / MILLION as f64;
    let start = Instant::now();
    // A stride that visits all of them in no order that a cache could guess.
    let sum: u64 = (0..MILLION).map(|turn| read(&map, turn * 7919 % MILLION)).sum();
    let per_read = start.elapsed().as_nanos() as f64 / MILLION as f64;
    assert_eq!(sum, (0..MILLION as u64).sum::<u64>(), "each was read once");
    drop(map);
    end();
    (name, leaves_out, [Cell::Figure(per_insert), Cell::Figure(per_read), Cell::Figure(bytes)])
}

fn table(title: &'static str, headers: [&str; 3], rows: Vec<Row>) -> Table {
    let mut table = Table::new(title, "for each");
    for (at, header) in headers.into_iter().enumerate() {
        table.column(
            header,
            rows.iter().map(|(name, why, cells)| (*name, *why, cells[at].clone())).collect(),
        );
    }
    table
}

pub fn variables() -> Table {
    let bare = "a map and no more; its keys are numbers";
    let vars: Vec<Var<u64>> = (0..MILLION).map(|_| Var::named("many")).collect();
    let ours = million(
        "stackholm Context",
        "",
        Context::empty(),
        |context, number| context.with(&vars[number], number as u64),
        |context, number| *context.get(&vars[number]).expect("is bound"),
    );
    let built = million(
        "stackholm Context, built at once",
        "",
        (Some(Context::build()), Context::empty()),
        |(builder, context), number| {
            let builder = builder.expect("is not done").set(&vars[number], number as u64);
            if number + 1 == MILLION { (None, builder.done()) } else { (Some(builder), context) }
        },
        |(_, context), number| *context.get(&vars[number]).expect("is bound"),
    );
    let imbl = million(
        "imbl",
        bare,
        imbl::HashMap::new(),
        |map: imbl::HashMap<usize, u64>, number| map.update(number, number as u64),
        |map, number| map[&number],
    );
    let rpds = million(
        "rpds",
        bare,
        rpds::HashTrieMapSync::new_sync(),
        |map: rpds::HashTrieMapSync<usize, u64>, number| map.insert(number, number as u64),
        |map, number| map[&number],
    );
    let std = million(
        "std HashMap, changed in place",
        bare,
        HashMap::new(),
        |mut map: HashMap<usize, u64>, number| {
            map.insert(number, number as u64);
            map
        },
        |map, number| map[&number],
    );
    table(
        "A million variables",
        ["ns to bind", "ns to read", "bytes"],
        vec![ours, built, imbl, rpds, std],
    )
}

fn generations<S: System>() -> Row {
    if let Err(why) = S::offers(Ask::Generations) {
        return (S::NAME, S::LEAVES_OUT, std::array::from_fn(|_| Cell::Refused(why)));
    }
    let mut reached = 0;
    let mut snapshot = None;
    bound::<S>(1, |state| snapshot = Some(S::capture(state, 1)));
    begin();
    let start = Instant::now();
    while reached < MILLION && start.elapsed() < PATIENCE && held().bytes < MOST_BYTES {
        for _ in 0..1000 {
            snapshot = Some(S::within(snapshot.take().expect("handed on"), |state| {
                S::scope::<0, _>(state, black_box(reached as u64), |state| S::capture(state, 1))
            }));
            reached += 1;
        }
    }
    let nanos = start.elapsed().as_nanos() as f64 / reached as f64;
    let bytes = held().bytes as f64;
    end();
    drop(snapshot);
    (
        S::NAME,
        S::LEAVES_OUT,
        [Cell::Figure(nanos), Cell::Figure(bytes), Cell::Figure(reached as f64)],
    )
}

pub fn tasks() -> Table {
    let mut rows = Vec::new();
    systems!(|S| rows.push(generations::<S>()));
    table(
        "A million generations, each binding one variable anew and handing over to the next",
        ["ns", "bytes held by the last", "generations before 512 MiB or 3 s"],
        rows,
    )
}
