//! Weak contexts among many threads: they rise only while a strong one is there.

use crate::support::{Alive, Pile, Value, on_threads, scenarios};
use stackholm::{Context, Var, WeakContext};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");

scenarios! {
    weak_contexts_against_last_drops {
        control_upgrade_looks: UpgradeLooks,
        control_upgrade_is_one_step: Upgrade,
        control_downgrade_takes: DowngradeTakes,
    }
}

/// Threads make contexts, from nothing and on their stacks, let go of them and rise those of
/// others.
pub(crate) fn weak_contexts_against_last_drops() {
    let (alive, strong, weak) =
        (Alive::default(), Pile::default(), Pile::<(usize, WeakContext)>::default());
    let (theirs, mine, known) = (alive.clone(), strong.clone(), weak.clone());
    on_threads(4, move |thread| {
        for turn in 0..10 {
            let number = 100 * thread + turn;
            let entered = A.enter(theirs.value(number));
            let context = match turn % 2 {
                0 => Context::current(),
                _ => Context::current().with(&B, theirs.value(number)),
            };
            known.put((number, context.downgrade()));
            mine.put(context);
            if let Some((number, weak)) = known.take() {
                if let Some(context) = weak.upgrade() {
                    assert_eq!(context.get(&A).map(Value::number), Some(number));
                    assert!(context.get(&B).is_none_or(|value| value.number() == number));
                    known.put((number, weak));
                }
            }
            drop(entered);
            drop(mine.take());
        }
    });
    while let Some(context) = strong.take() {
        drop(context);
    }
    assert_eq!(alive.now(), 0);
    while let Some((_, weak)) = weak.take() {
        assert!(weak.upgrade().is_none());
    }
}
