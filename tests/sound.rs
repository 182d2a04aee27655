//! Safe programs that once had undefined behaviour, or left something behind. Most of them assert
//! little by themselves: Miri and the address sanitizer run them too, and see the fault.

#[path = "common/this_program.rs"]
mod this_program;

use stackholm::embed::Stack;
use stackholm::{Context, Var};
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Barrier};
use std::thread;
use this_program::this_program;

static A: Var<u64> = Var::new("a");
static B: Var<u64> = Var::new("b");
static TEXT: Var<String> = Var::new("text");
static COUNTED: Var<Arc<u64>> = Var::new("counted");

/// Runs one test of this file again, by itself, with `STACKHOLM_CHILD` set.
fn child(test: &str) -> std::process::Output {
    // The file may be a module of another binary.
    let path = format!("{}::{test}", module_path!());
    let (_binary, test) = path.split_once("::").unwrap();
    this_program()
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("STACKHOLM_CHILD", "1")
        .output()
        .unwrap()
}

fn is_child() -> bool {
    std::env::var_os("STACKHOLM_CHILD").is_some()
}

/// How often the programs for Miri are tried: it takes other schedules by chance, and a run of each
/// is slow there.
const TRIES: usize = if cfg!(miri) { 2 } else { 200 };

#[test]
fn a_context_goes_while_its_stack_ends_a_value_of_short_reach() {
    static TX: Var<String> = Var::new("tx").stays_on_stack();
    for _ in 0..TRIES {
        let checkpoint = stackholm::Checkpoint::enter();
        TX.set("t".into()).unwrap();
        let context = Context::current();
        let other = thread::spawn(move || drop(context));
        // So many changes that one frame takes the place of all in this checkpoint, that of TX
        // among them.
        for i in 0..40 {
            A.set(i).unwrap();
            B.set(i).unwrap();
        }
        drop(checkpoint);
        other.join().unwrap();
    }
}

#[test]
fn a_value_is_read_from_a_context() {
    assert_eq!(Context::empty().with(&A, 1).get(&A), Some(&1));
    Stack::on(Context::empty().with(&TEXT, "text".into())).run(|| assert_eq!(TEXT.get(), "text"));
}

#[test]
fn a_stack_ends_while_a_context_of_it_ends_on_another_thread() {
    for _ in 0..TRIES {
        let mut stack = Stack::on(Context::empty().with(&TEXT, "below".into()));
        let context = stack.checkpoint(|stack| {
            stack.set(&TEXT, "above".into()).unwrap();
            let context = stack.capture();
            let both = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    both.wait();
                    drop(context.clone());
                });
                both.wait();
                drop(context.clone());
            });
            context
        });
        let other = thread::spawn(move || drop(context));
        drop(stack);
        other.join().unwrap();
    }
}

#[test]
fn a_binding_lies_where_one_lay_that_ended_in_the_same_turn() {
    // Too large for the free list: the block goes back to the allocator, which may give it again.
    static LARGE: Var<[u8; 4096]> = Var::new("large");
    for _ in 0..20 {
        let mut stack = Stack::on(Context::empty());
        stack.set(&LARGE, [0; 4096]).unwrap();
        stack.run(|| {
            LARGE.set([1; 4096]).unwrap();
            LARGE.set([2; 4096]).unwrap();
        });
        assert_eq!(stack.get(&LARGE).unwrap()[4095], 2);
    }
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn the_process_exits_while_another_stack_is_current() {
    struct Ends;
    impl Drop for Ends {
        fn drop(&mut self) {
            println!("the value ended");
        }
    }
    static VALUE: Var<Ends> = Var::new("value");
    if !is_child() {
        let output = child("the_process_exits_while_another_stack_is_current");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{output:?}");
        assert!(said.contains("exits"), "{said}");
        assert!(!said.contains("ended"), "another thread may still read it: {said}");
        return;
    }
    // From now on the thread has a destructor.
    A.sync_scope(1, || ());
    Stack::on(Context::empty().with(&VALUE, Ends)).run(|| {
        VALUE.with(|_| {
            println!("exits");
            std::process::exit(0)
        })
    });
}

#[test]
fn a_reach_that_is_declared_after_the_first_use_is_honoured() {
    let var = Var::new("var");
    var.sync_scope(1, || assert_eq!(Context::current().get(&var), Some(&1)));
    let var = var.stays_on_stack();
    var.sync_scope(2, || assert_eq!(Context::current().get(&var), None));
    let var = var.stays_in_checkpoint();
    var.sync_scope(3, || A.sync_scope(1, || assert!(!var.is_bound())));
}

#[test]
fn a_variable_that_is_declared_anew_is_another_variable() {
    let var = Var::new("var");
    let bound = var.enter(1);
    let var = var.shown();
    assert!(!var.is_bound());
    var.sync_scope(2, || {
        assert_eq!(format!("{:?}", Context::current().binding(&var).unwrap().value()), "Some(2)")
    });
    drop(bound);
}

#[test]
fn contexts_are_equal_exactly_if_nothing_changes_between_them() {
    static TX: Var<u64> = Var::new("tx").stays_on_stack();
    static C: Var<u64> = Var::new("c");
    let base = Context::empty().with(&A, 1);
    let with_short = base.run(|| TX.sync_scope(1, Context::current));
    let contexts = [
        Context::empty(),
        base.clone(),
        base.with(&A, 1),
        with_short.clone(),
        with_short.run(|| TX.sync_scope(2, Context::current)),
        base.without(&B),
        base.without(&A),
        base.with(&B, 2).without(&B),
        base.with(&B, 2).with(&C, 3).without(&C),
        Context::empty().without(&A),
    ];
    for a in &contexts {
        for b in &contexts {
            assert_eq!(a == b, a.changes(b).is_empty(), "{a:?} {b:?}");
        }
    }
    assert!(base == with_short && base != base.with(&A, 1) && base == base.without(&B));
}

#[test]
fn what_a_destructor_of_a_late_thread_local_forgets_ends_with_the_thread() {
    struct Late(Arc<u64>);
    impl Drop for Late {
        fn drop(&mut self) {
            std::mem::forget(COUNTED.enter(Arc::clone(&self.0)));
            // One that is made now ends after all that there is.
            LATER.with(|later| later.set(Some(Later(Arc::clone(&self.0)))));
        }
    }
    struct Later(Arc<u64>);
    impl Drop for Later {
        fn drop(&mut self) {
            std::mem::forget(COUNTED.enter(Arc::clone(&self.0)));
        }
    }
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
        static LATER: Cell<Option<Later>> = const { Cell::new(None) };
    }
    let value = Arc::new(7);
    let inside = Arc::clone(&value);
    thread::spawn(move || {
        // Made before the library's own, so it ends after it.
        LATE.with(|late| *late.borrow_mut() = Some(Late(inside)));
        A.sync_scope(1, || ());
    })
    .join()
    .unwrap();
    assert_eq!(Arc::strong_count(&value), 1);
}

