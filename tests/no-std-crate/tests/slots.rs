//! A registered slot for each thread does what a thread-local of the standard library does.

mod per_thread;

use per_thread::find;
use stackholm::{Context, Source, Var};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, Once, PoisonError};
use std::thread;

/// Registers the slots, and lets one test run at a time: what is misused is counted for the process.
fn register() -> MutexGuard<'static, ()> {
    static REGISTERED: Once = Once::new();
    static ONE_TEST_AT_A_TIME: Mutex<()> = Mutex::new(());
    let alone = ONE_TEST_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: each thread is given its own slot, until the slot's drop begins.
    REGISTERED.call_once(|| unsafe { no_std_crate::register(find) });
    alone
}

#[test]
fn what_is_bound_is_read_handed_over_and_left() {
    let _alone = register();
    no_std_crate::where_there_is_a_slot();
    no_std_crate::a_long_chain_ends_on_a_small_machine_stack();
}

#[test]
fn each_thread_has_its_own_stack() {
    static NAME: Var<usize> = Var::new("name");
    let _alone = register();
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for number in 0..4 {
            let barrier = &barrier;
            scope.spawn(move || {
                assert!(!NAME.is_bound());
                NAME.sync_scope(number, || {
                    barrier.wait();
                    assert_eq!(NAME.get(), number);
                });
                barrier.wait();
                assert!(!NAME.is_bound());
            });
        }
    });
}

#[test]
fn a_context_goes_to_another_thread_and_ends_there() {
    static NAME: Var<Arc<str>> = Var::new("name");
    let _alone = register();
    let name: Arc<str> = "ada".into();
    let context = NAME.sync_scope(name.clone(), Context::current);
    let theirs = thread::spawn(move || context.run(|| NAME.get().len()));
    assert_eq!(theirs.join().unwrap(), 3);
    assert_eq!(Arc::strong_count(&name), 1, "the last holder has let it go");
}

#[test]
fn what_was_not_left_ends_with_the_slot_and_sees_no_stack() {
    static LAST: Var<ReadsAtItsEnd> = Var::new("last");
    static OTHER: Var<u8> = Var::with_default("other", || 7);
    static SEEN: AtomicUsize = AtomicUsize::new(0);

    struct ReadsAtItsEnd;
    impl Drop for ReadsAtItsEnd {
        fn drop(&mut self) {
            assert_eq!((OTHER.get(), OTHER.source()), (7, Source::Default));
            assert!(OTHER.sync_scope(8, || OTHER.get()) == 7, "nothing is current any more");
            SEEN.fetch_add(1, SeqCst);
        }
    }

    let _alone = register();
    let alive = Arc::new(AtomicUsize::new(0));
    let theirs = alive.clone();
    let ends = move || {
        no_std_crate::enter_and_forget(&theirs);
        std::mem::forget(OTHER.enter(1));
        std::mem::forget(LAST.enter(ReadsAtItsEnd));
    };
    thread::spawn(ends).join().unwrap();
    assert_eq!((alive.load(SeqCst), SEEN.load(SeqCst)), (0, 1));
}

#[test]
fn a_default_is_made_once_though_threads_need_it_at_once() {
    static MADE: Var<Arc<AtomicUsize>> = Var::with_default("made", Arc::default);
    let _alone = register();
    let barrier = Barrier::new(4);
    let seen: Vec<_> = thread::scope(|scope| {
        let read = || {
            barrier.wait();
            MADE.get()
        };
        let threads = [(); 4].map(|()| scope.spawn(read));
        threads.map(|thread| thread.join().unwrap()).into()
    });
    assert!(seen.iter().all(|made| Arc::ptr_eq(made, &seen[0])));
    assert_eq!(Arc::strong_count(&seen[0]), 4 + 1, "the others were dropped");
}
