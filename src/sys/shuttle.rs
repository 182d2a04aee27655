//! The facade under shuttle: schedules by chance for programs that are too large for all of them.
//!
//! Shuttle runs its threads in turn on one thread of the system, and changes from one to another
//! where it is asked to: here, before each atomic operation. Between two of them nothing else runs.
//! So accesses are sequentially consistent and plain memory is not looked at for races: orderings
//! are for loom. Sizes and reuse are as they really are.
//!
//! While a panic travels no other thread runs, as shuttle's threads have one word between them that
//! says so.

use super::control::over;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::time::Duration;

pub(super) use ::shuttle::lazy_static;
pub(crate) use std::cell::Cell as WatchedCell;
pub(crate) use std::sync::atomic::Ordering;

/// How many static atomics one execution may use.
pub(super) const STATICS: usize = 256;

/// As outside models: see there.
pub(super) const REUSE: bool = !cfg!(stackholm_malloc);

/// A model that has failed is over at once; what it leaves is not looked at any more.
pub(super) fn ends_by_failure() -> bool {
    true
}

/// Lets another thread go on, or this one. Nothing outside an execution.
fn switch() {
    if !over() && !std::thread::panicking() && ::shuttle::current::try_get_current_task().is_some()
    {
        // Takes no time, and asks for nothing but a choice.
        ::shuttle::thread::sleep(Duration::ZERO);
    }
}

macro_rules! switching {
    ($name:ident, $std:ident, $number:ty) => {
        /// An atomic before each access to which another thread may go on.
        pub(super) struct $name($std);

        impl $name {
            pub(super) const fn new(value: $number) -> Self {
                $name($std::new(value))
            }
            fn turn(&self) -> &$std {
                switch();
                &self.0
            }
            /// # Safety
            /// None: the facade for loom has some.
            pub(super) unsafe fn unsync_load(&self) -> $number {
                self.0.load(Ordering::Relaxed)
            }
            pub(super) fn load(&self, order: Ordering) -> $number {
                self.turn().load(order)
            }
            pub(super) fn store(&self, value: $number, order: Ordering) {
                self.turn().store(value, order);
            }
            pub(super) fn compare_exchange(
                &self,
                old: $number,
                new: $number,
                yes: Ordering,
                no: Ordering,
            ) -> Result<$number, $number> {
                self.turn().compare_exchange(old, new, yes, no)
            }
            pub(super) fn fetch_update(
                &self,
                set: Ordering,
                look: Ordering,
                f: impl FnMut($number) -> Option<$number>,
            ) -> Result<$number, $number> {
                self.turn().fetch_update(set, look, f)
            }
        }
    };
}

switching!(Inner, AtomicU32, u32);
switching!(InnerUsize, AtomicUsize, usize);

impl InnerUsize {
    pub(super) fn fetch_max(&self, n: usize, order: Ordering) -> usize {
        self.turn().fetch_max(n, order)
    }
}

impl Inner {
    pub(super) fn fetch_add(&self, n: u32, order: Ordering) -> u32 {
        self.turn().fetch_add(n, order)
    }
    pub(super) fn fetch_sub(&self, n: u32, order: Ordering) -> u32 {
        self.turn().fetch_sub(n, order)
    }
}

/// Marks one piece of memory, and knows of its end. What lies there later, a link of kept blocks
/// too, is no mark.
pub(crate) struct Watch(Cell<u32>);

const THERE: u32 = 0x7EE1_CA11;
const ENDED: u32 = 0x0DD_E4D5;

impl Watch {
    pub(crate) fn new() -> Self {
        Watch(Cell::new(THERE))
    }

    #[track_caller]
    pub(super) fn is_there(&self) {
        assert!(over() || self.0.get() == THERE, "used after its end");
    }
    #[track_caller]
    pub(crate) fn reads(&self) {
        self.is_there();
    }
    #[track_caller]
    pub(crate) fn writes(&self) {
        self.is_there();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_there();
        self.0.set(ENDED);
    }
}

/// The slots of all threads of an execution, by thread and key. They stay until it is over.
struct Slots(RefCell<HashMap<(usize, usize), Box<dyn Any>>>);

// SAFETY: all threads of an execution are run by one thread of the system.
unsafe impl Sync for Slots {}

lazy_static! {
    static ref SLOTS: Slots = Slots(RefCell::default());
}

/// A thread-local that needs no destructor and so answers at any time of a thread's life.
macro_rules! thread_slot {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;) => {
        $(#[$meta])* $vis static $name: $crate::sys::SlotKey<$type> = $crate::sys::SlotKey(|| $init);
    };
}
pub(crate) use thread_slot;

/// A function that makes a thread call another one when it ends, with a slot of the thread if one
/// is named, and says whether it will. Shuttle ends thread-locals in the order of their first use.
macro_rules! at_thread_end {
    (fn $arm:ident($slot:ident) => $end:ident) => {
        $crate::sys::at_thread_end! { fn $arm() => || $slot.try_with($end).unwrap_or(()) }
    };
    (fn $arm:ident() => $end:expr) => {
        fn $arm() -> bool {
            struct AtEnd;
            impl Drop for AtEnd {
                fn drop(&mut self) {
                    if !$crate::sys::over() {
                        ($end)();
                    }
                }
            }
            ::shuttle::thread_local! { static AT_END: AtEnd = AtEnd; }
            // A thread that is ending already has run this once; it is too late for a second time.
            AT_END.try_with(|_| ()).is_ok()
        }
    };
}
pub(crate) use at_thread_end;

pub(crate) struct SlotKey<T: 'static>(pub(crate) fn() -> T);

/// There is no thread of shuttle's here.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Gone;

impl<T> SlotKey<T> {
    pub(crate) fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, Gone> {
        let thread = ::shuttle::current::try_get_current_task().ok_or(Gone)?;
        let slot: *const T = {
            let mut slots = SLOTS.0.borrow_mut();
            let slot = slots.entry((thread.into(), std::ptr::from_ref(self).addr()));
            slot.or_insert_with(|| Box::new((self.0)()))
                .downcast_ref()
                .expect("a slot keeps its type")
        };
        // SAFETY: a slot is in a box of its own, which stays there, and is only ever shared.
        Ok(f(unsafe { &*slot }))
    }
}
