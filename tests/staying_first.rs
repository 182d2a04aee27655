//! A binding that stays on its stack is seen by the first awaited scope of a process, though it is
//! only in a compaction frame and was in no context before. It needs a process of its own.

use futures_util::FutureExt;
use stackholm::{Checkpoint, Var};

static TX: Var<u32> = Var::new("tx").stays_on_stack();
static STEP: Var<u32> = Var::new("step");
static OTHER: Var<u32> = Var::new("other");
static OP: Var<&str> = Var::new("op");

#[test]
fn a_transaction_set_among_many_is_seen_by_the_first_scope_awaited_below_it() {
    Checkpoint::run(|| {
        TX.set(1).unwrap();
        for step in 0..1000 {
            STEP.set(step).unwrap();
            OTHER.set(step).unwrap();
        }
        let seen = OP.scope("q", async { TX.try_get().ok() }).now_or_never();
        assert_eq!(seen, Some(Some(1)));
    });
}
