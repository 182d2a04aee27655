//! No slot is registered in this process.

use no_std_crate::chain;
use stackholm::{Context, Var};
use std::panic::catch_unwind;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;

/// One test at a time: without slots, what ends at once on many threads is counted for the process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_TEST_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_TEST_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn without_a_slot_a_read_gives_the_default_or_the_error_and_nothing_panics() {
    let _alone = alone();
    no_std_crate::counts_misuse();
    no_std_crate::without_a_current_stack();
    no_std_crate::where_there_is_no_slot();
}

#[test]
fn without_a_slot_a_long_chain_ends_on_a_small_machine_stack() {
    let _alone = alone();
    no_std_crate::a_long_chain_ends_on_a_small_machine_stack();
}

/// More of them than lists that are worked off at once: some are left to other threads, and each
/// value has ended as the last thread is done.
#[test]
fn without_a_slot_long_chains_that_end_on_many_threads_at_once_all_end() {
    let _alone = alone();
    const THREADS: usize = if cfg!(miri) { 3 } else { 24 };
    let alive = Arc::default();
    let begin = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let chain = chain(&alive);
                begin.wait();
                drop(chain);
            });
        }
    });
    assert_eq!(alive.load(SeqCst), 0);
}

/// A drop that panics neither keeps what was left from its end nor takes away room for good.
#[test]
fn without_a_slot_a_drop_that_panics_keeps_nothing_from_its_end() {
    let _alone = alone();
    struct Panics(#[expect(dead_code, reason = "it is only kept")] Context);
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("as the value ends");
        }
    }
    static PANICS: Var<Panics> = Var::new("panics");
    let alive = Arc::default();
    for _ in 0..40 {
        let context = Context::empty().with(&PANICS, Panics(chain(&alive)));
        assert!(catch_unwind(|| drop(context)).is_err());
        assert_eq!(alive.load(SeqCst), 0);
    }
}
