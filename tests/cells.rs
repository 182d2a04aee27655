//! `ContextCell`: changes by several at once.

use stackholm::{Context, ContextCell, Var};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

#[test]
fn no_update_of_a_cell_is_lost() {
    static VARS: [Var<u32>; 4] = [Var::new("a"), Var::new("b"), Var::new("c"), Var::new("d")];
    static CELL: ContextCell = ContextCell::new();
    let barrier = Barrier::new(VARS.len());
    for round in 0..200 {
        thread::scope(|scope| {
            for var in &VARS {
                scope.spawn(|| {
                    barrier.wait();
                    CELL.update(|base| base.with(var, round));
                });
            }
        });
        let base = CELL.load();
        assert!(VARS.iter().all(|var| base.get(var) == Some(&round)), "round {round}: {base:?}");
    }
}

#[test]
fn a_cell_that_changed_meanwhile_is_updated_from_what_is_there_now() {
    static N: Var<u32> = Var::new("n");
    static M: Var<u32> = Var::new("m");
    let cell = ContextCell::new();
    let calls = AtomicU32::new(0);
    let after = cell.update(|base| {
        if calls.fetch_add(1, SeqCst) == 0 {
            cell.store(base.with(&M, 1));
        }
        base.with(&N, 1)
    });
    assert_eq!(calls.load(SeqCst), 2);
    assert!(after.ptr_eq(&cell.load()));
    assert_eq!((after.get(&N), after.get(&M)), (Some(&1), Some(&1)));
}

#[test]
fn a_cell_is_exchanged_only_for_what_was_expected() {
    static N: Var<u32> = Var::new("n");
    let (first, second) = (Context::empty().with(&N, 1), Context::empty().with(&N, 2));
    let cell = ContextCell::from(first.clone());
    assert_eq!(cell.compare_exchange(&Context::empty(), second.clone()), Err(first.clone()));
    assert_eq!(cell.load().get(&N), Some(&1));
    assert_eq!(cell.compare_exchange(&first, second.clone()), Ok(first.clone()));
    assert!(cell.load().ptr_eq(&second));
    let empty = ContextCell::new();
    assert_eq!(empty.compare_exchange(&Context::empty(), first.clone()), Ok(Context::empty()));
    assert!(empty.load().ptr_eq(&first));
}
