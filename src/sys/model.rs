//! The facade under loom: watched memory, cells and thread-locals.

use super::control::over;
use std::cell::Cell;

pub(super) use loom::lazy_static;
pub(crate) use loom::sync::atomic::Ordering;
pub(super) use loom::sync::atomic::{AtomicU32 as Inner, AtomicUsize as InnerUsize};

/// The head of the list of a board.
pub(super) type BoardHead = loom::sync::atomic::AtomicU64;
/// A number of a board.
pub(super) type BoardNumber = InnerUsize;
/// A word of a record on a board.
pub(super) type BoardWord = loom::sync::atomic::AtomicPtr<()>;

/// How many static atomics one execution may use.
pub(super) const STATICS: usize = 24;

/// Freed blocks are not kept, unless a model asks for it: loom is to see each allocation and each
/// end of one.
pub(super) const REUSE: bool = false;

/// Whether a model that has failed is unwinding still. Loom must not be touched then, it would
/// panic once more.
pub(super) fn ends_by_failure() -> bool {
    std::thread::panicking()
}

/// Marks one piece of plain memory: loom sees who reads and who writes it, and that it ends, once.
pub(crate) struct Watch {
    cell: loom::cell::UnsafeCell<()>,
    leak: Cell<Option<loom::alloc::Track<()>>>,
}

impl Watch {
    #[track_caller]
    pub(crate) fn new() -> Self {
        Watch {
            cell: loom::cell::UnsafeCell::new(()),
            leak: Cell::new(Some(loom::alloc::Track::new(()))),
        }
    }

    #[track_caller]
    pub(super) fn is_there(&self) {
        let leak = self.leak.take();
        assert!(leak.is_some(), "used after its end");
        self.leak.set(leak);
    }

    #[track_caller]
    pub(crate) fn reads(&self) {
        if !over() {
            self.is_there();
            self.cell.with(|_| ());
        }
    }

    #[track_caller]
    pub(crate) fn writes(&self) {
        if !over() {
            self.is_there();
            self.cell.with_mut(|_| ());
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if over() {
            std::mem::forget(self.leak.take());
        } else {
            self.writes();
            self.leak.set(None);
        }
    }
}

/// A cell whose reads and writes loom sees.
pub(crate) struct WatchedCell<T: Copy> {
    value: Cell<T>,
    watch: Watch,
}

impl<T: Copy> WatchedCell<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Self {
        WatchedCell { value: Cell::new(value), watch: Watch::new() }
    }
    #[track_caller]
    pub(crate) fn get(&self) -> T {
        self.watch.reads();
        self.value.get()
    }
    #[track_caller]
    pub(crate) fn set(&self, value: T) {
        self.watch.writes();
        self.value.set(value);
    }
}

/// A thread-local; gone when loom ends the thread. What it has for its end is done then.
macro_rules! thread_slot {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;) => {
        $(#[$meta])* $vis static $name: $crate::sys::SlotKey<$type> = {
            ::loom::thread_local! { static INNER: $crate::sys::Slot<$type> = $crate::sys::Slot::new($init); }
            $crate::sys::SlotKey(&INNER)
        };
    };
}
pub(crate) use thread_slot;

/// Arms the slot itself: loom ends the locals of a thread in any order, and answers for none of
/// them meanwhile.
macro_rules! at_thread_end {
    (fn $arm:ident($slot:ident) => $end:ident) => {
        fn $arm() -> bool {
            $slot.arm($end);
            true
        }
    };
}
pub(crate) use at_thread_end;

pub(crate) struct SlotKey<T: 'static>(pub(crate) &'static loom::thread::LocalKey<Slot<T>>);

/// The slot of a thread that loom has ended.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Gone;

impl<T> SlotKey<T> {
    pub(crate) fn try_with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, Gone> {
        if over() {
            return Err(Gone);
        }
        self.0.try_with(|slot| f(&slot.value)).map_err(|_| Gone)
    }
    pub(crate) fn arm(&self, end: fn(&T)) {
        let _ = if over() { Ok(()) } else { self.0.try_with(|slot| slot.end.set(Some(end))) };
    }
}

pub(crate) struct Slot<T> {
    value: T,
    end: Cell<Option<fn(&T)>>,
}

impl<T> Slot<T> {
    pub(crate) fn new(value: T) -> Self {
        Slot { value, end: Cell::new(None) }
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        match self.end.take() {
            Some(end) if !over() => end(&self.value),
            _ => {}
        }
    }
}
