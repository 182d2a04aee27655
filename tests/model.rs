//! Random programs against an oracle of plain maps, with shrinking; and the index alone against
//! `imbl`.
//!
//! `STACKHOLM_CASES` sets the number of programs. Each run prints its seed, and `STACKHOLM_SEED`
//! repeats it. A program that failed goes to `tests/model/regressions.txt`; write what it shows as a
//! named test into `tests/model_found.rs`. The long run:
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
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error:?}")))
}

/// Runs `test` with so many of what `strategy` makes, or as many more or less as `STACKHOLM_CASES`
/// says.
fn check<S: Strategy>(
    what: &str,
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> TestCaseResult,
) {
    let wanted: u32 = number("STACKHOLM_CASES").unwrap_or(PROGRAMS);
    let cases = (u64::from(cases) * u64::from(wanted)).div_ceil(u64::from(PROGRAMS)) as u32;
    let seed: u64 = number("STACKHOLM_SEED").unwrap_or_else(|| RandomState::new().hash_one(what));
    let repeat = format!("STACKHOLM_SEED={seed} STACKHOLM_CASES={wanted}");
    // Past the test harness, which keeps what a test prints to itself unless it fails.
    let _ = std::io::stderr().write_all(format!("{what}: {cases} with {repeat}\n").as_bytes());
    let config = ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/model/regressions.txt",
        ))),
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
    any::<[u8; 20]>()
        .prop_map(|bytes| T::arbitrary(&mut Unstructured::new(&bytes)).expect("enough bytes"))
}

/// Runs a program each way, on a thread of its own, so that one that fails leaves nothing to the
/// next; says how many operations were done.
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

/// With a change that is undone in between, or without.
#[test]
fn the_oracle_knows_that_what_is_captured_in_an_entered_context_is_that_context() {
    use model::op::{Block, Change, Op::*};
    let inside = |inside| Run { block: Block::Context, var: 0, context: 0, inside, panics: false };
    let changes = [Set { var: 0 }, Op::Change { change: Change::Pop, var: 0 }];
    let only_known_weakly =
        [Capture, Downgrade { context: 1 }, DropContext { context: 1 }, Upgrade { weak: 0 }];
    for (number, undone) in [(1, &[][..]), (3, &changes[..])] {
        let begins = [With { context: 0, var: 0 }, inside(number)];
        run_all_ways(&[&begins[..], undone, &only_known_weakly[..]].concat());
    }
}

/// What must have been met, beside the pairs of features: ways of the engine, and what values do as
/// they end.
#[cfg(debug_assertions)]
const MUST: &[&str] = &[
    "Again",
    "AgainElsewhere",
    "HidesNothingKept",
    "BaseOnTheStack",
    "BaseInherited",
    "NoBase",
    "EndsWhenSetAnew",
    "CompactionWhenSetAnew",
    "WholeShared",
    "ShortEndsApart",
    "BatchShared",
    "BatchOutgrown",
    "BlockEndsAsOne",
    "ReadKeeps",
    "ReadKeepsSeveral",
    "StackEndsTwice",
    "RemovedBelow",
    "Rises",
    "StaysDown",
    "LeftToContexts",
    "a value enters as it ends",
    "a value sets as it ends",
    "a value leaves as it ends",
    "is seen through a stack",
    "is not seen through a stack",
    "begins where it is polled",
    "begins on another thread",
    "begins where it is dropped",
    "is left late",
];

