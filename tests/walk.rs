//! The walk over counts in debug builds (`proof::Roots`) reports one count too many and one too
//! few, and nothing where the counts are right.
#![cfg(debug_assertions)]
#![expect(unsafe_code, reason = "the walk follows what is named")]

use stackholm::embed::Stack;
use stackholm::proof::Roots;
use stackholm::{Checkpoint, Context, Scope, Var};
use std::panic::{AssertUnwindSafe, catch_unwind};

static A: Var<String> = Var::new("a");
static B: Var<String> = Var::new("b");
static TX: Var<String> = Var::new("tx").stays_on_stack();

/// What the walk says of what was named: how many frames there are, or what is wrong.
fn walk(name: impl FnOnce(&mut Roots)) -> Result<usize, String> {
    let mut roots = Roots::default();
    name(&mut roots);
    // SAFETY: this thread has all of it, and nothing happens meanwhile.
    let checked = catch_unwind(AssertUnwindSafe(|| unsafe { roots.check() }));
    checked.map_err(|panic| *panic.downcast::<String>().expect("a message"))
}

fn value() -> String {
    "value".into()
}

#[test]
fn a_context_that_is_named_twice_or_not_at_all_is_a_wrong_count() {
    let scope = A.enter(value());
    let (one, two) = (Context::current(), Context::current());
    let both = |roots: &mut Roots| {
        roots.current();
        roots.context(&one);
        roots.context(&two);
    };
    assert_eq!(walk(both), Ok(1));
    let too_many = walk(|roots| {
        both(roots);
        roots.context(&one);
    });
    assert!(too_many.unwrap_err().contains("I4"), "as if one had not been taken");
    let too_few = walk(|roots| {
        roots.current();
        roots.context(&one);
    });
    assert!(too_few.unwrap_err().contains("I4"), "as if one had been taken twice");
    let without_its_stack = walk(|roots| {
        roots.context(&one);
        roots.context(&two);
    });
    assert!(without_its_stack.unwrap_err().contains("I4"), "the stack has a count too");
    drop(scope);
}

#[test]
fn a_value_that_is_held_once_more_or_less_is_a_wrong_count() {
    let prepared = Checkpoint::prepare().set(&A, value());
    let entered = prepared.enter();
    let all = |roots: &mut Roots| {
        roots.current();
        roots.prepared(&prepared);
    };
    assert_eq!(walk(all), Ok(3));
    assert!(walk(Roots::current).unwrap_err().contains("I5"), "as if it had been taken twice");
    let too_many = walk(|roots| {
        all(roots);
        roots.prepared(&prepared);
    });
    assert!(too_many.unwrap_err().contains("I5"), "as if one had not been taken");
    drop(entered);
}

#[test]
fn a_weak_context_that_is_named_twice_or_not_at_all_is_a_wrong_count() {
    let context = Context::empty().with(&A, value());
    let weak = context.downgrade();
    let all = |roots: &mut Roots| {
        roots.context(&context);
        roots.weak(&weak);
    };
    assert_eq!(walk(all), Ok(1));
    assert!(walk(|roots| roots.context(&context)).unwrap_err().contains("I6"));
    let too_many = walk(|roots| {
        all(roots);
        roots.weak(&weak);
    });
    assert!(too_many.unwrap_err().contains("I6"));
    let copy = weak.clone();
    assert!(walk(all).unwrap_err().contains("I6"));
    drop(copy);
    drop(context);
    assert_eq!(walk(|roots| roots.weak(&weak)), Ok(1), "its memory");
}

#[test]
fn what_a_stack_and_its_contexts_keep_of_whole_indices_compaction_frames_and_scopes_of_several_is_counted()
 {
    let several = Scope::new().set(&A, value()).set(&B, value()).enter();
    let weak = Context::current().downgrade();
    let checkpoint = Checkpoint::enter();
    TX.set(value()).unwrap();
    let early = Context::current();
    for _ in 0..60 {
        A.set(value()).unwrap();
        B.set(value()).unwrap();
    }
    let mut long = Context::current();
    for _ in 0..60 {
        long = long.with(&A, value());
    }
    let mut stack = Stack::on(long.clone());
    let entered = long.enter();
    let all = |roots: &mut Roots, stack: &mut Stack| {
        roots.current();
        roots.stack(stack);
        roots.context(&early);
        roots.context(&long);
        roots.weak(&weak);
    };
    assert!(walk(|roots| all(roots, &mut stack)).unwrap() > 4);
    stack.run(|| assert!(walk(Roots::current).is_err(), "others have what it began with"));
    A.with(|_| {
        drop(checkpoint);
        assert!(walk(|roots| all(roots, &mut stack)).is_ok(), "a read keeps what was left");
    });
    drop(entered);
    assert!(walk(|roots| all(roots, &mut stack)).is_ok());
    drop(several);
    assert!(walk(|roots| all(roots, &mut stack)).is_ok());
}
