//! Frames that hide a value which needs a drop. Each counts a frame further out, its base, and each
//! value that it shows and its base does not. A hidden value ends with the scope that bound it,
//! even if a context keeps the frame above.

use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::embed::Stack;
use stackholm::{Checkpoint, Context, Scope, Var};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static C: Var<Value> = Var::new("c");
static N: Var<u32> = Var::new("n");
static TX: Var<Value> = Var::new("tx").stays_on_stack();

models! {
    above_a_hider_while_both_are_left {
        control_above_a_hider_holds: HiderHolds => "used after its end",
        control_above_a_hider_gives: HiderGives => "wrong number alive",
    }
    hider_on_what_was_inherited {
        control_hider_inherited_counts: HiderCounts => "used after its end",
        control_hider_inherited_holds: HiderHolds => "used after its end",
        control_hider_inherited_gives: HiderGives => "wrong number alive",
    }
    hider_derived_while_the_hidden_one_goes {
        control_hider_derived_counts: HiderCounts => "used after its end",
        control_hider_derived_holds: HiderHolds => "used after its end",
        control_hider_derived_gives: HiderGives => "wrong number alive",
    }
    masked_while_the_hidden_one_goes {
        control_masked_counts: HiderCounts => "used after its end",
    }
    base_captured_after_its_hider {
        control_base_captured_takes: CaptureTakes => "used after its end",
    }
    base_captured_before_its_hider {
        control_base_captured_before_counts: HiderCounts => "used after its end",
    }
    several_that_hide_left_while_read {
        control_several_hide_counts: HiderCounts => "used after its end",
    }
    set_anew_while_private {
        control_set_anew_holds: HiderHolds => "used after its end",
        control_set_anew_gives: HiderGives => "wrong number alive",
    }
    set_anew_while_known {
        control_set_anew_compaction_holds: CompactionHolds => "used after its end",
    }
    hider_above_short_reach {
        control_hider_short_reach_holds: HiderHolds => "used after its end",
        control_hider_short_reach_gives: HiderGives => "leak",
    }
    hider_derived_while_its_source_is_left {
        control_hider_derived_hold_looks: HoldLooks => "race",
    }
    hider_derived_while_its_source_is_captured {
        control_hider_derived_captured_hold_looks: HoldLooks => "race",
    }
}

fn number(context: &Context, var: &Var<Value>) -> Option<u32> {
    context.get(var).map(Value::number)
}

/// A context above a frame that hides something is read on another thread while the stack leaves
/// both.
pub(crate) fn above_a_hider_while_both_are_left() {
    let (alive, hidden) = (Alive::default(), Alive::default());
    // Shortened, so that what is entered on it is not yet.
    let inherited = Context::empty().with(&A, hidden.value(1)).with(&B, alive.value(2)).trimmed();
    let outer = inherited.enter();
    drop(inherited);
    let hider = A.enter(alive.value(3));
    let above = N.enter(4);
    let context = Context::current();
    let reader = spawn(move || {
        assert_eq!(
            (number(&context, &A), number(&context, &B), context.get(&N)),
            (Some(3), Some(2), Some(&4))
        );
    });
    drop(above);
    drop(hider);
    assert_eq!(A.with(Value::number), 1);
    drop(outer);
    hidden.all_ended();
    reader.join().unwrap();
    alive.all_ended();
}

/// A stack enters a scope that hides what it inherited and captures it, while another thread gives
/// the last other context of what is hidden.
pub(crate) fn hider_on_what_was_inherited() {
    let (alive, hidden) = (Alive::default(), Alive::default());
    let base = Context::empty().with(&B, alive.value(1));
    let inherited = base.with(&A, hidden.value(2)).with(&C, alive.value(3));
    drop(base);
    let theirs = inherited.clone();
    let other = spawn(move || {
        assert_eq!(number(&theirs, &A), Some(2));
        drop(theirs);
    });
    let context = Stack::on(inherited).run(|| A.sync_scope(alive.value(4), Context::current));
    other.join().unwrap();
    hidden.all_ended();
    assert_eq!([&A, &B, &C].map(|var| number(&context, var)), [Some(4), Some(1), Some(3)]);
    drop(context);
    alive.all_ended();
}

