//! `Shared`: reads, changes, versions, waiting, and when old values end.

#[path = "common/bomb.rs"]
mod bomb;

use stackholm::{Shared, Snapshot};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

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

/// Runs `f` on a thread that keeps what it read until it is told to go on.
fn idle<T: Send + Sync>(
    cell: &Shared<T>,
    read: impl Fn(&T) + Send,
    then: impl FnOnce(),
    end: impl FnOnce() + Send,
) {
    let (go, wait) = mpsc::channel::<()>();
    let (say, read_it) = mpsc::channel();
    thread::scope(|scope| {
        let thread = scope.spawn(move || {
            cell.with(&read);
            say.send(()).unwrap();
            wait.recv().unwrap();
            end();
        });
        read_it.recv().unwrap();
        then();
        go.send(()).unwrap();
        thread.join().unwrap();
    });
}

/// Waits until the threads have ended, their destructors too, as the end of a scope does not.
fn join<const N: usize>(threads: [thread::ScopedJoinHandle<'_, ()>; N]) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_cell_in_a_static_makes_its_first_value_when_it_is_read() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static CELL: Shared<u32> = Shared::new(|| {
        MADE.fetch_add(1, SeqCst);
        7
    });
    assert_eq!((MADE.load(SeqCst), CELL.version()), (0, 0));
    assert_eq!((CELL.with(|n| *n), *CELL.load()), (7, 7));
    assert_eq!((MADE.load(SeqCst), CELL.version()), (1, 0));
}

#[test]
fn a_first_value_that_nobody_read_is_replaced_unmade_and_swapped_made() {
    static STORED: Shared<u32> = Shared::new(|| panic!("it is not needed"));
    STORED.store(1);
    assert_eq!((*STORED.load(), STORED.version()), (1, 1));
    static SWAPPED: Shared<u32> = Shared::new(|| 7);
    let old = SWAPPED.swap(8);
    assert_eq!((*old, old.version(), *SWAPPED.load()), (7, 0, 8));
}

#[test]
fn a_snapshot_stays_as_it_is_whatever_is_stored() {
    let cell = Shared::from(1);
    let one = cell.load();
    cell.store(2);
    let two = cell.load();
    drop(cell);
    assert_eq!((*one, *two, *one.clone(), *one.to_arc()), (1, 2, 1, 1));
    assert_eq!((one.version(), two.version()), (0, 1));
    assert!(one.ptr_eq(&one.clone()) && !one.ptr_eq(&two));
}

#[test]
fn an_update_sees_what_a_store_inside_of_it_put_there() {
    let cell = Shared::from(1);
    let mut calls = 0;
    let new = cell.update(|value| {
        calls += 1;
        if calls == 1 {
            cell.store(10);
        }
        value + 1
    });
    assert_eq!((calls, *new, *cell.load(), new.version()), (2, 11, 11, 2));
}

