//! What stands for thread-locals where there is no standard library: a slot that an embedder gives.
//!
//! A slot has room for what the engine keeps for each thread elsewhere, but for two things: blocks
//! for the next frames, and what was read or rendered last. Without those nothing is missing but
//! speed, so they have no room at all ([`Nowhere`]).

use super::OnceLock;
use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomData;
use core::mem::{MaybeUninit, needs_drop};
use core::ptr::NonNull;

/// What finds the slot of the code that runs; see [`Slot::register`].
pub type FindSlot = fn() -> Option<NonNull<Slot>>;

static FIND: OnceLock<FindSlot> = OnceLock::new();

/// Where the current stack of one thread, core or task is kept, on a target without the standard
/// library. Exists without the feature `std` only.
///
/// With `std` each thread has such a place in a thread-local. Without, whoever embeds the crate
/// gives one to each thread of execution that is to have a current stack, and
/// [registers](Self::register) once how it is found.
///
/// # Without a slot
/// Where no slot is registered, or none is found, nothing can be current. Nothing panics there:
///
/// - A read finds no binding. It gives the process-wide value, else the default, else the error, as
///   in a thread that was handed nothing; [`Var::require`](crate::Var::require) gives its error.
/// - [`Var::set`](crate::Var::set) and its like give the error that no checkpoint is entered.
///   [`Context::current`](crate::Context::current) is empty.
/// - What is entered there ends at once, and the code inside does not see it:
///   [`on_misuse`](crate::on_misuse) is told [`NotHere`](crate::Misuse::NotHere) when the guard is
///   dropped. So `sync_scope`, [`Stack::run`](crate::embed::Stack::run) and the poll of a wrapped
///   future run their code, which reads as above.
///
/// An [`embed::Stack`](crate::embed::Stack) that is passed by hand needs no slot for `get`, `set`,
/// `checkpoint`, `scope` and `capture`, nor does a [`Context`](crate::Context) for `get` and
/// [`ContextBuilder`](crate::ContextBuilder). One limit is lower: on a target whose atomics have 32
/// bits, all checkpoints of stacks that are entered where there is no slot are 2³² at most, and the
/// process is ended at the next one.
///
/// A chain of values that hold contexts, each with the next value in it, ends there by calls that nest
/// as deep as the chain is long, as a chain of `Box`es does: the machine stack must have room for it.
/// Where there is a slot they nest sixteen deep. The same is true of what is left as a slot ends. The
/// crate could only leave such values to other threads, which would then drop them in the middle of
/// what they do, under locks that they hold.
///
/// # Its end
/// When a slot is dropped, what was entered in it and not left is left, as at the end of a thread.
/// A slot that is never dropped, as a `static`, keeps what was not left.
///
#[doc = include_str!("slot.md")]
#[repr(C)]
pub struct Slot {
    /// The parts, each at a place of its own, made when it is first used.
    words: UnsafeCell<[MaybeUninit<u64>; WORDS]>,
    /// Which of them are made, a bit for each.
    made: Cell<u8>,
    /// What is done when the slot ends.
    end: Cell<Option<fn(&Slot)>>,
    /// It is one thread's at a time.
    of: PhantomData<*mut ()>,
}

/// The words of a slot.
const WORDS: usize = 24;

impl Slot {
    /// A slot in which nothing is entered. Takes no memory beside its own.
    pub const fn new() -> Slot {
        Slot {
            words: UnsafeCell::new([MaybeUninit::uninit(); WORDS]),
            made: Cell::new(0),
            end: Cell::new(None),
            of: PhantomData,
        }
    }

    /// Says how the slot is found of the code that runs: from now on `find` is called at each
    /// operation on the current stack. Only the first registration is ever taken. O(1); allocates
    /// once.
    ///
    /// `find` gives `None` where nothing is to be current, as in an interrupt handler.
    ///
    /// # Errors
    /// Gives `find` back if there is one already.
    ///
    /// # Safety
    /// A *thread of execution* is a core, a thread, an interrupt or signal handler, or a coroutine
    /// that has a slot of its own. Coroutines that share the slot of a thread are none, and keep to
    /// the rule of [`Stack::run`](crate::embed::Stack::run).
    /// 1. To one thread of execution `find` gives the same answer from the beginning of a call of
    ///    this crate to its end, and so within everything that the call runs. Between calls, as
    ///    between two polls, the answer may change.
    /// 2. A slot that it gave is there, in its place, until that call has returned. From the
    ///    beginning of the slot's drop it is not given.
    /// 3. No slot is given to two threads of execution while a call of either lasts: neither to two
    ///    cores or threads, nor to an interrupt handler and what it interrupted. What one thread of
    ///    execution did with a slot happens before what the next one does with it.
    /// 4. `find` does not panic and calls nothing of this crate.
    ///
    /// A `find` that reads which thread or coroutine runs, and gives the slot of that one, keeps
    /// all of this if the slot is there until the thread has ended.
    pub unsafe fn register(find: FindSlot) -> Result<(), FindSlot> {
        FIND.set(find)
    }