/// Reads that run on stackful coroutines end in any order.
#[cfg(all(unix, any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod coroutines {
    use super::*;
    use corosensei::{Coroutine, CoroutineResult};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    struct Drops(&'static AtomicUsize);
    impl Drop for Drops {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn finish(mut coroutine: Coroutine<(), (), ()>) {
        assert!(matches!(coroutine.resume(()), CoroutineResult::Return(())));
    }

    fn begin(read: impl FnOnce(&dyn Fn()) + 'static) -> Coroutine<(), (), ()> {
        let mut coroutine = Coroutine::new(move |yielder, ()| read(&|| yielder.suspend(())));
        assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
        coroutine
    }

    #[test]
    fn a_read_that_began_before_another_stack_was_current_ends_while_it_is() {
        let outer = TEXT.enter("text".into());
        let read = begin(|pause| TEXT.with(|_| pause()));
        Stack::on(Context::empty().with(&A, 1)).run(|| finish(read));
        // Nothing of the read is on the list any more; its coroutine is gone.
        B.sync_scope(2, || assert_eq!(B.get(), 2));
        drop(outer);
    }

    #[test]
    fn reads_end_in_the_order_in_which_they_began() {
        static VALUE: Var<Drops> = Var::new("value");
        static DROPS: AtomicUsize = AtomicUsize::new(0);
        let outer = VALUE.enter(Drops(&DROPS));
        let first = begin(|pause| VALUE.with(|_| pause()));
        let second = begin(|pause| VALUE.with(|_| pause()));
        let third = begin(|pause| VALUE.with(|_| pause()));
        drop(outer);
        assert_eq!(DROPS.load(SeqCst), 0, "three reads are out");
        finish(first);
        finish(third);
        assert_eq!(DROPS.load(SeqCst), 0, "one is");
        A.sync_scope(1, || B.sync_scope(2, || assert_eq!((A.get(), B.get()), (1, 2))));
        finish(second);
        assert_eq!(DROPS.load(SeqCst), 1);
        A.sync_scope(1, || B.sync_scope(2, || assert_eq!((A.get(), B.get()), (1, 2))));
    }

    #[test]
    fn the_outer_one_of_two_reads_ends_first_and_each_keeps_a_value_that_was_left() {
        static OUTER: Var<Drops> = Var::new("outer");
        static INNER: Var<Drops> = Var::new("inner");
        static DROPS: AtomicUsize = AtomicUsize::new(0);
        let outer = OUTER.enter(Drops(&DROPS));
        let first = begin(|pause| OUTER.with(|_| pause()));
        let inner = INNER.enter(Drops(&DROPS));
        let second = begin(|pause| INNER.with(|_| pause()));
        drop(inner);
        drop(outer);
        finish(first);
        assert_eq!(DROPS.load(SeqCst), 0, "the inner read has both");
        finish(second);
        assert_eq!(DROPS.load(SeqCst), 2);
    }
}

#[test]
fn a_context_derives_another_while_a_value_of_short_reach_ends() {
    static TX: Var<String> = Var::new("tx").stays_on_stack();
    static HIDDEN: Var<String> = Var::new("hidden");
    for _ in 0..TRIES {
        HIDDEN.sync_scope("hidden".into(), || {
            let short = TX.enter("t".into());
            let context = Context::current();
            // It hides a value, so it counts all others by themselves, that of TX among them.
            let other = thread::spawn(move || drop(context.with(&HIDDEN, "shown".into())));
            drop(short);
            other.join().unwrap();
        });
    }
}
