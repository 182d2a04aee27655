//! Foreign code at every place where the engine calls it: values' `Drop`, `Clone` and `Debug`,
//! closures, defaults, the misuse hook, thread-local destructors, panic hooks, loggers and the
//! global allocator.
#![expect(unsafe_code, reason = "a global allocator that reads variables is unsafe to write")]

use stackholm::{
    Checkpoint, Context, ContextCell, ContextExt, Entered, Misuse, Scope, Var, embed::Stack,
    on_misuse,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

// ---------------------------------------------------------------- what foreign code does

static NAME: Var<&str> = Var::with_default("name", || "nobody");
static COUNT: Var<u64> = Var::new("count");
static OWNED: Var<String> = Var::new("owned");
static SHORT: Var<u64> = Var::new("short").stays_on_stack();

thread_local! {
    /// Guards and contexts that belong to somebody else, for foreign code to tamper with.
    static GUARDS: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
    static CONTEXTS: RefCell<Vec<Context>> = const { RefCell::new(Vec::new()) };
}

fn polled<R>(future: impl Future<Output = R>) -> R {
    let mut task = std::task::Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut task) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("it awaits nothing"),
    }
}

fn reads() {
    let count = COUNT.try_get().ok();
    assert_eq!(COUNT.is_bound(), count.is_some());
    assert!(!NAME.get().is_empty());
    let _ = (OWNED.try_with(String::len), COUNT.history(), SHORT.source());
}

fn enters_and_leaves() {
    let before = Context::current();
    OWNED.sync_scope(String::from("inside"), || {
        assert_eq!(OWNED.get(), "inside");
        Scope::new().set(&COUNT, 1).set(&SHORT, 2).unset(&NAME).run(reads);
    });
    before.run(|| COUNT.set(3).unwrap());
    assert!(Context::current() == before);
}

fn sets() {
    Checkpoint::run(|| {
        for i in 0..100 {
            COUNT.set(i).unwrap();
            OWNED.set(i.to_string()).unwrap();
        }
        COUNT.unset().unwrap();
        COUNT.pop().unwrap();
        OWNED.reset().unwrap();
        reads();
    });
}

/// Changes whatever checkpoint it is called in, if that is open.
fn sets_here() {
    let _ = COUNT.set(11);
    let _ = OWNED.set(String::from("here"));
    let _ = COUNT.set(12);
    reads();
}

fn snapshots() {
    CONTEXTS.with_borrow_mut(|kept| kept.push(Context::current()));
    let context = Context::current().with(&COUNT, 1).without(&NAME);
    assert_eq!(context.get(&COUNT), Some(&1));
    drop(thread::spawn(move || context.run(reads)).join());
}

fn drops_contexts() {
    drop(CONTEXTS.take());
}

fn leaves_the_guards_of_others() {
    while let Some(guard) = GUARDS.with_borrow_mut(Vec::pop) {
        drop(guard);
    }
    reads();
}

fn forgets_a_guard() {
    std::mem::forget(COUNT.enter(99));
    std::mem::forget(Checkpoint::enter());
}

fn polls() {
    let seen = COUNT.try_get().ok();
    polled(async { assert_eq!(COUNT.try_get().ok(), seen) }.in_current_context());
    assert!(polled(COUNT.scope(5, async { COUNT.get() == 5 })));
    assert!(polled(async { COUNT.try_get().is_err() }.detached()));
    let mut stack = Stack::inherit();
    stack.run(sets_here);
    stack.set(&COUNT, 4).unwrap();
    assert_eq!(COUNT.try_get().ok(), seen);
}

fn panics() {
    reads();
    panic!("foreign");
}

/// What is done, and whether it may change what its caller sees.
const ACTIONS: &[(&str, fn())] = &[
    ("reads", reads),
    ("enters and leaves", enters_and_leaves),
    ("sets", sets),
    ("sets here", sets_here),
    ("snapshots", snapshots),
    ("drops contexts", drops_contexts),
    ("leaves the guards of others", leaves_the_guards_of_others),
    ("forgets a guard", forgets_a_guard),
    ("polls", polls),
    ("panics", panics),
];

// ---------------------------------------------------------------- values that do it

type Done = Arc<AtomicUsize>;

/// A value that does something as it is dropped, and counts its drops.
struct OnDrop {
    act: fn(),
    done: Done,
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.done.fetch_add(1, SeqCst);
        (self.act)();
    }
}

fn on_drop(act: fn()) -> (OnDrop, Done) {
    let done = Done::default();
    (OnDrop { act, done: done.clone() }, done)
}

static VALUE: Var<OnDrop> = Var::new("value");
static TWIN: Var<OnDrop> = Var::new("twin");
static NEAR: Var<OnDrop> = Var::new("near").stays_on_stack();
static HERE: Var<OnDrop> = Var::new("here").stays_in_checkpoint();

