//! Question: what does it cost to carry a context into a parallel iterator? Rival: the bare
//! iterator, with the same work of about 100 ns for each item.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench rayon` prints the table; `-- --strict`
//! also fails if a promise is broken. On a busy machine the long rows are noise; the short ones
//! have more pieces for each item.

use rayon::prelude::*;
use stackholm::Var;
use stackholm::rayon::ParallelIteratorExt;
use stackholm_benches::race::{Race, Times};
use std::hint::black_box;
use std::time::Duration;

static FACTOR: Var<u64> = Var::new("factor");

/// At most so much longer than the bare iterator.
const MOST: f64 = 1.02;

/// About 100 ns of arithmetic, each step of which needs the last one.
#[inline(never)]
fn work(item: usize) -> u64 {
    let mut number = black_box(item as u64);
    for _ in 0..108 {
        number = (number ^ (number >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    number
}

fn items(number: usize) -> rayon::range::Iter<usize> {
    (0..number).into_par_iter()
}

fn add(race: &mut Race<'_>, number: usize) {
    let expected = (0..number).map(work).fold(0, u64::wrapping_add);
    let sum = |a: u64, b: u64| a.wrapping_add(b);
    race.runner(format!("bare, {number}"), move |batch| {
        batch.time(expected, || items(number).map(work).reduce(|| 0, sum));
    });
    race.runner(format!("carrying, {number}"), move |batch| {
        let _bound = FACTOR.enter(1);
        batch.time(expected, || items(number).carrying().map(work).reduce(|| 0, sum));
    });
    race.runner(format!("carrying zip, {number}"), move |batch| {
        let _bound = FACTOR.enter(1);
        batch.time(expected, || {
            items(number).carrying().zip(items(number)).map(|(a, _)| work(a)).reduce(|| 0, sum)
        });
    });
    race.runner(format!("carrying and reading, {number}"), move |batch| {
        let _bound = FACTOR.enter(1);
        batch.time(expected, || {
            items(number)
                .carrying()
                .map(|item| FACTOR.with(|factor| factor * work(item)))
                .reduce(|| 0, sum)
        });
    });
}

fn main() {
    println!("on {} threads; {:?} for 1000 items on one", rayon::current_num_threads(), {
        let start = std::time::Instant::now();
        black_box((0..1000).map(work).fold(0, u64::wrapping_add));
        start.elapsed()
    });
    let mut broken = 0;
    for (number, time) in [(1_000_000, 40), (10_000, 10)] {
        let mut race = Race::new();
        add(&mut race, number);
        broken += print(&race.run(Duration::from_secs(time)), number);
    }
    if broken > 0 && std::env::args().any(|argument| argument == "--strict") {
        std::process::exit(1);
    }
}

/// Prints the table and says how many promises are broken.
fn print(times: &Times, number: usize) -> usize {
    println!(
        "\n{:<28}{:>12}{:>9}{:>18}{:>7}",
        format!("{number} items"),
        "ns an item",
        "to bare",
        "quartiles",
        "holds"
    );
    let mut broken = 0;
    for (name, promised) in [
        ("bare", false),
        ("carrying", true),
        ("carrying zip", false),
        ("carrying and reading", false),
    ] {
        let runner = format!("{name}, {number}");
        let ratio = times.ratio(&runner, &format!("bare, {number}"));
        let holds = ratio.median <= MOST;
        broken += usize::from(promised && !holds);
        let quartiles = format!("{:.4} .. {:.4}", ratio.low, ratio.high);
        let verdict = if !promised {
            ""
        } else if holds {
            "yes"
        } else {
            "NO"
        };
        let nanos = times.nanos(&runner).median / number as f64;
        println!("{name:<28}{nanos:>12.2}{:>9.4}{quartiles:>18}{verdict:>7}", ratio.median);
    }
    broken
}
