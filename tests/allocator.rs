//! A global allocator that leaves what is entered on the thread, or reads a process-wide value,
//! whenever it is asked for memory or gets some back.
//! It may: it is safe code of the program, and so is foreign to the library like any other.
#![expect(unsafe_code, reason = "a global allocator is unsafe to implement")]

use stackholm::{Checkpoint, Entered, Shared, Var, cancel, embed::Stack};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

static TEXT: Var<String> = Var::new("text");
static NUMBER: Var<u32> = Var::new("number");
static GLOBAL: Var<u32> = Var::new("global");

type Act = fn();

thread_local! {
    static GUARDS: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
    static LEAVES: Cell<bool> = const { Cell::new(false) };
    static LEAVES_WHEN_FREEING: Cell<bool> = const { Cell::new(false) };
    static READS: Cell<bool> = const { Cell::new(false) };
    static READ: Cell<[u32; 3]> = const { Cell::new([0; 3]) };
    static ACTS: Cell<Option<(usize, Act)>> = const { Cell::new(None) };
    static HANDLE: RefCell<Option<cancel::Handle>> = const { RefCell::new(None) };
}

/// Acts once, when memory was asked for so often.
fn act_if_asked() {
    match ACTS.try_with(Cell::take) {
        Ok(Some((0, act))) => act(),
        Ok(Some((more, act))) => ACTS.set(Some((more - 1, act))),
        _ => {}
    }
}

/// Counts what is read: nothing, 1, or 2.
fn read_if_asked() {
    if READS.try_with(Cell::get) == Ok(true) {
        let read = GLOBAL.try_with(|global| *global).unwrap_or(0);
        READ.with(|counts| {
            let mut all = counts.get();
            all[read as usize] += 1;
            counts.set(all);
        });
    }
}

fn leave_if(asked: &'static std::thread::LocalKey<Cell<bool>>) {
    if asked.try_with(|leaves| leaves.replace(false)) == Ok(true) {
        GUARDS.with_borrow_mut(|guards| while guards.pop().is_some() {});
    }
}

struct Leaving;

