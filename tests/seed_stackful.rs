//! What the documents of Python's `stackful` promise, sentence by sentence, and the faults it must
//! not bring back.
//!
//! A global is a variable with a process-wide value or a default; making it "stackful" is binding
//! it for a block.

use futures_util::future::join;
use futures_util::stream::{self, StreamExt};
use stackholm::{Checkpoint, Context, ContextExt, Reason, Source, Var};
use std::any::{Any, TypeId};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

fn on_another_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| scope.spawn(f).join().unwrap())
}

#[test]
fn a_global_has_the_new_value_for_the_extent_of_the_block() {
    static SOME_GLOBAL: Var<i32> = Var::new("some_global");
    fn foo() -> i32 {
        bar()
    }
    fn bar() -> i32 {
        SOME_GLOBAL.get()
    }
    SOME_GLOBAL.set_global(7);
    assert_eq!(foo(), 7);
    SOME_GLOBAL.sync_scope(8, || {
        assert_eq!(SOME_GLOBAL.get(), 8, "in the block");
        assert_eq!(foo(), 8, "in what it calls, and in what that calls");
    });
    assert_eq!(foo(), 7, "not after");
}

#[test]
fn other_threads_go_on_seeing_the_old_value() {
    static DB: Var<&str> = Var::new("db");
    DB.set_global("production");
    DB.sync_scope("archive", || {
        assert_eq!(DB.get(), "archive");
        assert_eq!(on_another_thread(|| DB.get()), "production");
    });
}

#[test]
fn other_threads_go_on_seeing_nothing_if_there_is_no_old_value() {
    static DB: Var<&str> = Var::new("db");
    DB.sync_scope("archive", || {
        let missing = on_another_thread(|| DB.try_get()).unwrap_err();
        assert_eq!(missing.reason(), Reason::Unbound);
    });
}

#[test]
fn after_the_block_even_this_thread_sees_the_original_value() {
    static WITH_GLOBAL: Var<i32> = Var::new("with global");
    static WITH_DEFAULT: Var<i32> = Var::with_default("with default", || 1);
    static WITHOUT: Var<i32> = Var::new("without");
    WITH_GLOBAL.set_global(1);
    for var in [&WITH_GLOBAL, &WITH_DEFAULT, &WITHOUT] {
        let before = (var.try_get().ok(), var.source());
        var.sync_scope(2, || assert_eq!(var.get(), 2));
        assert_eq!((var.try_get().ok(), var.source()), before);
    }
}

#[test]
fn the_original_value_is_back_after_a_panic_an_early_return_and_a_failure() {
    static LEVEL: Var<i32> = Var::with_default("level", || 0);
    fn early() -> i32 {
        let _one = LEVEL.enter(1);
        if LEVEL.get() == 1 {
            return LEVEL.get();
        }
        unreachable!()
    }
    fn failing() -> Result<(), std::num::ParseIntError> {
        let _one = LEVEL.enter(1);
        LEVEL.enter("not a number".parse()?).leave();
        Ok(())
    }
    assert!(catch_unwind(|| LEVEL.sync_scope(1, || panic!("on purpose"))).is_err());
    assert_eq!(LEVEL.get(), 0);
    assert_eq!((early(), LEVEL.get()), (1, 0));
    assert!(failing().is_err());
    assert_eq!(LEVEL.get(), 0);
}

/// Code that was written for the global needs no change, nor does the signature of anything in
/// between.
#[test]
fn code_that_reads_the_global_need_not_know_of_the_block() {
    static DB: Var<String> = Var::new("db");
    fn a_whole_orm() -> String {
        let query: fn() -> String = || DB.with(|db| format!("select from {db}"));
        [query].map(|query| query()).concat()
    }
    DB.set_global("production".into());
    let archive = DB.sync_scope("archive".into(), a_whole_orm);
    assert_eq!(
        (archive.as_str(), a_whole_orm().as_str()),
        ("select from archive", "select from production")
    );
}

