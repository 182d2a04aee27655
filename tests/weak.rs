//! Contexts that do not keep their values alive.

use stackholm::{Context, Var};
use std::sync::Arc;

static A: Var<Arc<u32>> = Var::new("a");

#[test]
fn a_weak_context_whose_values_are_gone_stays_empty_however_often_it_is_asked() {
    let value = Arc::new(7);
    let context = Context::empty().with(&A, value.clone());
    let weak = context.downgrade();
    assert_eq!(weak.upgrade().as_ref().and_then(|context| context.get(&A)), Some(&value));
    drop(context);
    for _ in 0..3 {
        assert!(weak.upgrade().is_none());
        assert!(weak.clone().upgrade().is_none());
    }
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_scope_that_only_a_weak_context_still_knows_ends_with_its_stack() {
    static N: Var<u32> = Var::new("n");
    static INNER: Var<u32> = Var::new("inner");
    N.sync_scope(1, || {
        for round in 0..3 {
            let entered = INNER.enter(round);
            let weak = Context::current().downgrade();
            assert_eq!(
                weak.upgrade().and_then(|context| context.get(&INNER).copied()),
                Some(round)
            );
            drop(entered);
            assert!(weak.upgrade().is_none() && !INNER.is_bound());
            assert_eq!(N.get(), 1, "what lies below it is still there");
            INNER.sync_scope(9, || {
                assert!(weak.upgrade().is_none(), "nor does the next one take its place")
            });
        }
    });
    assert!(!N.is_bound());
}
