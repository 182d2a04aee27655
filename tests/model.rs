//! Random programs against an oracle of plain maps, with shrinking; and the index alone against `imbl`.
//!
//! `STACKHOLM_CASES` sets the number of programs. A program that failed goes to `tests/model/regressions.txt`;
//! what was learnt from it becomes a named test of `tests/model_found.rs`. The long run:
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
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use proptest::{collection::vec, test_runner::TestRunner};
use std::cell::Cell;

fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("STACKHOLM_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default);
    let failure_persistence: Option<Box<dyn proptest::test_runner::FailurePersistence>> =
        Some(Box::new(FileFailurePersistence::Direct("tests/model/regressions.txt")));
    ProptestConfig { cases, failure_persistence, max_shrink_iters: 20_000, ..ProptestConfig::default() }
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

proptest! {
    #![proptest_config(cases(160))]

    #[test]
    fn every_program_does_what_the_oracle_says(program in vec(made::<Op>(), 0..160)) {
        run_all_ways(&program);
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn the_index_shows_what_a_persistent_map_does(number in 1_usize..3_000, steps in vec(made::<index::Step>(), 0..120)) {
        index::run(&index::vars(number), &steps);
    }
}

#[test]
#[ignore = "takes minutes; STACKHOLM_OPERATIONS says how many"]
fn ten_million_operations() {
    let wanted = std::env::var("STACKHOLM_OPERATIONS").ok().and_then(|wanted| wanted.parse().ok());
    let wanted = wanted.unwrap_or(10_000_000_u64);
    let config = ProptestConfig {
        cases: 500,
        failure_persistence: None,
        max_shrink_iters: 200_000,
        ..ProptestConfig::default()
    };
    let strategy = vec(made::<Op>(), 0..600);
    let (done, programs) = (Cell::new(0), Cell::new(0));
    while done.get() < wanted {
        let mut runner = TestRunner::new(config.clone());
        let result = runner.run(&strategy, |program| {
            done.set(done.get() + run_all_ways(&program));
            programs.set(programs.get() + 1);
            Ok(())
        });
        if let Err(error) = result {
            panic!("after {} operations: {error}", done.get());
        }
        println!("{} operations", done.get());
    }
    let (done, programs) = (done.get(), programs.get());
    println!("{done} operations in {programs} programs, each run three ways; no divergence");
}