#[test]
fn an_update_that_fails_or_panics_leaves_everything_as_it_was() {
    let alive = Alive::default();
    let cell = Shared::from(alive.value(1));
    let failed = cell.try_update(|_| Err::<Value, _>("no"));
    assert_eq!(failed.err(), Some("no"));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        cell.update(|value| {
            let _new = alive.value(value.number() + 1);
            panic!("on purpose")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!((cell.load().number(), cell.version()), (1, 0));
    alive.are(1);
    assert_eq!(cell.update(|value| alive.value(value.number() + 1)).number(), 2);
}

#[test]
fn a_value_is_exchanged_only_for_the_very_one_that_was_seen() {
    let cell = Shared::from(String::from("a"));
    let seen = cell.load();
    cell.store(String::from("a"));
    assert_eq!(cell.compare_and_swap(&seen, "b".into()), Err("b".into()));
    let other = Shared::from(String::from("a"));
    assert_eq!(cell.compare_and_swap(&other.load(), "b".into()), Err("b".into()));
    assert_eq!(cell.compare_and_swap(&cell.load(), "b".into()), Ok(()));
    assert_eq!((cell.with(String::clone), cell.version()), ("b".into(), 2));
}

#[test]
fn a_read_goes_on_with_its_value_while_the_closure_stores_reads_and_updates() {
    let alive = Alive::default();
    let cell = Shared::from(alive.value(1));
    cell.with(|outer| {
        cell.store(alive.value(2));
        assert_eq!(cell.with(Value::number), 2);
        cell.update(|value| alive.value(value.number() + 1));
        assert_eq!((outer.number(), cell.load().number()), (1, 3));
    });
    // What was read outside is not kept: it is not the newest any more.
    alive.are(1);
    assert_eq!(cell.with(Value::number), 3);
}

#[test]
fn reads_nest_to_any_depth_and_all_see_one_value() {
    fn deep(cell: &Shared<Value>, depth: u32) -> u64 {
        match depth {
            0 => 0,
            _ => cell.with(|value| value.number() + deep(cell, depth - 1)),
        }
    }
    let alive = Alive::default();
    let cell = Shared::from(alive.value(1));
    assert_eq!((deep(&cell, 9), deep(&cell, 9)), (9, 9));
    cell.store(alive.value(2));
    assert_eq!(deep(&cell, 2), 4);
    alive.are(1);
}

#[test]
fn a_closure_that_panics_lends_nothing_for_good() {
    let alive = Alive::default();
    let cell = Shared::from(alive.value(1));
    for _ in 0..2 {
        let read = || cell.with(|_| panic!("on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(read)).is_err());
    }
    cell.store(alive.value(2));
    assert_eq!(cell.with(Value::number), 2);
    alive.are(1);
}

#[test]
fn more_cells_than_a_thread_keeps_are_read_all_the_same() {
    let alive = Alive::default();
    let cells: Vec<_> = (0..100).map(|n| Shared::from(alive.value(n))).collect();
    for round in 0..3 {
        for (n, cell) in (0..).zip(&cells) {
            assert_eq!(cell.with(Value::number), n + round * 1000);
            cell.store(alive.value(n + (round + 1) * 1000));
        }
    }
    cells.iter().for_each(|cell| assert!(cell.with(Value::number) >= 3000));
    alive.are(100);
    drop(cells);
    alive.are(0);
}

#[test]
fn a_thread_that_stores_keeps_nothing_old() {
    let alive = Alive::default();
    let cell = Shared::from(alive.value(1));
    cell.with(|_| cell.with(|_| ()));
    cell.store(alive.value(2));
    alive.are(1);
    cell.with(|_| ());
    cell.update(|value| alive.value(value.number() + 1));
    alive.are(1);
}

#[test]
fn an_idle_thread_keeps_one_old_value_until_it_flushes() {
    let alive = Alive::default();
    let cell = Shared::from(alive.value(1));
    let after = || alive.are(1);
    let store = || {
        (2..10).for_each(|n| cell.store(alive.value(n)));
        alive.are(2);
    };
    let flush = || {
        Shared::flush_thread();
        after();
    };
    idle(&cell, |value| assert_eq!(value.number(), 1), store, flush);
    alive.are(1);
}

#[test]
fn an_idle_thread_lets_the_old_value_go_at_its_next_read_or_its_end() {
    let alive = Alive::default();
    let cell = Shared::from(alive.value(1));
    let store = || {
        cell.store(alive.value(2));
        alive.are(2);
    };
    let read = |value: &Value| assert_eq!(value.number(), 1);
    idle(&cell, read, store, || {
        assert_eq!(cell.with(Value::number), 2);
        alive.are(1);
    });
    idle(&cell, |_| {}, || cell.store(alive.value(3)), || {});
    alive.are(1);
}

#[test]
fn a_thread_that_nested_its_reads_lets_all_its_counts_go_at_its_next_read() {
    let alive = Alive::default();
    let cell = Shared::from(alive.value(1));
    let nested = |_: &Value| cell.with(|_| cell.with(|_| cell.with(|_| ())));
    idle(
        &cell,
        nested,
        || cell.store(alive.value(2)),
        || {
            alive.are(2);
            assert_eq!(cell.load().number(), 2);
            alive.are(1);
        },
    );
}

#[test]
fn a_cell_that_is_dropped_leaves_an_idle_thread_the_value_that_it_read() {
    let alive = Alive::default();
    let cell = Arc::new(Shared::from(alive.value(1)));
    let theirs = Arc::clone(&cell);
    let (go, wait) = mpsc::channel::<()>();
    let (say, read_it) = mpsc::channel();
    let thread = thread::spawn(move || {
        theirs.with(|_| ());
        drop(theirs);
        say.send(()).unwrap();
        wait.recv().unwrap();
    });
    read_it.recv().unwrap();
    cell.with(|_| ());
    drop(cell);
    alive.are(1);
    go.send(()).unwrap();
    thread.join().unwrap();
    alive.are(0);
}

#[test]
fn nobody_keeps_a_value_of_an_uncached_cell() {
    static CELL: Shared<Option<Value>> = Shared::uncached(|| None);
    let alive = Alive::default();
    CELL.store(Some(alive.value(1)));
    let read = |value: &Option<Value>| assert_eq!(value.as_ref().map(Value::number), Some(1));
    let store = || {
        let snapshot = CELL.load();
        CELL.store(None);
        alive.are(1);
        drop(snapshot);
        alive.are(0);
    };
    idle(&CELL, read, store, || alive.are(0));
}

/// Reads a cell as it ends.
struct Reads(&'static Shared<Option<Reads>>, &'static AtomicUsize);

impl Drop for Reads {
    fn drop(&mut self) {
        self.0.with(|_| self.1.fetch_add(1, SeqCst));
        self.1.fetch_add(usize::from(self.0.load().is_some()) * 100, SeqCst);
    }
}

#[test]
fn a_value_that_reads_its_cell_as_it_ends_sees_the_one_after() {
    static CELL: Shared<Option<Reads>> = Shared::new(|| None);
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    CELL.store(Some(Reads(&CELL, &ENDED)));
    CELL.with(|_| ());
    CELL.store(Some(Reads(&CELL, &ENDED)));
    CELL.with(|_| ());
    assert_eq!(ENDED.load(SeqCst), 101);
    CELL.store(None);
    Shared::flush_thread();
    assert_eq!(ENDED.load(SeqCst), 102);
}

#[test]
fn a_destructor_of_a_thread_reads_a_cell_and_keeps_nothing() {
    static CELL: Shared<Option<Value>> = Shared::new(|| None);
    static READ: AtomicUsize = AtomicUsize::new(0);
    struct AtEnd;
    impl Drop for AtEnd {
        fn drop(&mut self) {
            CELL.with(|value| READ.fetch_add(value.as_ref().unwrap().number() as usize, SeqCst));
            CELL.with(|value| READ.fetch_add(value.as_ref().unwrap().number() as usize, SeqCst));
        }
    }
    thread_local! {
        static FIRST: AtEnd = const { AtEnd };
        static SECOND: Cell<Option<AtEnd>> = const { Cell::new(None) };
    }
    let alive = Alive::default();
    CELL.store(Some(alive.value(1)));
    let thread = thread::spawn(|| {
        FIRST.with(|_| ());
        CELL.with(|_| ());
        SECOND.set(Some(AtEnd));
    });
    thread.join().unwrap();
    assert_eq!(READ.load(SeqCst), 4);
    CELL.store(None);
    alive.are(0);
}

#[test]
fn a_drop_that_panics_leaves_the_cell_usable() {
    struct Panics(bool);
    impl Drop for Panics {
        fn drop(&mut self) {
            assert!(!self.0, "on purpose");
        }
    }
    let cell = Shared::from(Panics(true));
    assert!(catch_unwind(AssertUnwindSafe(|| cell.store(Panics(false)))).is_err());
    assert_eq!((cell.version(), cell.with(|value| value.0)), (1, false));
    for n in 2..10 {
        cell.store(Panics(false));
        assert_eq!(cell.version(), n);
    }
}

const ROUNDS: u64 = if cfg!(miri) { 40 } else { 20_000 };

#[test]
fn versions_never_go_back_pairs_are_whole_and_each_value_ends_once() {
    let alive = Alive::default();
    let cell = Shared::from(alive.value(0));
    let is_over = AtomicBool::new(false);
    let is_known = AtomicUsize::new(0);
    thread::scope(|scope| {
        let read = |reader| {
            let (cell, is_over, is_known) = (&cell, &is_over, &is_known);
            scope.spawn(move || {
                let (mut last, mut round) = (0, 0_u64);
                while !is_over.load(SeqCst) {
                    let told = is_known.load(SeqCst) as u64;
                    let version = cell.version();
                    let number = match (round + reader) % 3 {
                        0 => cell.with(Value::number),
                        1 => cell.with(|value| {
                            let inner = cell.load();
                            assert!(inner.number() >= value.number());
                            value.number()
                        }),
                        _ => {
                            let snapshot = cell.load();
                            assert_eq!(snapshot.version(), snapshot.number());
                            snapshot.number()
                        }
                    };
                    assert!(number >= last && number >= version && number >= told);
                    is_known.fetch_max(number as usize, SeqCst);
                    (last, round) = (number, round + 1);
                    if round.is_multiple_of(97) {
                        Shared::flush_thread();
                    }
                    thread::yield_now();
                }
            })
        };
        let readers = [read(0), read(1), read(2)];
        for n in 1..=ROUNDS {
            match n % 3 {
                0 => cell.store(alive.value(n)),
                1 => drop(cell.update(|old| alive.value(old.number() + 1))),
                _ => assert!(cell.compare_and_swap(&cell.load(), alive.value(n)).is_ok()),
            }
        }
        is_over.store(true, SeqCst);
        join(readers);
    });
    assert_eq!((cell.version(), cell.load().number()), (ROUNDS, ROUNDS));
    alive.are(1);
    drop(cell);
    alive.are(0);
}

#[test]
fn of_swaps_updates_and_exchanges_on_several_threads_each_is_there_once() {
    const THREADS: usize = 4;
    let rounds = ROUNDS / 10;
    let alive = Alive::default();
    let cell = Shared::from(alive.value(0));
    let barrier = Barrier::new(THREADS);
    let add_one = || {
        loop {
            let seen = cell.load();
            let new = alive.value(seen.number() + 1);
            if cell.compare_and_swap(&seen, new).is_ok() {
                return;
            }
        }
    };
    let add = || {
        barrier.wait();
        for _ in 0..rounds {
            cell.update(|value| alive.value(value.number() + 1));
            add_one();
        }
    };
    thread::scope(|scope| join([(); THREADS].map(|()| scope.spawn(add))));
    let all = THREADS as u64 * rounds * 2;
    assert_eq!((cell.with(Value::number), cell.version()), (all, all));
    alive.are(1);
}

#[test]
fn a_thread_that_waits_goes_on_when_there_is_a_newer_version() {
    let cell = Shared::from(0_u64);
    let (say, said) = mpsc::channel();
    thread::scope(|scope| {
        let cell = &cell;
        scope.spawn(move || {
            let mut seen = 0;
            while seen < 20 {
                seen = cell.wait(seen);
                assert!(cell.with(|value| *value) >= seen);
                say.send(seen).unwrap();
            }
        });
        for n in 1..=20 {
            cell.store(n);
            if n % 2 == 0 {
                while said.recv().unwrap() < n {}
            }
        }
    });
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_change_wakes_each_future_that_waits_once_and_none_that_was_dropped() {
    let cell = Shared::from(0);
    let woken: [_; 3] = std::array::from_fn(|_| Arc::new(Woken::default()));
    let wakers = woken.clone().map(Waker::from);
    let [first, second, third] = &wakers;
    let poll = |future: std::pin::Pin<&mut stackholm::Changed<'_, i32>>, waker: &Waker| {
        future.poll(&mut Context::from_waker(waker))
    };
    let mut one = pin!(cell.changed(0));
    let mut two = pin!(cell.changed(0));
    {
        let mut gone = pin!(cell.changed(0));
        assert!(poll(gone.as_mut(), third).is_pending());
    }
    assert!(poll(one.as_mut(), third).is_pending());
    assert!(poll(one.as_mut(), first).is_pending());
    assert!(poll(two.as_mut(), second).is_pending());
    cell.store(1);
    cell.store(2);
    assert_eq!(woken.each_ref().map(|woken| woken.0.load(SeqCst)), [1, 1, 0]);
    assert_eq!(poll(one.as_mut(), first), Poll::Ready(2));
    assert_eq!(poll(two.as_mut(), second), Poll::Ready(2));
    assert_eq!(poll(pin!(cell.changed(1)), first), Poll::Ready(2));
    assert!(poll(pin!(cell.changed(2)), first).is_pending());
}

#[test]
fn wakers_that_panic_keep_no_other_from_being_woken() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }
    let cell = Shared::from(0);
    let woken = Arc::new(Woken::default());
    let wakers = [
        Waker::from(Arc::clone(&woken)),
        Waker::from(Arc::new(Panics)),
        Waker::from(Arc::new(Panics)),
        Waker::from(Arc::clone(&woken)),
    ];
    let mut futures: Vec<_> = wakers.iter().map(|_| Box::pin(cell.changed(0))).collect();
    for (future, waker) in futures.iter_mut().zip(&wakers) {
        assert!(future.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| cell.store(1))).is_err());
    assert_eq!((woken.0.load(SeqCst), cell.version(), *cell.load()), (2, 1, 1));
}

#[test]
fn wakers_whose_panics_panic_as_they_are_dropped_keep_no_other_from_being_woken() {
    struct Explodes;
    impl Wake for Explodes {
        fn wake(self: Arc<Self>) {
            bomb::explode();
        }
    }
    let cell = Shared::from(0);
    let woken = Arc::new(Woken::default());
    let explodes = || Waker::from(Arc::new(Explodes));
    let wakers = [explodes(), explodes(), Waker::from(Arc::clone(&woken))];
    let mut futures: Vec<_> = wakers.iter().map(|_| Box::pin(cell.changed(0))).collect();
    for (future, waker) in futures.iter_mut().zip(&wakers) {
        assert!(future.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    }
    // The first panic goes on, with what it carries.
    std::mem::forget(catch_unwind(AssertUnwindSafe(|| cell.store(1))).unwrap_err());
    assert_eq!((woken.0.load(SeqCst), cell.version()), (1, 1));
}

#[test]
fn a_cell_is_as_thread_safe_as_an_arc_and_says_no_value() {
    fn is_fine<T: Send + Sync + Unpin>() {}
    is_fine::<(Shared<Vec<u8>>, Snapshot<Vec<u8>>)>();
    let cell = Shared::from("secret");
    let said = format!("{cell:?} {:?} {:?}", cell.load(), cell.changed(0));
    assert_eq!(
        said,
        "Shared { version: 0, .. } Snapshot { version: 0, .. } Changed { since: 0, .. }"
    );
    assert_eq!(*Shared::<u8>::default().load(), 0);
}
