//! A global allocator that does operations of the program before it gives a block or takes one.
#![expect(unsafe_code, reason = "a global allocator is unsafe to implement")]

use crate::lists;
use crate::operations;
use crate::player::{Allocator, here};
use crate::reached::ALLOCATOR_ACTS;
use std::alloc::{GlobalAlloc, Layout, System};
use std::thread;

struct Acting;

/// Acts now and then, unless it acts already or the thread unwinds. An allocator must not panic.
fn act() {
    here(|player| {
        let acts = matches!(player.allocator(), Allocator::Leaves | Allocator::Keeps);
        if acts && player.one_in(9) && !thread::panicking() {
            player.in_allocator(|| {
                let before = player.number();
                operations::act(player, 3, &ALLOCATOR_ACTS);
                if player.allocator() == Allocator::WillLeave {
                    lists::leave_all_since(before);
                }
            });
        }
    });
}

// SAFETY: passes everything on; what it does besides does not touch the memory that it gives.
unsafe impl GlobalAlloc for Acting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        act();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        act();
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Acting = Acting;
