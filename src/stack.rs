//! `Stack`: the checkpoints of one owner, held as a value. What runtimes embed.

use crate::companion::Load;
use crate::context::Context;
use crate::engine::listed::Kind;
use crate::engine::{At, Boundary, Departures, Listing, Origin, OwnedStack};
use crate::engine::{RawStack, Resolution, Serial, current};
use crate::error::{Missing, NotOpen, Place, SetError};
use crate::sys::{Way, reached};
use crate::var::Var;
use core::fmt;
use core::panic::{Location, RefUnwindSafe, UnwindSafe};

/// The checkpoints of one thread or one task, held as a value.
///
/// Owned by a runtime it stands for a task: [`run`](Self::run) makes it the current stack of this
/// thread for the length of a poll, in O(1), without a count or an allocation. Owned by
/// single-threaded code it needs no thread-local at all: [`get`](Self::get), [`set`](Self::set) and
/// [`checkpoint`](Self::checkpoint) act on it directly.
///
/// # Examples
/// ```
/// use stackholm::{Var, embed::Stack};
///
/// static DEPTH: Var<u32> = Var::new("depth");
///
/// let mut stack = Stack::new();
/// stack.checkpoint(|stack| {
///     stack.set(&DEPTH, 1).unwrap();
///     stack.checkpoint(|stack| {
///         stack.set(&DEPTH, 2).unwrap();
///         assert_eq!(stack.get(&DEPTH), Some(&2));
///     });
///     assert_eq!(stack.get(&DEPTH), Some(&1));
///     stack.run(|| assert_eq!(DEPTH.get(), 1));
/// });
/// assert_eq!(stack.get(&DEPTH), None);
/// ```
pub struct Stack {
    own: OwnedStack,
    /// For a view from outside; without the feature `inspect`, nothing.
    listing: Listing,
    /// Where the stack is if companions go with it; `own` then only says so.
    #[cfg(feature = "companions")]
    laden: Option<Box<Laden>>,
}

/// A stack, and what is entered around all that runs on it.
#[cfg(feature = "companions")]
struct Laden {
    stack: Stack,
    load: Load,
}

/// Values that end with the stack are dropped inside its companions.
#[cfg(feature = "companions")]
impl Drop for Laden {
    fn drop(&mut self) {
        let stack = core::mem::replace(&mut self.stack, Stack::over());
        self.load.run(|| drop(stack));
    }
}

impl Stack {
    /// A stack with nothing on it.
    #[track_caller]
    pub fn new() -> Self {
        Self::of(RawStack::held(), Listing::new(Kind::Owned, Origin::detached()))
    }

    /// What stands in the place of a stack that has ended.
    pub(crate) fn over() -> Self {
        Self::of(RawStack::held(), Listing::NOTHING)
    }

    /// A stack that begins with what `context` shows, in an open checkpoint of its own. No
    /// allocation.
    #[inline]
    #[track_caller]
    pub fn on(context: Context) -> Self {
        let origin = if context.is_nothing() { Origin::detached() } else { Origin::here() };
        Self::begin(context, Kind::Owned, origin)
    }

    /// As [`Stack::on`], of what was handed over there.
    #[inline]
    pub(crate) fn begin(context: Context, kind: Kind, origin: Origin) -> Self {
        Self::of(RawStack::on(context.into_snapshot()), Listing::new(kind, origin))
    }

    /// A stack that begins with what is visible here, in an open checkpoint of its own. No
    /// allocation.
    #[inline]
    #[track_caller]
    pub fn inherit() -> Self {
        Self::on(Context::current())
    }

    /// A stack that begins with what is visible here, in an open checkpoint of its own, for work
    /// that goes on here.
    pub(crate) fn going_on(place: Place) -> Self {
        // It takes the place of one that is listed.
        Self::of(current::going_on(At::of(place)), Listing::NOTHING)
    }

    /// A stack that is to be made by [`run_begun`](Self::run_begun).
    #[track_caller]
    pub(crate) fn waiting() -> Self {
        Self::of(RawStack::waiting(), Listing::new(Kind::Task, Origin::here()))
    }

    /// It is of another kind than was thought.
    #[inline]
    pub(crate) fn is(&mut self, kind: Kind) {
        #[cfg(feature = "companions")]
        if let Some(laden) = &mut self.laden {
            return laden.stack.is(kind);
        }
        self.listing.is(kind);
    }

