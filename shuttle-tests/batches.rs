//! Scopes of several bindings, whose frames lie in one block, in their real sizes: captured,
//! shortened, known weakly, left and dropped with their stack while others let go of what they
//! have.

use crate::support::{Alive, Pile, Value, any, on_threads, scenarios};
use stackholm::embed::Stack;
use stackholm::{Context, Entered, Scope, Var, WeakContext};
use std::mem::forget;

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static N: Var<usize> = Var::new("n");

scenarios! {
    scopes_of_several {
        control_several_give_block: InnerGivesBlock,
        control_several_give_parent: EndGivesParent,
        control_several_give_values: EndGivesValues,
        control_several_hold_values: WholeHolds,
        control_several_downgrade_takes: DowngradeTakes,
        control_several_only_one_ends: LastEnds,
    }
    stacks_dropped_with_their_scopes {
        control_stacks_left_to_looks: LeftToLooks,
        control_stacks_give_block: InnerGivesBlock,
        control_stacks_give_parent: EndGivesParent,
    }
}

/// What a context must show: that number, and perhaps the one of a scope further out.
#[derive(Clone, Copy)]
struct View(usize, Option<usize>);

fn view(number: usize) -> View {
    View(number, N.try_get().ok())
}

fn shows((View(number, plain), context): &(View, Context)) {
    assert_eq!(context.get(&A).map(Value::number), Some(*number));
    assert_eq!(context.get(&B).map(Value::number), Some(*number));
    assert_eq!(context.get(&N).copied(), *plain);
}

/// Enters a scope of two or three variables, some of them bound further out as well.
fn enter(alive: &Alive, number: usize) -> Entered {
    let scope = Scope::new().set(&A, alive.value(number)).set(&B, alive.value(number));
    if any(2) == 0 { scope.enter() } else { scope.set(&N, number).enter() }
}

/// A context that outgrew its variables: of what the scope bound it keeps one value, or two.
fn shortened(alive: &Alive, number: usize) -> Context {
    let mut context = Context::current();
    for _ in 0..40 {
        context = match number % 2 {
            0 => context.with(&A, alive.value(number)),
            _ => context.with(&B, alive.value(number)),
        };
    }
    context
}

/// Threads enter scopes on scopes of others, hand on what they see there, and leave.
pub(crate) fn scopes_of_several() {
    let (alive, pile, known) =
        (Alive::default(), Pile::default(), Pile::<(View, WeakContext)>::default());
    let (theirs, captured, weak) = (alive.clone(), pile.clone(), known.clone());
    on_threads(3, move |thread| {
        for turn in 0..8 {
            let number = 100 * thread + turn;
            let received: Option<(View, Context)> =
                if any(3) == 0 { captured.take() } else { None };
            let received = received.map(|(view, context)| (view, context.enter()));
            let outer = enter(&theirs, number + 1000);
            let inner = enter(&theirs, number);
            assert_eq!(A.with(Value::number), number);
            match any(6) {
                0 | 1 => captured.put((view(number), Context::current())),
                2 => captured.put((view(number), shortened(&theirs, number))),
                3 => weak.put((view(number), Context::current().downgrade())),
                4 => A.sync_scope(theirs.value(number), || {
                    captured.put((view(number), Context::current()))
                }),
                _ => {}
            }
            captured.take().iter().for_each(shows);
            if let Some((view, weak)) = weak.take() {
                weak.upgrade().into_iter().for_each(|context| shows(&(view, context)));
            }
            drop(inner);
            assert_eq!(
                (A.with(Value::number), B.with(Value::number)),
                (number + 1000, number + 1000)
            );
            drop(outer);
            if let Some((View(number, plain), entered)) = received {
                assert_eq!((A.with(Value::number), N.try_get().ok()), (number, plain));
                drop(entered);
            }
            assert!(!A.is_bound() && !B.is_bound() && !N.is_bound());
        }
    });
    while let Some(context) = pile.take() {
        shows(&context);
    }
    assert_eq!(alive.now(), 0);
    while let Some((_, weak)) = known.take() {
        assert!(weak.upgrade().is_none());
    }
}

/// Stacks are filled on one thread and dropped on any other, with all that they entered, while the
/// contexts that were captured there end elsewhere: those of all their scopes, of the outer ones,
/// or none.
pub(crate) fn stacks_dropped_with_their_scopes() {
    let (alive, pile, stacks) =
        (Alive::default(), Pile::default(), Pile::<(usize, Stack)>::default());
    let (theirs, captured, entered) = (alive.clone(), pile.clone(), stacks.clone());
    on_threads(3, move |thread| {
        for turn in 0..10 {
            let number = 100 * thread + turn;
            let mut stack = match captured.take() {
                Some((_, context)) if any(2) == 0 => Stack::on(context),
                _ => Stack::new(),
            };
            stack.run(|| {
                for depth in 0..any(3) + 1 {
                    forget(enter(&theirs, number));
                    if any(2) == 0 || depth == 2 {
                        captured.put((view(number), Context::current()));
                    }
                }
            });
            assert_eq!(stack.get(&A).map(Value::number), Some(number));
            entered.put((number, stack));
            if let Some((number, stack)) = entered.take() {
                assert_eq!(stack.get(&B).map(Value::number), Some(number));
                drop(stack);
            }
            captured.take().iter().for_each(shows);
        }
    });
    while let Some((_, stack)) = stacks.take() {
        drop(stack);
    }
    while let Some(context) = pile.take() {
        shows(&context);
    }
    assert_eq!(alive.now(), 0);
}
