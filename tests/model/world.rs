//! The world of one program: the real things beside what the oracle says of them, and their
//! comparison.

use super::met;
use super::op::Op;
use super::oracle::{
    self, Bound, Kept, Leaving, May, Must, Point, Reach, Seen, Sight, Snapshot, Stack, Stacks,
};
use super::roots::Roots;
use super::value::{DEFAULT, Left, Value, left_by_values};
use stackholm::{
    Context, Entered, InContext, Misuse, Reason, Source, Var, WeakContext, embed, on_misuse,
};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{self, Poll};

static PLAIN: Var<Value> = Var::new("plain");
static DEFAULTED: Var<Value> = Var::with_default("defaulted", Value::default);
static STACK: Var<Value> = Var::new("stack").stays_on_stack();
static CHECKPOINT: Var<Value> = Var::new("checkpoint").stays_in_checkpoint();
static STATICS: [(&Var<Value>, Reach); 4] = [
    (&PLAIN, Reach::Everywhere),
    (&DEFAULTED, Reach::Everywhere),
    (&STACK, Reach::Stack),
    (&CHECKPOINT, Reach::Checkpoint),
];

thread_local! {
    static MISUSES: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

fn count(misuse: Misuse) {
    let (inner, not_here) = MISUSES.get();
    MISUSES.set(match misuse {
        Misuse::LeftWithInner => (inner + 1, not_here),
        _ => (inner, not_here + 1),
    });
}

/// Things that are done once in a process: the hook, and the ids of the statics, in order.
fn prepare_process() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        on_misuse(count).expect("nobody else counts");
        for (var, _) in STATICS {
            drop(Context::empty().with(var, Value::default()));
        }
    });
}

#[derive(Clone)]
pub(crate) enum Handle {
    Static(&'static Var<Value>),
    Made(Arc<Var<Value>>),
}

impl Deref for Handle {
    type Target = Var<Value>;

    fn deref(&self) -> &Var<Value> {
        match self {
            Handle::Static(var) => var,
            Handle::Made(var) => var,
        }
    }
}

impl Handle {
    /// For a wrapper, which borrows its variable until it begins. The variable stays where a leak
    /// check finds it.
    pub(crate) fn for_ever(self) -> &'static Var<Value> {
        static ALL: Mutex<Vec<&'static Arc<Var<Value>>>> = Mutex::new(Vec::new());
        match self {
            Handle::Static(var) => var,
            Handle::Made(var) => {
                let var: &'static Arc<Var<Value>> = Box::leak(Box::new(var));
                ALL.lock().unwrap_or_else(PoisonError::into_inner).push(var);
                var
            }
        }
    }
}

pub(crate) struct Variable {
    pub(crate) handle: Handle,
    pub(crate) uid: usize,
    pub(crate) reach: Reach,
    pub(crate) rank: Option<u32>,
    pub(crate) default: bool,
    pub(crate) global: Option<Token>,
}

/// A value that was made, and the right to say where it is.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) number: u64,
    pub(crate) must: Rc<Must>,
    pub(crate) may: Rc<May>,
}

pub(crate) struct Made {
    number: u64,
    drops: Arc<AtomicU8>,
    must: Weak<Must>,
    may: Weak<May>,
    /// The context that it owns while it is alive.
    holds: std::sync::Weak<Context>,
}

pub(crate) struct WeakSnapshot {
    pub(crate) real: WeakContext,
    pub(crate) empty: bool,
    pub(crate) snapshot: Weak<Snapshot>,
    pub(crate) point: Weak<Point>,
    pub(crate) shown: BTreeMap<usize, Seen>,
}

/// A future that does operations whenever it is polled, and some more when it is dropped.
pub(crate) struct Steps {
    pub(crate) mailbox: Mailbox,
    pub(crate) last: usize,
}

/// How the world gets into a future and out again.
pub(crate) type Mailbox = Rc<RefCell<Option<World>>>;

/// Puts the world back, also after a panic.
struct Back<'a>(&'a Mailbox, World);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        *self.0.borrow_mut() = Some(std::mem::take(&mut self.1));
    }
}

