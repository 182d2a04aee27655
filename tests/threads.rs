//! Random programs on three threads that hand each other contexts, weak contexts and stacks.
//!
//! Each thread has an oracle for its own stack: it reads what was bound. What a context shows never
//! changes, on any thread. When all threads have ended, every value has been dropped exactly once.
//! In a wild round values leave and forget checkpoints as they are dropped. Then there is no oracle
//! for a stack, and the rest is checked all the same.
//!
//! Locks are taken only to hand something over, so Miri and the thread sanitizer see the
//! happens-before edges of the crate alone. `STACKHOLM_SEED` is the first seed, `STACKHOLM_ROUNDS`
//! the number of programs, `STACKHOLM_STEPS` their length.

use stackholm::embed::Stack;
use stackholm::{Checkpoint, Context, Entered, Prepared, Reason, Scope, Var, WeakContext};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;

const VARS: usize = 6;

/// The last two are of short reach: on their stack, and in their checkpoint.
static BOUND: [Var<Value>; VARS] = [
    Var::new("a"),
    Var::new("b"),
    Var::new("c"),
    Var::new("d"),
    Var::new("short").stays_on_stack(),
    Var::new("near").stays_in_checkpoint(),
];

/// What values bind as they are dropped. No oracle follows it.
static NOISE: Var<Arc<u64>> = Var::new("noise");

/// So many more that an index has a second level, in some rounds.
static MORE: [Var<u64>; 34] = [const { Var::new("more") }; 34];

/// How many values one program may make.
const MOST: usize = 4096;

/// What the threads of one program share.
struct Round {
    drops: Vec<AtomicU8>,
    made: AtomicUsize,
    wild: bool,
    contexts: Mutex<Vec<Known>>,
    weak: Mutex<Vec<(WeakContext, Shown)>>,
    stacks: Mutex<Vec<(Stack, Levels)>>,
    stash: Mutex<Vec<Context>>,
}

/// What a context shows, by number; then what it shows of `NOISE`, and of `MORE`.
type Shown = [Option<u64>; VARS + 2];
type Known = (Context, Shown);

struct Value {
    number: usize,
    /// A block of its own, so that a late read is seen.
    again: Box<usize>,
    act: u64,
    round: Arc<Round>,
}

impl Value {
    fn number(&self) -> u64 {
        assert_eq!(self.number, *self.again);
        assert_eq!(
            self.round.drops[self.number].load(Relaxed),
            0,
            "a value that is read has not been dropped"
        );
        self.number as u64
    }
}

thread_local! {
    /// What this thread has entered. What is left of it goes with the thread.
    static GUARDS: RefCell<Vec<(u64, Entered)>> = const { RefCell::new(Vec::new()) };
}

fn guard(at: impl FnOnce(usize) -> usize) -> Option<(u64, Entered)> {
    let take = |guards: &RefCell<Vec<_>>| {
        let mut guards = guards.borrow_mut();
        (!guards.is_empty()).then(|| at(guards.len())).map(|at| guards.swap_remove(at))
    };
    GUARDS.try_with(take).ok().flatten()
}

impl Drop for Value {
    fn drop(&mut self) {
        let number = self.number();
        match self.act {
            0 => NOISE.sync_scope(Arc::new(number), || assert_eq!(*NOISE.get(), number)),
            1 => _ = NOISE.set(Arc::new(number)),
            2 => Checkpoint::run(|| {
                NOISE.set(Arc::new(number)).unwrap();
                drop(Context::current());
                NOISE.unset().unwrap();
                assert!(!NOISE.is_bound());
            }),
            3 => {
                let context = Context::current();
                let stash = self.round.stash.try_lock().ok();
                // What is taken out ends when the lock is free.
                let before = stash.map(|mut stash| {
                    stash.push(context);
                    if stash.len() > 3 { Some(stash.swap_remove(0)) } else { None }
                });
                drop(before);
            }
            4 => BOUND.iter().for_each(|var| _ = var.try_with(Value::number)),
            5 if self.round.wild => drop(guard(|many| many - 1)),
            6 if self.round.wild => std::mem::forget(NOISE.enter(Arc::new(number))),
            7 if self.round.wild => std::mem::forget(Checkpoint::enter()),
            8 => Stack::on(Context::current()).run(|| NOISE.set(Arc::new(number)).unwrap()),
            _ => {}
        }
        assert_eq!(
            self.round.drops[self.number].fetch_add(1, Relaxed),
            0,
            "a value is dropped once"
        );
    }
}

