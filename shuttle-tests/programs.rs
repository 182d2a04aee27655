//! Random programs: each thread enters, leaves, sets, captures and hands over as it comes, and
//! knows what it must see.
//!
//! Contexts, weak ones, stacks and prepared checkpoints go from thread to thread with what they
//! must show. Values enter scopes as they end, or panic; guards are forgotten, and dropped late or
//! on another stack; process-wide values come and go.

use crate::oracle::{Oracle, View};
use crate::support::{Alive, Pile, Value, any, on_threads, scenarios, unharmed};
use crate::variables::*;
use stackholm::embed::Stack;
use stackholm::{Checkpoint, Context, Entered, Prepared, Scope, WeakContext};
use std::mem::{forget, replace, take};
use std::sync::Arc;

scenarios! {
    random_programs {
        control_again_looks: AgainLooks,
        control_keep_looks: KeepLooks,
        control_programs_leave_looks: LeaveLooks,
        control_programs_sole_looks: SoleLooks,
        control_programs_leave_takes_parent: LeaveTakesParent,
        control_programs_compaction_holds: CompactionHolds,
        control_programs_compaction_takes_below: CompactionTakesBelow,
        control_programs_whole_holds: WholeHolds,
        control_programs_held_takes: HeldTakes,
        control_programs_upgrade_looks: UpgradeLooks,
        control_programs_end_gives_values: EndGivesValues,
        control_programs_leave_takes_below: LeaveTakesBelow,
        control_programs_left_to_looks: LeftToLooks,
        control_programs_inner_gives_block: InnerGivesBlock,
    }
}

/// Owned by a value that is busy as it ends: it enters scopes of its own, wherever that is.
struct Busy(usize);

impl Drop for Busy {
    fn drop(&mut self) {
        let (outer, inner) = busy();
        let bound = || (outer.try_get().ok(), inner.try_get().ok());
        if !std::thread::panicking() {
            outer.sync_scope(self.0, || {
                inner.sync_scope(self.0, || assert_eq!(bound(), (Some(self.0), Some(self.0))));
                assert_eq!(bound().0, Some(self.0));
            });
        }
    }
}

/// Variables and the numbers that they are bound to.
type Bound = Vec<(usize, usize)>;

/// What is on its way between threads.
#[derive(Clone, Default)]
struct Ways {
    contexts: Pile<(View, Context)>,
    weak: Pile<(View, WeakContext)>,
    stacks: Pile<(Oracle, Stack)>,
    prepared: Pile<(Bound, Arc<Prepared<'static>>)>,
    alive: Alive,
}

/// Numbers of a thread begin here.
const OF_THREAD: usize = 1_000_000;

/// A thread, whichever stack it is busy with.
#[derive(Default)]
struct Hand {
    thread: usize,
    last: usize,
    /// The process-wide value that it has given its variable.
    global: Option<usize>,
    /// The newest process-wide values that it has seen of others.
    newest: [usize; THREADS],
}

impl Hand {
    fn number(&mut self) -> usize {
        self.last += 1;
        self.thread * OF_THREAD + self.last
    }

    /// What a read gives: what is bound, else the process-wide value, else the default.
    fn check(&mut self, i: usize, bound: Option<usize>, read: Option<usize>) {
        match (bound, owner(i)) {
            (None, Some(owner)) if owner == self.thread => {
                assert_eq!(read, self.global, "our own process-wide value")
            }
            (None, Some(owner)) => {
                if let Some(number) = read {
                    assert_eq!(
                        number / OF_THREAD,
                        owner,
                        "the process-wide value of another thread"
                    );
                    assert!(number >= self.newest[owner], "an older one after a newer one");
                    self.newest[owner] = number;
                }
            }
            (bound, _) => assert_eq!(read, bound.or(default(i)), "variable {i} on a stack"),
        }
    }

