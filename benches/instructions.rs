//! Question: did a change make an operation of the core longer by a few instructions? Counts say so
//! whatever else the machine does.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench instructions` prints a line for each
//! operation: its name and the instructions of one turn. `benches/check-instructions` compares them
//! with the baseline. Each operation runs twice under valgrind, once with more turns; the
//! difference is the turns' alone.

use stackholm::{Checkpoint, Context, ContextExt};
use stackholm_benches::bound::{self, VARS, value};
use stackholm_benches::work::{self, Busy};
use std::pin::pin;
use std::process::{Command, ExitCode};

/// Turns of the shorter run, enough for what is done once in many turns to even out; the longer has
/// twice as many.
const TURNS: u64 = 4096;

/// A name, and what does that many turns.
type Operation = (&'static str, fn(u64));

const OPERATIONS: &[Operation] = &[
    ("enter+leave,1-bound", |turns| at(1, turns, work::enter_and_leave::<1>)),
    ("enter+leave,8-bound", |turns| at(8, turns, work::enter_and_leave::<8>)),
    ("enter+leave,32-bound", |turns| at(32, turns, work::enter_and_leave::<32>)),
    ("enter-again+leave,32-bound", |turns| at(32, turns, work::enter_and_leave::<5>)),
    ("enter-two-in-turn,8-bound", |turns| at(8, turns, work::enter_two_in_turn)),
    ("read-present,8-bound", |turns| at(8, turns, work::read_present)),
    ("read-present,64-bound", |turns| at(64, turns, work::read_of_many)),
    ("read-bound-late,64-bound", |turns| at(64, turns, work::read_bound_late)),
    ("read-inherited,8-bound", |turns| {
        base(8, 8).run(|| repeat(turns, work::read_inherited));
    }),
    ("read-absent,8-bound", |turns| at(8, turns, work::read_absent)),
    ("read-default,8-bound", |turns| at(8, turns, work::read_default)),
    ("read-global,8-bound", |turns| at(8, turns, work::read_global)),
    ("set-global", |turns| repeat(turns, work::set_global)),
    ("read-shared", |turns| repeat(turns, work::read_shared)),
    ("load-shared+drop", |turns| repeat(turns, work::load_shared)),
    ("store-shared", |turns| repeat(turns, work::store_shared)),
    ("scope-of-three,8-bound", |turns| at(8, turns, work::scope_of_three)),
    ("checkpoint+set+leave,8-bound", |turns| at(8, turns, work::checkpoint_and_set)),
    ("set-again,8-bound", |turns| {
        let _bound = bound::ours(8);
        let _checkpoint = Checkpoint::enter();
        repeat(turns, work::set);
    }),
    ("capture+drop,8-bound", |turns| settled(8, turns, work::capture)),
    ("enter+capture+leave,8-bound", |turns| settled(8, turns, work::enter_and_capture::<8>)),
    ("hand-over-to-future,8-bound", |turns| settled(8, turns, work::hand_over)),
    ("enter+leave-in-a-task,8-bound", |turns| settled(8, turns, work::enter_in_a_task)),
    ("poll,1-bound", |turns| {
        let mut future = pin!(VARS[0].scope(value(0), Busy::new()));
        repeat(turns, || work::poll(future.as_mut()));
    }),
    ("poll-handed-over,1-bound", |turns| {
        let mut future = pin!(Busy::new().in_context(base(1, 1)));
        repeat(turns, || work::poll(future.as_mut()));
    }),
    ("run-a-base,8-bound", |turns| run(&base(8, 8), turns)),
    ("run-a-long-base,8-bound", |turns| run(&base(8, LONG), turns)),
    ("changes-of-a-base,64-bound", |turns| {
        let before = base(64, 64);
        let after = before.with(&VARS[40], value(0));
        repeat(turns, || before.changes(&after).len() as u64);
    }),
    ("derive-from-a-base,8-bound", |turns| derive(&base(8, 8), turns)),
    ("derive-from-a-long-base,8-bound", |turns| derive(&base(8, LONG), turns)),
];

/// A base that was changed so often lies at the end of a chain as long as one ever gets.
const LONG: usize = 10_000;

/// A context that shows that many variables, after that many changes.
fn base(number: usize, changes: usize) -> Context {
    let vars = (0..number).cycle().take(changes);
    vars.fold(Context::empty(), |context, at| context.with(&VARS[at], value(at)))
}

#[inline(always)]
fn run(base: &Context, turns: u64) {
    repeat(turns, || base.run(|| std::hint::black_box(0)));
}

#[inline(always)]
fn derive(base: &Context, turns: u64) {
    repeat(turns, || {
        std::hint::black_box(base.with(&VARS[3], value(3)));
        0
    });
}

#[inline(always)]
fn repeat(turns: u64, mut work: impl FnMut() -> u64) {
    let mut sum = 0_u64;
    for _ in 0..turns {
        sum = sum.wrapping_add(std::hint::black_box(work()));
    }
    assert_eq!(sum % turns, 0, "all turns gave the same");
}

#[inline(always)]
fn at(number: usize, turns: u64, work: impl FnMut() -> u64) {
    let _bound = bound::ours(number);
    repeat(turns, work);
}

/// The same, while a context keeps what is bound.
#[inline(always)]
fn settled(number: usize, turns: u64, work: impl FnMut() -> u64) {
    let _bound = bound::ours(number);
    let _settled = Context::current();
    repeat(turns, work);
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, name, turns] = &arguments[..] {
        if flag == "--count" {
            let turns = turns.parse().expect("a number of turns");
            bound::touch();
            OPERATIONS.iter().find(|(operation, _)| operation == name).expect("an operation").1(
                turns,
            );
            return ExitCode::SUCCESS;
        }
    }
    for (name, _) in OPERATIONS {
        let (Some(short), Some(long)) = (count(name, TURNS), count(name, 2 * TURNS)) else {
            eprintln!("{name}: valgrind did not count; is it installed?");
            return ExitCode::FAILURE;
        };
        println!("{name:<34}{:>10.2}", (long - short) as f64 / TURNS as f64);
    }
    ExitCode::SUCCESS
}

/// The instructions of a whole run with that many turns.
fn count(name: &str, turns: u64) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--count", name, &turns.to_string()])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| line.contains("Collected :"))?;
    output.status.success().then(|| line.rsplit(' ').next()?.parse().ok()).flatten()
}