/// What a context shows.
fn shown(context: &Context) -> Shown {
    let mut shown = [None; VARS + 2];
    for (shown, var) in shown.iter_mut().zip(&BOUND) {
        *shown = context.get(var).map(Value::number);
    }
    shown[VARS] = context.get(&NOISE).map(|number| **number);
    shown[VARS + 1] = context.get(&MORE[0]).copied();
    shown
}

/// What is shown where `top` is laid over a context that shows `below`.
fn laid_over(top: &Context, below: Shown) -> Shown {
    fn is_masked<T: Send + Sync>(top: &Context, var: &Var<T>) -> bool {
        top.try_get(var).is_err_and(|missing| matches!(missing.reason(), Reason::Masked(_)))
    }
    let of_top = shown(top);
    std::array::from_fn(|i| {
        let is_masked = match i {
            VARS => is_masked(top, &NOISE),
            i if i > VARS => is_masked(top, &MORE[0]),
            _ => is_masked(top, &BOUND[i]),
        };
        if is_masked { None } else { of_top[i].or(below[i]) }
    })
}

fn check((context, expected): &Known) {
    assert_eq!(shown(context), *expected, "what a context shows never changes");
}

/// What one variable leads to, seen from one level of a stack, and at which level that was bound.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Entry {
    Nothing,
    Bound(u64, usize),
    Masked(usize),
}
use Entry::{Bound, Masked, Nothing};

/// The level of what came with a context.
const INHERITED: usize = usize::MAX;

type Entries = [Entry; VARS];

fn inherited(shown: &Shown) -> Entries {
    std::array::from_fn(|i| shown[i].map_or(Nothing, |number| Bound(number, INHERITED)))
}

/// A checkpoint: what is visible in it, and what was as it began.
struct Level {
    id: u64,
    open: bool,
    outside: Entries,
    now: Entries,
}

/// The oracle for one stack. The first level is the stack itself.
struct Levels(Vec<Level>);

impl Levels {
    fn on(shown: &Shown, open: bool) -> Levels {
        let now = inherited(shown);
        Levels(vec![Level { id: 0, open, outside: now, now }])
    }

    fn top(&mut self) -> &mut Level {
        self.0.last_mut().unwrap()
    }

    fn enter(&mut self, id: u64, open: bool) {
        let now = self.top().now;
        self.0.push(Level { id, open, outside: now, now });
    }

    fn adopt(&mut self, id: u64, shown: &Shown) {
        let now = inherited(shown);
        self.0.push(Level { id, open: true, outside: now, now });
    }

    fn bind(&mut self, var: usize, number: u64) {
        let level = self.0.len() - 1;
        self.top().now[var] = Bound(number, level);
    }

    fn mask(&mut self, var: usize) {
        let level = self.0.len() - 1;
        self.top().now[var] = Masked(level);
    }

    fn reset(&mut self, var: usize) {
        self.top().now[var] = self.top().outside[var];
    }

    fn pop(&mut self, var: usize) {
        self.top().now[var] = match self.top().now[var] {
            Nothing | Bound(_, INHERITED) | Masked(INHERITED) => Nothing,
            Bound(_, level) | Masked(level) => self.0[level].outside[var],
        };
    }

    /// Says whether it was there.
    fn leave(&mut self, id: u64) -> bool {
        let at = self.0.iter().position(|level| level.id == id && id != 0);
        at.into_iter().for_each(|at| self.0.truncate(at));
        at.is_some()
    }

    fn sees(&self, var: usize) -> Option<u64> {
        let here = self.0.len() - 1;
        match self.0[here].now[var] {
            Bound(number, level)
                if var < 4 || (var == 4 && level != INHERITED) || level == here =>
            {
                Some(number)
            }
            _ => None,
        }
    }

    /// What a context of it shows.
    fn carries(&self, var: usize) -> Option<u64> {
        if var < 4 { self.sees(var) } else { None }
    }
}

/// Marsaglia's xorshift, begun by splitmix.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Dice((z ^ (z >> 31)) | 1)
    }

    fn below(&mut self, many: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % many
    }
}

