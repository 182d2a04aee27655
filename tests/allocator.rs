//! A global allocator that leaves checkpoints of the thread, whenever it is asked for memory or
//! gets some back. It may do so: to the library an allocator is foreign code like any other.
#![expect(unsafe_code, reason = "a global allocator is unsafe to implement")]

use stackholm::{Checkpoint, Entered, Var, embed::Stack};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

static TEXT: Var<String> = Var::new("text");
static NUMBER: Var<u32> = Var::new("number");

thread_local! {
    static GUARDS: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
    static LEAVES: Cell<bool> = const { Cell::new(false) };
    static LEAVES_WHEN_FREEING: Cell<bool> = const { Cell::new(false) };
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
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        leave_if(&LEAVES_WHEN_FREEING);
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
