//! Process-wide values: one picture of all of them, what a thread keeps of it, and what is pinned.

use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::{Context, Globals, Shared, Var, set_globals, update_globals};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static BOUND: Var<Value> = Var::new("bound");
/// Its process-wide values are contexts: so the engine watches what is read of them.
static G: Var<Context> = Var::new("global");

models! {
    global_swapped_while_read {
        control_picture_published_without_release: SharedPublish => "race",
    }
    globals_set_together_while_read {
        control_newer_values_let_the_older_go: MissLetsGoGlobals => "wrong number alive",
        control_thread_end_lets_values_go: CacheEnds => "wrong number alive",
    }
    globals_updated_by_two {
        control_picture_is_exchanged_for_what_it_was_made_of: ReplaceLooks => "assertion",
    }
    global_first_set_by_two {
        control_place_gets_one_number: CellFirst => "assertion",
    }
}

#[test]
#[ignore = "takes minutes"]
fn globals_in_every_order() {
    for name in ["global_swapped_while_read", "global_first_set_by_two"] {
        crate::table::model(name).check_all();
    }
}

/// All process-wide values of this file are taken away, and what this thread keeps.
fn clear() {
    set_globals(|globals| globals.clear(&A).clear(&B).clear(&G));
    Shared::flush_thread();
}

/// A process-wide value is replaced while another thread reads it: it reads one of the two, whole
/// and alive.
pub(crate) fn global_swapped_while_read() {
    let alive = Alive::default();
    let global = |number| Context::empty().with(&BOUND, alive.value(number));
    let number =
        |context: &Context| context.get(&BOUND).map(Value::number).expect("it is bound there");
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
    clear();
    alive.all_ended();
}

/// Two values are replaced together while another thread reads: one in a read of the other, which
/// goes on with what it has, and both by one picture, which shows a pair.
pub(crate) fn globals_set_together_while_read() {
    let alive = Alive::default();
    let pair = |alive: &Alive, number| {
        let (a, b) = (alive.value(number), alive.value(number));
        set_globals(|globals| globals.set(&A, a).set(&B, b))
    };
    drop(pair(&alive, 1));
    assert_eq!(A.with(Value::number), 1);
    let make = alive.clone();
    let writer = spawn(move || drop(pair(&make, 2)));
    A.with(|a| {
        let before = a.number();
        assert!(before <= B.with(Value::number), "the pair went back");
        assert_eq!(a.number(), before);
    });
    Globals::current().run(|| {
        assert_eq!(A.with(Value::number), B.with(Value::number), "a torn pair");
    });
    writer.join().unwrap();
    assert_eq!((A.with(Value::number), B.with(Value::number)), (2, 2));
    alive.are(2);
    // Ends while it keeps a picture.
    spawn(|| assert_eq!(A.with(Value::number), 2)).join().unwrap();
    clear();
    alive.all_ended();
}

/// Two threads add one to both values: both are in, in both.
pub(crate) fn globals_updated_by_two() {
    let alive = Alive::default();
    set_globals(|globals| globals.set(&A, alive.value(0)));
    let add = |alive: &Alive| {
        update_globals(|now, globals| {
            let number = now.get(&A).map_or(0, Value::number) + 1;
            globals.set(&A, alive.value(number))
        })
    };
    let make = alive.clone();
    let other = spawn(move || drop(add(&make)));
    A.update_global(|a| alive.value(a.map_or(0, Value::number) + 1));
    other.join().unwrap();
    assert_eq!(A.with(Value::number), 2);
    clear();
    alive.all_ended();
}

/// Two threads set a value that nobody has set before: one of them is given that of the other.
pub(crate) fn global_first_set_by_two() {
    let alive = Alive::default();
    // The cell is there, and has room for two.
    B.set_global(alive.value(0));
    drop(B.clear_global());
    let make = alive.clone();
    let other = spawn(move || A.set_global(make.value(1)).is_none());
    let first = A.set_global(alive.value(2)).is_none();
    assert_ne!(first, other.join().unwrap(), "both were the first");
    clear();
    alive.all_ended();
}
