//! Process-wide values: set together, pinned for a request, read while they change, and when old
//! ones end.

use stackholm::{Context, ContextExt, Globals, Shared, Source, Var, set_globals, update_globals};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context as Task, Waker};
use std::thread;

/// All tests set values of one process, and some count who keeps them: one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts the values that are alive, and that none ends twice.
#[derive(Clone, Default)]
struct Alive(Arc<AtomicUsize>);

struct Value {
    number: u64,
    double: u64,
    alive: Alive,
}

impl Alive {
    fn value(&self, number: u64) -> Value {
        self.0.fetch_add(1, SeqCst);
        Value { number, double: number * 2, alive: self.clone() }
    }

    #[track_caller]
    fn are(&self, number: usize) {
        assert_eq!(self.0.load(SeqCst), number, "values alive");
    }
}

impl Value {
    fn number(&self) -> u64 {
        assert_eq!(self.double, self.number * 2, "a value is whole");
        self.number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.double = u64::MAX;
        assert!(self.alive.0.fetch_sub(1, SeqCst) > 0, "ended twice");
    }
}

const ROUNDS: u64 = if cfg!(miri) { 30 } else { 10_000 };

#[test]
fn values_that_are_set_together_are_never_torn_in_a_picture_and_never_go_back() {
    static A: Var<Value> = Var::new("a");
    static B: Var<Value> = Var::new("b");
    let _alone = alone();
    let (alive, is_over) = (Alive::default(), AtomicBool::new(false));
    let set = |number| {
        set_globals(|globals| globals.set(&A, alive.value(number)).set(&B, alive.value(number)))
    };
    set(0);
    thread::scope(|scope| {
        let reader = |kind: u64| {
            let is_over = &is_over;
            scope.spawn(move || {
                let (mut last, mut round) = (0, kind);
                while !is_over.load(SeqCst) {
                    let number = match round % 4 {
                        0 => Globals::current().run(|| {
                            let number = A.with(Value::number);
                            thread::yield_now();
                            assert_eq!(number, B.with(Value::number), "a torn pair");
                            number
                        }),
                        1 => {
                            let globals = Globals::current();
                            let number = globals.get(&A).unwrap().number();
                            assert_eq!(number, globals.get(&B).unwrap().number(), "a torn pair");
                            number
                        }
                        2 => A.with(|a| {
                            assert!(B.with(Value::number) >= a.number(), "b went back");
                            a.number()
                        }),
                        _ => B.global().unwrap().number(),
                    };
                    assert!(number >= last, "a version went back");
                    (last, round) = (number, round + 1);
                }
            })
        };
        let readers = [reader(0), reader(1), reader(2)];
        for number in 1..=ROUNDS {
            set(number);
        }
        is_over.store(true, SeqCst);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert_eq!((A.with(Value::number), B.with(Value::number)), (ROUNDS, ROUNDS));
    alive.are(2);
    set_globals(|globals| globals.clear(&A).clear(&B));
    alive.are(0);
}

#[test]
fn no_update_of_process_wide_values_is_lost() {
    static ONE: Var<u64> = Var::with_default("one", || 0);
    static TWO: Var<u64> = Var::with_default("two", || 0);
    const THREADS: u64 = 8;
    let _alone = alone();
    let each = ROUNDS / 50 + 1;
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for _ in 0..each {
                    if thread % 2 == 0 {
                        ONE.update_global(|one| one.map_or(1, |one| one + 1));
                    } else {
                        update_globals(|now, globals| {
                            let add = |var| now.get(var).map_or(1, |number: &u64| number + 1);
                            globals.set(&ONE, add(&ONE)).set(&TWO, add(&TWO))
                        });
                    }
                }
            });
        }
    });
    assert_eq!((ONE.get(), TWO.get()), (THREADS * each, THREADS / 2 * each));
}