    fn change_global(&mut self, alive: &Alive) {
        let (var, number) = (global_of(self.thread), self.number());
        let set = any(3) != 0;
        let old = if set { var.set_global(value(number, alive)) } else { var.clear_global() };
        assert_eq!(old.as_deref().map(Value::number), self.global);
        self.global = set.then_some(number);
        unharmed(|| drop(old));
    }
}

/// A value of that number, of any kind.
fn value(number: usize, alive: &Alive) -> Value {
    match any(8) {
        0 | 1 => alive.keeping(number, Busy(number)),
        2 => alive.panicking(number),
        _ => alive.value(number),
    }
}

fn check_context(view: &View, context: &Context) {
    (0..9).chain((0..3).map(|_| any_variable())).for_each(|i| view.check(i, context));
}

/// What goes on on one thread, on its own stack or on one that it runs.
struct Program {
    hand: Hand,
    oracle: Oracle,
    /// Of each level, unless it was forgotten.
    guards: Vec<Option<Entered>>,
    /// Guards of what has been left with something further out.
    late: Vec<Entered>,
}

impl Program {
    fn on(oracle: Oracle, hand: Hand) -> Self {
        let guards = (0..oracle.levels()).map(|_| None).collect();
        Program { hand, oracle, guards, late: Vec::new() }
    }

    /// Forgets the guards: what was not left now stays on the stack.
    fn end(self) -> (Oracle, Hand) {
        drop(self.late);
        self.guards.into_iter().for_each(forget);
        (self.oracle, self.hand)
    }

    fn check(&mut self, i: usize) {
        let bound = self.oracle.see(i);
        assert_eq!(variable(i).is_bound(), bound.is_some(), "whether variable {i} is bound");
        assert_eq!(variable(i).depth(), self.oracle.depth(i), "how often variable {i} is bound");
        self.hand.check(i, bound, variable(i).read());
    }

    fn push(&mut self, open: bool, view: Option<View>, guard: Entered) {
        self.oracle.enter(open, view);
        self.guards.push(Some(guard));
    }

    fn enter(&mut self, i: usize, alive: &Alive) {
        let number = self.hand.number();
        let guard = variable(i).enter(number, || value(number, alive));
        self.push(false, None, guard);
        self.oracle.bind(i, Some(number));
    }

    /// Enters a scope of several bindings, and perhaps a mask; the last one of a variable counts.
    fn enter_several(&mut self, alive: &Alive) {
        let masks = any(6) == 0;
        let mut bound = Vec::new();
        let mut item = || {
            let (i, number) = (any_variable(), self.hand.number());
            let mask = masks && any(2) == 0;
            bound.push((i, (!mask).then_some(number)));
            variable(i).item(number, mask, || value(number, alive))
        };
        let (first, second) = (item(), item());
        let third = if any(2) == 0 { Some(item()) } else { None };
        let guard = and!(Scope::new(), first, two => and!(two, second, three => match third {
            None => three.enter(),
            Some(third) => and!(three, third, all => all.enter()),
        }));
        self.push(false, None, guard);
        bound.into_iter().for_each(|(i, number)| self.oracle.bind(i, number));
    }

    /// The levels that have a guard.
    fn guarded(&self) -> Vec<usize> {
        (0..self.guards.len()).filter(|i| self.guards[*i].is_some()).collect()
    }

    /// Leaves one of them, and all inside it.
    fn leave(&mut self) {
        let guarded = self.guarded();
        let Some(last) = guarded.len().checked_sub(1) else { return };
        let i = guarded[if any(4) == 0 { any(guarded.len()) } else { last }];
        self.late.extend(self.guards.drain(i + 1..).flatten());
        self.oracle.leave(i);
        let guard = self.guards.pop();
        unharmed(|| drop(guard));
    }

    /// Any guard, which is not kept any longer, and its level.
    fn stray(&mut self) -> Option<(usize, Entered)> {
        let guarded = self.guarded();
        let level = *guarded.get(any(guarded.len().max(1)))?;
        self.guards[level].take().map(|guard| (level, guard))
    }

    /// Enters the same scopes a few times, one in another, as a loop does; some are captured.
    fn go_round(&mut self, ways: &Ways) {
        let scopes: Vec<_> = (0..any(3) + 1).map(|_| any_variable()).collect();
        for _ in 0..any(6) {
            scopes.iter().for_each(|i| self.enter(*i, &ways.alive));
            if any(5) == 0 {
                self.hand_on(ways);
            }
            for i in &scopes {
                self.check(any_variable());
                self.leave();
                self.check(*i);
            }
        }
    }