/// Calls `f` from an empty stack, inside a throw-away checkpoint, and inside one that a context
/// keeps, each on a thread of its own; whatever `f` did, what was visible before is visible after
/// the outer guard is left.
fn three_ways(what: &str, f: impl Fn() + Sync) {
    let f = &f;
    for way in ["from an empty stack", "inside a checkpoint", "above what a context keeps"] {
        let what = &format!("{what}, {way}");
        thread::scope(|scope| scope.spawn(move || one_way(what, way, f)).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

fn one_way(what: &str, way: &str, f: &dyn Fn()) {
    let outer = (way != "from an empty stack").then(Checkpoint::enter);
    if outer.is_some() {
        COUNT.set(42).unwrap();
    }
    let kept = (way == "above what a context keeps").then(Context::current);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(f)) {
        let text = panic.downcast_ref::<&str>().copied().map(String::from);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        assert_eq!(text, "foreign", "{what}");
    }
    if let Some(kept) = &kept {
        assert_eq!((kept.get(&COUNT), kept.len()), (Some(&42), 1), "{what}");
    }
    drop(GUARDS.take());
    drop(CONTEXTS.take());
    if outer.is_some() {
        drop(outer);
        assert!(Context::current().is_empty(), "{what}");
        assert!(COUNT.try_get().is_err() && NAME.get() == "nobody", "{what}");
    }
}

/// A place where the engine ends a value.
type Place = (&'static str, fn(OnDrop));

const PLACES: &[Place] = &[
    ("the guard is dropped", |value| drop(VALUE.enter(value))),
    ("the closure returns", |value| VALUE.sync_scope(value, reads)),
    ("a scope of three is left", |value| {
        let (before, after) = (on_drop(reads), on_drop(enters_and_leaves));
        let guard =
            Scope::new().set(&TWIN, before.0).set(&VALUE, value).set(&NEAR, after.0).enter();
        let result = catch_unwind(AssertUnwindSafe(|| drop(guard)));
        assert_eq!((before.1.load(SeqCst), after.1.load(SeqCst)), (1, 1), "the rest is released");
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }),
    ("a shared scope is left and its context dropped", |value| {
        let guard = VALUE.enter(value);
        let context = Context::current();
        drop(guard);
        drop(context);
    }),
    ("a context is dropped before its scope is left", |value| {
        let guard = VALUE.enter(value);
        drop(Context::current());
        drop(guard);
    }),
    ("it is left with an outer guard", |value| {
        let outer = Checkpoint::enter();
        let inner = (VALUE.enter(value), COUNT.enter(1));
        drop(outer);
        drop(inner);
    }),
    ("it is replaced by a set", |value| {
        Checkpoint::run(|| {
            assert!(VALUE.set(value).is_ok());
            assert!(VALUE.set(on_drop(reads).0).is_ok());
            reads();
        });
    }),
    ("it is replaced by a mask", |value| {
        Checkpoint::run(|| {
            assert!(VALUE.set(value).is_ok());
            VALUE.unset().unwrap();
            reads();
        });
    }),
    ("it is popped", |value| {
        Checkpoint::run(|| {
            assert!(VALUE.set(value).is_ok());
            assert!(VALUE.pop().unwrap());
            reads();
        });
    }),
    ("it is reset", |value| {
        Checkpoint::run(|| {
            assert!(VALUE.set(value).is_ok());
            VALUE.reset().unwrap();
            reads();
        });
    }),
    ("a compaction frame takes its place", |value| {
        Checkpoint::run(|| {
            assert!(VALUE.set(value).is_ok());
            COUNT.set(0).unwrap();
            assert!(VALUE.set(on_drop(reads).0).is_ok());
            for i in 0..200 {
                let _ = (COUNT.set(i), OWNED.set(i.to_string()));
            }
        });
    }),
    ("a compaction frame takes its place while contexts come and go", |value| {
        Checkpoint::run(|| {
            assert!(VALUE.set(value).is_ok());
            COUNT.set(0).unwrap();
            assert!(VALUE.set(on_drop(reads).0).is_ok());
            for i in 0..200 {
                let _ = (COUNT.set(i), OWNED.set(i.to_string()));
                drop(Context::current());
            }
        });
    }),
    ("its reach ends and a context lives on", |value| {
        let guard = NEAR.enter(value);
        let context = Context::current();
        let result = catch_unwind(AssertUnwindSafe(|| drop(guard)));
        assert!(context.try_get(&NEAR).is_err());
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }),
    ("its checkpoint ends and a context lives on", |value| {
        let guard = Checkpoint::enter();
        assert!(HERE.set(value).is_ok());
        let context = Context::current();
        let result = catch_unwind(AssertUnwindSafe(|| drop(guard)));
        assert!(context.try_get(&HERE).is_err());
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }),
    ("the last context that was derived is dropped", |value| {
        let context = Context::empty().with(&COUNT, 1).with(&VALUE, value).without(&COUNT);
        drop(context.clone());
        drop(context);
    }),
    ("a long derived chain is dropped", |value| {
        let mut context = Context::empty().with(&VALUE, value);
        for i in 0..100 {
            context = context.with(&COUNT, i);
        }
        drop(context);
    }),
    ("a context that was entered is left last", |value| {
        let guard = Context::empty().with(&VALUE, value).enter();
        VALUE.with(|_| reads());
        drop(guard);
    }),
    ("a stack that is held as a value is dropped", |value| {
        let mut stack = Stack::inherit();
        assert!(stack.set(&VALUE, value).is_ok());
        drop(stack);
    }),
    ("a scope of such a stack is left", |value| {
        Stack::new().scope(&VALUE, value, |stack| stack.run(reads))
    }),
    ("a stack is dropped that was left in the middle", |value| {
        let mut stack = Stack::inherit();
        stack.run(|| std::mem::forget(VALUE.enter(value)));
        drop(stack);
    }),
    ("a future is done", |value| polled(VALUE.scope(value, async { reads() }))),
    ("a future owns it", |value| polled(async move { drop(value) }.in_current_context())),
    ("a future is dropped that was never polled", |value| {
        drop(VALUE.scope(value, async { reads() }))
    }),
    ("a future is dropped that owns it", |value| {
        drop(async move { drop(value) }.in_current_context())
    }),
    ("a prepared checkpoint is dropped", |value| {
        let prepared = Checkpoint::prepare().set(&VALUE, value);
        prepared.run(reads);
        drop(prepared);
    }),
    ("a prepared checkpoint is dropped inside", |value| {
        let prepared = Checkpoint::prepare().set(&VALUE, value).set(&NEAR, on_drop(reads).0);
        let guard = prepared.enter();
        drop(prepared);
        drop(guard);
    }),
    ("a scope is never entered", |value| drop(Scope::new().set(&VALUE, value).unset(&COUNT))),
    ("it cannot be set", |value| {
        let _sealed = Scope::new().enter();
        drop(VALUE.set(value).unwrap_err());
    }),
    ("a cell takes another context", |value| {
        let cell = ContextCell::new();
        cell.store(Context::empty().with(&VALUE, value));
        cell.store(Context::empty());
    }),
    ("a process-wide value is swapped", |value| {
        let var = Var::new("of the process");
        assert!(var.set_global(value).is_none());
        drop(var.set_global(on_drop(reads).0));
    }),
    ("a variable is dropped", |value| {
        let var = Var::new("of the process");
        var.set_global(value);
    }),
    ("a read ends", |value| {
        let guard = RefCell::new(Some(VALUE.enter(value)));
        VALUE.with(|value| {
            drop(guard.take());
            assert!(!VALUE.is_bound() && value.done.load(SeqCst) == 0);
        });
    }),
    ("a read of what is shared ends", |value| {
        let guard = RefCell::new(Some(VALUE.enter(value)));
        let context = RefCell::new(Some(Context::current()));
        VALUE.with(|value| {
            drop((guard.take(), context.take()));
            assert!(!VALUE.is_bound() && value.done.load(SeqCst) == 0);
        });
    }),
    ("a value that owned a context is dropped", |value| {
        static OWNER: Var<Context> = Var::new("owner");
        let context = Context::empty().with(&VALUE, value);
        OWNER.sync_scope(context, reads);
    }),
    ("a panic leaves its scope", |value| {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let guard = Checkpoint::enter();
            assert!(VALUE.set(value).is_ok());
            drop(VALUE.set(on_drop(reads).0));
            drop(guard);
        }));
        caught.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }),
];