impl Future for Steps {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<()> {
        let world = self.mailbox.borrow_mut().take().expect("polled with a world");
        let mut back = Back(&self.mailbox, world);
        back.1.planned();
        Poll::Pending
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        let world = self.mailbox.borrow_mut().take();
        if let Some(world) = world {
            let mut back = Back(&self.mailbox, world);
            back.1.check();
            back.1.steps(self.last);
        }
    }
}

pub(crate) enum Task {
    Stack(embed::Stack),
    Future(Pin<Box<dyn Wrapped>>, Mailbox),
}

/// A wrapper that has not begun.
pub(crate) struct Waiting {
    /// What it is going to bind.
    pub(crate) binds: Option<Binds>,
    /// What it has meanwhile.
    pub(crate) has: Roots,
}

pub(crate) struct Binds {
    /// The variable's uid; it stays while somebody is going to bind it.
    pub(crate) var: usize,
    pub(crate) line: u32,
    pub(crate) sealed: bool,
    pub(crate) token: Token,
}

/// A wrapped future, whatever it binds.
pub(crate) trait Wrapped: Future<Output = <Steps as Future>::Output> {
    fn context(self: Pin<&mut Self>) -> Context;

    fn name(self: Pin<&mut Self>, roots: &mut Roots);
}

impl<B> Wrapped for InContext<Steps, B> {
    fn context(self: Pin<&mut Self>) -> Context {
        self.context()
    }

    fn name(self: Pin<&mut Self>, roots: &mut Roots) {
        roots.future(self);
    }
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) program: Arc<[Op]>,
    pub(crate) next: usize,
    pub(crate) depth: u32,
    pub(crate) plan: (usize, bool),
    pub(crate) last_uid: u64,
    pub(crate) last_value: u64,
    pub(crate) last_rank: u32,
    pub(crate) vars: Vec<Variable>,
    pub(crate) live: Vec<Made>,
    pub(crate) guards: Vec<(u64, Entered)>,
    /// Guards that were dropped where their checkpoint was not, by its number.
    pub(crate) late: Vec<u64>,
    /// For each stack of this thread that waits beneath the current one, how many of them there
    /// were when it began to wait.
    pub(crate) beneath: Vec<usize>,
    pub(crate) contexts: Vec<(Context, Rc<Snapshot>)>,
    pub(crate) weak: Vec<WeakSnapshot>,
    pub(crate) tasks: Vec<(u64, Option<Task>)>,
    /// Wrappers that have not begun, by the numbers of their tasks; they have no stack.
    pub(crate) to_begin: BTreeMap<u64, Waiting>,
    pub(crate) stacks: Stacks,
    pub(crate) current: u64,
    pub(crate) reads: Vec<(Kept, Option<Rc<Must>>)>,
    /// Stacks that wait while another one is current, and what operations that are being done have.
    pub(crate) waiting: Vec<Roots>,
    /// The stacks that were run on another thread.
    pub(crate) moved: BTreeSet<u64>,
    /// How many threads wait for this one.
    pub(crate) abroad: usize,
    /// Features that are to meet where the next stack is run.
    pub(crate) to_meet: Vec<u8>,
    pub(crate) misuses: (u64, u64),
    pub(crate) done: u64,
    pub(crate) traced: bool,
}

impl World {
    pub(crate) fn new(program: &[Op]) -> Self {
        prepare_process();
        let traced = std::env::var_os("STACKHOLM_TRACE").is_some();
        let mut world =
            World { program: program.into(), misuses: MISUSES.get(), traced, ..World::default() };
        for (var, reach) in STATICS {
            let rank = Some(world.rank());
            world.add_var(Handle::Static(var), reach, rank, std::ptr::eq(var, &DEFAULTED));
        }
        world
    }

    pub(crate) fn uid(&mut self) -> u64 {
        self.last_uid += 1;
        self.last_uid
    }

    pub(crate) fn rank(&mut self) -> u32 {
        self.last_rank += 1;
        self.last_rank
    }

    pub(crate) fn add_var(
        &mut self,
        handle: Handle,
        reach: Reach,
        rank: Option<u32>,
        default: bool,
    ) {
        let uid = self.uid() as usize;
        self.vars.push(Variable { handle, uid, reach, rank, default, global: None });
    }

