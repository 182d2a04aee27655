//! `Var<T>`: a variable with identity, a name for people, perhaps a default, and a reach.
//!
//! This file reads and changes single variables on the current stack; blocks of them are in
//! `checkpoint`.

use crate::asked::Asked;
use crate::engine::{Closed, Key, Name, OwnedStack, RawStack, Reach, Resolution};
use crate::engine::{Miss, current};
use crate::entered::Entered;
use crate::error::{Missing, NotOpen, Reason, SetError};
use crate::picture;
use crate::shared::GlobalSlot;
use crate::sys::{Arc, Notes, OnceLock};
use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::panic::Location;

/// A variable that is bound for the extent of a block, a future or a stack.
///
/// Usually a `static`; a variable made at run time works the same ([`Var::named`]). Two variables
/// are two, even with one name and one type. Reading costs O(log n) in the number of variables that
/// are bound, whatever the depth of nesting; binding allocates once.
///
/// # Examples
/// ```
/// use stackholm::Var;
///
/// static TENANT: Var<String> = Var::with_default("tenant", || "nobody".into());
///
/// assert_eq!(TENANT.get(), "nobody");
/// TENANT.sync_scope("acme".into(), || {
///     TENANT.with(|tenant| assert_eq!(tenant, "acme"));
/// });
/// assert!(!TENANT.is_bound());
/// ```
#[doc(alias(
    "task_local",
    "LocalKey",
    "MDC",
    "contextvar",
    "AsyncLocal",
    "ScopedValue",
    "dynamic scope"
))]
pub struct Var<T: 'static> {
    key: Key<T>,
    pub(crate) place: GlobalSlot<T>,
    default: Option<fn() -> T>,
    made: OnceLock<T>,
    watch: Notes<Asked>,
}