/// Quiet panics, whose hook reads variables (R14).
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            reads();
            HOOKED.set(COUNT.try_get().ok());
            if info.payload().downcast_ref::<&str>() != Some(&"foreign") {
                before(info);
            }
        }));
    });
}

thread_local! {
    static HOOKED: Cell<Option<u64>> = const { Cell::new(None) };
}

fn on_a_fresh_thread(f: impl FnOnce() + Send + 'static) {
    if let Err(panic) = thread::spawn(f).join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_drop_may_do_anything_at_every_place_where_a_value_ends() {
    quiet();
    for &(place, end) in PLACES {
        for &(action, act) in ACTIONS {
            on_a_fresh_thread(move || {
                three_ways(&format!("{place}: drop {action}"), || {
                    let (value, done) = on_drop(act);
                    CONTEXTS.with_borrow_mut(|contexts| contexts.push(Context::current()));
                    GUARDS.with_borrow_mut(|guards| guards.push(NAME.enter("another's")));
                    let result = catch_unwind(AssertUnwindSafe(|| end(value)));
                    drop(CONTEXTS.take());
                    assert_eq!(done.load(SeqCst), 1, "{place}: {action}: dropped once");
                    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                });
            });
        }
    }
}

#[test]
fn a_drop_may_do_anything_as_its_thread_ends() {
    quiet();
    for &(action, act) in ACTIONS {
        if action == "panics" {
            // A panic in a thread-local destructor aborts, as everywhere in Rust; see `abuse`.
            continue;
        }
        let (value, done) = on_drop(act);
        on_a_fresh_thread(move || std::mem::forget((VALUE.enter(value), COUNT.enter(1))));
        assert_eq!(done.load(SeqCst), 1, "{action}");
    }
}

// ---------------------------------------------------------------- closures, clones, debug,
// defaults

/// A place where the engine calls a closure.
type Caller = (&'static str, fn(fn()));

const CALLERS: &[Caller] = &[
    ("with, private", |f| COUNT.sync_scope(1, || COUNT.with(|_| f()))),
    ("with, shared", |f| {
        let _guard = OWNED.enter(String::from("text"));
        let _context = Context::current();
        OWNED.with(|text| {
            f();
            assert_eq!(text, "text");
        });
    }),
    ("try_with of a default", |f| NAME.try_with(|_| f()).unwrap()),
    ("with of a process-wide value", |f| {
        static GLOBAL: Var<u64> = Var::new("global");
        GLOBAL.set_global(3);
        GLOBAL.with(|value| {
            f();
            assert_eq!(*value, 3);
        });
    }),
    ("nested reads", |f| {
        let _guard = Scope::new().set(&COUNT, 1).set(&OWNED, String::from("text")).enter();
        COUNT.with(|one| {
            OWNED.with(|text| {
                NAME.with(|_| f());
                assert_eq!((*one, text.as_str()), (1, "text"));
            });
        });
    }),
    ("sync_scope", |f| COUNT.sync_scope(1, f)),
    ("Scope::run", |f| Scope::new().set(&COUNT, 1).unset(&NAME).set(&NAME, "x").run(f)),
    ("Checkpoint::run", |f| Checkpoint::run(f)),
    ("Checkpoint::around", |f| Checkpoint::around(|()| f())(())),
    ("Prepared::run", |f| Checkpoint::prepare().set(&COUNT, 1).run(f)),
    ("Context::run", |f| Context::current().with(&COUNT, 1).run(f)),
    ("Context::wrap", |f| Context::empty().wrap(f)()),
    ("Stack::run", |f| Stack::inherit().run(f)),
    ("Stack::checkpoint", |f| {
        Stack::inherit().checkpoint(|stack| {
            stack.set(&COUNT, 1).unwrap();
            stack.run(f);
            f();
        })
    }),
    ("Stack::scope", |f| Stack::new().scope(&COUNT, 1, |_| f())),
    ("a poll", |f| polled(async move { f() }.in_current_context())),
    ("a poll in a scope", |f| polled(COUNT.scope(1, async move { f() }))),
    ("thread::scope", |f| {
        // The other thread's panic comes back as ours.
        let done = stackholm::thread::scope(|scope| scope.spawn(f).join());
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }),
];

#[test]
fn a_closure_may_do_anything_wherever_it_is_called() {
    quiet();
    for &(place, call) in CALLERS {
        for &(action, act) in ACTIONS {
            on_a_fresh_thread(move || {
                three_ways(&format!("{place}: {action}"), || {
                    GUARDS.with_borrow_mut(|guards| guards.push(NAME.enter("another's")));
                    call(act);
                });
            });
        }
    }
}

thread_local! {
    static ACT: Cell<fn()> = const { Cell::new(reads) };
}

/// A value whose `Clone` and `Debug` do what the thread says.
struct Lively(u64);

impl Clone for Lively {
    fn clone(&self) -> Self {
        ACT.get()();
        Lively(self.0)
    }
}

impl fmt::Debug for Lively {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ACT.get()();
        write!(f, "lively {}", self.0)
    }
}

static LIVELY: Var<Lively> = Var::new("lively").shown();

#[test]
fn a_clone_may_do_anything() {
    quiet();
    for &(action, act) in ACTIONS {
        on_a_fresh_thread(move || {
            three_ways(&format!("clone {action}"), || {
                ACT.set(act);
                GUARDS.with_borrow_mut(|guards| guards.push(LIVELY.enter(Lively(7))));
                assert_eq!(LIVELY.get().0, 7);
                GUARDS.with_borrow_mut(|guards| guards.push(LIVELY.enter(Lively(8))));
                CONTEXTS.with_borrow_mut(|contexts| contexts.push(Context::current()));
                assert_eq!(LIVELY.try_get().unwrap().0, 8);
                LIVELY.set_global(Lively(9));
                Context::empty().run(|| assert_eq!(LIVELY.get().0, 9));
                LIVELY.clear_global();
            });
        });
    }
}

#[test]
fn a_debug_may_do_anything() {
    quiet();
    for &(action, act) in ACTIONS {
        on_a_fresh_thread(move || {
            three_ways(&format!("debug {action}"), || {
                ACT.set(act);
                GUARDS.with_borrow_mut(|guards| guards.push(LIVELY.enter(Lively(7))));
                let context = Context::current();
                CONTEXTS.with_borrow_mut(|contexts| contexts.push(context.clone()));
                assert!(format!("{:?}", context.binding(&LIVELY).unwrap()).contains("lively 7"));
                assert!(!format!("{context:?}").contains("lively 7"));
                assert!(
                    context
                        .iter()
                        .any(|binding| format!("{:?}", binding.value()).contains("lively 7"))
                );
            });
        });
    }
}

#[test]
fn defaults_may_read_others_and_their_own_panics_leave_them_unmade() {
    quiet();
    static BASE: Var<u64> = Var::with_default("base", || 1);
    static DERIVED: Var<u64> = Var::with_default("derived", || {
        enters_and_leaves();
        sets();
        snapshots();
        polls();
        BASE.get() + BASE.sync_scope(10, || BASE.get())
    });
    static FAILS: Var<u64> = Var::with_default("fails", || {
        static TIMES: AtomicUsize = AtomicUsize::new(0);
        if TIMES.fetch_add(1, SeqCst) == 0 { panic!("foreign") } else { 5 }
    });
    three_ways("defaults", || {
        assert_eq!(DERIVED.get(), 11);
        assert!(!DERIVED.is_bound() && !BASE.is_bound());
    });
    assert!(catch_unwind(|| FAILS.get()).is_err());
    assert_eq!(FAILS.get(), 5);
}

thread_local! {
    static SEEN: RefCell<Vec<Misuse>> = const { RefCell::new(Vec::new()) };
}

/// The one hook of this process: notes what it is told, and does what the thread says.
fn hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let taken = on_misuse(|misuse| {
            SEEN.with_borrow_mut(|seen| seen.push(misuse));
            ACT.replace(reads)();
        });
        assert!(taken.is_ok());
    });
}