    fn change(&mut self, alive: &Alive) {
        let (i, number, kind) = (any_variable(), self.hand.number(), any(8));
        let mut there = None;
        let done = unharmed(|| match kind {
            0 => variable(i).unset().is_ok(),
            1 => variable(i).reset().is_ok(),
            2 | 3 => variable(i).pop().map(|popped| there = Some(popped)).is_ok(),
            _ => variable(i).set(number, || value(number, alive)),
        });
        let open = self.oracle.is_open();
        assert_eq!(done.unwrap_or(open), open);
        if !open {
            return;
        }
        match kind {
            0 => self.oracle.bind(i, None),
            1 => self.oracle.reset(i),
            2 | 3 => {
                let popped = self.oracle.pop(i);
                assert_eq!(there.unwrap_or(popped), popped, "whether there was one to pop");
            }
            _ => self.oracle.bind(i, Some(number)),
        }
    }

    /// Leaves something in the middle of a read.
    fn leave_within(&mut self) {
        let i = any_value();
        let (bound, mut read) = (self.oracle.see(i), None);
        let mut global = self.hand.global;
        let Variable::Value(var) = variable(i) else { unreachable!("it has values") };
        let returned = unharmed(|| {
            var.try_with(|value| {
                self.leave();
                if i == 5 + self.hand.thread {
                    // If an old value of another thread panics, that may be before the change.
                    let cleared = unharmed(|| drop(var.clear_global())).is_some();
                    let left = || var.global().as_deref().map(Value::number);
                    global = if cleared { None } else { left() };
                }
                read = Some(value.number());
            })
        });
        if returned.is_none() && read.is_none() {
            // An old process-wide value panicked as the read evicted it, before it called the closure.
            return;
        }
        self.hand.check(i, bound, read);
        self.hand.global = global;
    }

    fn hand_on(&mut self, ways: &Ways) {
        let (view, context) = (self.oracle.capture(), Context::current());
        if any(2) == 0 {
            ways.weak.put((view.clone(), context.downgrade()));
        }
        if any(3) != 0 {
            ways.contexts.put((view, context));
        }
    }

    fn take_over(&mut self, ways: &Ways) {
        let Some((view, context)) = ways.contexts.take() else { return };
        check_context(&view, &context);
        match any(6) {
            0 => drop(unharmed(|| drop(context))),
            1 => {
                ways.contexts.put((view.clone(), context.clone()));
                self.push(true, Some(view), context.enter());
            }
            2 => self.push(true, Some(view), context.enter()),
            3 => ways.stacks.put((Oracle::new(view, true), Stack::on(context))),
            _ => ways.contexts.put(self.grown(view, context, &ways.alive)),
        }
    }

    /// A context with a few more bindings, or many.
    fn grown(&mut self, mut view: View, mut context: Context, alive: &Alive) -> (View, Context) {
        for _ in 0..any(2) * 40 + 1 {
            let ((i, var), number) = (any_common(), self.hand.number());
            let (mask, (other, plain)) = (any(6) == 0, any_plain());
            let next =
                if mask { context.without(var) } else { context.with(var, value(number, alive)) };
            let next = next.with(plain, number);
            view.bind(i, (!mask).then_some(number));
            view.bind(other, Some(number));
            let old = replace(&mut context, next);
            unharmed(|| drop(old));
        }
        (view, context)
    }

    /// Enters a context that has just outgrown its variables, or is about to.
    fn take_over_outgrown(&mut self, ways: &Ways) {
        let Some((mut view, mut context)) = ways.contexts.take() else { return };
        let (i, var) = any_common();
        for _ in 0..2 * context.len() + 28 + any(10) {
            let number = self.hand.number();
            context = context.with(var, value(number, &ways.alive));
            view.bind(i, Some(number));
        }
        ways.contexts.put((view.clone(), context.clone()));
        self.push(true, Some(view), context.enter());
    }

    /// Scopes of several, each on a stack that begins with what the last one showed.
    fn generations(&mut self, ways: &Ways) {
        let Some((mut view, mut context)) = ways.contexts.take() else { return };
        for _ in 0..any(48) {
            let ((i, one), (j, two)) = (any_common(), any_common());
            let (first, second) = (self.hand.number(), self.hand.number());
            let scope = Scope::new()
                .set(one, value(first, &ways.alive))
                .set(two, value(second, &ways.alive));
            context = Stack::on(context).run(|| scope.run(Context::current));
            view.bind(i, Some(first));
            view.bind(j, Some(second));
        }
        check_context(&view, &context);
        ways.contexts.put((view, context));
    }

