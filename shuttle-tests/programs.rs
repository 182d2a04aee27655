//! Random programs: each thread enters, leaves, sets, captures and hands over as it comes, and knows what it must see.
//!
//! The oracle of a stack is a list of numbers, one for each variable, and the lists that come back as checkpoints are
//! left. Contexts, weak ones, stacks and prepared checkpoints go from thread to thread with the list that belongs to
//! them.

use crate::support::{Alive, Pile, Value, any, on_threads, scenarios};
use stackholm::embed::Stack;
use stackholm::{Checkpoint, Context, Entered, Prepared, Var, WeakContext};
use std::sync::Arc;

static VALUES: [Var<Value>; 5] = [
    Var::new("a"),
    Var::new("b"),
    Var::new("c"),
    Var::new("stack").stays_on_stack(),
    Var::new("checkpoint").stays_in_checkpoint(),
];
/// Enough for an index of two levels.
static PLAIN: [Var<usize>; 40] = [const { Var::new("plain") }; 40];

const STACK: usize = 3;
const CHECKPOINT: usize = 4;
const VARIABLES: usize = VALUES.len() + PLAIN.len();

scenarios! {
    random_programs {
        control_again_looks: AgainLooks,
        control_keep_looks: KeepLooks,
        control_programs_leave_looks: LeaveLooks,
        control_programs_sole_looks: SoleLooks,
        control_programs_leave_takes_parent: LeaveTakesParent,
        control_programs_digest_holds: DigestHolds,
        control_programs_digest_takes_below: DigestTakesBelow,
        control_programs_whole_holds: WholeHolds,
        control_programs_held_takes: HeldTakes,
        control_programs_upgrade_looks: UpgradeLooks,
        control_programs_downgrade_takes: DowngradeTakes,
        control_programs_end_gives_values: EndGivesValues,
    }
}

/// Owned by a value that is busy as it ends: it enters scopes of its own, wherever that is.
struct Busy(usize);

impl Drop for Busy {
    fn drop(&mut self) {
        let bound = || (PLAIN[0].try_get().ok(), PLAIN[1].try_get().ok());
        if !std::thread::panicking() {
            PLAIN[0].sync_scope(self.0, || {
                PLAIN[1].sync_scope(self.0, || assert_eq!(bound(), (Some(self.0), Some(self.0))));
                assert_eq!(bound().0, Some(self.0));
            });
        }
    }
}

/// What each variable is bound to.
type View = Vec<Option<usize>>;

/// What is on its way between threads.
#[derive(Clone, Default)]
struct Ways {
    contexts: Pile<(View, Context)>,
    weak: Pile<(View, WeakContext)>,
    stacks: Pile<(Oracle, Stack)>,
    prepared: Pile<(View, Arc<Prepared<'static>>)>,
    alive: Alive,
}

/// Any variable, the first ones more often.
fn variable() -> usize {
    if any(3) == 0 { any(VARIABLES) } else { any(VALUES.len() + 3) }
}

fn read(i: usize) -> Option<usize> {
    match i.checked_sub(VALUES.len()) {
        None => VALUES[i].try_with(Value::number).ok(),
        Some(i) => PLAIN[i].try_get().ok(),
    }
}

fn read_in(context: &Context, i: usize) -> Option<usize> {
    match i.checked_sub(VALUES.len()) {
        None => context.get(&VALUES[i]).map(Value::number),
        Some(i) => context.get(&PLAIN[i]).copied(),
    }
}

fn check_context(view: &View, context: &Context) {
    for i in (0..VALUES.len()).chain((0..3).map(|_| variable())) {
        assert_eq!(read_in(context, i), view[i], "variable {i} in a context");
    }
}

/// What a context carries of a view.
fn carried(view: &View) -> View {
    let mut view = view.clone();
    (view[STACK], view[CHECKPOINT]) = (None, None);
    view
}

struct Level {
    open: bool,
    before: View,
    /// What a variable shows when it is reset.
    start: View,
}

/// A stack as it must be.
struct Oracle {
    seen: View,
    levels: Vec<Level>,
}

impl Oracle {
    fn new(seen: View, open: bool) -> Self {
        let base = Level { open, before: seen.clone(), start: seen.clone() };
        Oracle { seen, levels: vec![base] }
    }
}

/// What goes on on one thread, on its own stack or on one that it runs.
struct Program {
    seen: View,
    levels: Vec<Level>,
    /// Of each level, unless it was forgotten.
    guards: Vec<Option<Entered>>,
    /// Guards of what has been left with something further out.
    late: Vec<Entered>,
    next: usize,
}

impl Program {
    fn on(Oracle { seen, levels }: Oracle, first: usize) -> Self {
        let guards = levels.iter().map(|_| None).collect();
        Program { seen, levels, guards, late: Vec::new(), next: first }
    }