#[test]
fn the_misuse_hook_may_do_anything() {
    quiet();
    hook();
    for &(action, act) in ACTIONS {
        three_ways(&format!("hook {action}"), || {
            let (outer, inner) = (COUNT.enter(1), COUNT.enter(2));
            GUARDS.with_borrow_mut(|guards| guards.push(NAME.enter("another's")));
            ACT.set(act);
            let late = catch_unwind(AssertUnwindSafe(|| drop(outer)));
            ACT.set(act);
            let later = catch_unwind(AssertUnwindSafe(|| drop(inner)));
            assert_eq!([late.is_err(), later.is_err()], [action == "panics"; 2]);
            let seen = SEEN.take();
            assert!(
                seen.contains(&Misuse::LeftWithInner) && seen.contains(&Misuse::NotHere),
                "{action}"
            );
        });
    }
}

#[test]
fn only_one_misuse_hook_is_ever_taken() {
    hook();
    assert!(on_misuse(|_| unreachable!("this one is given back")).is_err());
    let (outer, inner) = (COUNT.enter(1), COUNT.enter(2));
    drop(outer);
    drop(inner);
    assert_eq!(SEEN.take(), [Misuse::LeftWithInner, Misuse::NotHere]);
}

// ---------------------------------------------------------------- what a drop sees