/// One thread of a program.
struct Player {
    dice: Dice,
    round: Arc<Round>,
    /// The stack that is current, and those that are not, further out.
    levels: Vec<Levels>,
    /// What a guard was dropped for that is on none of the stacks above its own.
    late: Vec<u64>,
    contexts: Vec<Known>,
    weak: Vec<(WeakContext, Shown)>,
    prepared: Vec<(Prepared<'static>, Vec<(usize, u64)>)>,
    ids: u64,
    depth: usize,
}

impl Player {
    fn var(&mut self) -> usize {
        self.dice.below(VARS)
    }

    fn value(&mut self) -> Value {
        let number = self.round.made.fetch_add(1, Relaxed);
        assert!(number < MOST, "a program makes fewer values");
        let act = self.dice.below(20) as u64;
        Value { number, again: Box::new(number), act, round: Arc::clone(&self.round) }
    }

    fn here(&mut self) -> &mut Levels {
        self.levels.last_mut().unwrap()
    }

    fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn keep(&mut self, id: u64, entered: Entered) {
        GUARDS.with_borrow_mut(|guards| guards.push((id, entered)));
    }

    fn keep_context(&mut self, known: Known) {
        self.contexts.push(known);
        if self.contexts.len() > 6 {
            let at = self.dice.below(6);
            check(&self.contexts.swap_remove(at));
        }
    }

    fn context(&mut self) -> Option<Known> {
        let many = self.contexts.len();
        (many != 0).then(|| self.contexts[self.dice.below(many)].clone())
    }

    fn check_reads(&mut self) {
        for (i, var) in BOUND.iter().enumerate() {
            let seen = var.try_with(Value::number).ok();
            if !self.round.wild {
                assert_eq!(seen, self.here().sees(i), "variable {i}");
            }
        }
    }

    fn steps(&mut self, many: usize) {
        for _ in 0..many {
            self.step();
        }
    }

    fn step(&mut self) {
        match self.dice.below(28) {
            0 | 1 => self.scope(),
            2 => self.scope_of_several(),
            3 => {
                let id = self.id();
                self.here().enter(id, true);
                self.keep(id, Checkpoint::enter());
            }
            4 | 5 => self.set(),
            6 => self.change(),
            7 => self.set_many(),
            8 => self.adopt(),
            9 => self.prepare(),
            10..=13 => self.leave(),
            14 => _ = guard(|many| self.dice.below(many)).map(std::mem::forget),
            15 | 16 => self.capture(),
            17 | 18 => self.derive(),
            19 => self.hand_over(),
            20 => self.take(),
            21 => self.weaken(),
            22 | 23 => self.run_on_a_stack(),
            24 => self.own_a_stack(),
            25 | 26 => self.read(),
            _ => self.compare(),
        }
    }

    fn scope(&mut self) {
        let (var, value, id) = (self.var(), self.value(), self.id());
        let number = value.number();
        self.here().enter(id, false);
        self.here().bind(var, number);
        self.keep(id, BOUND[var].enter(value));
    }

    fn scope_of_several(&mut self) {
        let (vars, id) = ([self.var(), self.var(), self.var()], self.id());
        let values = vars.map(|_| self.value());
        self.here().enter(id, false);
        for (var, value) in vars.iter().zip(&values) {
            self.here().bind(*var, value.number());
        }
        let [a, b, c] = values;
        let two = Scope::new().set(&BOUND[vars[0]], a).set(&BOUND[vars[1]], b);
        self.keep(id, two.set(&BOUND[vars[2]], c).enter());
    }

    fn set(&mut self) {
        let (var, value) = (self.var(), self.value());
        let number = value.number();
        let set = BOUND[var].set(value).is_ok();
        if !self.round.wild {
            assert_eq!(set, self.here().top().open);
        }
        if self.here().top().open {
            self.here().bind(var, number);
        }
    }

    fn change(&mut self) {
        let (var, which) = (self.var(), self.dice.below(3));
        let changed = match which {
            0 => BOUND[var].unset().is_ok(),
            1 => BOUND[var].pop().is_ok(),
            _ => BOUND[var].reset().is_ok(),
        };
        if !self.round.wild {
            assert_eq!(changed, self.here().top().open);
        }
        if self.here().top().open {
            match which {
                0 => self.here().mask(var),
                1 => self.here().pop(var),
                _ => self.here().reset(var),
            }
        }
        self.check_reads();
    }