    /// The slot of the code that runs.
    #[inline]
    fn here<'a>() -> Option<&'a Slot> {
        let find = FIND.get()?;
        // SAFETY: #2 and #3 of `register`: the reference is used in the call that asks for it, for
        // which the slot is there, and is nobody else's.
        find().map(|slot| unsafe { slot.as_ref() })
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end(self);
        }
    }
}

impl core::fmt::Debug for Slot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

/// There is no slot here.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct NoSlot;

/// Something that each slot has, at the same place in each.
///
/// Invariant: no other part has the place or the bit.
pub(crate) struct Part<T> {
    place: usize,
    bit: u8,
    make: fn() -> T,
}

impl<T> Part<T> {
    /// # Safety
    /// 1. No other part has that bit, or a place among the `words` from this one.
    pub(crate) const unsafe fn new(bit: u8, place: usize, words: usize, make: fn() -> T) -> Self {
        assert!(size_of::<T>() <= words * size_of::<u64>() && place + words <= WORDS);
        assert!(align_of::<T>() <= align_of::<u64>(), "a slot is aligned to its words");
        assert!(!needs_drop::<T>(), "nobody would drop it");
        Part { place, bit, make }
    }

    #[inline]
    pub(crate) fn of<'a>(&self, slot: &'a Slot) -> &'a T {
        // SAFETY: there is room, by the asserts of `new`, which is this part's alone, by the
        // invariant.
        unsafe {
            let at = slot.words.get().cast::<u64>().add(self.place).cast::<T>();
            if slot.made.get() & self.bit == 0 {
                at.write((self.make)());
                slot.made.set(slot.made.get() | self.bit);
            }
            &*at
        }
    }

    #[inline]
    pub(crate) fn try_with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, NoSlot> {
        Slot::here().map(|slot| f(self.of(slot))).ok_or(NoSlot)
    }

    /// Has `end` called when the slot ends; says whether there is one.
    pub(crate) fn at_end(&self, end: fn(&Slot)) -> bool {
        Slot::here().map(|slot| slot.end.set(Some(end))).is_some()
    }
}

/// Something that no slot has.
pub(crate) struct Nowhere<T>(PhantomData<fn() -> T>);

impl<T> Nowhere<T> {
    pub(crate) const fn new(_: fn() -> T) -> Self {
        Nowhere(PhantomData)
    }

    #[inline(always)]
    pub(crate) fn try_with<R>(&self, _: impl FnOnce(&T) -> R) -> Result<R, NoSlot> {
        Err(NoSlot)
    }
}

/// What a slot has, by its name: the current stack, how deep lists of ending frames nest, the state
/// of a chance, and whether fields are being rendered. All else has no room.
macro_rules! thread_slot {
    ($(#[$meta:meta])* $vis:vis static CURRENT: $type:ty = $init:expr;) => {
        $crate::sys::thread_slot! { @part 1, 0, 16, $vis static CURRENT: $type = $init; }
    };
    ($(#[$meta:meta])* $vis:vis static LEVELS: $type:ty = $init:expr;) => {
        $crate::sys::thread_slot! { @part 2, 16, 4, $vis static LEVELS: $type = $init; }
    };
    ($(#[$meta:meta])* $vis:vis static RANDOM: $type:ty = $init:expr;) => {
        $crate::sys::thread_slot! { @part 4, 20, 1, $vis static RANDOM: $type = $init; }
    };
    ($(#[$meta:meta])* $vis:vis static BUSY: $type:ty = $init:expr;) => {
        $crate::sys::thread_slot! { @part 8, 21, 1, $vis static BUSY: $type = $init; }
    };
    (@part $bit:expr, $place:expr, $words:expr, $vis:vis static $name:ident: $type:ty = $init:expr;) => {
        #[allow(unsafe_code, reason = "it stands where the part is named")]
        $vis static $name: $crate::sys::Part<$type> = {
            // SAFETY: those that are named above lie behind each other.
            unsafe { $crate::sys::Part::new($bit, $place, $words, || $init) }
        };
    };
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;) => {
        $vis static $name: $crate::sys::Nowhere<$type> = $crate::sys::Nowhere::new(|| $init);
    };
}
pub(crate) use thread_slot;

/// A function that makes a slot call another one when it ends, with the part of that name, and says
/// whether it will. What has no room has no end.
macro_rules! at_thread_end {
    (fn $arm:ident(CURRENT) => $end:ident) => {
        #[cold]
        fn $arm() -> bool {
            CURRENT.at_end(|slot| $end(CURRENT.of(slot)))
        }
    };
    (fn $arm:ident($slot:ident) => $end:ident) => {
        fn $arm() -> bool {
            // Nothing is kept where there is no room.
            $slot.try_with($end).is_ok()
        }
    };
}
pub(crate) use at_thread_end;

/// Ends the process, or as much of it as the panic handler ends.
pub(crate) fn abort() -> ! {
    // No panic leaves a function of this kind.
    extern "C" fn ends() -> ! {
        panic!("a count of stackholm is at its end, and going on would be unsound");
    }
    ends()
}