    pub(crate) fn stack(&mut self) -> &mut Stack {
        self.stacks.get_mut(&self.current).expect("the current stack is there")
    }

    /// A value that nobody has yet.
    pub(crate) fn value(
        &mut self,
        var: usize,
        holds: Option<(Context, Rc<Snapshot>)>,
    ) -> (Value, Token) {
        let number = self.uid();
        self.last_value = number;
        let drops = Arc::new(AtomicU8::new(0));
        let (context, snapshot) = holds.unzip();
        let chain = snapshot.as_ref().and_then(|snapshot: &Rc<Snapshot>| snapshot.chain.clone());
        let context = context.map(Arc::new);
        let holds = context.as_ref().map_or_else(std::sync::Weak::new, Arc::downgrade);
        let (must, may) = (Rc::new(Must { _context: snapshot }), Rc::new(May { _chain: chain }));
        let made = Made {
            number,
            drops: drops.clone(),
            must: Rc::downgrade(&must),
            may: Rc::downgrade(&may),
            holds,
        };
        self.live.push(made);
        let of = match self.vars[var].handle {
            Handle::Static(var) => Some(var),
            Handle::Made(_) => None,
        };
        (Value::new(number, drops, of, context), Token { number, must, may })
    }

    /// A variable is used, for the first time or not; says when that was.
    pub(crate) fn used(&mut self, var: usize) -> u32 {
        let rank = self.vars[var].rank.unwrap_or_else(|| self.rank());
        self.vars[var].rank = Some(rank);
        rank
    }

    /// What a binding made at `line` shows; `None`: a mask. The variable has been used with that.
    pub(crate) fn sight(&mut self, var: usize, line: u32, token: Option<&Token>) -> Sight {
        let rank = self.used(var);
        let var = &self.vars[var];
        let reach = if token.is_some() { var.reach } else { Reach::Everywhere };
        let name = var.handle.name().into();
        let number = token.map(|token| token.number);
        let identity = if reach == Reach::Everywhere { number } else { Some(self.uid()) };
        let bound = Rc::new(Bound { name, rank, reach, line, number, identity });
        Sight { bound, must: token.map(|token| token.must.clone()), layer: None }
    }

    /// Binds or masks in the innermost checkpoint of the current stack of the oracle.
    pub(crate) fn bind(&mut self, var: usize, line: u32, token: Option<&Token>) {
        let (uid, sight) = (self.vars[var].uid, self.sight(var, line, token));
        self.stack().bind(uid, sight, token.map(|token| token.may.clone()));
    }

    /// What the oracle does when a guard is dropped.
    pub(crate) fn left(&mut self, uid: u64) {
        use super::oracle::Leaving::*;
        match self.stack().leave(uid) {
            InOrder => {}
            WithInner => self.misuses.0 += 1,
            NotHere => self.not_here(uid),
        }
        self.settle();
    }

    /// A guard was dropped where its checkpoint is not.
    fn not_here(&mut self, uid: u64) {
        self.misuses.1 += 1;
        if !self.beneath.is_empty() {
            self.late.push(uid);
        }
    }

    /// The current stack is swapped out, and `outer` is current again: what was to be left there is.
    pub(crate) fn swapped_out(&mut self, outer: u64) {
        self.current = outer;
        self.settle_all(true);
        let before = self.beneath.pop().expect("it waited");
        for uid in self.late.split_off(before) {
            if self.stack().has(uid) {
                met::note("is left late");
                self.stack().leave(uid);
            } else if !self.beneath.is_empty() {
                self.late.push(uid);
            }
        }
        self.settle_all(true);
    }

    /// Tells the oracle what values have left as they ended.
    pub(crate) fn settle(&mut self) {
        self.settle_all(false);
    }

    /// Tells the oracle that, and how it went where it does not know in which order they did:
    /// before a stack was swapped out, or as the next one left what it had to.
    fn settle_all(&mut self, as_it_went: bool) {
        for Left { uid, stacks, found, with_inner } in left_by_values() {
            if !found {
                self.not_here(uid);
                continue;
            }
            let stack = stacks
                .into_iter()
                .find(|uids| self.stacks.get(uids).is_some_and(|stack| stack.has(uid)));
            let stack = self
                .stacks
                .get_mut(&stack.expect("what was found is there"))
                .expect("it was found");
            let leaving = stack.leave(uid);
            self.misuses.0 +=
                u64::from(if as_it_went { with_inner } else { leaving == Leaving::WithInner });
        }
    }

