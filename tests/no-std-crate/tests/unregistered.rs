//! No slot is registered in this process.

use stackholm::{Context, Var};
use std::sync::Barrier;
use std::thread::{self, ThreadId};

#[test]
fn without_a_slot_a_read_gives_the_default_or_the_error_and_nothing_panics() {
    no_std_crate::counts_misuse();
    no_std_crate::without_a_current_stack();
    no_std_crate::where_there_is_no_slot();
}

/// However many threads let go of something at once: a value that is dropped by another thread is
/// dropped under that thread's locks, and its panic is caught there or nowhere.
#[test]
fn without_a_slot_a_value_ends_on_the_thread_that_lets_go_of_it_last() {
    const THREADS: usize = if cfg!(miri) { 4 } else { 24 };
    static ALL: Barrier = Barrier::new(THREADS);

    struct Knows(ThreadId);
    impl Drop for Knows {
        fn drop(&mut self) {
            ALL.wait();
            assert_eq!(self.0, thread::current().id());
        }
    }
    static KNOWS: Var<Knows> = Var::new("knows");
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| drop(Context::empty().with(&KNOWS, Knows(thread::current().id()))));
        }
    });
}
