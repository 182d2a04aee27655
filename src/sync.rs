//! The only door to atomics, cells that are watched, allocation and thread-locals.
//!
//! Everything below `chain/` takes its primitives from here, so that under `--cfg stackholm_loom` the same
//! algorithms run on loom's. Three things stay the standard library's even then, because loom has no stand-in
//! that can live in a `static`: the id of a variable and the counter it comes from ([`StaticAtomicUsize`]), and
//! [`OnceLock`]. The process-wide values use `arc-swap`, which cannot be modelled (it relies on sequentially
//! consistent accesses, which loom weakens); under loom a mutex of loom's stands in, which shows that *our* use
//! of the cell is right and says nothing about arc-swap itself.
#![expect(unsafe_code, reason = "the loom and the std allocator are unsafe to call")]

pub(crate) use door::*;
pub(crate) use std::sync::atomic::AtomicUsize as StaticAtomicUsize;
pub(crate) use std::sync::{Arc, OnceLock};

/// Whether this is a build for the models, where small structures show as much as large ones and cost less.
pub(crate) const MODELLED: bool = cfg!(stackholm_loom);

#[cfg(not(stackholm_loom))]
mod door {
    use super::Arc;
    use std::alloc::Layout;
    pub(crate) use std::sync::atomic::{AtomicU32, Ordering};

    /// Whether freed blocks are kept for the next frames. Not under `--cfg stackholm_malloc`, so that an address
    /// sanitizer or valgrind sees each block freed.
    pub(crate) const REUSE: bool = !cfg!(stackholm_malloc);

    /// Allocates, or ends the process as `Box` does.
    ///
    /// # Safety
    /// 1. `layout` is not of size zero.
    #[inline]
    pub(crate) unsafe fn allocate(layout: Layout) -> *mut u8 {
        // SAFETY: #1 is what `alloc` asks.
        let memory = unsafe { std::alloc::alloc(layout) };
        if memory.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        memory
    }

    /// # Safety
    /// 1. `memory` came from [`allocate`] with the same `layout` and is not used again.
    #[inline]
    pub(crate) unsafe fn free(memory: *mut u8, layout: Layout) {
        // SAFETY: #1 is what `dealloc` asks.
        unsafe { std::alloc::dealloc(memory, layout) }
    }

    /// Marks one piece of plain memory, so that loom sees who reads and who writes it. Nothing outside loom.
    pub(crate) struct Watch;

    impl Watch {
        #[inline]
        pub(crate) const fn new() -> Self {
            Watch
        }
        #[inline]
        pub(crate) fn reads(&self) {}
        #[inline]
        pub(crate) fn writes(&self) {}
    }

    /// A thread-local that needs no destructor and so answers at any time of a thread's life.
    macro_rules! thread_slot {
        ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;) => {
            ::std::thread_local! { $(#[$meta])* $vis static $name: $type = const { $init }; }
        };
    }
    pub(crate) use thread_slot;

    /// A function that makes a thread call another one when it ends.
    macro_rules! at_thread_end {
        (fn $arm:ident() => $end:ident) => {
            #[cold]
            fn $arm() {
                struct AtEnd;
                impl Drop for AtEnd {
                    fn drop(&mut self) {
                        $end();
                    }
                }
                ::std::thread_local! { static AT_END: AtEnd = const { AtEnd }; }
                // A thread that is ending already has run this once; it is too late for a second time.
                let _ = AT_END.try_with(|_| ());
            }
        };
    }
    pub(crate) use at_thread_end;

    /// A shared pointer that can be swapped while others read it.
    pub(crate) struct ArcCell<T> {
        value: arc_swap::ArcSwapOption<T>,
        /// Whether there ever was a value; spares the readers of a cell that was never used the rest.
        used: std::sync::atomic::AtomicBool,
    }

    impl<T> ArcCell<T> {
        pub(crate) const fn empty() -> Self {
            ArcCell { value: arc_swap::ArcSwapOption::const_empty(), used: std::sync::atomic::AtomicBool::new(false) }
        }
        /// Whether there ever was a value.
        #[inline]
        pub(crate) fn is_used(&self) -> bool {
            // Acquire: pairs with the Release in `swap`; whoever sees `true` sees a cell that was swapped.
            self.used.load(Ordering::Acquire)
        }
        pub(crate) fn load(&self) -> Option<Arc<T>> {
            if self.is_used() { self.value.load_full() } else { None }
        }
        pub(crate) fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
            let old = self.value.swap(value);
            // Release: pairs with the Acquire in `load`.
            self.used.store(true, Ordering::Release);
            old
        }
    }
}

#[cfg(stackholm_loom)]
mod door {
    use super::Arc;
    use std::alloc::Layout;

    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};

    /// Freed blocks are not kept: loom is to see each allocation and each end of one.
    pub(crate) const REUSE: bool = false;

    /// # Safety
    /// 1. `layout` is not of size zero.
    pub(crate) unsafe fn allocate(layout: Layout) -> *mut u8 {
        // SAFETY: #1 is what `alloc` asks; loom remembers the block and fails the model if it is never freed.
        unsafe { loom::alloc::alloc(layout) }
    }

    /// # Safety
    /// 1. `memory` came from [`allocate`] with the same `layout` and is not used again.
    pub(crate) unsafe fn free(memory: *mut u8, layout: Layout) {
        // SAFETY: #1 is what `dealloc` asks.
        unsafe { loom::alloc::dealloc(memory, layout) }
    }

    /// Marks one piece of plain memory, so that loom sees who reads and who writes it.
    pub(crate) struct Watch(loom::cell::UnsafeCell<()>);

    impl Watch {
        pub(crate) fn new() -> Self {
            Watch(loom::cell::UnsafeCell::new(()))
        }
        pub(crate) fn reads(&self) {
            self.0.with(|_| ());
        }
        pub(crate) fn writes(&self) {
            self.0.with_mut(|_| ());
        }
    }

    macro_rules! thread_slot {
        ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;) => {
            ::loom::thread_local! { $(#[$meta])* $vis static $name: $type = $init; }
        };
    }
    pub(crate) use thread_slot;

    macro_rules! at_thread_end {
        (fn $arm:ident() => $end:ident) => {
            fn $arm() {
                struct AtEnd;
                impl Drop for AtEnd {
                    fn drop(&mut self) {
                        $end();
                    }
                }
                ::loom::thread_local! { static AT_END: AtEnd = AtEnd; }
                let _ = AT_END.try_with(|_| ());
            }
        };
    }
    pub(crate) use at_thread_end;

    /// Stands in for `arc-swap`: what our callers may rely on, not how arc-swap does it.
    pub(crate) struct ArcCell<T>(std::sync::Mutex<Option<Arc<T>>>);

    impl<T> ArcCell<T> {
        pub(crate) const fn empty() -> Self {
            ArcCell(std::sync::Mutex::new(None))
        }
        pub(crate) fn is_used(&self) -> bool {
            true
        }
        pub(crate) fn load(&self) -> Option<Arc<T>> {
            self.0.lock().ok()?.clone()
        }
        pub(crate) fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
            std::mem::replace(&mut *self.0.lock().ok()?, value)
        }
    }
}