    /// Compares everything that can be seen from here, and the drops of all values.
    pub(crate) fn check(&mut self) {
        self.done += 1;
        self.settle();
        self.check_drops();
        assert_eq!(MISUSES.get(), self.misuses, "misuses: left with inner, not here");
        for var in &self.vars {
            let (seen, through) = oracle::see(&self.stacks, self.current, var.uid);
            check_read(var, seen);
            self.note_through(var, seen, through);
        }
        let at = self.done as usize;
        let var = &self.vars[at % self.vars.len()];
        let history: Vec<Seen> = var.handle.history().into_iter().map(without_value).collect();
        let expected = oracle::history(&self.stacks, self.current, var.uid);
        let expected: Vec<Seen> = expected.into_iter().map(forget_value).collect();
        assert_eq!(history, expected, "history of {}", var.handle.name());
        if !self.contexts.is_empty() {
            let (context, snapshot) = &self.contexts[at % self.contexts.len()];
            self.check_context(context, snapshot);
        }
        self.walk();
    }

    /// Notes what is seen of a variable that stays on its stack, where the work goes on.
    fn note_through(&self, var: &Variable, seen: Seen, through: bool) {
        if through {
            met::note("is seen through a stack");
        } else if var.reach == Reach::Stack
            && self.stacks[&self.current].goes_on()
            && matches!(seen, Seen::NotCarried(_))
        {
            met::note("is not seen through a stack");
        }
    }

    /// Compares the counts of all frames with what is kept.
    fn walk(&mut self) {
        let mut roots = self.here();
        self.waiting.iter().for_each(|waiting| roots.add(waiting));
        self.contexts.iter().for_each(|(context, _)| roots.context(context));
        self.live
            .iter()
            .filter_map(|made| made.holds.upgrade())
            .for_each(|context| roots.context(&context));
        self.weak.iter().for_each(|weak| roots.weak(&weak.real));
        self.to_begin.values().for_each(|waiting| roots.add(&waiting.has));
        for (uid, task) in &mut self.tasks {
            match task {
                // A look at it would begin it.
                Some(Task::Future(..)) if self.to_begin.contains_key(uid) => {}
                Some(Task::Stack(stack)) => roots.stack(stack),
                Some(Task::Future(future, _)) => future.as_mut().name(&mut roots),
                None => {}
            }
        }
        #[expect(unsafe_code, reason = "it follows what was named")]
        // SAFETY: all that has counts of what this program made was named, just now or where it
        // began to wait, and each program has one thread at a time.
        unsafe {
            roots.check();
            let mut features = roots.shapes();
            if self.stacks[&self.current].goes_on() {
                features.push("goes on");
            }
            if self.moved.contains(&self.current) {
                features.push("moved");
            }
            if self.abroad > 0 && features.contains(&"inherited") {
                features.push("several threads");
            }
            met::together(&features);
        }
    }

    /// The stack that is current here.
    fn here(&self) -> Roots {
        let mut roots = Roots::default();
        roots.current();
        roots
    }

    /// What is current here waits until as many have gone on as there are now.
    pub(crate) fn wait(&mut self) {
        let here = self.here();
        self.waiting.push(here);
    }

    /// An operation has a context that nobody else knows of.
    pub(crate) fn lend(&mut self, context: &Context) {
        let mut roots = Roots::default();
        roots.context(context);
        self.waiting.push(roots);
    }

    pub(crate) fn check_drops(&mut self) {
        self.live.retain(|made| {
            let drops = made.drops.load(SeqCst);
            let (must, may) = (made.must.strong_count() > 0, made.may.strong_count() > 0);
            assert!(drops < 2, "value {} was dropped {drops} times", made.number);
            if must {
                assert_eq!(drops, 0, "value {} was dropped while it is seen", made.number);
            } else if !may {
                assert_eq!(
                    drops, 1,
                    "value {} was not dropped when nobody had it any more",
                    made.number
                );
            }
            must || may
        });
    }