/// Notes which of the values 1, 2, 3 its variables show as it is dropped.
struct Looks(&'static Var<Looks>, &'static Mutex<Vec<Option<u64>>>, u64);

impl Drop for Looks {
    fn drop(&mut self) {
        let seen = self.0.try_with(|value| value.2).ok();
        self.1.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }
}

#[test]
fn a_drop_sees_the_stack_as_it_is_after_its_binding_has_gone() {
    static VAR: Var<Looks> = Var::new("looks");
    static SEEN: Mutex<Vec<Option<u64>>> = Mutex::new(Vec::new());
    let looks = |n| Looks(&VAR, &SEEN, n);
    let seen = || std::mem::take(&mut *SEEN.lock().unwrap());
    for captured in [false, true] {
        let context = || captured.then(Context::current);
        let outer = VAR.enter(looks(1));
        let inner = VAR.enter(looks(2));
        drop(context());
        drop(inner);
        assert_eq!(seen(), [Some(1)], "the outer one is back");
        let checkpoint = Checkpoint::enter();
        VAR.set(looks(3)).unwrap();
        drop(context());
        VAR.set(looks(4)).unwrap();
        assert_eq!(seen(), [Some(4)], "the new one is there");
        drop(context());
        VAR.unset().unwrap();
        assert_eq!(seen(), [None], "the mask is there");
        VAR.set(looks(5)).unwrap();
        drop(context());
        VAR.reset().unwrap();
        drop(checkpoint);
        assert_eq!(seen(), [Some(1)], "what was outside is back");
        let three = (VAR.enter(looks(6)), VAR.enter(looks(7)), VAR.enter(looks(8)));
        drop(context());
        drop(three.0);
        assert_eq!(seen(), [Some(1); 3], "all of them have gone before the first is dropped");
        drop(outer);
        assert_eq!(seen(), [None]);
    }
}

#[test]
fn a_panicking_drop_lets_all_the_others_end() {
    quiet();
    for at in 0..5 {
        for captured in [false, true] {
            let values: [_; 5] =
                std::array::from_fn(|i| on_drop(if i == at { panics } else { reads }));
            let done: Vec<Done> = values.iter().map(|(_, done)| done.clone()).collect();
            let outer = COUNT.enter(1);
            let [a, b, c, d, e] = values.map(|(value, _)| value);
            let guard = VALUE.enter(a);
            let inner = Scope::new().set(&TWIN, b).set(&NEAR, c).set(&VALUE, d).enter();
            let last = Checkpoint::enter();
            assert!(HERE.set(e).is_ok());
            let context = captured.then(Context::current);
            let result = catch_unwind(AssertUnwindSafe(|| {
                drop(guard);
                drop(context);
            }));
            assert!(result.is_err());
            assert!(done.iter().all(|done| done.load(SeqCst) == 1), "{at}, {captured}");
            assert!(COUNT.get() == 1 && !VALUE.is_bound() && !TWIN.is_bound());
            drop((inner, last, outer));
            assert!(Context::current().is_empty());
        }
    }
}

#[test]
fn a_stack_whose_value_panics_in_its_drop_lets_go_of_its_context() {
    quiet();
    let (below, done) = on_drop(reads);
    let context = Context::empty().with(&TWIN, below);
    let mut stack = Stack::on(context.clone());
    assert!(stack.set(&VALUE, on_drop(panics).0).is_ok());
    drop(context);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(stack))).is_err());
    assert_eq!(done.load(SeqCst), 1);
}

// ---------------------------------------------------------------- a closure that drops what it
// reads

#[test]
fn a_borrow_outlives_the_guard_that_owns_it() {
    fn text() -> String {
        // On the heap, so that a freed one would be seen.
        "x".repeat(1_000)
    }
    fn read(guards: &RefCell<Vec<Entered>>, depth: u64) {
        OWNED.with(|outer| {
            guards.borrow_mut().pop();
            let _between = SHORT.enter(depth);
            if depth > 0 {
                guards.borrow_mut().push(OWNED.enter(text()));
                let _context = (depth % 2 == 0).then(Context::current);
                read(guards, depth - 1);
            }
            guards.borrow_mut().clear();
            let _noise: Vec<String> = (0..10).map(|_| "y".repeat(1_000)).collect();
            assert_eq!(*outer, text());
        });
    }
    fn read_all() {
        for depth in 0..8 {
            for shared in [false, true] {
                let guards = RefCell::new(vec![OWNED.enter(text())]);
                let context = shared.then(Context::current);
                read(&guards, depth);
                assert!(context.is_none_or(|context| context.get(&OWNED) == Some(&text())));
                assert!(!SHORT.is_bound() && !OWNED.is_bound());
            }
        }
    }
    three_ways("plainly", read_all);
    three_ways("in a future", || polled(async { read_all() }.in_current_context()));
    three_ways("in a detached future", || polled(async { read_all() }.detached()));
    three_ways("in a context", || Context::current().run(read_all));
    three_ways("on a stack", || Stack::new().run(read_all));
}