/// As before, with a context that is made of another one, without a stack.
pub(crate) fn hider_derived_while_the_hidden_one_goes() {
    let (alive, hidden) = (Alive::default(), Alive::default());
    let base = Context::empty().with(&B, alive.value(1));
    let old = base.with(&A, hidden.value(2)).with(&C, alive.value(3));
    drop(base);
    let theirs = old.clone();
    let other = spawn(move || {
        assert_eq!(number(&theirs, &A), Some(2));
        drop(theirs);
    });
    let context = old.with(&A, alive.value(4));
    drop(old);
    other.join().unwrap();
    hidden.all_ended();
    assert_eq!([&A, &B, &C].map(|var| number(&context, var)), [Some(4), Some(1), Some(3)]);
    drop(context);
    alive.all_ended();
}

/// As before, with a mask; the context that it makes ends on the other thread.
pub(crate) fn masked_while_the_hidden_one_goes() {
    let (alive, hidden) = (Alive::default(), Alive::default());
    let base = Context::empty().with(&B, alive.value(1));
    let old = base.with(&A, hidden.value(2));
    drop(base);
    let theirs = old.clone();
    let other = spawn(move || {
        let context = theirs.without(&A);
        drop(theirs);
        assert_eq!([&A, &B].map(|var| number(&context, var)), [None, Some(1)]);
    });
    assert_eq!(number(&old, &A), Some(2));
    drop(old);
    other.join().unwrap();
    hidden.all_ended();
    alive.all_ended();
}

/// A base that was its stack's alone is shared for the frame that hides something, and captured
/// itself when the stack is back there, while another thread has the first context.
pub(crate) fn base_captured_after_its_hider() {
    let (alive, hidden) = (Alive::default(), Alive::default());
    let base = B.enter(alive.value(1));
    let outer = A.enter(hidden.value(2));
    let hider = A.enter(alive.value(3));
    let context = Context::current();
    let reader =
        spawn(move || assert_eq!((number(&context, &A), number(&context, &B)), (Some(3), Some(1))));
    drop(hider);
    drop(outer);
    hidden.all_ended();
    let context = Context::current();
    drop(base);
    assert_eq!((number(&context, &A), number(&context, &B)), (None, Some(1)));
    drop(context);
    reader.join().unwrap();
    alive.all_ended();
}

/// A base that is shared already is counted once more, and left while another thread has the
/// context above.
pub(crate) fn base_captured_before_its_hider() {
    let (alive, hidden) = (Alive::default(), Alive::default());
    let base = B.enter(alive.value(1));
    drop(Context::current());
    let outer = A.enter(hidden.value(2));
    let hider = A.enter(alive.value(3));
    let context = Context::current();
    let reader =
        spawn(move || assert_eq!((number(&context, &A), number(&context, &B)), (Some(3), Some(1))));
    drop(hider);
    drop(outer);
    hidden.all_ended();
    assert_eq!(B.with(Value::number), 1);
    drop(base);
    reader.join().unwrap();
    alive.all_ended();
}

/// A scope of two, in one block, hides a value; it is left at once while another thread has its
/// last context. Its base is a frame that hides nothing which needs a drop.
pub(crate) fn several_that_hide_left_while_read() {
    let (alive, hidden) = (Alive::default(), Alive::default());
    let base = N.enter(1);
    drop(Context::current());
    let outer = A.enter(hidden.value(2));
    let before = stackholm::proof::blocks();
    let hider = Scope::new().set(&N, 3).set(&A, alive.value(4)).enter();
    assert_eq!(stackholm::proof::blocks(), before + 1, "both lie in one block");
    let context = Context::current();
    let reader =
        spawn(move || assert_eq!((context.get(&N), number(&context, &A)), (Some(&3), Some(4))));
    drop(hider);
    assert_eq!(A.with(Value::number), 2);
    drop(outer);
    hidden.all_ended();
    assert_eq!(N.get(), 1);
    drop(base);
    reader.join().unwrap();
    alive.all_ended();
}

