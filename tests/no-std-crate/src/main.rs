//! A program without the standard library: an allocator, a panic handler, one slot, and the checks
//! of the library. On a target without a system it is only built; on Linux it runs.
#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use stackholm::embed::Slot;

/// Gives memory from one piece, one block behind the other, and never takes it back; it counts
/// those that are in use.
struct Bump {
    room: UnsafeCell<[u8; ROOM]>,
    next: AtomicUsize,
    blocks: AtomicUsize,
}

const ROOM: usize = 16 << 20;

// SAFETY: each byte is given once, by the step of an atomic.
unsafe impl Sync for Bump {}

// SAFETY: each block is given once, aligned, within the room.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let room = self.room.get().cast::<u8>();
        let begin = self.next.fetch_add(layout.size() + layout.align(), SeqCst);
        let at = begin + room.wrapping_add(begin).align_offset(layout.align());
        if at + layout.size() > ROOM {
            return ptr::null_mut();
        }
        self.blocks.fetch_add(1, SeqCst);
        room.wrapping_add(at)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {
        self.blocks.fetch_sub(1, SeqCst);
    }
}

#[global_allocator]
static MEMORY: Bump = Bump {
    room: UnsafeCell::new([0; ROOM]),
    next: AtomicUsize::new(0),
    blocks: AtomicUsize::new(0),
};

struct OnlyCore(Slot);

// SAFETY: the program has one thread.
unsafe impl Sync for OnlyCore {}

static SLOT: OnlyCore = OnlyCore(Slot::new());

fn checks() {
    no_std_crate::counts_misuse();
    no_std_crate::without_a_current_stack();
    no_std_crate::where_there_is_no_slot();
    // SAFETY: the slot is a `static`, and the program has one thread and no handler of signals.
    unsafe { no_std_crate::register(|| Some(NonNull::from(&SLOT.0))) };
    // What is made once for each process is made now.
    no_std_crate::where_there_is_a_slot();
    let before = MEMORY.blocks.load(SeqCst);
    no_std_crate::without_a_current_stack();
    no_std_crate::where_there_is_a_slot();
    no_std_crate::a_long_chain_ends_on_a_small_machine_stack();
    assert_eq!(MEMORY.blocks.load(SeqCst), before, "each block was given back");
}

#[cfg(target_os = "none")]
mod system {
    use super::*;

    #[unsafe(no_mangle)]
    extern "C" fn _start() -> ! {
        checks();
        loop {}
    }

    #[panic_handler]
    fn panicked(_: &PanicInfo<'_>) -> ! {
        loop {}
    }
}

#[cfg(not(target_os = "none"))]
mod system {
    use super::*;
    use core::fmt::{self, Write};

    #[link(name = "c")]
    unsafe extern "C" {
        fn write(file: i32, bytes: *const u8, number: usize) -> isize;
        fn abort() -> !;
    }

    struct Errors;

    impl Write for Errors {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            // SAFETY: so many bytes are there.
            unsafe { write(2, text.as_ptr(), text.len()) };
            Ok(())
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn main() -> i32 {
        checks();
        let _ = writeln!(Errors, "the checks passed without the standard library");
        0
    }

    /// What `alloc` was compiled with names it; nothing ever unwinds.
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    #[panic_handler]
    fn panicked(info: &PanicInfo<'_>) -> ! {
        let _ = writeln!(Errors, "{info}");
        // SAFETY: it needs nothing.
        unsafe { abort() }
    }
}
