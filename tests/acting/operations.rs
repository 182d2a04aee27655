//! What a program may do, each with the chance that it is drawn.

use crate::exchange::EXCHANGES;
use crate::lists::{
    CONTEXTS, FUTURES, GUARDS, Guard, Job, KEPT, List, PREPARED, STACKS, Task, WEAK, a_context,
};
use crate::player::{Allocator, Player, bang, caught, here};
use crate::reached::{Count, FUTURE_ACTS, READ_ACTS, SET_ANEW, STACK_SENT, TURN_ACTS, WEAK_RISES};
use crate::value::{
    LARGE, Large, NUMBERS, VALUES, Value, WIDE, Wide, a_var, check, read_all, read_default,
};
use stackholm::embed::Stack;
use stackholm::{Checkpoint, Context, ContextExt, Entered, Scope};
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::task::{Poll, Waker};
use std::thread;

/// One kind of operation.
pub(crate) struct Operation {
    pub(crate) count: Count,
    chance: usize,
    does: fn(&Player),
}

impl Operation {
    pub(crate) const fn new(what: &'static str, chance: usize, does: fn(&Player)) -> Operation {
        Operation { count: Count::new(what), chance, does }
    }
}

pub(crate) static OPERATIONS: [Operation; 31] = [
    Operation::new("enters", 6, |player| {
        let entered = enter(player);
        GUARDS.put(player, Guard::new(player, entered));
    }),
    Operation::new("leaves any guard", 4, |player| drop(GUARDS.draw(player))),
    Operation::new("leaves the last guard", 1, |_| drop(GUARDS.draw_last())),
    Operation::new("forgets a guard", 1, |player| {
        if player.allocator() == Allocator::WillLeave {
            return;
        }
        // As a thread ends the list may be gone; what is entered then is left to the thread.
        match GUARDS.draw(player).filter(|_| player.one_in(2)) {
            Some(guard) => std::mem::forget(guard),
            None => std::mem::forget(enter(player)),
        }
    }),
    Operation::new("sets a value", 4, |player| _ = a_var(player).set(Value::new(player))),
    Operation::new("sets numbers", 1, |_| NUMBERS.iter().for_each(|var| _ = var.set(3))),
    Operation::new("sets a large value", 2, |player| {
        let _ = LARGE.set(Large::new(Value::new(player)));
    }),
    Operation::new("masks", 1, |player| _ = a_var(player).unset()),
    Operation::new("masks a wide value", 1, |_| _ = WIDE.unset()),
    Operation::new("pops", 1, |player| _ = a_var(player).pop()),
    Operation::new("resets", 1, |player| _ = a_var(player).reset()),
    Operation::new("captures", 3, |player| hold(player, Context::current())),
    Operation::new("derives a context with a value", 1, |player| {
        let context = a_context(player);
        hold(player, context.with(a_var(player), Value::new(player)));
    }),
    Operation::new("derives a context without one", 1, |player| {
        hold(player, a_context(player).without(a_var(player)));
    }),
    Operation::new("trims a context", 1, |player| hold(player, a_context(player).trimmed())),
    Operation::new("drops a context", 1, |player| drop(CONTEXTS.draw(player))),
    Operation::new("downgrades", 1, |player| WEAK.put(player, a_context(player).downgrade())),
    Operation::new("upgrades", 1, upgrade),
    Operation::new("keeps a value", 1, |player| {
        let kept = a_var(player).keep();
        kept.into_iter().for_each(|kept| KEPT.put(player, kept));
    }),
    Operation::new("drops a kept value", 1, |player| {
        KEPT.draw(player).iter().for_each(|kept| kept.check());
    }),
    Operation::new("reads and acts", 3, read),
    Operation::new("makes a stack", 1, make_stack),
    Operation::new("uses a stack", 3, use_stack),
    Operation::new("makes a future", 2, make_future),
    Operation::new("polls a future", 3, poll),
    Operation::new("compares contexts", 1, |player| {
        let (a, b) = (a_context(player), a_context(player));
        assert_eq!(a == b, a.changes(&b).is_empty());
    }),
    Operation::new("applies changes", 1, |player| {
        let _ = a_context(player).apply_since(&a_context(player));
    }),
    Operation::new("enters what is prepared", 1, enter_prepared),
    Operation::new("reads everything", 1, |player| {
        read_all();
        drop(a_var(player).history());
    }),
    Operation::new("reads a default", 1, |_| read_default()),
    Operation::new("catches what panics", 1, |player| {
        caught(|| several(player, 4));
        if player.one_in(4) && player.may_panic() {
            bang();
        }
    }),
];

/// How many operations were done.
pub(crate) fn done() -> u64 {
    OPERATIONS.iter().chain(&EXCHANGES).map(|operation| operation.count.times()).sum()
}

/// Does one to `most` operations, if it is not too deep.
pub(crate) fn several(player: &Player, most: usize) {
    player.deeper(|| {
        for _ in 0..=player.below(most) {
            if player.takes_one() {
                one(player);
            }
        }
    });
}

/// Does the same, as what `count` counts, if there is anything left to do.
pub(crate) fn act(player: &Player, most: usize, count: &Count) {
    if player.left() > 0 {
        count.add();
        several(player, most);
    }
}

fn one(player: &Player) {
    if player.exchanges() && player.one_in(6) {
        draw(player, &EXCHANGES)
    } else {
        draw(player, &OPERATIONS)
    }
}