    /// Goes on with the program of another stack for a while. A guard of this one finds nothing
    /// there, and leaves its level when this stack is current again.
    fn run_another(&mut self, ways: &Ways) {
        let Some((oracle, mut stack)) = ways.stacks.take() else { return };
        let (level, stray) = if any(3) == 0 { self.stray() } else { None }.unzip();
        let hand = take(&mut self.hand);
        let (oracle, hand) = stack.run(|| {
            let mut program = Program::on(oracle, hand);
            (0..any(6)).for_each(|_| program.step(ways, false));
            drop(stray);
            program.check(any_variable());
            program.end()
        });
        self.hand = hand;
        if let Some(level) = level {
            self.late.extend(self.guards.drain(level + 1..).flatten());
            self.oracle.leave(level);
            self.guards.pop();
        }
        if any(5) == 0 {
            unharmed(|| drop(stack));
        } else {
            ways.stacks.put((oracle, stack));
        }
    }

    fn prepared(&mut self, ways: &Ways) {
        let (bound, prepared) = ways.prepared.take().unwrap_or_else(|| {
            let ((i, var), number, (other, plain)) =
                (any_common(), self.hand.number(), any_plain());
            let prepared =
                Checkpoint::prepare().set(var, value(number, &ways.alive)).set(plain, number);
            (vec![(i, number), (other, number)], Arc::new(prepared))
        });
        if any(3) != 0 {
            ways.prepared.put((bound.clone(), prepared.clone()));
        }
        self.push(true, None, prepared.enter());
        bound.iter().for_each(|(i, number)| self.oracle.bind(*i, Some(*number)));
        unharmed(|| drop(prepared));
    }

    fn rise(&mut self, ways: &Ways) {
        let Some((view, weak)) = ways.weak.take() else { return };
        let context = weak.upgrade();
        context.iter().for_each(|context| check_context(&view, context));
        unharmed(|| drop(context));
    }

    fn step(&mut self, ways: &Ways, outermost: bool) {
        match any(30) {
            0..=2 => self.enter(any_variable(), &ways.alive),
            23..=26 => self.enter_several(&ways.alive),
            3 => self.go_round(ways),
            4 => self.push(true, None, Checkpoint::enter()),
            5..=7 => self.change(&ways.alive),
            // Often enough for a compaction frame, and for a whole index.
            8 if any(4) == 0 => (0..60).for_each(|_| self.change(&ways.alive)),
            9 if any(6) == 0 => (0..40).for_each(|_| self.enter(any_variable(), &ways.alive)),
            8..=10 => self.leave(),
            11 => drop(self.late.pop()),
            12 => self.leave_within(),
            13..=14 => self.hand_on(ways),
            15..=16 => self.take_over(ways),
            17 => self.rise(ways),
            18 if outermost => self.run_another(ways),
            19 if any(2) == 0 => forget(self.stray()),
            20 => self.hand.change_global(&ways.alive),
            28 if any(3) == 0 => self.take_over_outgrown(ways),
            29 if any(3) == 0 => self.generations(ways),
            _ => self.prepared(ways),
        }
        self.check(any_variable());
    }
}

/// Three threads, forty steps each; some steps are many.
pub(crate) fn random_programs() {
    let ways = Ways::default();
    let alive = ways.alive.clone();
    let theirs = ways.clone();
    on_threads(THREADS, move |thread| {
        let mut program =
            Program::on(Oracle::new(View::empty(), false), Hand { thread, ..Hand::default() });
        (0..40).for_each(|_| program.step(&theirs, true));
        if any(2) == 0 {
            while !program.guarded().is_empty() {
                program.leave();
                program.check(any_variable());
            }
        }
        // The thread leaves the rest itself, as it ends.
        program.end();
        drop(global_of(thread).clear_global());
    });
    while let Some((view, context)) = ways.contexts.take() {
        check_context(&view, &context);
    }
    while let Some((oracle, mut stack)) = ways.stacks.take() {
        stack.run(|| {
            (0..NUMBER).for_each(|i| assert_eq!(variable(i).read(), oracle.see(i).or(default(i))))
        });
    }
    drop(ways);
    assert_eq!(alive.now(), 0);
}