#[test]
fn an_argument_that_was_forgotten_is_obvious_and_one_that_was_given_stays_on_its_call_stack() {
    static ROGUE_PARAM: Var<Option<i32>> = Var::with_default("rogue_param", || None);
    fn outer(then: impl FnOnce()) -> Option<i32> {
        ROGUE_PARAM.sync_scope(Some(9), || {
            then();
            middle()
        })
    }
    fn middle() -> Option<i32> {
        inner()
    }
    fn inner() -> Option<i32> {
        ROGUE_PARAM.get().map(|param| param + 1)
    }
    assert_eq!(inner(), None);
    assert_eq!(outer(|| assert_eq!(on_another_thread(inner), None)), Some(10));
    assert_eq!(inner(), None, "the next invocation gets nothing that leaked");
}

#[test]
fn new_values_are_stacked_on_top_of_the_old_for_several_invocations_at_once() {
    static PARAM: Var<u32> = Var::with_default("param", || 0);
    fn inner(left: u32) -> Vec<u32> {
        let mine = PARAM.get();
        let mut seen =
            if left == 0 { Vec::new() } else { PARAM.sync_scope(mine + 1, || inner(left - 1)) };
        assert_eq!(PARAM.get(), mine);
        seen.push(mine);
        seen
    }
    assert_eq!(inner(4), [4, 3, 2, 1, 0]);
}

/// Perl's `local` reaches into everything that is called; here only what names the variable is
/// affected.
#[test]
fn no_symbol_of_a_called_function_changes_that_does_not_name_the_variable() {
    static VALUE: Var<i32> = Var::with_default("value", || 0);
    mod elsewhere {
        pub(crate) static VALUE: super::Var<i32> = super::Var::with_default("value", || 0);
    }
    fn callee() -> (i32, i32) {
        let value = 5;
        (value, elsewhere::VALUE.get())
    }
    assert_eq!(VALUE.sync_scope(1, callee), (5, 0));
}

#[test]
fn each_thread_sees_a_copy_of_its_own() {
    static COPY: Var<usize> = Var::with_default("copy", || 100);
    let (all_in, all_read) = (Barrier::new(5), Barrier::new(5));
    thread::scope(|scope| {
        for own in 0..4 {
            let (all_in, all_read) = (&all_in, &all_read);
            scope.spawn(move || {
                COPY.sync_scope(own, || {
                    all_in.wait();
                    assert_eq!(COPY.get(), own);
                    all_read.wait();
                });
                assert_eq!(COPY.get(), 100);
            });
        }
        all_in.wait();
        assert_eq!(COPY.get(), 100);
        all_read.wait();
    });
}

/// A limit of the original: rebinding the global ends its being stackful. Not here.
#[test]
fn a_global_that_is_rebound_meanwhile_stays_stackful() {
    static LIMIT: Var<i32> = Var::new("limit");
    LIMIT.set_global(1);
    LIMIT.sync_scope(2, || {
        LIMIT.set_global(3);
        assert_eq!(LIMIT.get(), 2, "the block keeps its value");
        assert_eq!(on_another_thread(|| LIMIT.get()), 3, "the others see the new one");
        LIMIT.sync_scope(4, || assert_eq!(LIMIT.get(), 4));
        assert_eq!(LIMIT.get(), 2);
        LIMIT.clear_global();
        assert_eq!(LIMIT.get(), 2);
        LIMIT.set_global(5);
    });
    assert_eq!(LIMIT.get(), 5, "and the block puts nothing old back");
}

#[test]
fn values_that_are_changed_in_place_are_changed_for_whoever_shares_them() {
    static COUNT: Var<Arc<AtomicU32>> = Var::with_default("count", Arc::default);
    let mine = Arc::new(AtomicU32::new(0));
    COUNT.sync_scope(mine.clone(), || {
        COUNT.with(|count| count.fetch_add(1, Relaxed));
        Checkpoint::run(|| COUNT.with(|count| count.fetch_add(1, Relaxed)));
    });
    assert_eq!(mine.load(Relaxed), 2);
    assert_eq!(COUNT.get().load(Relaxed), 0);
}

/// A limit of the original: identity and type show the proxy. Here there is none.
#[test]
fn a_read_gives_the_very_object_with_its_own_type() {
    static OBJECT: Var<Arc<str>> = Var::new("object");
    let object: Arc<str> = "it".into();
    OBJECT.sync_scope(object.clone(), || {
        OBJECT.with(|seen| {
            assert!(Arc::ptr_eq(seen, &object));
            assert_eq!(seen.type_id(), TypeId::of::<Arc<str>>());
        });
    });
    assert_eq!(Arc::strong_count(&object), 1);
}