#[test]
fn a_pinned_picture_answers_until_its_block_ends_whatever_is_set() {
    static A: Var<u32> = Var::new("a");
    static B: Var<u32> = Var::with_default("b", || 7);
    let _alone = alone();
    A.set_global(1);
    let picture = Globals::current();
    picture.run(|| {
        assert_eq!(A.set_global(2).as_deref(), Some(&1), "what the process had");
        B.set_global(2);
        assert_eq!((A.get(), B.get()), (1, 7), "what came later is not there");
        assert_eq!((A.global().as_deref(), B.global()), (Some(&1), None));
        assert_eq!((A.source(), B.source()), (Source::Global, Source::Default));
        let inner = set_globals(|globals| globals.set(&A, 3));
        inner.run(|| assert_eq!((A.get(), B.get()), (3, 2), "the innermost counts"));
        assert_eq!(A.get(), 1);
        assert_eq!(Globals::current().version(), picture.version());
        assert_eq!(*A.keep().unwrap(), 1);
    });
    assert_eq!((A.get(), B.get()), (3, 2));
    assert_eq!(picture.get(&A), Some(&1));
    assert_eq!(picture.get_arc(&B), None);
    A.clear_global();
    picture.run(|| assert_eq!(A.get(), 1, "taken away meanwhile"));
    assert_eq!(A.try_get().ok(), None);
}

#[test]
fn what_is_pinned_is_no_binding_and_a_binding_goes_first() {
    static A: Var<u32> = Var::new("a");
    let _alone = alone();
    A.set_global(1);
    Globals::current().run(|| {
        assert!(!A.is_bound() && A.require().is_err());
        assert_eq!(A.sync_scope(2, || A.get()), 2);
        let names: Vec<_> = Context::current().iter().map(|one| String::from(one.name())).collect();
        assert_eq!(names, ["process-wide values"]);
        A.set_global(3);
        Context::empty().run(|| assert_eq!(A.get(), 3, "nothing was handed over"));
    });
    A.clear_global();
}

#[test]
fn a_pinned_picture_goes_along_over_awaits_and_with_the_context() {
    static A: Var<u32> = Var::new("a");
    let _alone = alone();
    A.set_global(1);
    let (mut request, carried) = Globals::current().run(|| {
        let carried = async { A.get() }.in_current_context();
        let request = Globals::current().wrap(async {
            let before = A.get();
            Pause::default().await;
            (before, A.get(), stackholm::thread::spawn(|| A.get()).join().unwrap())
        });
        (Box::pin(request), carried)
    });
    let mut task = Task::from_waker(Waker::noop());
    assert!(request.as_mut().poll(&mut task).is_pending());
    A.set_global(2);
    assert_eq!(A.get(), 2);
    assert_eq!(request.as_mut().poll(&mut task), std::task::Poll::Ready((1, 1, 1)));
    assert_eq!(pin!(carried).poll(&mut task), std::task::Poll::Ready(1));
    A.clear_global();
}

/// Not ready the first time.
#[derive(Default)]
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut Task<'_>) -> std::task::Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    }
}

#[test]
fn a_closure_that_panics_sets_nothing() {
    static A: Var<u32> = Var::new("a");
    static B: Var<u32> = Var::new("b");
    let _alone = alone();
    A.set_global(1);
    let before = Globals::current().version();
    let panics = |f: &dyn Fn()| assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
    panics(&|| drop(set_globals(|globals| panic!("on purpose, after {:?}", globals.set(&B, 2)))));
    panics(&|| drop(update_globals(|_, globals| panic!("on purpose: {:?}", globals.set(&A, 2)))));
    panics(&|| drop(A.update_global(|_| panic!("on purpose"))));
    panics(&|| A.with(|_| panic!("on purpose")));
    assert_eq!((A.get(), B.global(), Globals::current().version()), (1, None, before));
    A.clear_global();
}

#[test]
fn what_is_not_there_is_taken_away_without_a_new_version() {
    static NEVER: Var<u32> = Var::with_default("never", || 5);
    let _alone = alone();
    let version = || Globals::current().version();
    let before = version();
    assert_eq!((NEVER.clear_global(), version()), (None, before));
    NEVER.set_global(6);
    assert_eq!((NEVER.get(), version()), (6, before + 1));
    assert_eq!((NEVER.clear_global().as_deref(), version()), (Some(&6), before + 2));
    assert_eq!((NEVER.clear_global(), version()), (None, before + 2));
    assert_eq!([NEVER.get(), NEVER.get(), NEVER.get()], [5; 3]);
    NEVER.set_global(7);
    assert_eq!(NEVER.get(), 7);
    NEVER.clear_global();
}