    /// Forgets the guards: what was not left now stays on the stack.
    fn end(self) -> Oracle {
        drop(self.late);
        self.guards.into_iter().for_each(std::mem::forget);
        Oracle { seen: self.seen, levels: self.levels }
    }

    fn number(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    fn check(&self) {
        let i = variable();
        assert_eq!(read(i), self.seen[i], "variable {i} on a stack");
    }

    fn push(&mut self, open: bool, bound: &[(usize, usize)], start: Option<View>, guard: Entered) {
        let before = self.seen.clone();
        if let Some(view) = &start {
            self.seen.clone_from(view);
        }
        self.seen[CHECKPOINT] = None;
        let start = self.seen.clone();
        bound.iter().for_each(|(i, number)| self.seen[*i] = Some(*number));
        self.levels.push(Level { open, before, start });
        self.guards.push(Some(guard));
    }

    fn enter(&mut self, i: usize, alive: &Alive) {
        let number = self.number();
        let guard = match i.checked_sub(VALUES.len()) {
            None if any(4) == 0 => VALUES[i].enter(alive.keeping(number, Busy(number))),
            None => VALUES[i].enter(alive.value(number)),
            Some(i) => PLAIN[i].enter(number),
        };
        self.push(false, &[(i, number)], None, guard);
    }

    /// Leaves one of the levels that have a guard, and all inside it.
    fn leave(&mut self) {
        let guarded: Vec<_> = (0..self.guards.len()).filter(|i| self.guards[*i].is_some()).collect();
        let Some(last) = guarded.len().checked_sub(1) else { return };
        let i = guarded[if any(4) == 0 { any(guarded.len()) } else { last }];
        self.late.extend(self.guards.drain(i + 1..).flatten());
        self.seen = self.levels.drain(i..).next().expect("it is there").before;
        drop(self.guards.pop());
    }

    /// Enters the same scopes a few times, one in another, as a loop does; some are captured.
    fn go_round(&mut self, ways: &Ways) {
        let scopes: Vec<_> = (0..any(3) + 1).map(|_| variable()).collect();
        for _ in 0..any(6) {
            scopes.iter().for_each(|i| self.enter(*i, &ways.alive));
            if any(5) == 0 {
                self.hand_on(ways);
            }
            for i in &scopes {
                self.check();
                self.leave();
                assert_eq!(read(*i), self.seen[*i]);
            }
        }
    }

    fn change(&mut self, alive: &Alive) {
        let top = self.levels.last().expect("there is a base");
        let (i, number) = (variable(), self.next + 1);
        let reset = top.start[i];
        let (open, set) = (top.open, any(6));
        let plain = i.checked_sub(VALUES.len());
        let done = match (set, plain) {
            (0, None) => VALUES[i].unset().is_ok(),
            (0, Some(i)) => PLAIN[i].unset().is_ok(),
            (1, None) => VALUES[i].reset().is_ok(),
            (1, Some(i)) => PLAIN[i].reset().is_ok(),
            (_, None) => VALUES[i].set(alive.value(number)).is_ok(),
            (_, Some(i)) => PLAIN[i].set(number).is_ok(),
        };
        assert_eq!(done, open);
        if open {
            self.seen[i] = [None, reset].get(set).copied().unwrap_or(Some(number));
            self.next = number;
        }
    }

    /// Leaves something in the middle of a read.
    fn leave_within(&mut self) {
        let i = any(VALUES.len());
        let seen = self.seen[i];
        let read = VALUES[i].try_with(|value| {
            self.leave();
            value.number()
        });
        assert_eq!(read.ok(), seen);
    }

    fn hand_on(&mut self, ways: &Ways) {
        let view = carried(&self.seen);
        let context = Context::current();
        if any(2) == 0 {
            ways.weak.put((view.clone(), context.downgrade()));
        }
        if any(3) != 0 {
            ways.contexts.put((view, context));
        }
    }

    fn take_over(&mut self, ways: &Ways) {
        let Some((mut view, mut context)) = ways.contexts.take() else { return };
        check_context(&view, &context);
        match any(6) {
            0 => drop(context),
            1 => {
                ways.contexts.put((view.clone(), context.clone()));
                self.push(true, &[], Some(view), context.enter());
            }
            2 => self.push(true, &[], Some(view), context.enter()),
            3 => ways.stacks.put((Oracle::new(view, true), Stack::on(context))),
            _ => {
                for _ in 0..any(2) * 40 + 1 {
                    let (i, number) = (any(3), self.number());
                    (context, view[i]) = match any(6) {
                        0 => (context.without(&VALUES[i]), None),
                        _ => (context.with(&VALUES[i], ways.alive.value(number)), Some(number)),
                    };
                    let (i, number) = (any(PLAIN.len()), self.number());
                    context = context.with(&PLAIN[i], number);
                    view[VALUES.len() + i] = Some(number);
                }
                ways.contexts.put((view, context));
            }
        }
    }

    /// Goes on with the program of another stack for a while.
    fn run_another(&mut self, ways: &Ways) {
        let Some((oracle, mut stack)) = ways.stacks.take() else { return };
        let oracle = stack.run(|| {
            let mut program = Program::on(oracle, self.next);
            (0..any(6)).for_each(|_| program.step(ways, false));
            self.next = program.next;
            program.end()
        });
        if any(5) != 0 {
            ways.stacks.put((oracle, stack));
        }
    }

    fn prepared(&mut self, ways: &Ways) {
        let (view, prepared) = ways.prepared.take().unwrap_or_else(|| {
            let (i, number, other) = (any(3), self.number(), any(PLAIN.len()));
            let mut view = vec![None; VARIABLES];
            (view[i], view[VALUES.len() + other]) = (Some(number), Some(number));
            let prepared = Checkpoint::prepare().set(&VALUES[i], ways.alive.value(number)).set(&PLAIN[other], number);
            (view, Arc::new(prepared))
        });
        if any(3) != 0 {
            ways.prepared.put((view.clone(), prepared.clone()));
        }
        let bound: Vec<_> = (0..VARIABLES).filter_map(|i| Some((i, view[i]?))).collect();
        self.push(true, &bound, None, prepared.enter());
    }

    fn step(&mut self, ways: &Ways, outermost: bool) {
        match any(20) {
            0..=2 => self.enter(variable(), &ways.alive),
            3 => self.go_round(ways),
            4 => self.push(true, &[], None, Checkpoint::enter()),
            5..=7 => self.change(&ways.alive),
            // Often enough for a digest, and for a whole index.
            8 if any(4) == 0 => (0..60).for_each(|_| self.change(&ways.alive)),
            9 if any(6) == 0 => (0..40).for_each(|_| self.enter(variable(), &ways.alive)),
            8..=10 => self.leave(),
            11 => drop(self.late.pop()),
            12 => self.leave_within(),
            13..=14 => self.hand_on(ways),
            15..=16 => self.take_over(ways),
            17 => {
                if let Some((view, weak)) = ways.weak.take() {
                    weak.upgrade().iter().for_each(|context| check_context(&view, context));
                }
            }
            18 if outermost => self.run_another(ways),
            _ => self.prepared(ways),
        }
        self.check();
    }
}

/// Three threads, forty steps each; some steps are many.
pub(crate) fn random_programs() {
    let ways = Ways::default();
    let alive = ways.alive.clone();
    let theirs = ways.clone();
    on_threads(3, move |thread| {
        let mut program = Program::on(Oracle::new(vec![None; VARIABLES], false), thread * 1_000_000);
        (0..40).for_each(|_| program.step(&theirs, true));
        if any(2) == 0 {
            while program.levels.len() > 1 {
                program.leave();
                program.check();
            }
        }
        // The thread leaves the rest itself, as it ends.
        program.end();
    });
    while let Some((view, context)) = ways.contexts.take() {
        check_context(&view, &context);
    }
    while let Some((oracle, mut stack)) = ways.stacks.take() {
        stack.run(|| (0..VARIABLES).for_each(|i| assert_eq!(read(i), oracle.seen[i])));
    }
    drop(ways);
    assert_eq!(alive.now(), 0);
}
