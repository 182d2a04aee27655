//! Scopes that are entered again: the frame of a scope that ended is cached, and the next scope of
//! the same variable in the same place uses it, while other threads may still refer to what it was
//! before.

use crate::support::models;
use loom::thread::spawn;
use stackholm::embed::Stack;
use stackholm::proof::{blocks, model_reuses};
use stackholm::{Context, Var};

static N: Var<u32> = Var::new("n");
static M: Var<u32> = Var::new("m");
static L: Var<u32> = Var::new("l");

models! {
    entered_again_while_read {
        control_entered_again_leave_looks: LeaveLooks => "race",
        control_entered_again_sole: SoleStrong => "race",
        control_entered_again_release: GiveCount => "race",
    }
    entered_again_while_known_weakly {
        control_entered_again_sole_looks: SoleLooks => "used after its end",
        control_entered_again_weak: SoleWeak => "race",
    }
    entered_again_while_held {
        control_entered_again_held_looks: SoleLooks => "race",
        control_entered_again_value: SoleValue => "race",
    }
    handed_over_once_more {
        control_handed_over_leave_looks: LeaveLooks => "race",
    }
    entered_on_what_lies_there_now {
        control_again_looks: AgainLooks => "assertion",
    }
    entered_on_two_stacks {
        control_keep_looks: KeepLooks => "leak",
    }
}

/// What all scopes here do.
fn enter(number: u32) {
    N.sync_scope(number, || assert_eq!(N.get(), number));
}

/// A scope is left and entered again while another thread reads what it was, lets go, and enters
/// one of its own: perhaps in the block that it was the last to know.
pub(crate) fn entered_again_while_read() {
    model_reuses();
    let entered = N.enter(1);
    let context = Context::current();
    let reader = spawn(move || {
        assert_eq!(context.get(&N), Some(&1));
        drop(context);
        enter(2);
    });
    drop(entered);
    enter(3);
    enter(4);
    reader.join().unwrap();
}

/// A weak context does not rise as what its scope is by then; and the thread that keeps the scope
/// may end first.
pub(crate) fn entered_again_while_known_weakly() {
    model_reuses();
    let entered = N.enter(1);
    let weak = Context::current().downgrade();
    spawn(move || {
        if let Some(context) = weak.upgrade() {
            assert_eq!(context.get(&N), Some(&1));
        }
    });
    drop(entered);
    N.sync_scope(2, || {
        let context = Context::current();
        assert_eq!(context.get(&N), Some(&2));
    });
}

/// A value that others keep without its scope stays what it is.
pub(crate) fn entered_again_while_held() {
    model_reuses();
    let entered = N.enter(1);
    let context = Context::current().with(&M, 2).with(&M, 3).with(&M, 4);
    let reader = spawn(move || assert_eq!(context.get(&N), Some(&1)));
    // Loom remembers one last access of each count, and would not find the order in which the
    // reader comes first.
    loom::thread::yield_now();
    drop(entered);
    enter(5);
    reader.join().unwrap();
}

/// A scope that is entered again is captured again, with another one above it; two threads have
/// both contexts.
pub(crate) fn handed_over_once_more() {
    model_reuses();
    enter(0);
    assert_eq!(blocks(), 1, "it is kept");
    let hand_over = |number| {
        let context = Context::current();
        spawn(move || assert_eq!(context.get(&N), Some(&number)))
    };
    let entered = N.enter(1);
    let first = hand_over(1);
    drop(entered);
    let entered = N.enter(2);
    let second = M.sync_scope(3, || hand_over(2));
    drop(entered);
    enter(4);
    [first, second].into_iter().for_each(|reader| reader.join().unwrap());
}

/// A scope is not entered again on another frame, be it in the same block as the one that it was
/// on.
pub(crate) fn entered_on_what_lies_there_now() {
    model_reuses();
    enter(0);
    let outer = M.enter(1);
    enter(2);
    let (ours, theirs) = (Context::current(), Context::current());
    let reader = spawn(move || assert_eq!(theirs.get(&M), Some(&1)));
    drop(outer);
    drop(ours);
    L.sync_scope(3, || {
        N.sync_scope(4, || assert_eq!((M.try_get().ok(), L.get(), N.get()), (None, 3, 4)));
    });
    reader.join().unwrap();
}

/// What is entered again on one stack and meanwhile on another is kept once.
pub(crate) fn entered_on_two_stacks() {
    model_reuses();
    enter(1);
    let mut stack = Stack::new();
    let reader = N.sync_scope(2, || {
        let reader = stack.run(|| {
            let entered = N.enter(3);
            let context = Context::current();
            let reader = spawn(move || assert_eq!(context.get(&N), Some(&3)));
            drop(entered);
            reader
        });
        assert_eq!(N.get(), 2);
        reader
    });
    enter(4);
    assert!(!N.is_bound());
    reader.join().unwrap();
}