#[test]
fn a_read_goes_on_with_its_value_while_the_closure_sets_and_reads() {
    static A: Var<Value> = Var::new("a");
    let _alone = alone();
    let alive = Alive::default();
    A.set_global(alive.value(0));
    fn deeper(alive: &Alive, depth: u64) {
        A.with(|a| {
            assert_eq!(a.number(), depth);
            alive.are(depth as usize + 1);
            if depth < 40 {
                drop(A.set_global(alive.value(depth + 1)));
                deeper(alive, depth + 1);
            }
            assert_eq!(a.number(), depth);
        });
        // Those whose reads are running, and the newest.
        alive.are(depth as usize + 1);
    }
    deeper(&alive, 0);
    assert_eq!(A.with(Value::number), 40);
    alive.are(1);
    A.with(|a| {
        drop(A.clear_global());
        Shared::flush_thread();
        assert_eq!(a.number(), 40);
        alive.are(1);
    });
    alive.are(0);
}

#[test]
fn more_variables_than_a_thread_keeps_are_read_all_the_same() {
    let _alone = alone();
    let alive = Alive::default();
    const MANY: usize = if cfg!(miri) { 34 } else { 100 };
    let vars: Vec<Var<Value>> = (0..MANY).map(|n| Var::named(format!("number {n}"))).collect();
    for (n, var) in (0..).zip(&vars) {
        var.set_global(alive.value(n));
    }
    for _ in 0..3 {
        assert!((0..).zip(&vars).all(|(n, var)| var.with(Value::number) == n));
        assert!(vars.iter().enumerate().rev().all(|(n, var)| var.with(Value::number) == n as u64));
    }
    vars[0].with(|first| {
        vars[16].with(|met| assert_eq!((first.number(), met.number()), (0, 16)));
        assert_eq!((vars[32].with(Value::number), first.number()), (32, 0));
    });
    alive.are(MANY);
    drop(vars);
    alive.are(0);
}

#[test]
fn a_variable_that_is_dropped_takes_its_process_wide_value_along() {
    let _alone = alone();
    let alive = Alive::default();
    let var = Var::named("made at run time");
    var.set_global(alive.value(1));
    assert_eq!(var.with(Value::number), 1);
    let (moved, before) = (var, Globals::current());
    assert_eq!(moved.with(Value::number), 1, "it is the same variable elsewhere");
    drop(moved);
    alive.are(1);
    drop(before);
    Shared::flush_thread();
    alive.are(0);
}

