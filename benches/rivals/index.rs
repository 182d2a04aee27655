//! The index alone: persistent maps from a number to a number, beside a context that is derived
//! from another.

use crate::work::Column;
use stackholm::Context;
use stackholm_benches::bound::{VARS, value};
use stackholm_benches::table::Table;
use std::collections::HashMap;
use std::hint::black_box;

type Rpds = rpds::HashTrieMapSync<usize, u64>;

const OURS: &str = "stackholm Context";
const FLAT: &str = "one flat table: copied whole by each change";
const BARE: &str = "a map and no more: no place, no mask, no order of dropping";

fn ours(number: usize) -> Context {
    (0..number).fold(Context::empty(), |context, at| context.with(&VARS[at], value(at)))
}

pub fn inserting() -> Table {
    let mut table = Table::new(
        "The index alone: a version with one more, made and dropped, by number in it",
        "ns",
    );
    for number in [0, 1, 4, 8, 16, 32, 64, 1024] {
        let entries = move || (0..number).map(|at| (at, value(at)));
        let mut column = Column::new();
        column.also(OURS, "", move |batch| {
            let context = ours(number);
            batch.time(0, || {
                drop(black_box(context.with(&VARS[number], black_box(value(number)))));
                0
            });
        });
        macro_rules! map {
            ($name:literal, $why:expr, $make:expr, $insert:expr) => {
                column.also($name, $why, move |batch| {
                    let map = $make;
                    let insert = $insert;
                    batch.time(0, || {
                        drop(black_box(insert(black_box(&map), number, black_box(value(number)))));
                        0
                    });
                });
            };
        }
        map!(
            "im",
            BARE,
            im::HashMap::from_iter(entries()),
            |map: &im::HashMap<usize, u64>, at, value| map.update(at, value)
        );
        map!(
            "imbl",
            BARE,
            imbl::HashMap::from_iter(entries()),
            |map: &imbl::HashMap<usize, u64>, at, value| map.update(at, value)
        );
        map!("rpds", BARE, Rpds::from_iter(entries()), |map: &Rpds, at, value| map
            .insert(at, value));
        map!(
            "std HashMap, cloned",
            FLAT,
            HashMap::from_iter(entries()),
            |map: &HashMap<usize, u64>, at, value| {
                let mut map = map.clone();
                map.insert(at, value);
                map
            }
        );
        table.column(number.to_string(), column.run());
    }
    table
}

pub fn looking_up() -> Table {
    let mut table = Table::new("The index alone: look up, by number in it", "ns");
    for number in [8, 64, 1024] {
        let entries = move || (0..number).map(|at| (at, value(at)));
        let mut column = Column::new();
        column.also(OURS, "", move |batch| {
            let context = ours(number);
            batch.time(value(3), || {
                black_box(&context).get(black_box(&VARS[3])).copied().unwrap_or(0)
            });
        });
        macro_rules! map {
            ($name:literal, $why:expr, $make:expr) => {
                column.also($name, $why, move |batch| {
                    let map = $make;
                    batch.time(value(3), || {
                        black_box(&map).get(black_box(&3)).copied().unwrap_or(0)
                    });
                });
            };
        }
        map!("im", BARE, im::HashMap::<usize, u64>::from_iter(entries()));
        map!("imbl", BARE, imbl::HashMap::<usize, u64>::from_iter(entries()));
        map!("rpds", BARE, Rpds::from_iter(entries()));
        map!("std HashMap, cloned", FLAT, HashMap::<usize, u64>::from_iter(entries()));
        table.column(number.to_string(), column.run());
    }
    table
}