#[test]
fn a_borrow_outlives_the_context_that_was_entered() {
    for shared in [false, true] {
        let context = Context::empty().with(&OWNED, "z".repeat(1_000));
        let guard = RefCell::new(Some(context.enter()));
        let kept = RefCell::new(Some(context));
        let captured = RefCell::new(shared.then(Context::current));
        OWNED.with(|text| {
            drop((guard.take(), kept.take(), captured.take()));
            let _noise: Vec<String> = (0..10).map(|_| "y".repeat(1_000)).collect();
            assert!(!OWNED.is_bound());
            assert_eq!(*text, "z".repeat(1_000));
        });
    }
}

#[test]
fn a_borrow_outlives_sets_pops_and_resets_of_its_variable() {
    for shared in [false, true] {
        Checkpoint::run(|| {
            OWNED.set("z".repeat(1_000)).unwrap();
            let context = RefCell::new(shared.then(Context::current));
            OWNED.with(|text| {
                for i in 0..200 {
                    OWNED.set(i.to_string()).unwrap();
                    COUNT.set(i).unwrap();
                }
                OWNED.reset().unwrap();
                OWNED.unset().unwrap();
                drop(context.take());
                assert_eq!(*text, "z".repeat(1_000));
            });
            for i in 0..200 {
                OWNED.set(i.to_string()).unwrap();
                COUNT.set(i).unwrap();
            }
            assert_eq!((OWNED.get().as_str(), COUNT.get()), ("199", 199));
        });
        assert!(Context::current().is_empty());
    }
}

#[test]
fn a_borrow_outlives_its_global_and_a_swap_of_it() {
    static GLOBAL: Var<String> = Var::new("global");
    GLOBAL.set_global("z".repeat(1_000));
    GLOBAL.with(|text| {
        drop(GLOBAL.set_global(String::new()));
        drop(GLOBAL.clear_global());
        assert_eq!(*text, "z".repeat(1_000));
    });
}

#[test]
fn contexts_in_values_of_contexts_in_values_end_once_and_in_full() {
    static OWNER: Var<(Context, OnDrop)> = Var::new("owner");
    quiet();
    for &(action, act) in ACTIONS.iter().filter(|(action, _)| *action != "panics") {
        on_a_fresh_thread(move || {
            three_ways(&format!("contexts in contexts, {action}"), || {
                let done = Done::default();
                let mut context = Context::current();
                for _ in 0..100 {
                    let value = OnDrop { act, done: done.clone() };
                    context = OWNER.sync_scope((context, value), Context::current);
                }
                drop(context);
                drop(CONTEXTS.take());
                assert_eq!(done.load(SeqCst), 100, "{action}");
            });
        });
    }
}

/// A scope is kept for the next one in its place. Where that is was asked before the drop:
/// afterwards another frame is on top, on which the kept scope never was.
#[test]
fn a_scope_whose_drop_leaves_the_guard_below_it_is_not_entered_again_elsewhere() {
    static BELOW: Var<String> = Var::new("below");
    static LAST: Var<OnDrop> = Var::new("last");
    on_a_fresh_thread(|| {
        let mut outer = Vec::new();
        // Kept scopes lie in 64 places, by where the frame below them happens to be: of so many
        // pairs some meet.
        for depth in 0..2_000 {
            outer.push(COUNT.enter(depth));
            GUARDS.with_borrow_mut(|guards| guards.push(BELOW.enter("below".repeat(9))));
            drop(LAST.enter(on_drop(leaves_the_guards_of_others).0));
            assert!(!BELOW.is_bound());
            LAST.sync_scope(on_drop(reads).0, || {
                assert_eq!((BELOW.try_with(String::len).ok(), COUNT.get()), (None, depth));
            });
        }
        while outer.pop().is_some() {}
        assert!(Context::current().is_empty());
    });
}

/// What was seen, with the number of who saw it.
type Seen = Arc<Mutex<Vec<(u64, Option<u64>)>>>;

/// A value that notes what a variable is as it ends, and then binds another one like it that nobody
/// leaves.
struct BindsAnother {
    rest: u64,
    seen: Seen,
}

static ANOTHER: Var<BindsAnother> = Var::new("another");

impl Drop for BindsAnother {
    fn drop(&mut self) {
        self.seen.lock().unwrap().push((self.rest, COUNT.try_get().ok()));
        if let Some(rest) = self.rest.checked_sub(1) {
            std::mem::forget(ANOTHER.enter(BindsAnother { rest, seen: self.seen.clone() }));
        }
    }
}

#[test]
fn what_values_bind_as_their_thread_ends_ends_with_it_too() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let another = BindsAnother { rest: 20, seen: seen.clone() };
    on_a_fresh_thread(|| std::mem::forget(ANOTHER.enter(another)));
    let all: Vec<_> = (0..=20).rev().map(|rest| (rest, None)).collect();
    assert_eq!(*seen.lock().unwrap(), all);
}

#[test]
fn what_values_bind_as_their_stack_is_dropped_ends_on_that_stack_too() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let another = BindsAnother { rest: 5, seen: seen.clone() };
    let mut stack = Stack::on(Context::empty().with(&COUNT, 17));
    stack.run(|| std::mem::forget(ANOTHER.enter(another)));
    COUNT.sync_scope(99, || drop(stack));
    assert_eq!(*seen.lock().unwrap(), [5, 4, 3, 2, 1, 0].map(|rest| (rest, Some(17))));
    assert!(Context::current().is_empty());
}

// ---------------------------------------------------------------- teardown, hooks, loggers,
// allocators