/// Runs `then` while a thread is idle that has done `read`; the thread does `end` after it.
fn idle(read: impl FnOnce() + Send, then: impl FnOnce(), end: impl FnOnce() + Send) {
    let (go, wait) = mpsc::channel::<()>();
    let (say, has_read) = mpsc::channel();
    thread::scope(|scope| {
        let thread = scope.spawn(move || {
            read();
            say.send(()).unwrap();
            wait.recv().unwrap();
            end();
        });
        has_read.recv().unwrap();
        then();
        go.send(()).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn an_idle_thread_keeps_one_old_value_of_what_it_read_and_nothing_else() {
    static A: Var<Value> = Var::new("a");
    static UNREAD: Var<Value> = Var::new("unread");
    static OTHER: Var<u32> = Var::new("other");
    let _alone = alone();
    let alive = Alive::default();
    let set = |number| {
        drop(A.set_global(alive.value(number)));
        drop(UNREAD.set_global(alive.value(number)));
    };
    let set_often = || {
        (2..10).for_each(set);
        alive.are(3);
    };
    let read = || assert_eq!(A.with(Value::number), 1);
    OTHER.set_global(1);
    let lets_go: [&(dyn Fn() + Sync); 4] = [
        &|| assert_eq!(A.with(Value::number), 9),
        &|| assert_eq!(OTHER.get(), 1),
        &Shared::flush_thread,
        &|| drop(OTHER.set_global(1)),
    ];
    for end in lets_go {
        set(1);
        idle(read, set_often, || {
            end();
            alive.are(2);
        });
    }
    set(1);
    idle(read, set_often, || {});
    alive.are(2);
    set(1);
    idle(
        || drop(Globals::current()),
        || set(2),
        || {
            alive.are(4);
            assert_eq!(A.with(Value::number), 2);
            alive.are(2);
        },
    );
    set_globals(|globals| globals.clear(&A).clear(&UNREAD).clear(&OTHER));
    alive.are(0);
}

#[test]
fn a_value_that_reads_and_sets_as_it_ends_leaves_all_in_order() {
    struct Lively(u32);
    static LIVELY: Var<Lively> = Var::new("lively");
    impl Drop for Lively {
        fn drop(&mut self) {
            if self.0 == 1 {
                LIVELY.try_with(|newer| assert_eq!(newer.0, 2)).unwrap();
                LIVELY.set_global(Lively(3));
                assert_eq!(LIVELY.with(|newest| newest.0), 3);
            }
            assert_ne!(self.0, 4, "on purpose");
        }
    }
    let _alone = alone();
    LIVELY.set_global(Lively(1));
    assert_eq!(LIVELY.with(|value| value.0), 1);
    drop(LIVELY.set_global(Lively(2)));
    assert_eq!(LIVELY.with(|value| value.0), 3);
    LIVELY.set_global(Lively(4));
    assert_eq!(LIVELY.with(|value| value.0), 4);
    assert!(catch_unwind(|| drop(LIVELY.set_global(Lively(5)))).is_err());
    assert_eq!(LIVELY.with(|value| value.0), 5);
    LIVELY.clear_global();
}

#[test]
fn destructors_of_a_thread_and_a_panic_hook_read_process_wide_values() {
    static A: Var<Value> = Var::new("a");
    static READ: AtomicUsize = AtomicUsize::new(0);
    struct AtEnd;
    impl Drop for AtEnd {
        fn drop(&mut self) {
            for _ in 0..2 {
                READ.fetch_add(A.with(Value::number) as usize, SeqCst);
                Globals::current().run(|| A.with(Value::number));
            }
        }
    }
    thread_local! {
        static FIRST: AtEnd = const { AtEnd };
        static SECOND: Cell<Option<AtEnd>> = const { Cell::new(None) };
    }
    let _alone = alone();
    let alive = Alive::default();
    A.set_global(alive.value(1));
    let thread = || {
        FIRST.with(|_| ());
        A.with(Value::number);
        SECOND.set(Some(AtEnd));
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {
            READ.fetch_add(A.with(Value::number) as usize, SeqCst);
        }));
        assert!(catch_unwind(|| A.with(|_| panic!("on purpose"))).is_err());
        std::panic::set_hook(hook);
    };
    thread::spawn(thread).join().unwrap();
    assert_eq!(READ.load(SeqCst), 5);
    drop(A.clear_global());
    alive.are(0);
}

#[test]
fn a_picture_says_no_value() {
    static SECRET: Var<&str> = Var::new("secret");
    let _alone = alone();
    SECRET.set_global("hunter2");
    let picture = Globals::current();
    let said = format!("{picture:?} {:?}", picture.run(Context::current));
    assert!(said.starts_with("Globals { version: ") && !said.contains("hunter2"), "{said}");
    SECRET.clear_global();
}

#[test]
fn an_update_is_made_again_for_a_change_of_its_variable_and_for_no_other() {
    static A: Var<u32> = Var::new("a");
    static B: Var<u32> = Var::new("b");
    let _alone = alone();
    let mut calls = 0;
    let old = A.update_global(|old| {
        calls += 1;
        assert!(calls < 10, "it sets another variable, and is called for ever");
        B.set_global(calls);
        old.map_or(10, |old| old + 1)
    });
    assert_eq!((calls, old, A.get(), B.get()), (1, None, 10, 1));
    let mut calls = 0;
    let old = A.update_global(|old| {
        calls += 1;
        if calls == 1 {
            A.set_global(20);
            B.set_global(2);
        }
        old.map_or(0, |old| old + 1)
    });
    assert_eq!((calls, old.as_deref(), A.get(), B.get()), (2, Some(&20), 21, 2));
    let mut calls = 0;
    let old = A.update_global(|old| {
        calls += 1;
        if calls == 1 {
            A.clear_global();
        }
        old.map_or(1, |old| old + 1)
    });
    assert_eq!((calls, old, A.get()), (2, None, 1));
    A.clear_global();
    B.clear_global();
}