    #[inline]
    fn of(raw: RawStack, mut listing: Listing) -> Self {
        let mut own = OwnedStack::new(raw);
        listing.opened(&mut own);
        Stack {
            own,
            listing,
            #[cfg(feature = "companions")]
            laden: None,
        }
    }

    /// The same stack, and whatever runs on it runs within `load`.
    #[inline]
    pub(crate) fn laden(self, load: Load) -> Self {
        #[cfg(feature = "companions")]
        if load.is_some() {
            let mut stack = Self::of(RawStack::elsewhere(), Listing::NOTHING);
            stack.laden = Some(Box::new(Laden { stack: self, load }));
            return stack;
        }
        let _ = load;
        self
    }

    /// Takes the companions off: where the stack runs they stay as they are.
    #[cfg(feature = "companions")]
    pub(crate) fn unladen(&mut self) {
        if let Some(mut laden) = self.laden.take() {
            *self = core::mem::replace(&mut laden.stack, Stack::over());
        }
    }

    /// Works on the stack from outside; as [`OwnedStack::work`].
    pub(crate) fn work<R>(&mut self, f: impl FnOnce(&RawStack, &Departures<'_>) -> R) -> R {
        self.listing.work(&mut self.own, |own| own.work(f))
    }

    /// Makes this the current stack of the thread while `f` runs, and puts it back after, even if
    /// `f` panics.
    ///
    /// Two words are swapped in and out again. What `f` enters and forgets stays on this stack.
    ///
    /// Calls on one thread must end in the reverse order in which they began, as calls of functions
    /// do. On stackful coroutines, make the call around each resumption, not around a body that
    /// suspends in the middle: if two such calls end in another order, one stack is taken for the
    /// other, which is undefined behaviour. Reads by [`Var::with`] may end in any order, each while
    /// the stack is alive on which it began, with the bindings that it found there.
    #[inline]
    pub fn run<R>(&mut self, f: impl FnOnce() -> R) -> R {
        self.run_begun(Stack::over, f)
    }

    /// As [`run`](Self::run), but a stack that has not begun is first replaced by that of `begin`.
    #[inline]
    pub(crate) fn run_begun<R>(
        &mut self,
        begin: impl FnOnce() -> Stack,
        f: impl FnOnce() -> R,
    ) -> R {
        #[cfg(feature = "companions")]
        {
            let Stack { own, listing, laden } = self;
            if let Some(laden) = laden.as_mut().filter(|_| cfg!(feature = "inspect")) {
                // Its stack is listed, and not this one.
                return laden.load.run(|| laden.stack.run(f));
            }
            listing.turn(own, |own| {
                current::run_begun(
                    own,
                    || begin().into_own(),
                    f,
                    |f| match laden {
                        Some(laden) => laden.load.run(|| laden.stack.run(f)),
                        None => unreachable!("it says so only if it is"),
                    },
                )
            })
        }
        #[cfg(not(feature = "companions"))]
        self.listing
            .turn(&mut self.own, |own| current::run_begun(own, || begin().into_own(), f, |f| f()))
    }

    /// It is made of what `made` is, and stays on the list as what it was.
    pub(crate) fn begun(&mut self, made: Stack) {
        self.listing.work(&mut self.own, |own| *own = made.into_own());
    }

    fn into_own(mut self) -> OwnedStack {
        core::mem::replace(&mut self.own, OwnedStack::new(RawStack::held()))
    }

    /// The value bound to a variable on this stack. Process-wide values and defaults are not on it.
    pub fn get<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Option<&T> {
        self.own.get(var.key()).ok()
    }

    /// The value bound to a variable on this stack, or why there is none.
    ///
    /// # Errors
    /// If it is not bound, masked, or does not reach here.
    pub fn try_get<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Result<&T, Missing> {
        self.own.get(var.key()).map_err(|seen| var.no_binding(seen))
    }

    /// Whether a variable is bound on this stack.
    pub fn is_bound<T: Send + Sync + 'static>(&self, var: &Var<T>) -> bool {
        matches!(self.own.see(var.key()), Resolution::Bound(_))
    }

    /// A snapshot of what is visible on this stack. O(1), amortised over what was entered since the
    /// last one.
    #[track_caller]
    pub fn capture(&mut self) -> Context {
        #[cfg(feature = "companions")]
        if let Some(laden) = &mut self.laden {
            return laden.stack.capture();
        }
        let at = At::of(Location::caller());
        Context::captured(self.work(|raw, _| raw.capture(at)))
    }