    /// So many changes that one frame takes the place of all others in the checkpoint.
    fn set_many(&mut self) {
        for _ in 0..self.dice.below(if cfg!(miri) { 12 } else { 24 }) {
            self.set();
            if self.dice.below(8) == 0 {
                self.capture();
            }
        }
        self.check_reads();
    }

    fn adopt(&mut self) {
        let Some((context, shown)) = self.context() else { return };
        let id = self.id();
        self.here().adopt(id, &shown);
        self.keep(id, context.enter());
        self.check_reads();
    }

    fn prepare(&mut self) {
        let many = self.prepared.len();
        if many < 2 || self.dice.below(3) == 0 {
            let (a, b) = (self.value(), self.value());
            let vars = [self.var(), self.var()];
            let numbers = vec![(vars[0], a.number()), (vars[1], b.number())];
            let new =
                (Checkpoint::prepare().set(&BOUND[vars[0]], a).set(&BOUND[vars[1]], b), numbers);
            if many < 2 {
                self.prepared.push(new);
            } else {
                self.prepared[many - 1] = new;
            }
            return;
        }
        let (at, id) = (self.dice.below(many), self.id());
        let (prepared, numbers) = self.prepared[at].clone();
        self.here().enter(id, true);
        numbers.iter().for_each(|(var, number)| self.here().bind(*var, *number));
        self.keep(id, prepared.enter());
    }

    fn leave(&mut self) {
        let Some((id, entered)) =
            guard(|many| if self.dice.below(3) == 0 { self.dice.below(many) } else { many - 1 })
        else {
            return;
        };
        if !self.here().leave(id) && self.levels.len() > 1 {
            self.late.push(id);
        }
        drop(entered);
        if self.dice.below(4) == 0 {
            self.check_reads();
        }
    }

    fn capture(&mut self) {
        let context = Context::current();
        let shown = shown(&context);
        if !self.round.wild {
            for (i, shown) in shown[..VARS].iter().enumerate() {
                assert_eq!(*shown, self.here().carries(i), "variable {i}");
            }
        }
        self.keep_context((context, shown));
    }

    fn derive(&mut self) {
        let Some((context, mut shown)) = self.context() else { return };
        let var = self.var();
        let derived = match self.dice.below(7) {
            4 => self.extend(&context, &mut shown),
            5 => {
                let Some((top, _)) = self.context() else { return };
                shown = laid_over(&top, shown);
                context.overlay(&top)
            }
            6 => {
                let Some((later, after)) = self.context() else { return };
                shown = after;
                let patch = context.patch_to(&later);
                if self.dice.below(2) == 0 {
                    // What it changes is there though nothing else of `later` is.
                    drop(later);
                }
                patch.apply(&context)
            }
            0 => {
                shown[var] = None;
                context.without(&BOUND[var])
            }
            1 => context.trimmed(),
            _ => {
                let value = self.value();
                shown[var] = (var < 4).then(|| value.number());
                context.with(&BOUND[var], value)
            }
        };
        drop(context);
        let known = (derived, shown);
        check(&known);
        self.keep_context(known);
    }

    /// Binds and masks several at once.
    fn extend(&mut self, context: &Context, shown: &mut Shown) -> Context {
        let mut builder = context.extend();
        for _ in 0..self.dice.below(4) {
            let var = self.var();
            builder = if self.dice.below(4) == 0 {
                shown[var] = None;
                builder.unset(&BOUND[var])
            } else {
                let value = self.value();
                shown[var] = (var < 4).then(|| value.number());
                builder.set(&BOUND[var], value)
            };
        }
        builder.done()
    }

    fn hand_over(&mut self) {
        if let Some(known) = self.context() {
            let mut contexts = self.round.contexts.lock().unwrap();
            contexts.push(known);
            // What is taken out ends when the lock is free.
            let old = (contexts.len() > 6).then(|| contexts.swap_remove(0));
            drop(contexts);
            old.iter().for_each(check);
        }
    }

