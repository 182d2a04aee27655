//! What the model test and the fuzzer found, each as the shortest program that shows it.

use stackholm::{Context, Var};

static A: Var<u32> = Var::new("a");

#[test]
fn an_upgrade_that_fails_gives_back_no_count() {
    let context = Context::empty().with(&A, 1);
    let weak = context.downgrade();
    drop(context);
    for _ in 0..3 {
        assert!(weak.upgrade().is_none());
    }
}
