//! Faults that the model test and the fuzzer found, each as the shortest program that shows it.

use stackholm::{Checkpoint, Context, Var, embed};
use std::sync::Arc;

static A: Var<u32> = Var::new("a");
static B: Var<Arc<u32>> = Var::new("b");
static HERE: Var<Arc<u32>> = Var::new("here").stays_on_stack();

#[test]
fn an_upgrade_that_fails_gives_back_no_count() {
    let context = Context::empty().with(&A, 1);
    let weak = context.downgrade();
    drop(context);
    for _ in 0..3 {
        assert!(weak.upgrade().is_none());
    }
}

#[test]
fn a_change_that_is_undone_leads_back_to_the_snapshot_before() {
    let (before, weak) = Checkpoint::run(|| {
        let before = Context::current();
        A.set(1).expect("it is open");
        assert_eq!(A.pop().ok(), Some(true));
        let after = Context::current();
        assert!(after.ptr_eq(&before));
        (before, after.downgrade())
    });
    assert!(weak.upgrade().is_some_and(|context| context.ptr_eq(&before)));
    drop(before);
    assert!(weak.upgrade().is_none());
}

#[test]
fn what_is_captured_in_an_entered_context_is_that_context_and_goes_with_it() {
    let entered = Context::empty().with(&A, 1);
    let (before, after) = entered.run(|| {
        let before = Context::current();
        A.set(2).expect("it is open");
        assert_eq!(A.pop().ok(), Some(true));
        (before, Context::current())
    });
    assert!(before.ptr_eq(&entered) && after.ptr_eq(&entered));
    let weak = before.downgrade();
    drop((before, after));
    assert!(weak.upgrade().is_some_and(|context| context.ptr_eq(&entered)));
    drop(entered);
    assert!(weak.upgrade().is_none());
}

#[test]
fn what_a_drop_has_set_and_reset_is_a_context_of_its_own_and_goes_with_its_stack() {
    struct Foreign;
    impl Drop for Foreign {
        fn drop(&mut self) {
            A.set(1).expect("it is open");
            HERE.set(Arc::new(2)).expect("it is open");
            A.reset().expect("it is open");
            assert_eq!(HERE.pop().ok(), Some(true));
        }
    }
    let weak = Checkpoint::run(|| {
        drop(Foreign);
        let context = Context::current();
        assert!(context.is_empty() && !context.ptr_eq(&Context::empty()));
        context.downgrade()
    });
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_context_keeps_what_a_pop_has_revealed_behind_a_shortened_chain() {
    for depth in 30..50 {
        let mut guards: Vec<_> = (0..depth).map(|n| B.enter(Arc::new(n))).collect();
        guards.push(Checkpoint::enter());
        assert_eq!(B.pop().ok(), Some(true));
        let shown = B.with(Arc::downgrade);
        let context = Context::current();
        while let Some(guard) = guards.pop() {
            drop(guard);
        }
        assert!(shown.upgrade().is_some(), "at depth {depth}");
        assert_eq!(context.get(&B).map(|value| **value), Some(depth - 2));
        drop(context);
        assert!(shown.upgrade().is_none(), "at depth {depth}");
    }
}

#[test]
fn resetting_what_was_never_bound_leaves_a_compaction_alone() {
    let never: Var<u32> = Var::named("never");
    let never_either: Var<u32> = Var::named("never either");
    let _checkpoint = Checkpoint::enter();
    for n in 0..200 {
        A.set(n).unwrap();
        B.set(Arc::new(n)).unwrap();
        never.reset().unwrap();
        never.reset().unwrap();
        assert!(!never_either.pop().unwrap());
        assert_eq!((A.get(), *B.get()), (n, n));
    }
}

#[test]
fn prepared_bindings_that_have_ended_make_no_difference_whatever_lies_in_their_place() {
    let captured = |n| Checkpoint::prepare().set(&HERE, Arc::new(n)).run(Context::current);
    let contexts: Vec<Context> = (0..20).map(captured).collect();
    for (n, one) in contexts.iter().enumerate() {
        for other in &contexts[n + 1..] {
            assert!(one == other && one.changes(other).is_empty());
        }
    }
}

#[test]
fn a_read_on_one_stack_does_not_keep_what_another_one_leaves() {
    let mut one = embed::Stack::on(Context::empty());
    let (context, value) = one.run(|| {
        A.set(1).expect("it is open");
        HERE.set(Arc::new(2)).expect("it is open");
        (Context::current(), HERE.with(Arc::downgrade))
    });
    embed::Stack::on(context).run(|| {
        A.with(|_| {
            one.run(|| assert_eq!(HERE.pop().ok(), Some(true)));
            assert!(value.upgrade().is_none(), "it ends with its stack");
        });
    });
}