/// Beginnings of programs that lead there.
#[cfg(debug_assertions)]
fn beginnings() -> Vec<Vec<Op>> {
    use model::op::{Change, Op::*, Wrapping};
    let number = u8::try_from(model::met::FEATURES.len()).expect("few features");
    let mut all: Vec<Vec<Op>> = (0..number)
        .flat_map(|one| (one + 1..number).map(move |other| vec![Meet { one, other }]))
        .collect();
    all.extend((0..8).map(|more| vec![EnterOutgrown { var: 0, more }, Capture, LeaveLast]));
    all.extend(
        (0..4).map(|var| {
            vec![EnterMany { var, times: 10 }, EnterLeaving { var }, Capture, LeaveLast]
        }),
    );
    let inside = |op| {
        vec![NewStack { context: 1 }, RunStack { task: 0, inside: 2, panics: false }, op, Capture]
    };
    all.extend([
        vec![Generations { var: 0, times: 47 }, Generations { var: 1, times: 47 }],
        vec![Collide { change: Change::Pop }, Collide { change: Change::Reset }],
        vec![EndBusy { var: 0 }],
        vec![
            Enter { var: 0 },
            EnterMany { var: 1, times: 6 },
            Read { var: 0, inside: 1 },
            Leave { guard: 0 },
        ],
        vec![Scope { bindings: 5, var: 0 }, Capture, LeaveLast, DropContext { context: 0 }],
        vec![
            With { context: 0, var: 0 },
            Downgrade { context: 0 },
            DropContext { context: 0 },
            Upgrade { weak: 0 },
        ],
        vec![Enter { var: 0 }, Capture, Downgrade { context: 0 }, Upgrade { weak: 0 }, LeaveLast],
        vec![
            With { context: 0, var: 0 },
            EnterContext { context: 0 },
            Capture,
            Downgrade { context: 1 },
            LeaveLast,
            DropContext { context: 1 },
            Upgrade { weak: 0 },
        ],
        [inside(Scope { bindings: 5, var: 0 }), vec![DropTask { task: 0 }]].concat(),
    ]);
    let on = |task, inside| Poll { task, inside, panics: false };
    let now = |wrapping| Wrap { wrapping, var: 0, context: 0, last: 0 };
    let (checkpoint, enters) = (now(Wrapping::Checkpoint), EnterContext { context: 0 });
    all.extend([
        // Through two stacks, and not where a context was entered on either of them, or handed over
        // between them.
        vec![Enter { var: 2 }, checkpoint, checkpoint, on(0, 2), on(1, 1), Checkpoint, LeaveLast],
        vec![Enter { var: 2 }, checkpoint, on(0, 2), enters, Set { var: 2 }, LeaveLast],
        vec![
            Enter { var: 2 },
            checkpoint,
            checkpoint,
            on(0, 3),
            enters,
            on(1, 1),
            Checkpoint,
            LeaveLast,
        ],
        vec![
            Enter { var: 2 },
            checkpoint,
            now(Wrapping::InCurrent),
            checkpoint,
            on(0, 3),
            on(1, 2),
            on(2, 1),
            Checkpoint,
        ],
    ]);
    // One that stays on its stack, is bound where a wrapper is made, and another one where that is
    // polled.
    let later = |wrapping| Wrap { wrapping, var: 0, context: 1, last: 2 };
    let poll = Poll { task: 0, inside: 1, panics: false };
    for wrapping in [Wrapping::Var, Wrapping::Scope, Wrapping::Checkpoint, Wrapping::Prepared] {
        all.extend([
            vec![
                Enter { var: 2 },
                later(wrapping),
                Enter { var: 2 },
                poll,
                Capture,
                LeaveLast,
                poll,
            ],
            vec![
                Enter { var: 2 },
                later(wrapping),
                RunOnThread { task: 0, inside: 1 },
                Capture,
                poll,
            ],
            vec![
                later(wrapping),
                Enter { var: 2 },
                DropTask { task: 0 },
                Capture,
                Read { var: 2, inside: 0 },
            ],
        ]);
    }
    all
}

#[test]
#[cfg(debug_assertions)]
fn every_pair_of_features_meets_and_every_way_is_gone() {
    use proptest::test_runner::{RngAlgorithm, TestRng};
    let cases = 3 * number("STACKHOLM_CASES").unwrap_or(PROGRAMS).div_ceil(PROGRAMS);
    let config = ProptestConfig { failure_persistence: None, cases, ..ProptestConfig::default() };
    let done = Cell::new(0);
    for (seed, beginning) in (0..).zip(beginnings()) {
        let mut runner = TestRunner::new_with_rng(
            config.clone(),
            TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]),
        );
        let strategy = vec(made::<Op>(), 0..60).prop_map(|rest| [beginning.clone(), rest].concat());
        let result = runner.run(&strategy, |program| {
            done.set(done.get() + run_all_ways(&program));
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    }
    let (table, missing) = model::met::pairs();
    println!("{} operations\n{table}", done.get());
    for name in MUST {
        println!("{name}: {} times", model::met::times(name));
    }
    // Where each block goes back to the allocator at once, no scope is entered again.
    let can_be_met =
        |name: &str| cfg!(not(stackholm_malloc)) || !name.to_lowercase().contains("again");
    let missing: Vec<_> = missing.into_iter().filter(|pair| can_be_met(pair)).collect();
    let is_never_met = |name: &&str| can_be_met(name) && model::met::times(name) == 0;
    let never: Vec<&str> = MUST.iter().copied().filter(is_never_met).collect();
    assert!(missing.is_empty() && never.is_empty(), "not met: {missing:?} {never:?}");
}

#[test]
fn the_index_shows_what_a_persistent_map_does() {
    check(
        "indices",
        12,
        &(1_usize..3_000, vec(made::<index::Step>(), 0..120)),
        |(number, steps)| {
            index::run(&index::vars(number), &steps);
            Ok(())
        },
    );
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
