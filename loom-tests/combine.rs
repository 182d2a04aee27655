//! Contexts made of others, at once or by frames on top, while their sources are dropped.

use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::{Context, Var};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static C: Var<Value> = Var::new("c");

models! {
    made_at_once_while_its_sources_go {
        control_made_at_once_holds: WholeHolds => "used after its end",
        control_made_at_once_gives: GiveCount => "race",
    }
    laid_on_top_while_its_sources_go {
        control_laid_on_top_holds: HeldTakes => "used after its end",
    }
    patch_applied_while_another_goes {
        control_patch_applied_takes: HeldTakes => "used after its end",
    }
}

fn number(context: &Context, var: &Var<Value>) -> Option<u32> {
    context.get(var).map(Value::number)
}

/// A context is made of two others, with an index of its own; another thread gives the last count of
/// one of them meanwhile.
pub(crate) fn made_at_once_while_its_sources_go() {
    let alive = Alive::default();
    let below = Context::empty().with(&A, alive.value(1));
    let top = Context::build().set(&B, alive.value(2)).set(&C, alive.value(3)).done();
    let theirs = top.clone();
    let other = spawn(move || {
        assert_eq!(number(&theirs, &B), Some(2));
        drop(theirs);
    });
    let both = below.overlay(&top);
    drop((below, top));
    assert_eq!([&A, &B, &C].map(|var| number(&both, var)), [Some(1), Some(2), Some(3)]);
    other.join().unwrap();
    drop(both);
    alive.all_ended();
}

/// The same, where the change is one frame on top.
pub(crate) fn laid_on_top_while_its_sources_go() {
    let alive = Alive::default();
    let hidden = Alive::default();
    let below = Context::empty().with(&A, hidden.value(1)).with(&C, alive.value(3));
    let top = Context::empty().with(&A, alive.value(2));
    let theirs = (below.clone(), top.clone());
    let other = spawn(move || {
        assert_eq!((number(&theirs.0, &A), number(&theirs.1, &A)), (Some(1), Some(2)));
        drop(theirs);
    });
    let both = below.overlay(&top);
    drop((below, top));
    assert_eq!((number(&both, &A), number(&both, &C)), (Some(2), Some(3)));
    other.join().unwrap();
    hidden.all_ended();
    drop(both);
    alive.all_ended();
}

/// A patch is applied and dropped while another thread drops the last other one.
pub(crate) fn patch_applied_while_another_goes() {
    let alive = Alive::default();
    let patch = Context::empty().patch_to(&Context::empty().with(&A, alive.value(1)));
    let theirs = patch.clone();
    let other = spawn(move || {
        assert_eq!(theirs.of(&A).and_then(|(_, after)| after).map(Value::number), Some(1));
        drop(theirs);
    });
    let made = patch.apply(&Context::empty());
    drop(patch);
    assert_eq!(number(&made, &A), Some(1));
    drop(made);
    other.join().unwrap();
    alive.all_ended();
}