    pub(crate) fn check_all(&self) {
        for (context, snapshot) in &self.contexts {
            self.check_context(context, snapshot);
        }
        for (one, a) in &self.contexts {
            for (other, b) in &self.contexts {
                let same = a.shows() == b.shows();
                assert_eq!(one == other, same, "equality of contexts");
                assert!(same || !one.ptr_eq(other), "contexts of one point are equal");
            }
        }
    }

    pub(crate) fn check_context(&self, context: &Context, snapshot: &Snapshot) {
        let mut shown: Vec<_> = snapshot
            .shown
            .values()
            .filter(|sight| matches!(sight.carried(), Seen::Bound(..)))
            .map(|sight| (sight.bound.rank, sight.bound.name.as_str(), sight.bound.line))
            .collect();
        shown.sort_unstable();
        assert_eq!(context.len(), shown.len(), "length of a context");
        let listed = context.iter().map(|binding| (binding.name(), binding.place().line()));
        assert!(listed.eq(shown.iter().map(|(_, name, line)| (*name, *line))), "list of a context");
        for var in &self.vars {
            check_seen(context, &var.handle, snapshot.see(var.uid));
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.live.is_empty()
    }
}

/// Compares one variable of a context.
pub(crate) fn check_seen(context: &Context, var: &Var<Value>, expected: Seen) {
    let got = context.get(var).map(Value::number);
    let seen = match context.try_get(var) {
        Ok(value) => {
            assert_eq!(got, Some(value.number()), "both ways of reading {}", var.name());
            assert!(
                matches!(expected, Seen::Bound(number, _) if number == value.number()),
                "{}",
                var.name()
            );
            return;
        }
        Err(missing) => of_reason(missing.reason()),
    };
    assert_eq!((got, seen), (None, expected), "{} in a context", var.name());
}

pub(crate) fn of_reason(reason: Reason) -> Seen {
    match reason {
        Reason::Masked(place) => Seen::Masked(place.line()),
        Reason::NotCarried(place) => Seen::NotCarried(place.line()),
        _ => Seen::Absent,
    }
}

fn without_value(source: Source) -> Seen {
    match source {
        Source::Bound(place) => Seen::Bound(0, place.line()),
        Source::Missing(reason) => of_reason(reason),
        other => panic!("{other:?} is no binding"),
    }
}

fn forget_value(seen: Seen) -> Seen {
    match seen {
        Seen::Bound(_, line) => Seen::Bound(0, line),
        other => other,
    }
}

/// Compares all that can be read of one variable.
fn check_read(var: &Variable, seen: Seen) {
    let name = var.handle.name();
    let read = var.handle.try_with(Value::number).map_err(|missing| of_reason(missing.reason()));
    let required =
        var.handle.require_with(Value::number).map_err(|missing| of_reason(missing.reason()));
    let source = var.handle.source();
    match seen {
        Seen::Bound(number, _) => assert_eq!(required, Ok(number), "required value of {name}"),
        other => assert_eq!(required, Err(other), "reason why {name} is required in vain"),
    }
    assert_eq!(var.handle.is_bound(), matches!(seen, Seen::Bound(..)), "is {name} bound");
    match (seen, &var.global) {
        (Seen::Bound(number, line), _) => {
            assert_eq!(read, Ok(number), "value of {name}");
            assert!(
                matches!(source, Source::Bound(place) if place.line() == line),
                "place of {name}: {source:?}"
            );
        }
        (_, Some(global)) => {
            assert_eq!(read, Ok(global.number), "global value of {name}");
            assert_eq!(source, Source::Global, "source of {name}");
        }
        (_, None) if var.default => {
            assert_eq!(read, Ok(DEFAULT), "default of {name}");
            assert_eq!(source, Source::Default, "source of {name}");
        }
        (_, None) => {
            assert_eq!(read, Err(seen), "reason for {name}");
            assert!(
                matches!(source, Source::Missing(reason) if of_reason(reason) == seen),
                "source of {name}"
            );
        }
    }
}

/// The misuses counted on this thread.
pub(crate) fn misuses() -> (u64, u64) {
    MISUSES.get()
}