/// What a thread-local destructor saw, told to the thread that waits for it.
struct AtEnd(Arc<Mutex<Vec<Option<u64>>>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        let before = COUNT.try_get().ok();
        reads();
        enters_and_leaves();
        sets();
        polls();
        let context = Context::current();
        COUNT
            .sync_scope(7, || assert_eq!((COUNT.get(), context.get(&COUNT).copied()), (7, before)));
        self.0.lock().unwrap().push(before);
        // It is too late for the thread to leave what is forgotten now; an outer guard still does.
        Checkpoint::run(forgets_a_guard);
    }
}

#[test]
fn thread_local_destructors_get_an_answer_in_both_orders() {
    thread_local! { static LOCAL: RefCell<Option<AtEnd>> = const { RefCell::new(None) } }
    for (ours_first, forgotten) in [(false, false), (false, true), (true, false), (true, true)] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let at_end = AtEnd(seen.clone());
        on_a_fresh_thread(move || {
            let first = ours_first.then(|| COUNT.enter(1));
            LOCAL.set(Some(at_end));
            let guard = first.unwrap_or_else(|| COUNT.enter(1));
            if forgotten {
                std::mem::forget(guard);
            }
        });
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 1);
        assert!(seen[0].is_none() || forgotten && seen[0] == Some(1), "{seen:?}");
    }
}

#[test]
fn a_guard_kept_in_a_thread_local_is_dropped_with_its_thread_in_both_orders() {
    thread_local! { static KEPT: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) } }
    for ours_first in [false, true] {
        let (value, done) = on_drop(reads);
        let context = thread::spawn(move || {
            let first = ours_first.then(Checkpoint::enter);
            KEPT.with_borrow_mut(|kept| kept.extend([VALUE.enter(value), COUNT.enter(1)]));
            drop(first);
            Context::current()
        });
        let context = context.join().unwrap();
        assert_eq!(done.load(SeqCst), usize::from(ours_first));
        drop(context);
        assert_eq!(done.load(SeqCst), 1);
    }
}

#[test]
fn a_panic_hook_reads_what_is_visible_where_the_panic_began() {
    quiet();
    let _ = catch_unwind(|| COUNT.sync_scope(17, || panic!("foreign")));
    assert_eq!(HOOKED.get(), Some(17));
    let _ = catch_unwind(|| polled(COUNT.scope(18, async { panic!("foreign") })));
    assert_eq!(HOOKED.get(), Some(18));
    let _ = catch_unwind(|| panic!("foreign"));
    assert_eq!(HOOKED.get(), None);
    // In the drop of a value its binding has gone already.
    let _ = catch_unwind(|| COUNT.sync_scope(19, || drop(VALUE.enter(on_drop(panics).0))));
    assert_eq!(HOOKED.get(), Some(19));
}

#[test]
fn a_logger_reads_variables_while_it_formats_values_that_log() {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    fn log(text: fmt::Arguments<'_>) {
        let line = format!("[{}] {text}", NAME.get());
        LINES.lock().unwrap().push(line);
    }
    struct Logs;
    impl fmt::Display for Logs {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            NAME.sync_scope("inner", || log(format_args!("formatting")));
            f.write_str("a value")
        }
    }
    impl Drop for Logs {
        fn drop(&mut self) {
            log(format_args!("dropped"));
        }
    }
    static VAR: Var<Logs> = Var::new("logs");
    NAME.sync_scope("outer", || {
        VAR.sync_scope(Logs, || VAR.with(|value| log(format_args!("{value}"))))
    });
    assert_eq!(
        *LINES.lock().unwrap(),
        ["[inner] formatting", "[outer] a value", "[outer] dropped"]
    );
}

thread_local! {
    /// What the allocator does on this thread, if anything.
    static ALLOCATING: Cell<Option<fn()>> = const { Cell::new(None) };
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

/// Calls back at each allocation and each release of a thread that asked for it.
struct Reading;

#[global_allocator]
static ALLOCATOR: Reading = Reading;

fn call_back() {
    // Not while it is called back already, or it would never end.
    if let Some(f) = ALLOCATING.take() {
        f();
        ALLOCATED.set(ALLOCATED.get() + 1);
        ALLOCATING.set(Some(f));
    }
}

// SAFETY: passes everything on to the system's allocator; what is called back does not unwind.
unsafe impl GlobalAlloc for Reading {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        call_back();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        call_back();
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) };
    }
}

/// Everything that allocates and frees, with `f` in the allocator.
fn with_an_allocator_that(f: fn()) -> u64 {
    ALLOCATED.set(0);
    ALLOCATING.set(Some(f));
    for _ in 0..3 {
        let outer = Scope::new().set(&COUNT, 1).set(&OWNED, String::from("text")).enter();
        let context = Context::current().with(&COUNT, 2);
        Checkpoint::run(|| {
            for i in 0..200 {
                COUNT.set(i).unwrap();
                OWNED.set(String::from("more")).unwrap();
                drop(Context::current());
            }
            assert_eq!(OWNED.get(), "more");
            COUNT.pop().unwrap();
            COUNT.reset().unwrap();
        });
        context.run(|| {
            COUNT.set(3).unwrap();
            assert_eq!((COUNT.get(), OWNED.get().as_str()), (3, "text"));
        });
        assert_eq!(polled(SHORT.scope(4, async { SHORT.get() + COUNT.get() })), 5);
        assert_eq!(polled(async { COUNT.get() }.in_context(context)), 2);
        drop(outer);
    }
    ALLOCATING.set(None);
    assert!(Context::current().is_empty());
    ALLOCATED.get()
}