/// A value that is set anew ends at once, for nobody else knows it; what is captured then goes to
/// another thread while the checkpoint is left.
pub(crate) fn set_anew_while_private() {
    let (alive, old) = (Alive::default(), Alive::default());
    let checkpoint = Checkpoint::enter();
    A.set(old.value(1)).unwrap();
    B.set(alive.value(2)).unwrap();
    A.set(alive.value(3)).unwrap();
    old.all_ended();
    let context = Context::current();
    let reader =
        spawn(move || assert_eq!((number(&context, &A), number(&context, &B)), (Some(3), Some(2))));
    drop(checkpoint);
    reader.join().unwrap();
    alive.all_ended();
}

/// A value that is set anew is known to a context on another thread: a compaction frame takes its
/// place, and it ends with that.
pub(crate) fn set_anew_while_known() {
    let (alive, old) = (Alive::default(), Alive::default());
    let checkpoint = Checkpoint::enter();
    A.set(old.value(1)).unwrap();
    B.set(alive.value(2)).unwrap();
    let context = Context::current();
    let reader =
        spawn(move || assert_eq!((number(&context, &A), number(&context, &B)), (Some(1), Some(2))));
    A.set(alive.value(3)).unwrap();
    reader.join().unwrap();
    old.all_ended();
    assert_eq!((A.with(Value::number), B.with(Value::number)), (3, 2));
    drop(checkpoint);
    alive.all_ended();
}

/// A frame that hides something counts a value of short reach, which ends with its stack while
/// another thread has the frame.
pub(crate) fn hider_above_short_reach() {
    let (alive, hidden) = (Alive::default(), Alive::default());
    let outer = A.enter(hidden.value(1));
    let short = TX.enter(hidden.value(2));
    let hider = A.enter(alive.value(3));
    let context = Context::current();
    let reader = spawn(move || {
        assert!(context.get(&TX).is_none());
        assert_eq!(number(&context, &A), Some(3));
    });
    drop(hider);
    assert_eq!(TX.with(Value::number), 2);
    drop(short);
    drop(outer);
    hidden.all_ended();
    reader.join().unwrap();
    alive.all_ended();
}

/// A context that hides something is made of one whose frames are being left by their stack on
/// another thread: it counts the value of one of them, whose cells are not its own to look at.
pub(crate) fn hider_derived_while_its_source_is_left() {
    let (alive, hidden) = (Alive::default(), Alive::default());
    let outer = A.enter(hidden.value(1));
    let short = TX.enter(hidden.value(2));
    let context = Context::current();
    let theirs = alive.clone();
    let other = spawn(move || {
        let derived = context.with(&A, theirs.value(3));
        drop(context);
        assert!(derived.get(&TX).is_none());
        assert_eq!(number(&derived, &A), Some(3));
    });
    drop(short);
    drop(outer);
    other.join().unwrap();
    hidden.all_ended();
    alive.all_ended();
}

/// As before, of one that has the value of a frame alone, while the stack captures that frame
/// itself.
pub(crate) fn hider_derived_while_its_source_is_captured() {
    let (alive, hidden) = (Alive::default(), Alive::default());
    let outer = A.enter(hidden.value(1));
    let between = B.enter(alive.value(2));
    // The second one is shortened.
    let scopes = [3, 4].map(|number| A.enter(alive.value(number)));
    let context = Context::current();
    scopes.into_iter().rev().for_each(drop);
    let theirs = alive.clone();
    let other = spawn(move || {
        let derived = context.with(&A, theirs.value(5));
        drop(context);
        assert_eq!((number(&derived, &A), number(&derived, &B)), (Some(5), Some(2)));
    });
    let context = Context::current();
    drop(between);
    drop(outer);
    assert_eq!((number(&context, &A), number(&context, &B)), (Some(1), Some(2)));
    drop(context);
    other.join().unwrap();
    hidden.all_ended();
    alive.all_ended();
}
