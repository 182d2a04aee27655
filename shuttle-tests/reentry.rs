//! Scopes that are entered again and again: their blocks, and all that is in them, are used once
//! more, while contexts that were captured inside travel and end elsewhere.

use crate::support::{Alive, Numbered, Pile, Value, any, on_threads, scenarios};
use stackholm::{Context, Var, WeakContext};

static A: Var<Value> = Var::new("a");
static N: Var<usize> = Var::new("n");
static M: Var<usize> = Var::new("m");

scenarios! {
    scopes_entered_again {
        control_again_leave_looks: LeaveLooks,
        control_again_sole_looks: SoleLooks,
        control_again_capture_takes: CaptureTakes,
        control_again_only_one_ends: LastEnds,
    }
}

/// What a value does as it ends: it enters the scopes that are entered again, once more.
struct Busy(usize);

impl Drop for Busy {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            N.sync_scope(self.0, || {
                M.sync_scope(self.0, || assert_eq!((N.get(), M.get()), (self.0, self.0)))
            });
        }
    }
}

fn shows((number, context): &Numbered) {
    assert_eq!((context.get(&N), context.get(&M)), (Some(number), Some(number)));
    assert!(context.get(&A).is_none_or(|value| value.number() == *number));
}

/// Each thread enters the same scopes in a loop, the plain ones by the short way; some are
/// captured, once or twice, and known weakly.
pub(crate) fn scopes_entered_again() {
    let (alive, pile) = (Alive::default(), Pile::default());
    let (theirs, captured, known) =
        (alive.clone(), pile.clone(), Pile::<(usize, WeakContext)>::default());
    on_threads(3, move |thread| {
        for turn in 0..24 {
            let number = 100 * thread + turn;
            N.sync_scope(number, || {
                M.sync_scope(number, || {
                    if any(3) == 0 {
                        captured.put((number, Context::current()));
                    }
                    if any(4) == 0 {
                        known.put((number, Context::current().downgrade()));
                    }
                    if any(3) == 0 {
                        A.sync_scope(theirs.keeping(number, Busy(number + 1000)), || {
                            captured.put((number, Context::current()))
                        });
                    }
                    captured.take().iter().for_each(shows);
                    if let Some((number, weak)) = known.take() {
                        weak.upgrade().into_iter().for_each(|context| shows(&(number, context)));
                    }
                    assert_eq!((N.get(), M.get(), A.is_bound()), (number, number, false));
                });
                assert_eq!((N.get(), M.is_bound()), (number, false));
            });
        }
    });
    while let Some(context) = pile.take() {
        shows(&context);
    }
    assert_eq!(alive.now(), 0);
}
