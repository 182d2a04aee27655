//! A global allocator that leaves what is entered on the thread, whenever it is asked for memory.
//! It may: it is safe code of the program, and so is foreign to the library like any other.
#![expect(unsafe_code, reason = "a global allocator is unsafe to implement")]

use stackholm::{Entered, Var};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

static TEXT: Var<String> = Var::new("text");

thread_local! {
    static GUARDS: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
    static LEAVES: Cell<bool> = const { Cell::new(false) };
}

struct Leaving;

// SAFETY: passes everything on; what it does besides does not touch the memory that it gives.
unsafe impl GlobalAlloc for Leaving {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if LEAVES.try_with(|leaves| leaves.replace(false)) == Ok(true) {
            GUARDS.with_borrow_mut(|guards| while guards.pop().is_some() {});
        }
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
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