    fn take(&mut self) {
        let mut contexts = self.round.contexts.lock().unwrap();
        let taken = contexts.pop();
        drop(contexts);
        if let Some(known) = taken {
            check(&known);
            self.keep_context(known);
        }
    }

    fn weaken(&mut self) {
        if let Some((context, shown)) = self.context() {
            let weak = context.downgrade();
            self.round.weak.lock().unwrap().push((weak.clone(), shown));
            self.weak.push((weak, shown));
        }
        let taken = self.round.weak.lock().unwrap().pop();
        self.weak.extend(taken);
        // Most of the older ones have nothing left.
        for _ in 0..self.weak.len().saturating_sub(4) {
            let at = self.dice.below(self.weak.len());
            self.rise(at);
        }
    }

    fn rise(&mut self, at: usize) {
        let (weak, shown) = self.weak.swap_remove(at);
        if let Some(context) = weak.upgrade() {
            check(&(context, shown));
        }
    }

    /// A stack that another thread may have left in the middle of its checkpoints.
    fn run_on_a_stack(&mut self) {
        if self.depth > 2 {
            return;
        }
        let taken = self.round.stacks.lock().unwrap().pop();
        let (mut stack, levels) = match (taken, self.context()) {
            (Some(taken), _) if self.dice.below(4) != 0 => taken,
            (_, Some((context, shown))) => (Stack::on(context), Levels::on(&shown, true)),
            _ => (Stack::new(), Levels::on(&[None; VARS + 2], false)),
        };
        let (steps, before) = (self.dice.below(8), self.late.len());
        self.levels.push(levels);
        self.depth += 1;
        stack.run(|| {
            self.check_reads();
            self.steps(steps);
            self.check_reads();
        });
        self.depth -= 1;
        let levels = self.levels.pop().unwrap();
        for id in self.late.split_off(before) {
            if !self.here().leave(id) && self.levels.len() > 1 {
                self.late.push(id);
            }
        }
        if self.dice.below(4) == 0 {
            return drop(stack);
        }
        let mut stacks = self.round.stacks.lock().unwrap();
        stacks.push((stack, levels));
        let old = (stacks.len() > 3).then(|| stacks.swap_remove(0));
        drop((stacks, old));
    }

    /// What a stack does that is never current.
    fn own_a_stack(&mut self) {
        let Some((context, _)) = self.context() else { return };
        let (var, other) = (self.dice.below(4), self.dice.below(4));
        let values = [0; 4].map(|_| self.value());
        let numbers = values.each_ref().map(Value::number);
        let [a, b, c, d] = values;
        let captured = Stack::on(context).checkpoint(|stack| {
            stack.set(&BOUND[var], a).unwrap();
            stack.scope(&BOUND[other], b, |stack| {
                assert_eq!(stack.get(&BOUND[other]).map(Value::number), Some(numbers[1]));
                stack.capture()
            });
            stack.set(&BOUND[var], c).unwrap();
            let captured = stack.capture();
            stack.set(&BOUND[var], d).unwrap();
            assert_eq!(stack.get(&BOUND[var]).map(Value::number), Some(numbers[3]));
            captured
        });
        assert_eq!(captured.get(&BOUND[var]).map(Value::number), Some(numbers[2]));
        let shown = shown(&captured);
        self.keep_context((captured, shown));
    }

    /// A read in the middle of which things go on, the end of what is read included.
    fn read(&mut self) {
        if self.depth > 2 {
            return;
        }
        let (var, steps) = (self.var(), self.dice.below(6));
        self.depth += 1;
        let _ = BOUND[var].try_with(|value| {
            let number = value.number();
            self.steps(steps);
            assert_eq!(value.number(), number);
        });
        self.depth -= 1;
    }

