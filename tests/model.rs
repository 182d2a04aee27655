//! Random programs against an oracle of plain maps, with shrinking; and the index alone against `imbl`.
//!
//! `STACKHOLM_CASES` sets the number of programs. Each run says the seed that it began with; `STACKHOLM_SEED` repeats it.
//! A program that failed goes to `tests/model/regressions.txt`; what was learnt from it becomes a named test of
//! `tests/model_found.rs`. The long run:
//!
//! ```text
//! cargo test --release --test model -- --ignored --nocapture
//! ```

#[path = "model/index.rs"]
mod index;
#[path = "model/mod.rs"]
mod model;

use arbitrary::{Arbitrary, Unstructured};
use model::Op;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed, TestCaseResult, TestRunner};
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;

/// So many programs are run by default.
const PROGRAMS: u32 = 160;

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error:?}")))
}

/// Runs `test` with so many of what `strategy` makes, or as many more or less as `STACKHOLM_CASES` says.
fn check<S: Strategy>(what: &str, cases: u32, strategy: &S, test: impl Fn(S::Value) -> TestCaseResult) {
    let wanted: u32 = number("STACKHOLM_CASES").unwrap_or(PROGRAMS);
    let cases = (u64::from(cases) * u64::from(wanted)).div_ceil(u64::from(PROGRAMS)) as u32;
    let seed: u64 = number("STACKHOLM_SEED").unwrap_or_else(|| RandomState::new().hash_one(what));
    let repeat = format!("STACKHOLM_SEED={seed} STACKHOLM_CASES={wanted}");
    // Past the test harness, which keeps what a test prints to itself unless it fails.
    let _ = std::io::stderr().write_all(format!("{what}: {cases} with {repeat}\n").as_bytes());
    let config = ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/model/regressions.txt"))),
        max_shrink_iters: 20_000,
        rng_seed: RngSeed::Fixed(seed),
        ..ProptestConfig::default()
    };
    if let Err(error) = TestRunner::new(config).run(strategy, test) {
        panic!("{error}\nto repeat it: {repeat}");
    }
}

/// Anything that can be made of a few bytes; zeros are the simplest.
fn made<T: for<'a> Arbitrary<'a> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    any::<[u8; 20]>().prop_map(|bytes| T::arbitrary(&mut Unstructured::new(&bytes)).expect("enough bytes"))
}

/// Runs a program each way, on a thread of its own, so that one that fails leaves nothing to the next; says how many
/// operations were done.
fn run_all_ways(program: &[Op]) -> u64 {
    let job = || (0..model::WAYS).map(|way| model::run(program, way)).sum();
    let joined = std::thread::scope(|scope| scope.spawn(job).join());
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[test]
fn every_program_does_what_the_oracle_says() {
    check("programs", PROGRAMS, &vec(made::<Op>(), 0..160), |program| {
        run_all_ways(&program);
        Ok(())
    });
}

#[test]
fn the_index_shows_what_a_persistent_map_does() {
    check("indices", 12, &(1_usize..3_000, vec(made::<index::Step>(), 0..120)), |(number, steps)| {
        index::run(&index::vars(number), &steps);
        Ok(())
    });
}

#[test]
#[ignore = "takes minutes; STACKHOLM_OPERATIONS says how many"]
fn ten_million_operations() {
    let wanted: u64 = number("STACKHOLM_OPERATIONS").unwrap_or(10_000_000);
    let seed: u64 = number("STACKHOLM_SEED").unwrap_or_else(|| RandomState::new().hash_one(wanted));
    println!("STACKHOLM_SEED={seed}");
    let strategy = vec(made::<Op>(), 0..600);
    let (done, programs) = (Cell::new(0), Cell::new(0));
    for round in 0.. {
        if done.get() >= wanted {
            break;
        }
        let config = ProptestConfig {
            cases: 500,
            failure_persistence: None,
            max_shrink_iters: 200_000,
            rng_seed: RngSeed::Fixed(seed.wrapping_add(round)),
            ..ProptestConfig::default()
        };
        let mut runner = TestRunner::new(config);
        let result = runner.run(&strategy, |program| {
            done.set(done.get() + run_all_ways(&program));
            programs.set(programs.get() + 1);
            Ok(())
        });
        if let Err(error) = result {
            panic!("after {} operations with STACKHOLM_SEED={seed}: {error}", done.get());
        }
        println!("{} operations", done.get());
    }
    let (done, programs) = (done.get(), programs.get());
    println!("{done} operations in {programs} programs, each run three ways; no divergence");
}