/// A limit of the original: globals only.
#[test]
fn a_variable_that_is_no_global_can_be_stackful_too() {
    let local = Var::named(String::from("local"));
    local.set_global(1);
    assert_eq!(local.sync_scope(2, || (local.get(), on_another_thread(|| local.get()))), (2, 1));
    assert_eq!(local.get(), 1);
}

#[test]
fn fault_entering_again_over_an_uninitialised_global_leaves_it_uninitialised() {
    static NEVER: Var<i32> = Var::new("never");
    let is_as_before = || {
        assert_eq!(NEVER.try_get().unwrap_err().reason(), Reason::Unbound);
        assert_eq!(NEVER.source(), Source::Missing(Reason::Unbound));
        assert!(!NEVER.is_bound() && NEVER.global().is_none() && NEVER.history().is_empty());
        assert!(Context::current().is_empty());
    };
    is_as_before();
    for _ in 0..2 {
        NEVER.sync_scope(1, || {
            NEVER.sync_scope(2, || assert_eq!(NEVER.get(), 2));
            NEVER.sync_scope(3, || assert_eq!(NEVER.get(), 3));
            assert_eq!(NEVER.get(), 1);
        });
        is_as_before();
    }
    Checkpoint::run(|| {
        NEVER.set(1).unwrap();
        Checkpoint::run(|| NEVER.set(2).unwrap());
        NEVER.reset().unwrap();
        is_as_before();
    });
    is_as_before();
}

#[test]
fn fault_a_generator_does_not_show_its_binding_to_its_consumer() {
    static SEEN: Var<&str> = Var::with_default("seen", || "the global");
    let mut inside = Vec::new();
    let generator = SEEN.scope("the generator's", stream::iter(0..3).map(|_| SEEN.get()));
    let mut generator = std::pin::pin!(generator);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    while let std::task::Poll::Ready(Some(seen)) = generator.as_mut().poll_next_unpin(&mut cx) {
        inside.push(seen);
        assert_eq!(SEEN.get(), "the global", "between two items");
        SEEN.sync_scope("the consumer's", || assert_eq!(SEEN.get(), "the consumer's"));
    }
    assert_eq!(inside, ["the generator's"; 3]);
}

/// An iterator is the plain generator: wrap what it calls, or let each step enter for itself.
#[test]
fn fault_an_iterator_that_binds_for_each_step_does_not_show_it_to_its_consumer() {
    static SEEN: Var<&str> = Var::with_default("seen", || "the global");
    let theirs = Context::empty().with(&SEEN, "the generator's");
    let mut left = 3;
    let step = theirs.wrap_mut(|| {
        left -= 1;
        (left >= 0).then(|| SEEN.get())
    });
    for seen in std::iter::from_fn(step) {
        assert_eq!((seen, SEEN.get()), ("the generator's", "the global"));
    }
}

#[tokio::test]
async fn fault_tasks_that_take_turns_on_one_thread_see_values_of_their_own() {
    static OWN: Var<u32> = Var::with_default("own", || 0);
    let task = |own| {
        OWN.scope(own, async move {
            for _ in 0..5 {
                tokio::task::yield_now().await;
                assert_eq!(OWN.get(), own);
            }
        })
    };
    join(task(1), join(task(2), async { assert_eq!(OWN.get(), 0) })).await;
    let detached = OWN.sync_scope(3, || async { OWN.get() }.detached());
    assert_eq!((detached.await, OWN.get()), (0, 0));
}

#[test]
fn fault_blocks_that_overlap_on_two_threads_end_in_any_order() {
    static OWN: Var<u32> = Var::with_default("own", || 0);
    let (entered, wait_entered) = mpsc::channel();
    let (left, wait_left) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let first = OWN.enter(1);
            entered.send(()).unwrap();
            wait_left.recv().unwrap();
            assert_eq!(OWN.get(), 1, "the other thread has left by now");
            first.leave();
            assert_eq!(OWN.get(), 0);
        });
        wait_entered.recv().unwrap();
        let second = OWN.enter(2);
        assert_eq!(OWN.get(), 2);
        second.leave();
        assert_eq!(OWN.get(), 0);
        left.send(()).unwrap();
    });
    assert_eq!(OWN.get(), 0);
}
