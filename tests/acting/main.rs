//! Random programs of code that is foreign to the library, and that acts: as a value is dropped, a
//! default is made, a closure is run, a future is polled, a thread ends or the allocator is asked,
//! further operations of the same program follow. There are guards that are left in any order and
//! on other stacks, stacks within stacks, panics, contexts, weak contexts and kept values, on one
//! thread and on three that hand all of it to each other.
//!
//! No oracle says what is read: nobody knows any more what is bound. What is asked is that each
//! value that is read is alive, that each is dropped once, and that none is left when the threads
//! have ended. Miri and the sanitizers ask for more. That the programs do something is counted:
//! each kind of operation, and what they must have met.
//!
//! `STACKHOLM_SEED` says where to begin, `STACKHOLM_ROUNDS` how many programs to run,
//! `STACKHOLM_STEPS` how many operations each thread of one may do.

mod allocator;
mod exchange;
mod lists;
mod operations;
mod player;
mod reached;
mod value;

use player::{Allocator, Player, caught, here};
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// One program: what it does follows from this, and on several threads from who comes first.
#[derive(Clone, Copy)]
struct Program {
    seed: u64,
    threads: u64,
    steps: usize,
    allocator: Allocator,
}

impl Program {
    /// Runs it, each thread to its end, and says how many values are left.
    fn run(self) -> usize {
        let job = |number| move || here(|player| self.play(player, number));
        let threads: Vec<_> = (0..self.threads).map(|number| thread::spawn(job(number))).collect();
        // A join waits for what a thread leaves behind, too. All have ended before one fails here.
        let ended: Vec<_> = threads.into_iter().map(thread::JoinHandle::join).collect();
        ended.into_iter().for_each(|ended| ended.unwrap_or_else(|panic| reraise(self, panic)));
        exchange::clear();
        value::take_alive()
    }

    /// What one thread does. Some operations are left for what acts as it ends.
    fn play(self, player: &Player, number: u64) {
        lists::touch_all(self.seed as usize);
        let steps = self.steps;
        player.begin(self.seed * 64 + number, steps, self.threads > 1, self.allocator);
        while player.left() > steps / 8 {
            caught(|| operations::several(player, 10));
            value::read_all();
        }
        player.end();
    }
}

fn reraise(program: Program, panic: Box<dyn std::any::Any + Send>) {
    eprintln!("STACKHOLM_SEED={} STACKHOLM_ROUNDS=1 repeats it", program.seed);
    std::panic::resume_unwind(panic)
}

/// Rounds that are enough to meet everything.
const ROUNDS: u64 = 60;

/// Runs as many programs as are asked for. One after the other: what they share and count is
/// static, so that whoever acts finds it.
fn run_all(threads: u64, allocator: Allocator) {
    static ONE_TEST_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_TEST_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let first = asked("STACKHOLM_SEED").unwrap_or(1);
    let rounds = asked("STACKHOLM_ROUNDS").unwrap_or(if cfg!(miri) { 2 } else { ROUNDS });
    let steps = asked("STACKHOLM_STEPS").unwrap_or(if cfg!(miri) { 60 } else { 400 }) as usize;
    reached::forget_all();
    // Past the test harness, which keeps what a test prints to itself, and of a process that is
    // aborted for ever.
    let repeat =
        format!("STACKHOLM_SEED={first} STACKHOLM_ROUNDS={rounds} STACKHOLM_STEPS={steps}");
    let _ = std::io::stderr()
        .write_all(format!("{threads} threads, {allocator:?}: {repeat}\n").as_bytes());
    for seed in first..first + rounds {
        let program = Program { seed, threads, steps, allocator };
        let left = program.run();
        assert!(
            left == 0 || allocator == Allocator::Keeps,
            "{left} values are left; STACKHOLM_SEED={seed} STACKHOLM_ROUNDS=1 repeats it"
        );
    }
    println!("{rounds} programs:");
    let never = reached::never(threads > 1, allocator != Allocator::Quiet);
    let done = operations::done();
    assert!(done >= rounds * threads * steps as u64 / 2, "only {done} operations were done");
    let enough = rounds >= ROUNDS && steps >= 400 && !cfg!(miri);
    assert!(!enough || never.is_empty(), "no program did or met: {never:?}");
}

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().expect("a number"))
}

#[test]
fn programs_of_code_that_acts_read_what_is_alive_and_leave_nothing() {
    run_all(1, Allocator::Quiet);
}

#[test]
fn three_threads_of_code_that_acts_read_what_is_alive_and_leave_nothing() {
    run_all(3, Allocator::Quiet);
}

#[test]
fn an_allocator_that_acts_and_leaves_what_it_entered_changes_nothing_of_that() {
    run_all(1, Allocator::Leaves);
}

#[test]
fn an_allocator_that_acts_on_three_threads_changes_nothing_of_that() {
    run_all(3, Allocator::Leaves);
}

/// What an allocator enters in the middle of a change and does not leave is never dropped. So the
/// values are not counted here, and whatever looks for leaks runs it only if asked to.
#[test]
#[cfg_attr(any(miri, stackholm_malloc), ignore = "leaks what the allocator keeps")]
fn an_allocator_that_keeps_what_it_entered_lets_nothing_be_read_that_is_not_alive() {
    run_all(1, Allocator::Keeps);
    run_all(3, Allocator::Keeps);
}
