//! State that all threads share: the id of a variable, serial numbers, process-wide values.

use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::embed::Stack;
use stackholm::{Context, ContextCell, Var};
use std::sync::Arc;

static A: Var<Value> = Var::new("a");
/// Its process-wide values are contexts: so the engine watches what is read of them.
static G: Var<Context> = Var::new("global");

models! {
    first_use_on_two_threads {
        control_first_use_agrees: FirstUseAgrees => "assertion",
        control_first_use_is_one_step: FirstUse => "assertion",
        control_id_is_read_in_one_step: PeekId => "race",
    }
    first_uses_of_two_variables {
        control_next_id_is_one_step: NextId => "assertion",
    }
    guards_of_two_threads {
        control_next_block_is_one_step: NextBlock => "assertion",
    }
    global_swapped_while_read {
        control_global_is_worth_a_look: CellUsed => "race",
        control_global_swapped_without_release: CellSwap => "race",
        control_global_read_without_acquire: CellLoad => "race",
    }
    base_swapped_while_read {
        control_base_swapped_without_release: SharedPublish => "race",
        control_base_read_without_acquire: SharedSlot => "race",
    }
}

/// Two threads bind one variable that has no id yet; each finds its own binding, and both find
/// both.
pub(crate) fn first_use_on_two_threads() {
    let var: Arc<Var<u32>> = Arc::new(Var::named("new"));
    let theirs = var.clone();
    let other = spawn(move || {
        theirs.sync_scope(2, || {
            assert_eq!(theirs.try_get().ok(), Some(2));
            Context::current()
        })
    });
    let first = var.sync_scope(1, || {
        assert_eq!(var.try_get().ok(), Some(1));
        Context::current()
    });
    let second = other.join().unwrap();
    assert_eq!(first.get(&var), Some(&1));
    assert_eq!(second.get(&var), Some(&2));
    assert_eq!(first.with(&var, 3).len(), 1);
}

/// Two threads bind one new variable each: the variables stay two.
pub(crate) fn first_uses_of_two_variables() {
    let vars: [Arc<Var<u32>>; 2] = [Arc::new(Var::named("new")), Arc::new(Var::named("new"))];
    let [ours, theirs] = vars.clone();
    let other = spawn(move || drop(theirs.enter(2)));
    drop(ours.enter(1));
    other.join().unwrap();
    let both = Context::empty().with(&vars[0], 1).with(&vars[1], 2);
    assert_eq!((both.get(&vars[0]), both.get(&vars[1])), (Some(&1), Some(&2)));
}

/// A guard of one thread is dropped over a stack that came from another: it leaves nothing there,
/// and its own checkpoint after.
pub(crate) fn guards_of_two_threads() {
    let alive = Alive::default();
    let theirs = alive.clone();
    let other = spawn(move || {
        let mut stack = Stack::new();
        stack.run(|| std::mem::forget(A.enter(theirs.value(1))));
        stack
    });
    let guard = A.enter(alive.value(2));
    let mut stack = other.join().unwrap();
    stack.run(|| drop(guard));
    assert_eq!(stack.get(&A).map(Value::number), Some(1));
    assert!(!A.is_bound(), "it was left when its own stack was current again");
}

/// A process-wide value is replaced while another thread reads it: it reads one of the two, whole
/// and alive.
pub(crate) fn global_swapped_while_read() {
    let alive = Alive::default();
    let global = |number| Context::empty().with(&A, alive.value(number));
    // Each reads through a count of its own: loom does not see those of the cell's `Arc`.
    let number = |context: &Context| context.get(&A).map(Value::number).expect("it is bound there");
    assert!(G.set_global(global(1)).is_none());
    let reader = spawn(move || {
        let first = number(&G.get());
        let then = number(&G.get());
        assert!((1..=2).contains(&first) && first <= then);
    });
    let old = G.set_global(global(2)).expect("the first one");
    assert_eq!(number(&Context::clone(&old)), 1);
    drop(old);
    reader.join().unwrap();
    assert_eq!(number(&G.get()), 2);
    drop(G.clear_global());
    alive.all_ended();
}

/// A base context is replaced while another thread enters it.
pub(crate) fn base_swapped_while_read() {
    let alive = Alive::default();
    let base = Arc::new(ContextCell::from(Context::empty().with(&A, alive.value(1))));
    let theirs = base.clone();
    let reader = spawn(move || {
        let number = theirs.load().run(|| A.with(Value::number));
        assert!((1..=2).contains(&number));
    });
    base.store(Context::empty().with(&A, alive.value(2)));
    reader.join().unwrap();
    alive.are(1);
    drop(base);
    alive.all_ended();
}