fn draw(player: &Player, operations: &[Operation]) {
    let mut at = player.below(operations.iter().map(|operation| operation.chance).sum());
    for operation in operations {
        if at < operation.chance {
            operation.count.add();
            return (operation.does)(player);
        }
        at -= operation.chance;
    }
}

fn enter(player: &Player) -> Entered {
    let value = || Value::new(player);
    let [a, b, c, short, _] = &VALUES;
    let [number, other] = &NUMBERS;
    match player.below(9) {
        0 | 1 => a_var(player).enter(value()),
        2 => number.enter(1),
        3 => WIDE.enter(Wide(value())),
        4 => Checkpoint::enter(),
        5 => Scope::new().set(a, value()).set(number, 3).set(short, value()).enter(),
        6 => Scope::new().set(number, 4).set(other, 3).unset(b).enter(),
        7 => a_context(player).enter(),
        _ => Scope::new().set(b, value()).set(c, value()).set(other, 3).enter(),
    }
}

/// Reads a context and puts it to the others.
fn hold(player: &Player, context: Context) {
    check(&context);
    CONTEXTS.put(player, context);
}

fn upgrade(player: &Player) {
    let weak = WEAK.draw(player);
    if let Some(context) = weak.and_then(|weak| weak.upgrade()) {
        WEAK_RISES.add();
        hold(player, context);
    }
}

/// A read in the middle of which things go on, the end of what is read included.
fn read(player: &Player) {
    let _ = a_var(player).try_with(|value| {
        value.check();
        act(player, 5, &READ_ACTS);
        value.check();
    });
}

fn enter_prepared(player: &Player) {
    let prepared = PREPARED.draw(player).unwrap_or_else(|| {
        let prepared = Checkpoint::prepare().set(a_var(player), Value::new(player));
        prepared.set(a_var(player), Value::new(player))
    });
    let entered = prepared.enter();
    PREPARED.put(player, prepared);
    GUARDS.put(player, Guard::new(player, entered));
}

fn make_stack(player: &Player) {
    let stack = match player.below(3) {
        0 => Stack::new(),
        1 => Stack::on(a_context(player)),
        _ => Stack::inherit(),
    };
    STACKS.put(player, Task { number: player.number(), task: stack });
}

/// A stack that others may have left in the middle of its checkpoints. It is not lost if they
/// panic.
fn use_stack(player: &Player) {
    let Some(Task { number, task: mut stack }) = STACKS.draw(player) else { return };
    caught(|| change_or_run(player, number, &mut stack));
    if player.one_in(3) {
        drop(stack);
    } else {
        STACKS.put(player, Task { number, task: stack });
    }
}

fn change_or_run(player: &Player, number: usize, stack: &mut Stack) {
    let run = |stack: &mut Stack| {
        player.on_stack(number, || stack.run(|| act(player, 8, &TURN_ACTS)));
    };
    let (var, value) = (a_var(player), || Value::new(player));
    match player.below(9) {
        0 => _ = stack.set(var, value()),
        1 => {
            let _ = stack.unset(var);
            hold(player, stack.capture());
        }
        2 => stack.checkpoint(|stack| {
            let _ = stack.set(var, value());
            run(stack);
        }),
        3 => stack.scope(var, value(), run),
        4 => run_elsewhere(stack),
        5 => set_anew_in_a_turn(player, number, stack),
        _ => run(stack),
    }
}

/// The value that the turn ends with may lie where the one lay that it began with: a block so large
/// goes back to the allocator, which may give it again.
fn set_anew_in_a_turn(player: &Player, number: usize, stack: &mut Stack) {
    let large = || Large::new(Value::new(player));
    let _ = stack.set(&LARGE, large());
    let set_twice = || (0..2).for_each(|_| _ = LARGE.set(large()));
    player.on_stack(number, || stack.run(set_twice));
    SET_ANEW.add();
}

/// Sends it to another thread, which runs it and sends it back.
fn run_elsewhere(stack: &mut Stack) {
    let mut sent = std::mem::take(stack);
    let job = move || {
        sent.run(|| {
            read_all();
            std::mem::forget(NUMBERS[0].enter(3));
            VALUES[0].sync_scope(Value::quiet(), read_all);
        });
        sent
    };
    *stack = thread::spawn(job).join().unwrap_or_else(|fault| resume_unwind(fault));
    STACK_SENT.add();
}

/// Acts whenever it is polled, and ends with the fourth time.
async fn job() {
    let mut polls = 0;
    poll_fn(|_| {
        polls += 1;
        here(|player| match polls {
            1 => several(player, 5),
            _ => act(player, 5, &FUTURE_ACTS),
        });
        if polls > 3 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn make_future(player: &Player) {
    let task: Job = match player.below(4) {
        0 => Box::pin(VALUES[0].scope(Value::new(player), job())),
        1 => Box::pin(job().in_context(a_context(player))),
        2 => Box::pin(Checkpoint::wrap(job())),
        _ => {
            let scope = Scope::new().set(&NUMBERS[0], 1).set(&VALUES[3], Value::new(player));
            Box::pin(scope.wrap(job()))
        }
    };
    FUTURES.put(player, Task { number: player.number(), task });
}

fn poll(player: &Player) {
    let Some(Task { number, task: mut future }) = FUTURES.draw(player) else { return };
    let mut context = std::task::Context::from_waker(Waker::noop());
    let polled = caught(|| player.on_stack(number, || future.as_mut().poll(&mut context)));
    // One that has panicked, or ended, is dropped; and some others, in the middle of it.
    if polled == Some(Poll::Pending) && !player.one_in(5) {
        FUTURES.put(player, Task { number, task: future });
    }
}