// SAFETY: passes everything on; what it does besides does not touch the memory that it gives.
unsafe impl GlobalAlloc for Leaving {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        leave_if(&LEAVES);
        read_if_asked();
        act_if_asked();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        leave_if(&LEAVES_WHEN_FREEING);
        read_if_asked();
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Leaving = Leaving;

/// Enters a few scopes, and has them left at the next allocation.
fn enter_and_have_them_left() {
    GUARDS.with_borrow_mut(|guards| {
        guards.reserve(16);
        for text in ["a", "b", "c", "d"] {
            guards.push(TEXT.enter(text.repeat(4096)));
        }
    });
    LEAVES.set(true);
}

#[test]
fn the_history_is_walked_while_the_allocator_leaves_what_it_walks_on() {
    enter_and_have_them_left();
    assert!(!TEXT.history().is_empty());
    assert!(!LEAVES.get(), "the allocator was asked");
    assert!(!TEXT.is_bound());
}

#[test]
fn a_guard_that_the_allocator_drops_as_the_list_of_late_guards_is_freed_hides_no_other() {
    let outer = Checkpoint::enter();
    GUARDS.with_borrow_mut(|guards| {
        guards.reserve(1);
        guards.push(NUMBER.enter(1));
    });
    Stack::new().run(|| {
        let guard = NUMBER.enter(2);
        Stack::new().run(|| {
            drop(guard);
            // What is freed next is the list of the one guard that was dropped here.
            LEAVES_WHEN_FREEING.set(true);
        });
        assert!(!LEAVES_WHEN_FREEING.get(), "the list was freed");
        assert!(GUARDS.with_borrow(Vec::is_empty));
        assert!(!NUMBER.is_bound());
        let guard = NUMBER.enter(3);
        Stack::new().run(|| drop(guard));
        assert!(!NUMBER.is_bound(), "it was dropped late as well");
    });
    drop(outer);
    assert!(!NUMBER.is_bound());
}

#[test]
fn a_guard_that_the_allocator_drops_in_the_turn_of_another_stack_is_left_after_it() {
    static LARGE: Var<[u8; 4096]> = Var::new("large");
    let outer = Checkpoint::enter();
    GUARDS.with_borrow_mut(|guards| {
        guards.reserve(1);
        guards.push(NUMBER.enter(1));
    });
    Stack::new().run(|| {
        LEAVES.set(true);
        // Too large for the free list, so the allocator is asked.
        let large = LARGE.enter([0; 4096]);
        assert!(!LEAVES.get(), "the allocator was asked");
        drop(large);
    });
    assert!(!NUMBER.is_bound());
    drop(outer);
}

#[test]
fn an_allocator_reads_process_wide_values_while_they_are_set_and_first_read() {
    let read = || READ.replace([0; 3]);
    let thread = std::thread::spawn(move || {
        READS.set(true);
        GLOBAL.set_global(1);
        let [before, during, after] = read();
        assert!(before > 0 && during > 0 && after == 0, "{before} {during} {after}");
        assert_eq!(GLOBAL.try_get().ok(), Some(1));
        drop(GLOBAL.set_global(2));
        let [none, before, during] = read();
        assert!(none == 0 && before > 0 && during > 0, "{none} {before} {during}");
        stackholm::Shared::flush_thread();
        let picture = stackholm::Globals::current();
        picture.run(|| assert_eq!(GLOBAL.try_get().ok(), Some(2)));
        drop(picture);
        let [none, old, newest] = read();
        assert!(none == 0 && old == 0 && newest > 0, "{none} {old} {newest}");
        drop(GLOBAL.clear_global());
    });
    thread.join().unwrap();
}

#[test]
fn an_allocator_stores_to_the_cell_for_which_a_waiter_is_being_listed() {
    static CELL: Shared<u32> = Shared::new(|| 0);
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = Vec::with_capacity(64);
    // The list grows at one of them.
    while CELL.version() == 0 {
        let mut next = Box::pin(CELL.changed(0));
        let store: Act = || CELL.store(1);
        ACTS.set((!waiting.is_empty()).then_some((0, store)));
        let polled = next.as_mut().poll(&mut context);
        ACTS.set(None);
        assert_eq!(polled.is_ready(), CELL.version() == 1);
        waiting.push(next);
    }
    for mut one in waiting {
        assert_eq!(one.as_mut().poll(&mut context), Poll::Ready(1));
    }
}

#[test]
fn an_allocator_cancels_the_scope_for_which_a_call_is_being_registered_or_stopped() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let cancel: Act = || {
        if let Some(handle) = HANDLE.take() {
            assert!(handle.cancel("over the limit"));
        }
    };
    let call = || cancel::on_cancel(|_| _ = CALLS.fetch_add(1, Relaxed));
    for asked in 0..8 {
        CALLS.store(0, Relaxed);
        cancel::scope(|handle| {
            HANDLE.set(Some(handle.clone()));
            let others: Vec<_> = (0..4).map(|_| call()).collect();
            ACTS.set(Some((asked, cancel)));
            let last = call();
            let is_before_the_stops = handle.is_cancelled();
            drop(others);
            ACTS.set(None);
            cancel();
            assert!(handle.is_cancelled());
            drop(last);
            let (least, most) = if is_before_the_stops { (5, 5) } else { (1, 4) };
            assert!((least..=most).contains(&CALLS.load(Relaxed)), "{CALLS:?} at {asked}");
        });
    }
}

#[test]
#[cfg(feature = "inspect")]
fn a_thread_that_the_allocator_lists_while_it_is_being_listed_is_listed_once() {
    use stackholm::Envelope;
    use stackholm::inspect::{Kind, Look, State, this_thread, watch};
    use std::sync::{Arc, Mutex, mpsc};

    fn listed(number: u64) -> usize {
        let is_of_thread =
            |state: State| matches!(state, State::Running { thread, .. } if thread == number);
        let view = Look::new().limit(usize::MAX).look();
        let stacks = view.stacks().iter();
        stacks.filter(|stack| stack.kind() == Kind::Thread && is_of_thread(stack.state())).count()
    }

    /// At each allocation: what is sealed knows the stack that sealed it, so that one is listed.
    fn list() {
        drop(Envelope::new(()));
        ACTS.set(Some((0, list)));
    }

    let _watching = watch();
    // The allocator is asked where there is no room for one more stack.
    let (end, is_end) = mpsc::channel::<()>();
    let is_end = Arc::new(Mutex::new(is_end));
    let (say, numbers) = mpsc::channel();
    let threads = (0..70).map(|_| {
        let (say, is_end) = (say.clone(), is_end.clone());
        let thread = std::thread::spawn(move || {
            let number = this_thread();
            ACTS.set(Some((0, list)));
            let guard = NUMBER.enter(2);
            ACTS.set(None);
            say.send(number).unwrap();
            let _ = is_end.lock().unwrap().recv();
            drop(guard);
        });
        let number = numbers.recv().unwrap();
        assert_eq!(listed(number), 1);
        (thread, number)
    });
    let threads: Vec<_> = threads.collect();
    drop(end);
    for (thread, number) in threads {
        thread.join().unwrap();
        assert_eq!(listed(number), 0);
    }
}
