//! What each operation does, to the library and to the oracle.

use super::met::{self, FEATURES};
use super::op::{Block, Change, Op, Start, Wrapping};
use super::oracle::{self, Reach, Seen, Snapshot, Stack, State};
use super::roots::Roots;
use super::value::{Value, current_is, current_was, currents, leaves, while_busy};
use super::world::*;
use stackholm::{Checkpoint, Context, ContextExt, Entered, NotOpen, Scope, Shared, Var, embed};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// The panic that a program makes on purpose.
struct Planned;

const DEEPEST: u32 = 6;
const MOST_LAYERS: usize = 160;
const MOST_CONTEXTS: usize = 24;
const MOST_VARS: usize = 70;

fn pick(number: u8, of: usize) -> usize {
    usize::from(number) % of.max(1)
}

/// What goes to another thread and comes back before anybody else looks at it.
struct Ferry<T>(T);

#[expect(unsafe_code, reason = "the world goes on on another thread while this one waits for it")]
// SAFETY: the thread that sends it waits until the other one is done; nothing in it depends on a
// thread but the guards, and a guard on a foreign thread finds nothing.
unsafe impl<T> Send for Ferry<T> {}

impl<T> Ferry<T> {
    fn land(self) -> T {
        self.0
    }
}

impl World {
    /// Runs the whole program and drops what it left.
    pub(crate) fn whole(&mut self) {
        self.check();
        while self.step() {}
        self.check_all();
        while let Some((uid, guard)) = self.guards.pop() {
            drop(guard);
            self.left(uid);
            self.check();
        }
        self.weak.clear();
        self.contexts.truncate(self.contexts.len() / 2);
        self.check();
        while !self.tasks.is_empty() {
            self.drop_task(0);
            self.check();
        }
        self.check_all();
        self.contexts.clear();
        self.check();
    }

    /// Everything is gone.
    pub(crate) fn check_end(&mut self) {
        for at in 0..self.vars.len() {
            drop(self.vars[at].handle.clear_global());
            self.vars[at].global = None;
        }
        let empty = Stack::new(0, State::NoCheckpoint, &Snapshot::default());
        self.stacks.insert(self.current, empty);
        self.done += 1;
        self.check_drops();
        assert!(self.is_at_end(), "every value was dropped once");
    }

    pub(crate) fn steps(&mut self, number: usize) {
        if self.depth >= DEEPEST {
            return;
        }
        self.depth += 1;
        for _ in 0..number {
            if !self.step() {
                break;
            }
        }
        self.depth -= 1;
    }

    /// The steps that a poll was asked to do.
    pub(crate) fn planned(&mut self) {
        let (inside, panics) = std::mem::take(&mut self.plan);
        self.check();
        for feature in std::mem::take(&mut self.to_meet) {
            self.meet_one(feature);
        }
        self.steps(inside);
        if panics {
            resume_unwind(Box::new(Planned));
        }
    }

    fn step(&mut self) -> bool {
        let Some(op) = self.program.get(self.next).copied() else { return false };
        self.next += 1;
        if self.traced {
            eprintln!("{:indent$}{op:?}", "", indent = 2 * self.depth as usize);
        }
        self.apply(op);
        self.check();
        true
    }

    /// Calls `f`, which may panic on purpose.
    fn caught(&mut self, f: impl FnOnce(&mut World)) {
        let (current, depth, reads, waiting) =
            (self.current, self.depth, self.reads.len(), self.waiting.len());
        let beneath = self.beneath.len();
        let here = currents();
        let result = catch_unwind(AssertUnwindSafe(|| f(self)));
        self.reads.truncate(reads);
        self.waiting.truncate(waiting);
        current_was(here);
        self.depth = depth;
        if self.beneath.len() > beneath {
            self.beneath.truncate(beneath + 1);
            self.swapped_out(current);
        }
        self.current = current;
        if let Err(panic) = result {
            if !panic.is::<Planned>() {
                resume_unwind(panic);
            }
        }
    }

    fn plan(&mut self, inside: u8, panics: bool) {
        self.plan = (usize::from(inside % 16), panics);
    }

    fn has_room(&mut self) -> bool {
        self.stack().depth() < MOST_LAYERS && self.guards.len() < 2 * MOST_LAYERS
    }

    fn var(&self, number: u8) -> (usize, Handle, usize) {
        let at = pick(number, self.vars.len());
        (at, self.vars[at].handle.clone(), self.vars[at].uid)
    }

    /// A context that is kept, or the empty one.
    fn context(&self, number: u8) -> (Context, Rc<Snapshot>) {
        let at = pick(number, self.contexts.len() + 1);
        self.contexts.get(at).cloned().unwrap_or_default()
    }

    fn keep(&mut self, context: Context, snapshot: Rc<Snapshot>) {
        self.check_context(&context, &snapshot);
        if self.contexts.len() == MOST_CONTEXTS {
            self.contexts.remove(0);
        }
        self.contexts.push((context, snapshot));
    }