    fn compare(&mut self) {
        if let (Some((a, x)), Some((b, y))) = (self.context(), self.context()) {
            assert_eq!(a == b, x == y, "contexts are equal if they show the same");
            assert_eq!(a.changes(&b).is_empty(), x == y);
            assert!(a.iter().count() == a.len());
        }
        let var = self.var();
        drop(BOUND[var].history());
    }
}

fn play(seed: u64, steps: usize) {
    let mut dice = Dice::new(seed);
    let round = Arc::new(Round {
        drops: (0..MOST).map(|_| AtomicU8::new(0)).collect(),
        made: AtomicUsize::new(0),
        wild: dice.below(3) == 0,
        contexts: Mutex::default(),
        weak: Mutex::default(),
        stacks: Mutex::default(),
        stash: Mutex::default(),
    });
    let more = if dice.below(4) == 0 { &MORE[..] } else { &[] };
    let base = more.iter().fold(Context::empty(), |context, var| context.with(var, 7));
    thread::scope(|scope| {
        let players: Vec<_> = (0..3_u64)
            .map(|n| {
                let (round, base) = (Arc::clone(&round), base.clone());
                scope.spawn(move || {
                    let mut player = Player {
                        dice: Dice::new(seed.wrapping_mul(3).wrapping_add(n)),
                        round,
                        levels: vec![Levels::on(&[None; VARS + 2], false)],
                        late: Vec::new(),
                        contexts: vec![(base.clone(), shown(&base))],
                        weak: Vec::new(),
                        prepared: Vec::new(),
                        ids: n << 32,
                        depth: 0,
                    };
                    player.steps(steps);
                    player.contexts.drain(..).for_each(|known| check(&known));
                    while !player.weak.is_empty() {
                        player.rise(0);
                    }
                    note_ways();
                    // Some of what was entered is left in any order, some goes with the thread.
                    for _ in 0..player.dice.below(8) {
                        player.leave();
                    }
                })
            })
            .collect();
        // What a thread leaves behind ends with it: a join waits for that.
        players.into_iter().for_each(|player| player.join().unwrap());
    });
    // What is handed over may hand over more as it ends.
    loop {
        let contexts = std::mem::take(&mut *round.contexts.lock().unwrap());
        let stacks = std::mem::take(&mut *round.stacks.lock().unwrap());
        let stash = std::mem::take(&mut *round.stash.lock().unwrap());
        if contexts.is_empty() && stacks.is_empty() && stash.is_empty() {
            break;
        }
        contexts.iter().for_each(check);
    }
    assert!(round.wild || Context::current().is_empty());
    drop(base);
    let weak = std::mem::take(&mut *round.weak.lock().unwrap());
    assert!(
        weak.iter()
            .all(|(weak, shown)| weak.upgrade().is_none_or(|_| shown.iter().all(Option::is_none)))
    );
    for number in 0..round.made.load(Relaxed) {
        assert_eq!(round.drops[number].load(Relaxed), 1, "value {number} is dropped exactly once");
    }
}

/// How often all threads went each way that the engine knows. Only debug builds count.
static WAYS: Mutex<BTreeMap<&str, usize>> = Mutex::new(BTreeMap::new());

fn note_ways() {
    #[cfg(debug_assertions)]
    for (way, times) in stackholm::proof::take_ways() {
        *WAYS.lock().unwrap().entry(way).or_default() += times;
    }
}

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().expect("a number"))
}

#[test]
fn random_programs_on_three_threads_read_what_they_bound_and_drop_it_once() {
    let first = asked("STACKHOLM_SEED").unwrap_or(1);
    let rounds = asked("STACKHOLM_ROUNDS").unwrap_or(if cfg!(miri) { 4 } else { 300 });
    let steps = asked("STACKHOLM_STEPS").unwrap_or(if cfg!(miri) { 20 } else { 300 }) as usize;
    struct Seed(u64);
    impl Drop for Seed {
        fn drop(&mut self) {
            if thread::panicking() {
                eprintln!("STACKHOLM_SEED={} STACKHOLM_ROUNDS=1 repeats it", self.0);
            }
        }
    }
    for seed in first..first + rounds {
        let _repeats = Seed(seed);
        // On a thread of its own, which has nothing of the last program.
        thread::spawn(move || play(seed, steps)).join().unwrap();
    }
    let ways = std::mem::take(&mut *WAYS.lock().unwrap());
    println!("{rounds} programs from seed {first}: {ways:?}");
    // A scope of several is on a long chain only by much chance; where no block is kept, no scope
    // is entered again.
    let is_asked =
        |way: &str| way != "BundleOutgrown" && !(cfg!(stackholm_malloc) && way.contains("Again"));
    let never: Vec<_> = ways.iter().filter(|(way, times)| **times == 0 && is_asked(way)).collect();
    assert!(rounds < 100 || cfg!(miri) || never.is_empty(), "no program went there: {never:?}");
}
