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