    fn capture(&mut self) -> (Context, Rc<Snapshot>) {
        let context = Context::current();
        assert!(context.ptr_eq(&Context::current()), "two snapshots of one point are one");
        (context, Rc::new(self.stack().capture()))
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Enter { var } => self.enter(var, None),
            Op::EnterHolding { var, context } => {
                let holds = self.context(context);
                self.enter(var, Some(holds));
            }
            Op::EnterMany { var, times } => (0..times % 48).for_each(|_| self.enter(var, None)),
            Op::Scope { bindings, var } => self.enter_scope(bindings, var),
            Op::Checkpoint => self.enter_checkpoint(),
            Op::Prepared { var, other, inside } => self.enter_prepared(var, other, inside),
            Op::Leave { guard } => self.leave(pick(guard, self.guards.len())),
            Op::LeaveLast => self.leave(self.guards.len().saturating_sub(1)),
            Op::Forget { guard } => {
                if !self.guards.is_empty() {
                    let at = pick(guard, self.guards.len());
                    std::mem::forget(self.guards.remove(at).1);
                }
            }
            Op::Change { change, var } => self.change(change, var),
            Op::Set { var } => self.change(Change::Set, var),
            Op::SetMany { var, other, times } => {
                if self.stack().state() != State::Open {
                    self.enter_checkpoint();
                }
                for time in 0..times % 96 {
                    self.change(Change::Set, if time % 2 == 0 { var } else { other });
                }
            }
            Op::Read { var, inside } => self.read(var, inside),
            Op::Run { block, var, context, inside, panics } => {
                self.run(block, var, context, inside, panics)
            }
            Op::Capture => {
                let (context, snapshot) = self.capture();
                self.keep(context, snapshot);
            }
            Op::CloneContext { context } => {
                let (context, snapshot) = self.context(context);
                assert!(context.ptr_eq(&context.clone()), "a clone is the same");
                self.keep(context, snapshot);
            }
            Op::DropContext { context } => {
                if !self.contexts.is_empty() {
                    let at = pick(context, self.contexts.len());
                    drop(self.contexts.remove(at));
                }
            }
            Op::With { context, var } => self.with(context, var, 1),
            Op::WithMany { context, var, times } => self.with(context, var, times % 96),
            Op::Without { context, var } => self.without(context, var),
            Op::EnterContext { context } => self.enter_context(context),
            Op::Compare { one, other } => self.compare(one, other),
            Op::Downgrade { context } => self.downgrade(context),
            Op::Upgrade { weak } => self.upgrade(weak),
            Op::DropWeak { weak } => {
                if !self.weak.is_empty() {
                    let at = pick(weak, self.weak.len());
                    drop(self.weak.remove(at));
                }
            }
            Op::NewStack { context } => self.new_stack(context),
            Op::RunStack { task, inside, panics } | Op::Poll { task, inside, panics } => {
                self.plan(inside, panics);
                self.run_task(task, false);
            }
            Op::RunOnThread { task, inside } => {
                self.plan(inside, false);
                self.run_task(task, true);
            }
            Op::ChangeStack { task, change, var } => self.change_stack(task, change, var),
            Op::NestStack { task, var } => self.nest_stack(task, var),
            Op::CaptureTask { task } => self.capture_task(task),
            Op::Wrap { wrapping, var, context, last } => self.wrap(wrapping, var, context, last),
            Op::Thread { start, context, inside } => self.thread(start, context, inside),
            Op::DropTask { task } => {
                let at = pick(task, self.tasks.len());
                if self.tasks.get(at).is_some_and(|task| task.1.is_some()) {
                    self.drop_task(at);
                }
            }
            Op::NewVar { reach, gap } => self.new_var(reach, gap),
            Op::DropVar { var } => self.drop_var(var),
            Op::SetGlobal { var } => self.set_global(var),
            Op::ClearGlobal { var } => self.clear_global(var),
            Op::CheckAll => self.check_all(),
            Op::EnterLeaving { var } => self.enter_leaving(var),
            Op::EnterOutgrown { var, more } => self.enter_outgrown(var, more),
            Op::Generations { var, times } => self.generations(var, times),
            Op::Collide { change } => self.collide(change),
            Op::EndBusy { var } => self.end_busy(var),
            Op::Meet { one, other } => self.meet(one, other),
        }
    }

    fn entered(&mut self, uid: u64, guard: Entered) {
        self.guards.push((uid, guard));
    }

    fn enter(&mut self, var: u8, holds: Option<(Context, Rc<Snapshot>)>) {
        if !self.has_room() {
            return;
        }
        let (at, handle, _) = self.var(var);
        let (value, token) = self.value(at, holds);
        let (line, guard) = (line!(), handle.enter(value));
        let uid = self.uid();
        self.stack().enter(uid, State::Sealed(line));
        self.bind(at, line, Some(&token));
        self.entered(uid, guard);
    }

    fn enter_checkpoint(&mut self) {
        if self.has_room() {
            let (guard, uid) = (Checkpoint::enter(), self.uid());
            self.stack().enter(uid, State::Open);
            self.entered(uid, guard);
        }
    }

    fn enter_scope(&mut self, bindings: u8, var: u8) {
        if !self.has_room() {
            return;
        }
        let vars = [var, var.wrapping_add(bindings / 4), var.wrapping_add(bindings / 16)]
            .map(|var| self.var(var));
        let [(a, one, _), (b, two, _), (c, three, _)] = vars;
        let ((x, tx), (y, ty), (z, tz)) =
            (self.value(a, None), self.value(b, None), self.value(c, None));
        let uid = self.uid();
        let (line, guard, bound) = match bindings % 4 {
            0 if bindings < 64 => (line!(), Scope::new().enter(), vec![]),
            0 => {
                let scope = Scope::new().set(&one, x).set(&two, y).set(&three, z).enter();
                (line!() - 1, scope, vec![(a, Some(tx)), (b, Some(ty)), (c, Some(tz))])
            }
            1 => {
                let scope = Scope::new().set(&one, x).set(&two, y).enter();
                (line!() - 1, scope, vec![(a, Some(tx)), (b, Some(ty))])
            }
            2 => {
                let scope = Scope::new().unset(&one).set(&two, y).enter();
                (line!() - 1, scope, vec![(a, None), (b, Some(ty))])
            }
            _ => {
                let scope = Scope::new().set(&one, x).unset(&two).set(&three, z).enter();
                (line!() - 1, scope, vec![(a, Some(tx)), (b, None), (c, Some(tz))])
            }
        };
        self.stack().enter(uid, State::Sealed(line));
        for (var, token) in bound {
            self.bind(var, line, token.as_ref());
        }
        self.entered(uid, guard);
    }

    fn enter_prepared(&mut self, var: u8, other: u8, inside: u8) {
        let ((a, one, _), (b, two, _)) = (self.var(var), self.var(other));
        let ((x, tx), (y, ty)) = (self.value(a, None), self.value(b, None));
        let prepared = Checkpoint::prepare().set(&one, x).set(&two, y);
        let line = line!() - 1;
        let bound = [(a, tx), (b, ty)];
        let times = [0, 1].map(|time| {
            let sights = bound.each_ref().map(|(at, token)| {
                let sight = self.sight(*at, line, Some(token));
                (self.vars[*at].uid, sight, token.may.clone())
            });
            (time, sights)
        });
        let mut values = Roots::default();
        values.prepared(&prepared);
        self.waiting.push(values);
        for (time, sights) in times {
            if self.has_room() {
                let (guard, uid) = (prepared.enter(), self.uid());
                self.stack().enter(uid, State::Open);
                for (var, sight, may) in sights {
                    self.stack().bind(var, sight, Some(may));
                }
                self.entered(uid, guard);
                self.check();
            }
            if time == 0 {
                self.steps(usize::from(inside % 8));
            }
        }
        self.waiting.pop();
    }

    fn leave(&mut self, at: usize) {
        if at < self.guards.len() {
            let (uid, guard) = self.guards.remove(at);
            guard.leave();
            self.left(uid);
        }
    }

    /// What a change did: whether the oracle agrees that it was refused.
    fn refused(&self, result: &Result<bool, NotOpen>, state: State) -> bool {
        match (result, state) {
            (Ok(_), State::Open) => false,
            (Err(error), State::NoCheckpoint) => {
                assert!(error.sealed_at().is_none(), "no checkpoint, not a sealed one");
                true
            }
            (Err(error), State::Sealed(line)) => {
                assert_eq!(
                    error.sealed_at().map(|place| place.line()),
                    Some(line),
                    "where it is sealed"
                );
                true
            }
            _ => panic!("{result:?}, but the checkpoint is {state:?}"),
        }
    }

    fn change(&mut self, change: Change, var: u8) {
        let (at, handle, uid) = self.var(var);
        let state = self.stack().state();
        let (value, token) = self.value(at, None);
        let number = token.number;
        let (line, result) = match change {
            Change::Set => (line!(), given_back(handle.set(value), number)),
            Change::Unset => (line!(), handle.unset().map(|()| true)),
            Change::Pop => (0, handle.pop()),
            Change::Reset => (0, handle.reset().map(|()| true)),
        };
        if !self.refused(&result, state) {
            self.changed(change, at, uid, line, &token, result.is_ok_and(|done| done));
        }
    }

    fn changed(
        &mut self,
        change: Change,
        at: usize,
        uid: usize,
        line: u32,
        token: &Token,
        done: bool,
    ) {
        match change {
            Change::Set => self.bind(at, line, Some(token)),
            Change::Unset => self.bind(at, line, None),
            Change::Pop => assert_eq!(self.stack().pop(uid), done, "whether there was one to pop"),
            Change::Reset => self.stack().reset(uid),
        }
    }

    fn read(&mut self, var: u8, inside: u8) {
        let (at, handle, uid) = self.var(var);
        let must = oracle::must(&self.stacks, self.current, uid);
        let kept = self.stack().kept();
        let must = must.or_else(|| self.vars[at].global.as_ref().map(|token| token.must.clone()));
        self.reads.push((kept, must));
        let number = handle.try_with(|value| {
            let number = value.number();
            self.steps(usize::from(inside % 16));
            assert_eq!(value.number(), number, "a borrowed value stays");
            number
        });
        self.reads.pop();
        self.check();
        let cloned = handle.try_get().map(|value| value.number());
        let again = handle.try_with(Value::number);
        assert_eq!(cloned.ok(), again.ok(), "a clone of {}, which was {number:?}", handle.name());
    }

    fn run(&mut self, block: Block, var: u8, context: u8, inside: u8, panics: bool) {
        if !self.has_room() {
            return;
        }
        let (at, handle, _) = self.var(var);
        let (context, snapshot) = self.context(context);
        let (uid, plan) = (self.uid(), (usize::from(inside % 16), panics));
        let token = Cell::new(None);
        self.caught(|world| {
            // What is wrapped to be called once is nobody's but the stack's.
            if !matches!(block, Block::WrapFn) || inside % 2 != 0 {
                world.lend(&context);
            }
            let inner = |world: &mut World, enter: &dyn Fn(&mut World)| {
                enter(world);
                world.plan = plan;
                world.planned();
            };
            let bound = |world: &mut World, line| {
                world.stack().enter(uid, State::Sealed(line));
                let token = token.take();
                world.bind(at, line, token.as_ref());
            };
            let open = |world: &mut World| world.stack().enter(uid, State::Open);
            let adopt = |world: &mut World| world.stack().adopt(uid, &snapshot);
            let mut value = || {
                let (value, made) = world.value(at, None);
                token.set(Some(made));
                value
            };
            match block {
                Block::SyncScope => {
                    let (value, line) = (value(), line!() + 1);
                    handle.sync_scope(value, || inner(world, &|world| bound(world, line)))
                }
                Block::Scope => {
                    let (scope, line) = (Scope::new().set(&handle, value()), line!());
                    scope.run(|| inner(world, &|world| bound(world, line)));
                }
                Block::Checkpoint => Checkpoint::run(|| inner(world, &open)),
                Block::Around => Checkpoint::around(|world: &mut World| inner(world, &open))(world),
                Block::Context => context.run(|| inner(world, &adopt)),
                Block::WrapFn => {
                    world.stacks.insert(uid, Stack::new(uid, State::Open, &snapshot));
                    let outer = world.now_runs(uid);
                    world.wait();
                    let before = current_is(uid);
                    let mut call = || inner(world, &|_| {});
                    if inside % 2 == 0 {
                        context.wrap(call)()
                    } else {
                        context.wrap_mut(&mut call)()
                    }
                    current_was(before);
                    world.swapped_out(outer);
                }
            }
        });
        match block {
            Block::WrapFn => drop(self.stacks.remove(&uid)),
            _ => self.left(uid),
        }
    }

    fn with(&mut self, context: u8, var: u8, times: u8) {
        let (mut context, mut snapshot) = self.context(context);
        for time in 0..times {
            let (at, handle, uid) = self.var(var.wrapping_add(time % 3));
            let (value, token) = self.value(at, None);
            let (line, changed) = (line!(), context.with(&handle, value));
            let sight = self.sight(at, line, Some(&token));
            snapshot = Rc::new(snapshot.with(uid, sight, Some(token.may)));
            context = changed;
        }
        self.keep(context, snapshot);
    }

    fn without(&mut self, context: u8, var: u8) {
        let (context, snapshot) = self.context(context);
        let (at, handle, uid) = self.var(var);
        let (line, changed) = (line!(), context.without(&handle));
        let sight = self.sight(at, line, None);
        self.keep(changed, Rc::new(snapshot.with(uid, sight, None)));
    }

    fn enter_context(&mut self, context: u8) {
        if self.has_room() {
            let (context, snapshot) = self.context(context);
            let (guard, uid) = (context.enter(), self.uid());
            self.stack().adopt(uid, &snapshot);
            self.entered(uid, guard);
        }
    }

    fn compare(&mut self, one: u8, other: u8) {
        let ((one, a), (other, b)) = (self.context(one), self.context(other));
        let seen = |snapshot: &Snapshot, var| match snapshot.see(var) {
            Seen::Bound(number, line) => Some((number, line)),
            _ => None,
        };
        let vars: std::collections::BTreeSet<usize> =
            a.shown.keys().chain(b.shown.keys()).copied().collect();
        let number = |pair: Option<(u64, u32)>| pair.map(|pair| pair.0);
        let mut expected: Vec<_> = vars
            .into_iter()
            .map(|var| (seen(&a, var), seen(&b, var)))
            .filter(|(a, b)| number(*a) != number(*b))
            .map(|(a, b)| (a.map(|a| a.1), b.map(|b| b.1)))
            .collect();
        let mut changes: Vec<_> = one
            .changes(&other)
            .iter()
            .map(|change| {
                (change.before.map(|b| b.place().line()), change.after.map(|b| b.place().line()))
            })
            .collect();
        expected.sort_unstable();
        changes.sort_unstable();
        assert_eq!(changes, expected, "changes");
        assert_eq!(one == other, expected.is_empty(), "equality");
        assert!(one == other || !one.ptr_eq(&other), "one point");
    }

    fn downgrade(&mut self, context: u8) {
        let (context, snapshot) = self.context(context);
        if self.weak.len() == MOST_CONTEXTS {
            self.weak.remove(0);
        }
        self.weak.push(WeakSnapshot {
            real: context.downgrade(),
            empty: context.ptr_eq(&Context::empty()),
            snapshot: Rc::downgrade(&snapshot),
            point: snapshot.chain.as_ref().map_or_else(Weak::new, |chain| chain.point()),
            shown: snapshot.shown.iter().map(|(var, sight)| (*var, sight.carried())).collect(),
        });
    }

    fn upgrade(&mut self, weak: u8) {
        let at = pick(weak, self.weak.len());
        let Some(weak) = self.weak.get(at) else { return };
        let (upgraded, snapshot) = (weak.real.upgrade(), weak.snapshot.upgrade());
        if let Some(context) = &upgraded {
            for var in &self.vars {
                let expected = weak.shown.get(&var.uid).copied().unwrap_or(Seen::Absent);
                check_seen(context, &var.handle, expected);
            }
            let there = weak.empty || snapshot.is_some() || weak.point.strong_count() > 0;
            assert!(there, "a context that is gone");
        } else {
            assert!(!weak.empty && snapshot.is_none(), "a context that is there");
        }
        if let (Some(context), Some(snapshot)) = (upgraded, snapshot) {
            self.keep(context, snapshot);
        }
    }

    fn add_task(&mut self, uid: u64, task: Task, stack: Stack) {
        self.tasks.push((uid, Some(task)));
        self.stacks.insert(uid, stack);
    }

    fn new_stack(&mut self, context: u8) {
        if self.tasks.len() >= 8 {
            return;
        }
        let uid = self.uid();
        let (real, stack) = match context % 4 {
            0 => (embed::Stack::new(), Stack::new(uid, State::NoCheckpoint, &Snapshot::default())),
            1 => (embed::Stack::inherit(), Stack::new(uid, State::Open, &self.stack().capture())),
            _ => {
                let (context, snapshot) = self.context(context / 4);
                (embed::Stack::on(context), Stack::new(uid, State::Open, &snapshot))
            }
        };
        self.add_task(uid, Task::Stack(real), stack);
    }

    /// Takes a task that is not running out of the world.
    fn take_task(&mut self, number: u8) -> Option<(u64, Task)> {
        let at = pick(number, self.tasks.len());
        let (uid, task) = self.tasks.get_mut(at)?;
        Some((*uid, task.take()?))
    }

    fn put_task(&mut self, uid: u64, task: Task) {
        let slot = self
            .tasks
            .iter_mut()
            .find(|slot| slot.0 == uid)
            .expect("a task that runs is not dropped");
        slot.1 = Some(task);
    }

    fn run_task(&mut self, number: u8, on_thread: bool) {
        let Some((uid, mut task)) = self.take_task(number) else { return };
        self.caught(|world| {
            if on_thread {
                world.moved.insert(uid);
                let bare = world.uid();
                world
                    .stacks
                    .insert(bare, Stack::new(bare, State::NoCheckpoint, &Snapshot::default()));
                world.on_thread(|world| {
                    let outer = std::mem::replace(&mut world.current, bare);
                    world.poll(uid, &mut task);
                    world.current = outer;
                });
                world.stacks.remove(&bare);
            } else {
                world.poll(uid, &mut task);
            }
        });
        self.put_task(uid, task);
    }

    /// A wrapper that has not begun does so on what is current here.
    fn begin(&mut self, uid: u64) {
        let Some(Waiting { binds, .. }) = self.to_begin.remove(&uid) else { return };
        let mut stack = Stack::going_on(uid, &self.stack().capture());
        if let Some(Binds { var, line, sealed, token }) = binds {
            if sealed {
                stack.enter(self.uid(), State::Sealed(line));
            }
            let at =
                self.vars.iter().position(|known| known.uid == var).expect("it stays until then");
            let sight = self.sight(at, line, Some(&token));
            stack.bind(var, sight, Some(token.may));
        }
        self.stacks.insert(uid, stack);
    }

    /// Makes the stack of a task the current one; says which one was.
    fn swap_in(&mut self, uid: u64, begins: &str) -> u64 {
        if self.to_begin.contains_key(&uid) {
            met::note(begins);
            self.begin(uid);
        }
        let outer = self.now_runs(uid);
        self.stack().runs_over(outer);
        outer
    }

    /// Another stack is the current one; says which one was.
    fn now_runs(&mut self, uid: u64) -> u64 {
        self.beneath.push(self.late.len());
        std::mem::replace(&mut self.current, uid)
    }

    fn poll(&mut self, uid: u64, task: &mut Task) {
        let begins =
            if self.abroad > 0 { "begins on another thread" } else { "begins where it is polled" };
        let outer = self.swap_in(uid, begins);
        self.wait();
        let before = current_is(uid);
        match task {
            Task::Stack(stack) => stack.run(|| self.planned()),
            Task::Future(future, mailbox) => {
                let mailbox = mailbox.clone();
                self.lent(&mailbox, || {
                    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                    assert!(Future::poll(future.as_mut(), &mut context).is_pending());
                });
            }
        }
        current_was(before);
        self.waiting.pop();
        self.swapped_out(outer);
    }

    /// Calls `f` with the world in a mailbox.
    fn lent(&mut self, mailbox: &Mailbox, f: impl FnOnce()) {
        *mailbox.borrow_mut() = Some(std::mem::take(self));
        let result = catch_unwind(AssertUnwindSafe(f));
        *self = mailbox.borrow_mut().take().expect("the world comes back");
        if let Err(panic) = result {
            resume_unwind(panic);
        }
    }

    pub(crate) fn drop_task(&mut self, at: usize) {
        let (uid, task) = &mut self.tasks[at];
        let (uid, task) = (*uid, task.take());
        let outer = self.swap_in(uid, "begins where it is dropped");
        self.wait();
        let before = current_is(uid);
        match task {
            Some(Task::Future(future, mailbox)) => self.lent(&mailbox, || drop(future)),
            other => drop(other),
        }
        current_was(before);
        self.waiting.pop();
        self.swapped_out(outer);
        self.tasks.retain(|task| task.0 != uid);
        self.stacks.remove(&uid);
    }

    fn change_stack(&mut self, task: u8, change: Change, var: u8) {
        let Some((uid, mut task)) = self.take_task(task) else { return };
        if let Task::Stack(stack) = &mut task {
            let outer = std::mem::replace(&mut self.current, uid);
            let (at, handle, var) = self.var(var);
            let state = self.stack().state();
            let (value, token) = self.value(at, None);
            let number = token.number;
            let (line, result) = match change {
                Change::Set => (line!(), given_back(stack.set(&handle, value), number)),
                Change::Unset => (line!(), stack.unset(&handle).map(|()| true)),
                Change::Pop => (0, stack.pop(&handle)),
                Change::Reset => (0, stack.reset(&handle).map(|()| true)),
            };
            if !self.refused(&result, state) {
                self.changed(change, at, var, line, &token, result.is_ok_and(|done| done));
            }
            self.check_stack(stack);
            self.current = outer;
        }
        self.put_task(uid, task);
    }

    /// Compares a stack that is not current; the oracle's is.
    fn check_stack(&mut self, stack: &embed::Stack) {
        let oracle = &self.stacks[&self.current];
        for var in &self.vars {
            let expected = oracle.see(var.uid);
            let number = stack.get(&var.handle).map(Value::number);
            let reason = stack
                .try_get(&var.handle)
                .map(Value::number)
                .map_err(|missing| of_reason(missing.reason()));
            match expected {
                Seen::Bound(expected, _) => {
                    assert_eq!((number, reason), (Some(expected), Ok(expected)))
                }
                other => assert_eq!((number, reason), (None, Err(other))),
            }
            assert_eq!(stack.is_bound(&var.handle), number.is_some());
        }
    }

    fn nest_stack(&mut self, task: u8, var: u8) {
        let Some((uid, mut task)) = self.take_task(task) else { return };
        if let Task::Stack(stack) = &mut task {
            let outer = std::mem::replace(&mut self.current, uid);
            let ((at, handle, _), (b, two, _)) = (self.var(var), self.var(var / 2));
            let ((value, token), (other, second)) = (self.value(at, None), self.value(b, None));
            let (sealed, open) = (self.uid(), self.uid());
            let line = line!() + 1;
            stack.scope(&handle, value, |stack| {
                self.stack().enter(sealed, State::Sealed(line));
                self.bind(at, line, Some(&token));
                self.check_stack(stack);
                let line = line!() + 1;
                stack.checkpoint(|stack| {
                    self.stack().enter(open, State::Open);
                    let line = line!() + 1;
                    stack.set(&two, other).expect("it is open");
                    self.bind(b, line, Some(&second));
                    self.check_stack(stack);
                });
                let _ = line;
                self.left(open);
                self.check_stack(stack);
            });
            self.left(sealed);
            self.check_stack(stack);
            self.current = outer;
        }
        self.put_task(uid, task);
    }

    fn capture_task(&mut self, task: u8) {
        let Some((uid, mut task)) = self.take_task(task) else { return };
        let context = match &mut task {
            Task::Stack(stack) => stack.capture(),
            Task::Future(future, _) => future.as_mut().context(),
        };
        self.begin(uid);
        let snapshot = Rc::new(self.stacks[&uid].capture());
        self.put_task(uid, task);
        self.keep(context, snapshot);
    }

    fn wrap(&mut self, wrapping: Wrapping, var: u8, context: u8, last: u8) {
        if self.tasks.len() >= 8 {
            return;
        }
        let mailbox = Mailbox::default();
        let steps = Steps { mailbox: mailbox.clone(), last: usize::from(last % 8) };
        let uid = self.uid();
        let (at, handle, _) = self.var(var);
        let (value, token) = self.value(at, None);
        let var = self.vars[at].uid;
        // What only binds begins where it is first polled, or where it is first asked for
        // something.
        let begins_later = context % 2 == 1;
        let (context, snapshot) = self.context(context);
        let here = self.stack().capture();
        let handle = handle.for_ever();
        let on = |snapshot: &Snapshot| Some(Stack::new(uid, State::Open, snapshot));
        let binds = |line, sealed| Some(Binds { var, line, sealed, token: token.clone() });
        let mut has = Roots::default();
        let (mut future, stack, binds): (Pin<Box<dyn Wrapped>>, _, _) = match wrapping {
            Wrapping::InContext => (Box::pin(steps.in_context(context)), on(&snapshot), None),
            Wrapping::InCurrent => (Box::pin(steps.in_current_context()), on(&here), None),
            Wrapping::Detached => (Box::pin(steps.detached()), on(&Snapshot::default()), None),
            Wrapping::Var => (Box::pin(handle.scope(value, steps)), None, binds(line!(), true)),
            Wrapping::Scope => {
                (Box::pin(Scope::new().set(handle, value).wrap(steps)), None, binds(line!(), true))
            }
            Wrapping::Checkpoint => (Box::pin(Checkpoint::wrap(steps)), None, None),
            Wrapping::Prepared => {
                let (line, prepared) = (line!(), Checkpoint::prepare().set(handle, value));
                has.prepared(&prepared);
                self.used(at);
                (Box::pin(prepared.wrap(steps)), None, binds(line, false))
            }
        };
        drop(token);
        let is_begun = stack.is_some();
        match stack {
            Some(stack) => drop(self.stacks.insert(uid, stack)),
            None => drop(self.to_begin.insert(uid, Waiting { binds, has })),
        }
        if is_begun || !begins_later {
            let begun = future.as_mut().context();
            self.begin(uid);
            let snapshot = Rc::new(self.stacks[&uid].capture());
            self.keep(begun, snapshot);
        }
        self.tasks.push((uid, Some(Task::Future(future, mailbox))));
    }

    /// Goes on on another thread, whose own stack is empty, and waits for it.
    fn on_thread(&mut self, f: impl FnOnce(&mut World)) {
        self.wait();
        // An idle thread keeps what it read of process-wide values.
        Shared::flush_thread();
        let ferry = Ferry((&mut *self, f));
        let joined = std::thread::scope(|scope| {
            let job = move || {
                let (world, f) = ferry.land();
                world.abroad(vec![], f);
            };
            scope.spawn(job).join()
        });
        if let Err(panic) = joined {
            resume_unwind(panic);
        }
        self.waiting.pop();
    }

    /// On another thread, on its own stack or on one above it.
    fn abroad(&mut self, beneath: Vec<usize>, f: impl FnOnce(&mut World)) {
        let home = std::mem::replace(&mut self.misuses, misuses());
        let late = std::mem::take(&mut self.late);
        let beneath = std::mem::replace(&mut self.beneath, beneath);
        let before = current_is(self.current);
        self.abroad += 1;
        f(self);
        self.settle();
        self.abroad -= 1;
        current_was(before);
        (self.misuses, self.late, self.beneath) = (home, late, beneath);
        met::collect();
    }

    fn thread(&mut self, start: Start, context: u8, inside: u8) {
        // Threads are slow: only some.
        if context % 4 != 0 {
            return;
        }
        let uid = self.uid();
        let stack = match start {
            Start::Carrying => Stack::new(uid, State::Open, &self.stack().capture()),
            Start::Detached => Stack::new(uid, State::Open, &Snapshot::default()),
            Start::Plain => Stack::new(uid, State::NoCheckpoint, &Snapshot::default()),
        };
        self.stacks.insert(uid, stack);
        let outer = std::mem::replace(&mut self.current, uid);
        self.plan(inside, false);
        match start {
            Start::Plain => self.on_thread(World::planned),
            Start::Carrying | Start::Detached => {
                self.on_our_thread(matches!(start, Start::Carrying))
            }
        }
        self.current = outer;
        self.stacks.remove(&uid);
    }

    fn on_our_thread(&mut self, carrying: bool) {
        self.wait();
        Shared::flush_thread();
        let ferry = Ferry(&mut *self);
        let joined = stackholm::thread::scope(|scope| {
            let job = move || ferry.land().abroad(vec![0], World::planned);
            if carrying { scope.spawn(job).join() } else { scope.spawn_detached(job).join() }
        });
        if let Err(panic) = joined {
            resume_unwind(panic);
        }
        self.waiting.pop();
    }

    fn new_var(&mut self, reach: u8, gap: u8) {
        if self.vars.len() >= MOST_VARS {
            return;
        }
        let default = gap % 8 == 7;
        let var = if default {
            Var::with_default("made with a default", Value::default)
        } else if gap % 2 == 0 {
            Var::new("made")
        } else {
            Var::named(format!("made {}", self.last_uid))
        };
        let (var, reach) = match reach % 8 {
            0 => (var.stays_on_stack(), Reach::Stack),
            1 => (var.stays_in_checkpoint(), Reach::Checkpoint),
            _ => (var, Reach::Everywhere),
        };
        // The ids of most lie so that the index must go deeper.
        let fillers = match gap % 8 {
            0 | 1 | 7 => 0,
            6 if reach == Reach::Stack => 1023,
            _ => 31,
        };
        for _ in 0..fillers {
            let filler: Var<()> = Var::new("filler");
            drop(Context::empty().with(&filler, ()));
        }
        let rank = (gap % 8 != 0).then(|| {
            drop(Context::empty().with(&var, Value::default()));
            self.rank()
        });
        self.add_var(Handle::Made(Arc::new(var)), reach, rank, default);
    }

    fn drop_var(&mut self, var: u8) {
        let (at, handle, _) = self.var(var);
        let uid = self.vars[at].uid;
        let is_awaited =
            |waiting: &Waiting| waiting.binds.as_ref().is_some_and(|binds| binds.var == uid);
        if matches!(handle, Handle::Made(_)) && !self.to_begin.values().any(is_awaited) {
            drop(handle.clear_global());
            drop(handle);
            self.vars.swap_remove(at);
        }
    }

    fn enter_leaving(&mut self, var: u8) {
        if !self.has_room() {
            return;
        }
        let Some((uid, guard)) = self.guards.pop() else { return };
        self.enter(var, None);
        let number = self.last_value;
        leaves(number, uid, guard);
    }

    fn enter_outgrown(&mut self, var: u8, more: u8) {
        let (context, snapshot) = self.context(more);
        // One of so many in turn is the one that is entered with a whole index.
        let times = 2 * snapshot.shown.len() + 30 + usize::from(more % 8);
        let (mut context, mut snapshot) = (context, snapshot);
        for time in 0..times {
            let (at, handle, uid) = self.var(if time == 0 { var } else { var.wrapping_add(1) });
            let (value, token) = self.value(at, None);
            let (line, changed) = (line!(), context.with(&handle, value));
            let sight = self.sight(at, line, Some(&token));
            snapshot = Rc::new(snapshot.with(uid, sight, Some(token.may)));
            context = changed;
        }
        if self.has_room() {
            let (guard, uid) = (context.enter(), self.uid());
            self.stack().adopt(uid, &snapshot);
            self.entered(uid, guard);
        }
    }

    fn generations(&mut self, var: u8, times: u8) {
        let (mut context, mut snapshot) = self.context(var);
        for _ in 0..times % 48 {
            let ((a, one, _), (b, two, _)) = (self.var(var), self.var(var.wrapping_add(1)));
            let ((x, tx), (y, ty)) = (self.value(a, None), self.value(b, None));
            let (uid, scope) = (self.uid(), self.uid());
            let mut stack = embed::Stack::on(context);
            self.stacks.insert(uid, Stack::new(uid, State::Open, &snapshot));
            let outer = self.now_runs(uid);
            let before = current_is(uid);
            context = stack.run(|| {
                let (line, guard) = (line!(), Scope::new().set(&one, x).set(&two, y).enter());
                self.stack().enter(scope, State::Sealed(line));
                self.bind(a, line, Some(&tx));
                self.bind(b, line, Some(&ty));
                snapshot = Rc::new(self.stack().capture());
                let context = Context::current();
                drop(guard);
                self.left(scope);
                context
            });
            drop(stack);
            current_was(before);
            self.swapped_out(outer);
            self.stacks.remove(&uid);
        }
        self.keep(context, snapshot);
    }

    /// Ids that differ by the number of ways meet in the index.
    fn collide(&mut self, change: Change) {
        let first = self.vars.len();
        self.new_var(7, 2);
        self.new_var(7, 2);
        if !self.has_room() || self.vars.len() < first + 2 {
            return;
        }
        self.enter_checkpoint();
        let [one, other] = [first, first + 1].map(|at| u8::try_from(at).expect("few variables"));
        self.change(Change::Set, one);
        self.change(Change::Set, other);
        self.change(change, one);
        self.check();
        self.change(Change::Pop, other);
    }

    fn end_busy(&mut self, var: u8) {
        let (at, handle, _) = self.var(var);
        let (value, token) = self.value(at, None);
        let uid = self.uid();
        let mut stack = embed::Stack::inherit();
        let own = Stack::new(uid, State::Open, &self.stack().capture());
        self.stacks.insert(uid, own);
        let outer = self.now_runs(uid);
        let line = line!() + 1;
        stack.set(&handle, value).expect("it is open");
        self.bind(at, line, Some(&token));
        drop(token);
        let before = current_is(uid);
        while_busy(|| drop(stack));
        current_was(before);
        self.swapped_out(outer);
        self.stacks.remove(&uid);
    }

    /// Lets a feature be there on the current stack.
    fn meet_one(&mut self, feature: u8) {
        match FEATURES[usize::from(feature)] {
            "short reach" if self.stack().state() == State::Open => self.change(Change::Set, 2),
            "short reach" => self.enter(2, None),
            "compaction" => {
                self.enter_checkpoint();
                self.change(Change::Set, 3);
                for time in 0..2 * self.vars.len() + 40 {
                    self.change(Change::Set, (time % 2) as u8);
                }
            }
            "batch" => self.enter_scope(5, 0),
            "known weakly" => {
                let (context, snapshot) = self.capture();
                self.keep(context, snapshot);
                let last = u8::try_from(self.contexts.len() - 1).expect("few contexts");
                self.downgrade(last);
            }
            "prepared" => self.enter_prepared(0, 1, 0),
            "entered again" => {
                self.enter(1, None);
                self.enter(0, None);
                self.leave(self.guards.len().saturating_sub(1));
                self.enter(0, None);
            }
            "goes on" => self.meet_inside(true, false, &[]),
            _ => {}
        }
        self.check();
    }

    /// Lets two features meet.
    fn meet(&mut self, one: u8, other: u8) {
        let [one, other] = [one, other].map(|number| pick(number, FEATURES.len()) as u8);
        let (first, second) = (one.min(other), one.max(other));
        match FEATURES[usize::from(second)] {
            "goes on" => self.meet_inside(true, false, &[first]),
            "moved" if FEATURES[usize::from(first)] == "goes on" => {
                self.meet_inside(true, true, &[])
            }
            "moved" => self.meet_inside(false, true, &[first]),
            "several threads" if FEATURES[usize::from(first)] == "moved" => {
                self.meet_one(2);
                self.meet_inside(false, true, &[]);
            }
            "several threads" if FEATURES[usize::from(first)] == "goes on" => {
                self.meet_one(2);
                self.meet_inside(true, true, &[]);
            }
            "several threads" => {
                self.meet_one(first);
                self.to_meet = vec![first];
                self.thread(Start::Carrying, 0, 0);
            }
            _ => {
                self.meet_one(first);
                self.meet_one(second);
            }
        }
    }

    /// On a stack that inherits from this one, or on which the work goes on; here or on another
    /// thread.
    fn meet_inside(&mut self, goes_on: bool, on_thread: bool, features: &[u8]) {
        let tasks = self.tasks.len();
        if goes_on {
            self.wrap(Wrapping::Checkpoint, 0, 0, 0)
        } else {
            self.new_stack(1)
        }
        if self.tasks.len() > tasks {
            self.to_meet = features.to_vec();
            self.plan(0, false);
            self.run_task(tasks as u8, on_thread);
        }
    }

    fn set_global(&mut self, var: u8) {
        let (at, handle, _) = self.var(var);
        // The statics are shared with other threads' programs.
        if matches!(handle, Handle::Made(_)) {
            let (value, token) = self.value(at, None);
            let old = handle.set_global(value).map(|value| value.number());
            let expected = self.vars[at].global.replace(token).map(|token| token.number);
            assert_eq!(old, expected, "the global value before");
        }
    }

    fn clear_global(&mut self, var: u8) {
        let (at, handle, _) = self.var(var);
        if matches!(handle, Handle::Made(_)) {
            let old = handle.clear_global().map(|value| value.number());
            let expected = self.vars[at].global.take().map(|token| token.number);
            assert_eq!(old, expected, "the global value before");
        }
    }
}

/// A value that was refused comes back.
fn given_back(
    result: Result<(), stackholm::SetError<Value>>,
    number: u64,
) -> Result<bool, NotOpen> {
    result.map(|()| true).map_err(|error| {
        let open = error.error().clone();
        assert_eq!(error.into_value().number(), number, "the value comes back");
        open
    })
}