impl<T: Send + Sync + 'static> Var<T> {
    /// A variable without a default.
    pub const fn new(name: &'static str) -> Self {
        Self::keyed(Key::new(Name::Static(name)), None)
    }

    /// A variable with a default, made once per process, at the first read that needs it.
    ///
    /// The default is a value, not a binding: it is not listed, and [`is_bound`](Self::is_bound)
    /// stays `false`. It is the process's own: `default` runs in the empty context, on a stack of
    /// its own, whoever reads first, and so keeps nothing of that reader alive. The library holds
    /// no lock meanwhile. If two threads need the default at once, it may run twice, and one of the
    /// values is dropped. It must not read the variable itself.
    pub const fn with_default(name: &'static str, default: fn() -> T) -> Self {
        Self::keyed(Key::new(Name::Static(name)), Some(default))
    }

    /// A variable whose name is known only at run time. Nothing of it stays behind when it is
    /// dropped and the last binding of it is gone.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self::keyed(Key::new(Name::Shared(name.into())), None)
    }

    const fn keyed(key: Key<T>, default: Option<fn() -> T>) -> Self {
        let place = GlobalSlot::new();
        Var { key, place, default, made: OnceLock::new(), watch: Notes::new() }
    }

    /// Bindings are seen in the thread or the task where they are made, through every scope and
    /// checkpoint of it, awaited ones included, and are handed over to nobody: no spawn, no
    /// context.
    ///
    /// For what must not outlive its block or be used by others at the same time: a transaction, a
    /// permit. The value ends when its checkpoint is left, even if a context lives on. A future
    /// that was bound in one task and is later polled by another does not see it there.
    ///
    /// # Examples
    /// ```
    /// # use stackholm::Var;
    /// static TX: Var<u32> = Var::new("transaction").stays_on_stack();
    /// static OPERATION: Var<&str> = Var::new("operation");
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// TX.scope(1, async {
    ///     OPERATION.scope("query", async { assert_eq!(TX.get(), 1) }).await;
    ///     let spawned = stackholm::tokio::spawn(async { TX.try_get() }).await.unwrap();
    ///     assert!(spawned.unwrap_err().to_string().contains("its reach does not carry it here"));
    /// })
    /// .await;
    /// # }
    /// ```
    pub const fn stays_on_stack(mut self) -> Self {
        self.key.set_reach(Reach::Stack);
        self
    }

    /// Bindings are seen in the checkpoint where they are made: not in nested ones, and nowhere
    /// else.
    pub const fn stays_in_checkpoint(mut self) -> Self {
        self.key.set_reach(Reach::Checkpoint);
        self
    }

    /// The name, for people.
    pub fn name(&self) -> &str {
        self.key.name().as_str()
    }

    pub(crate) fn watch(&self) -> &Notes<Asked> {
        &self.watch
    }

    pub(crate) const fn key(&self) -> &Key<T> {
        &self.key
    }

    pub(crate) const fn key_mut(&mut self) -> &mut Key<T> {
        &mut self.key
    }

    /// A clone of the value: the nearest binding, else the process-wide value, else the default.
    ///
    /// **A lost hand-over reads as the default.** Where the work here was handed no context, a
    /// variable with a default or a process-wide value silently reads as that. Read a variable that
    /// must be bound, such as the tenant of a query, by [`require`](Self::require).
    ///
    /// # Panics
    /// If there is none of the three; see [`try_get`](Self::try_get). In debug builds the message
    /// says what became of the binding, as that of [`require`](Self::require) does.
    #[track_caller]
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        match self.try_get() {
            Ok(value) => value,
            Err(missing) => self.give_up(missing),
        }
    }

    /// A clone of the value: the nearest binding, else the process-wide value, else the default.
    ///
    /// For a lost hand-over see [`get`](Self::get).
    ///
    /// # Errors
    /// If there is none of the three.
    pub fn try_get(&self) -> Result<T, Missing>
    where
        T: Clone,
    {
        self.try_with(T::clone)
    }

    /// Calls `f` with the value: the nearest binding, else the process-wide value, else the
    /// default.
    ///
    /// For a lost hand-over see [`get`](Self::get); [`require_with`](Self::require_with) takes no
    /// substitute.
    ///
    /// # Panics
    /// If there is none of the three; see [`try_with`](Self::try_with). In debug builds the message
    /// says what became of the binding.
    #[track_caller]
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(missing) => self.give_up(missing),
        }
    }

    /// Calls `f` with the value: the nearest binding, else the process-wide value, else the
    /// default.
    ///
    /// For a lost hand-over see [`get`](Self::get).
    ///
    /// `f` may do anything, entering and leaving included; the reference stays valid even if `f`
    /// ends the binding that it came from, whose value then ends when `f` returns.
    ///
    /// # Errors
    /// If there is none of the three.
    #[inline]
    pub fn try_with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, Missing> {
        if self.watch.is_on() {
            self.note_asked();
        }
        current::read(&self.key, f, |f, unread| match unread {
            Miss::Absent => match self.place.used() {
                None if self.default.is_none() => Err(self.missing(Resolution::Absent)),
                None => match self.made.get() {
                    Some(value) => Ok(f(value)),
                    None => self.with_slowly(f),
                },
                Some(used) => picture::read_fast(used, f, |f| self.with_slowly(f)),
            },
            Miss::Unclear => self.with_slowly(f),
        })
    }

    /// Whether a read would find nothing, and nobody takes notes; quicker than an error of it. For
    /// variables of the crate's own, which have no default.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn has_nothing(&self) -> bool {
        debug_assert!(self.default.is_none(), "a default is not looked for");
        !self.is_bound() && !self.place.is_used() && !self.watch.is_on()
    }

    /// All that [`try_with`](Self::try_with) does, by the ways that always have an answer.
    #[inline(never)]
    fn with_slowly<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, Missing> {
        let (f, seen) = match current::read_slowly(&self.key, f) {
            Ok(result) => return Ok(result),
            Err(unread) => unread,
        };
        let f = match self.place.used() {
            None => f,
            Some(used) => match picture::read(used, f) {
                Ok(result) => return Ok(result),
                Err(f) => f,
            },
        };
        match self.default_value() {
            Some(value) => Ok(f(value)),
            None => Err(self.missing(seen)),
        }
    }

    pub(crate) fn has_default(&self) -> bool {
        self.default.is_some()
    }

    #[inline]
    pub(crate) fn default_value(&self) -> Option<&T> {
        let make = self.default?;
        if let Some(value) = self.made.get() {
            return Some(value);
        }
        Some(self.make_default(make))
    }

    #[cold]
    #[inline(never)]
    fn make_default(&self, make: fn() -> T) -> &T {
        let value = current::run_on(&mut OwnedStack::new(RawStack::on(None)), make);
        // If another thread was faster, its value is the default, and this one is dropped.
        self.made.get_or_init(|| value)
    }

    #[inline(always)]
    pub(crate) fn missing(&self, seen: Resolution) -> Missing {
        Missing::new(self.owned_name(), reason(seen))
    }

    /// Why no binding was found where nothing but bindings is looked for.
    pub(crate) fn no_binding(&self, seen: Resolution) -> Missing {
        let missing = self.missing(seen);
        match missing.reason() {
            Reason::Unbound => missing.because(Reason::NoBinding),
            _ => missing,
        }
    }

    #[inline(always)]
    fn owned_name(&self) -> Cow<'static, str> {
        match self.key.name() {
            Name::Static(name) => Cow::Borrowed(name),
            Name::Shared(name) => owned(name),
        }
    }

    /// Whether a binding is visible here. A mask, a process-wide value and a default are not
    /// bindings.
    #[inline]
    pub fn is_bound(&self) -> bool {
        matches!(current::see(&self.key), Resolution::Bound(_))
    }

    /// Binds the variable until the guard is dropped, in a sealed scope.
    ///
    /// One block of memory, which the thread keeps for the next scope of its size. A scope that is
    /// entered again on the same stack frame, as in a loop, reuses its index too; the first one
    /// after a `set`, or in a new task, costs several times as much.
    #[track_caller]
    #[inline]
    pub fn enter(&self, value: T) -> Entered {
        Entered::new(current::enter(self.key(), value, Location::caller()))
    }

    /// Calls `f` with the variable bound, in a sealed scope.
    #[track_caller]
    #[inline]
    pub fn sync_scope<R>(&self, value: T, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter(value);
        f()
    }

    /// Binds the variable in the innermost checkpoint, which must be open; once more replaces that
    /// binding.
    ///
    /// # Errors
    /// Returns the value if no checkpoint is entered here, or a sealed scope is.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        let place = Location::caller();
        if let Err(closed) = current::is_open() {
            return Err(SetError::new(value, self.not_open(closed)));
        }
        let set = current::change(|raw, departures| {
            raw.set(&self.key, value, place, departures);
        });
        debug_assert!(set.is_ok(), "nothing came in between");
        Ok(())
    }

    /// Masks the variable in the innermost checkpoint: from here on it reads as if nobody had bound
    /// it.
    ///
    /// # Errors
    /// If no checkpoint is entered here, or a sealed scope is.
    #[track_caller]
    pub fn unset(&self) -> Result<(), NotOpen> {
        let place = Location::caller();
        current::change(|raw, departures| raw.unset(&self.key, place, departures))
            .map_err(|closed| self.not_open(closed))
    }

    /// Drops the nearest binding or mask from sight, for the extent of the innermost checkpoint,
    /// and shows the next one out. Says whether there was one.
    ///
    /// The caller has all its bindings again when the checkpoint is left. Beneath a binding that
    /// came with a context there is nothing.
    ///
    /// # Errors
    /// If no checkpoint is entered here, or a sealed scope is.
    #[track_caller]
    pub fn pop(&self) -> Result<bool, NotOpen> {
        let place = Location::caller();
        current::change(|raw, departures| raw.reveal_next(&self.key, place, departures))
            .map_err(|closed| self.not_open(closed))
    }

    /// Takes back what the innermost checkpoint did to the variable.
    ///
    /// # Errors
    /// If no checkpoint is entered here, or a sealed scope is.
    #[track_caller]
    pub fn reset(&self) -> Result<(), NotOpen> {
        let place = Location::caller();
        current::change(|raw, departures| raw.reveal_outside(&self.key, place, departures))
            .map_err(|closed| self.not_open(closed))
    }

    pub(crate) fn not_open(&self, closed: Closed) -> NotOpen {
        let sealed = match closed {
            Closed::NoCheckpoint => None,
            Closed::Sealed(place) => Some(place),
        };
        NotOpen::new(self.owned_name(), sealed)
    }
}

#[cold]
#[inline(never)]
fn owned(name: &str) -> Cow<'static, str> {
    Cow::Owned(String::from(name))
}

#[inline(always)]
pub(crate) fn reason(seen: Resolution) -> Reason {
    match seen {
        Resolution::Masked(place) => Reason::Masked(place),
        Resolution::NotCarried(place) => Reason::NotCarried(place),
        Resolution::Bound(_) | Resolution::Absent => Reason::Unbound,
    }
}

/// Shows the name, never a value.
impl<T> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Var").field("name", &self.key.name().as_str()).finish_non_exhaustive()
    }
}
