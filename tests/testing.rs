//! The helpers for users' tests, each seen failing by what it must notice.

use stackholm::testing::{assert_nothing_left, assert_seen};
use stackholm::{Checkpoint, Context, ContextExt, Var};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// What a helper says when it fails.
fn complaint<R>(f: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).err().expect("it fails");
    panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string())).unwrap()
}

#[test]
#[cfg(debug_assertions)]
fn a_variable_that_is_seen_wherever_it_is_asked_for_passes() {
    static N: Var<u32> = Var::new("n");
    let sum = assert_seen(&N, || {
        N.sync_scope(1, || N.get() + stackholm::thread::spawn(|| N.require().unwrap()).join().unwrap())
    });
    assert_eq!(sum, 2);
    assert!(N.try_get().is_err(), "nobody watches any more");
}

#[test]
#[cfg(debug_assertions)]
fn a_bare_spawn_is_noticed_even_if_the_piece_hides_it() {
    static N: Var<u32> = Var::with_default("n", || 0);
    let line = line!() + 2;
    let said = complaint(|| {
        assert_seen(&N, || N.sync_scope(1, || N.get() + thread::spawn(|| N.get()).join().unwrap()));
    });
    let bound = format!("last bound at {}:{line}:", file!());
    assert!(said.starts_with("1 of 2 did not see it") && said.contains(&bound), "{said}");
    assert!(said.ends_with("(a bare spawn hands nothing over)"), "{said}");
}

#[test]
#[cfg(debug_assertions)]
fn a_variable_that_nobody_asks_for_is_noticed() {
    static N: Var<u32> = Var::new("n");
    let said = complaint(|| assert_seen(&N, || N.sync_scope(1, || N.is_bound())));
    assert_eq!(said, "nobody asked for the variable `n`");
}

#[test]
#[cfg(debug_assertions)]
fn one_test_watches_at_a_time_and_a_panic_ends_the_watch() {
    static N: Var<u32> = Var::new("n");
    let said = complaint(|| assert_seen(&N, || assert_seen(&N, || ())));
    assert_eq!(said, "the variable `n` is watched already");
    assert_eq!(complaint(|| assert_seen(&N, || panic!("of the piece"))), "of the piece");
    N.sync_scope(1, || assert_seen(&N, || N.get()));
}

#[test]
#[cfg(not(debug_assertions))]
fn without_debug_assertions_it_says_that_nobody_counts() {
    static N: Var<u32> = Var::new("n");
    assert!(complaint(|| N.sync_scope(1, || assert_seen(&N, || N.get()))).starts_with("only builds with debug"));
}

static HELD: Var<String> = Var::new("held");

#[test]
fn a_piece_that_leaves_nothing_passes_and_gives_its_result() {
    let seen = HELD.sync_scope("outer".into(), || {
        assert_nothing_left(|| {
            let context = HELD.sync_scope("inner".into(), Context::current);
            let task = async { HELD.get() }.in_context(context.clone());
            drop(task);
            stackholm::thread::spawn(move || context.run(|| HELD.get())).join().unwrap()
        })
    });
    assert_eq!(seen, "inner");
}

#[test]
fn a_context_that_is_kept_is_noticed_by_whomever_it_is_kept() {
    let alive = "a context that was captured here is alive, and its values with it";
    let mut kept = None;
    assert_eq!(complaint(|| assert_nothing_left(|| kept = Some(HELD.sync_scope("x".into(), Context::current)))), alive);
    let mut task = None;
    assert_eq!(complaint(|| assert_nothing_left(|| task = Some(async {}.in_current_context()))), alive);
    // A long chain is shortened, and keeps the values all the same.
    let mut far = None;
    let derive = || (0..1000).fold(Context::current(), |context, n| context.with(&HELD, n.to_string()));
    assert_eq!(complaint(|| assert_nothing_left(|| far = Some(derive()))), alive);
    drop((kept, task, far));
}

#[test]
fn a_stack_that_is_not_as_it_was_is_noticed() {
    Checkpoint::run(|| {
        let said = complaint(|| assert_nothing_left(|| std::mem::forget(HELD.enter("forgotten".into()))));
        assert!(said.starts_with("the stack is not as it was"), "{said}");
    });
}