#[test]
fn a_global_allocator_may_read_variables() {
    fn reads_without_a_word() {
        let count = COUNT.try_with(|count| *count);
        assert_eq!(COUNT.is_bound(), count.is_ok());
        let _ = (OWNED.try_with(String::len), NAME.try_with(|name| name.len()));
    }
    assert!(with_an_allocator_that(reads_without_a_word) > 1_000);
}

#[test]
fn a_global_allocator_may_enter_leave_and_capture() {
    assert!(with_an_allocator_that(enters_and_leaves) > 1_000);
    assert!(with_an_allocator_that(|| drop(Context::current())) > 1_000);
    assert!(with_an_allocator_that(polls) > 1_000);
}

#[test]
fn a_waker_may_do_anything_in_the_middle_of_a_poll() {
    struct Wakes;
    impl std::task::Wake for Wakes {
        fn wake(self: Arc<Self>) {
            reads();
            enters_and_leaves();
            sets();
            polls();
        }
    }
    impl Drop for Wakes {
        fn drop(&mut self) {
            reads();
            enters_and_leaves();
        }
    }
    three_ways("a waker", || {
        let waker = Waker::from(Arc::new(Wakes));
        let mut task = std::task::Context::from_waker(&waker);
        let future = std::future::poll_fn(|task| {
            assert_eq!(COUNT.get(), 5);
            task.waker().wake_by_ref();
            drop(task.waker().clone());
            assert_eq!(COUNT.get(), 5);
            Poll::<()>::Pending
        });
        let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(COUNT.scope(5, future));
        for _ in 0..3 {
            assert!(future.as_mut().poll(&mut task).is_pending());
        }
        drop(future);
        drop(waker);
    });
}

/// What an allocator changes while a frame is being made on the same stack pulls the frame below
/// from under it. Reading, entering and leaving what it entered, and capturing are safe.
#[test]
fn a_global_allocator_may_change_the_checkpoint_that_is_being_changed() {
    fn changes() {
        let _ = COUNT.set(5);
        CONTEXTS.with_borrow_mut(|contexts| {
            contexts.push(Context::current());
            contexts.truncate(3);
        });
        let _ = OWNED.unset();
    }
    ALLOCATING.set(Some(changes));
    for _ in 0..3 {
        Checkpoint::run(|| {
            for i in 0..200 {
                let _ = COUNT.set(i);
                let _ = OWNED.set(String::from("more"));
                COUNT.sync_scope(i, || assert_eq!(COUNT.get(), i));
                drop(Context::current());
            }
        });
    }
    ALLOCATING.set(None);
    drop(CONTEXTS.take());
    assert!(Context::current().is_empty());
}

/// While the block of a new frame is asked for, the stack is not there: what the allocator reads,
/// enters and changes has nothing to do with what is being made.
#[test]
fn a_global_allocator_finds_nothing_where_a_frame_is_being_made() {
    static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());
    fn looks_and_changes() {
        let mut found = Vec::new();
        let mut note = |what: &str, is_there: bool| {
            if is_there {
                found.push(what.to_string());
            }
        };
        note("count", COUNT.is_bound());
        note("owned", OWNED.try_with(String::len).is_ok());
        note("a context", !Context::current().is_empty());
        note("history", !COUNT.history().is_empty());
        // Outside of every checkpoint there is nothing to change.
        note(
            "an open checkpoint",
            COUNT.set(5).is_ok() || COUNT.unset().is_ok() || OWNED.pop().is_ok(),
        );
        Checkpoint::run(|| {
            COUNT.set(6).unwrap();
            OWNED.sync_scope(String::from("the allocator's"), || note("its own", COUNT.get() != 6));
        });
        FOUND.lock().unwrap().extend(found);
    }
    /// Larger than what a thread keeps, so that each frame is asked for.
    static LARGE: Var<[u64; 1024]> = Var::new("large");
    static LARGE_TOO: Var<[u64; 512]> = Var::new("large too");
    type Making = (&'static str, fn());
    // Where something is left again nobody looks by then: blocks are freed with the stack in its
    // place.
    let makings: [Making; 5] = [
        ("a scope", || LARGE.sync_scope([1; 1024], || ALLOCATING.set(None))),
        ("a scope of several", || {
            Scope::new()
                .set(&LARGE, [1; 1024])
                .set(&LARGE_TOO, [2; 512])
                .run(|| ALLOCATING.set(None));
        }),
        ("set", || LARGE.set([2; 1024]).unwrap()),
        ("a checkpoint and set", || {
            Checkpoint::run(|| {
                LARGE.set([3; 1024]).unwrap();
                ALLOCATING.set(None);
            });
        }),
        ("set after set", || {
            (LARGE.set([4; 1024]).unwrap(), LARGE_TOO.set([5; 512]).unwrap(), ()).2
        }),
    ];
    on_a_fresh_thread(move || {
        // What this thread is to keep for itself is there by then, and so are the variables' own
        // ids.
        looks_and_changes();
        LARGE.sync_scope([0; 1024], || LARGE_TOO.sync_scope([0; 512], || ()));
        FOUND.lock().unwrap().clear();
        for (what, make) in makings {
            Checkpoint::run(|| {
                COUNT.set(1).unwrap();
                OWNED.set(String::from("outside")).unwrap();
                ALLOCATED.set(0);
                ALLOCATING.set(Some(looks_and_changes));
                make();
                ALLOCATING.set(None);
                assert!(ALLOCATED.get() > 0, "{what}: asks for a block");
                assert_eq!(*FOUND.lock().unwrap(), [""; 0], "{what}");
                assert_eq!((COUNT.get(), OWNED.get().as_str()), (1, "outside"), "{what}");
            });
        }
    });
}