    /// As [`Var::set`], on this stack.
    ///
    /// # Errors
    /// Gives the value back if no checkpoint is entered on this stack, or a sealed scope is.
    #[track_caller]
    pub fn set<T: Send + Sync + 'static>(
        &mut self,
        var: &Var<T>,
        value: T,
    ) -> Result<(), SetError<T>> {
        let place = Location::caller();
        if let Err(closed) = self.own.is_open() {
            return Err(SetError::new(value, var.not_open(closed)));
        }
        self.work(|raw, departures| raw.set(var.key(), value, place, departures));
        Ok(())
    }

    /// As [`Var::unset`], on this stack.
    ///
    /// # Errors
    /// If no checkpoint is entered on this stack, or a sealed scope is.
    #[track_caller]
    pub fn unset<T: Send + Sync + 'static>(&mut self, var: &Var<T>) -> Result<(), NotOpen> {
        let place = Location::caller();
        self.open_for(var)?;
        self.work(|raw, departures| raw.unset(var.key(), place, departures));
        Ok(())
    }

    /// As [`Var::pop`], on this stack.
    ///
    /// # Errors
    /// If no checkpoint is entered on this stack, or a sealed scope is.
    #[track_caller]
    pub fn pop<T: Send + Sync + 'static>(&mut self, var: &Var<T>) -> Result<bool, NotOpen> {
        let place = Location::caller();
        self.open_for(var)?;
        Ok(self.work(|raw, departures| raw.reveal_next(var.key(), place, departures)))
    }

    /// As [`Var::reset`], on this stack.
    ///
    /// # Errors
    /// If no checkpoint is entered on this stack, or a sealed scope is.
    #[track_caller]
    pub fn reset<T: Send + Sync + 'static>(&mut self, var: &Var<T>) -> Result<(), NotOpen> {
        let place = Location::caller();
        self.open_for(var)?;
        self.work(|raw, departures| raw.reveal_outside(var.key(), place, departures));
        Ok(())
    }

    fn open_for<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Result<(), NotOpen> {
        self.own.is_open().map_err(|closed| var.not_open(closed))
    }

    /// Calls `f` inside an open checkpoint on this stack.
    #[track_caller]
    pub fn checkpoint<R>(&mut self, f: impl FnOnce(&mut Stack) -> R) -> R {
        let (serial, place) = (current::serial(), Location::caller());
        self.work(|raw, _| raw.mark(Boundary::Open(serial), place));
        let within = Within { stack: self, serial };
        f(within.stack)
    }

    /// Calls `f` with a variable bound on this stack, in a sealed scope.
    #[track_caller]
    pub fn scope<T: Send + Sync + 'static, R>(
        &mut self,
        var: &Var<T>,
        value: T,
        f: impl FnOnce(&mut Stack) -> R,
    ) -> R {
        let (next, place) = (current::serial(), Location::caller());
        let serial = self.work(|raw, _| raw.scope(var.key(), value, || next, place));
        let within = Within { stack: self, serial };
        f(within.stack)
    }
}

/// Leaves a checkpoint of a stack that is held as a value: on return and on panic.
struct Within<'a> {
    stack: &'a mut Stack,
    serial: Serial,
}

impl Drop for Within<'_> {
    fn drop(&mut self) {
        let serial = self.serial;
        // Should `f` have put another stack in the place of this one, nothing is found and nothing
        // is done.
        let _ = self.stack.work(|raw, departures| raw.leave(serial, departures));
    }
}

/// Values that end with the stack see it as the current one, not the stack that it is dropped on.
impl Drop for Stack {
    fn drop(&mut self) {
        self.listing.end();
        // What they bind in turn is followed a few times; the rest ends with `own`.
        for round in 0..8 {
            let Some(departures) = self.own.leave_all() else { return };
            if round > 0 {
                reached(Way::StackEndsTwice);
            }
            current::run_on(&mut self.own, || drop(departures));
        }
    }
}

/// A panic never leaves a stack half changed.
impl UnwindSafe for Stack {}

/// As above; through a shared reference one only reads.
impl RefUnwindSafe for Stack {}

impl Default for Stack {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl From<Context> for Stack {
    #[track_caller]
    fn from(context: Context) -> Self {
        Stack::on(context)
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").finish_non_exhaustive()
    }
}
