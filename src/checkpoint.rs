//! Blocks of bindings: `Checkpoint` (open) and `Scope` (sealed).

use crate::engine::{Bind, BindingList, Boundary, Mask, PreparedBinding, RawStack, current};
use crate::entered::Entered;
use crate::future::InContext;
use crate::stack::Stack;
use crate::var::Var;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::panic::{Location, RefUnwindSafe, UnwindSafe};

/// A block that may be changed from inside: [`Var::set`], [`unset`](Var::unset), [`pop`](Var::pop)
/// and [`reset`](Var::reset) act on the innermost one. Leaving it restores exactly what was visible
/// before.
///
/// # Examples
/// ```
/// use stackholm::{Checkpoint, Var};
///
/// static STEP: Var<u32> = Var::new("step");
///
/// let checkpoint = Checkpoint::enter();
/// STEP.set(1)?;
/// Checkpoint::run(|| {
///     STEP.set(2)?;
///     assert_eq!(STEP.get(), 2);
///     Ok::<_, stackholm::SetError<u32>>(())
/// })?;
/// assert_eq!(STEP.get(), 1);
/// drop(checkpoint);
/// assert!(!STEP.is_bound());
/// # Ok::<_, stackholm::SetError<u32>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Checkpoint;

impl Checkpoint {
    /// Enters an open checkpoint.
    #[track_caller]
    pub fn enter() -> Entered {
        let place = Location::caller();
        Entered::new(current::with_raw(|raw, begin| {
            let (begins, serial) = begin(false);
            raw.mark(begins, place);
            serial
        }))
    }

    /// Calls `f` inside an open checkpoint.
    #[track_caller]
    pub fn run<R>(f: impl FnOnce() -> R) -> R {
        let _entered = Self::enter();
        f()
    }

    /// Wraps `f` so that each call, recursive ones included, runs inside an open checkpoint of its
    /// own.
    #[track_caller]
    pub fn around<A, R>(f: impl Fn(A) -> R) -> impl Fn(A) -> R {
        move |argument| Self::run(|| f(argument))
    }

    /// A future that runs inside an open checkpoint, on what is visible where it is first polled.
    /// What it sets is there at each later poll, and nobody else sees it.
    #[track_caller]
    pub fn wrap<F>(future: F) -> InContext<F, Checkpoint> {
        // A stack begins in an open checkpoint.
        InContext::waiting(future, Checkpoint, Location::caller(), |Checkpoint, place| {
            Stack::going_on(place)
        })
    }

    /// A checkpoint that is given bindings before it is entered, and may be entered again and
    /// again.
    pub fn prepare<'v>() -> Prepared<'v> {
        Prepared { bindings: Vec::new() }
    }
}

/// Wraps the default value, as [`Checkpoint::wrap`] does.
impl<F: Default> Default for InContext<F, Checkpoint> {
    #[track_caller]
    fn default() -> Self {
        Checkpoint::wrap(F::default())
    }
}

/// An open checkpoint whose first bindings were made beforehand.
///
/// They are seen where it is entered, and not before; each entry sees the same values again.
///
/// # Examples
/// ```
/// use stackholm::{Checkpoint, Var};
///
/// static DB: Var<String> = Var::with_default("db", || "main".into());
///
/// let archive = Checkpoint::prepare().set(&DB, "archive".into());
/// assert_eq!(DB.get(), "main");
/// for _ in 0..2 {
///     archive.run(|| assert_eq!(DB.get(), "archive"));
/// }
/// assert_eq!(DB.get(), "main");
/// ```
#[must_use = "nothing is bound before it is entered"]
#[derive(Clone)]
pub struct Prepared<'v> {
    bindings: Vec<PreparedBinding<'v>>,
}

impl<'v> Prepared<'v> {
    /// Adds a binding. Of several for one variable the last one wins.
    #[track_caller]
    pub fn set<T: Send + Sync + 'static>(mut self, var: &'v Var<T>, value: T) -> Self {
        self.bindings.push(PreparedBinding::new(var.key(), value, Location::caller()));
        self
    }

    /// Enters an open checkpoint that begins with these bindings.
    #[track_caller]
    pub fn enter(&self) -> Entered {
        let entered = Checkpoint::enter();
        current::with_raw(|raw, _| self.bind(raw));
        entered
    }

    #[cfg(debug_assertions)]
    pub(crate) fn bindings(&self) -> impl Iterator<Item = &PreparedBinding<'v>> {
        self.bindings.iter()
    }

    fn bind(&self, raw: &RawStack) {
        self.bindings.iter().for_each(|binding| raw.bind_prepared(binding));
    }

    /// Calls `f` inside an open checkpoint that begins with these bindings.
    #[track_caller]
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// A future that runs inside an open checkpoint that begins with these bindings, on what is
    /// visible where it is first polled.
    #[track_caller]
    pub fn wrap<F>(&self, future: F) -> InContext<F, Self> {
        InContext::waiting(future, self.clone(), Location::caller(), |prepared, place| {
            let mut stack = Stack::going_on(place);
            stack.work(|raw, _| prepared.bind(raw));
            stack
        })
    }
}

/// What is prepared is only shared, never changed.
impl UnwindSafe for Prepared<'_> {}

/// As above.
impl RefUnwindSafe for Prepared<'_> {}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = |binding: &PreparedBinding<'_>| {
            (String::from(binding.name()), binding.place().to_string())
        };
        f.debug_map().entries(self.bindings.iter().map(entry)).finish()
    }
}

/// A block whose bindings are given beforehand, all at once, and cannot be changed from inside.
///
/// Works like scopes of one binding nested in each other, except that all values are made outside.
/// Of two bindings of one variable the last one wins.
///
/// All bindings share one allocation if the index has room for them in one node (up to 32 variables
/// are visible, and no two meet in a slot), their names are static, no value is aligned to more
/// than 8 bytes, and none of them is a mask. Otherwise each has an allocation of its own. A shared
/// allocation is freed with the last of its bindings: a value that a context keeps alone keeps the
/// memory of the others, but not their values.
///
/// # Examples
/// ```
/// use stackholm::{Scope, Var};
///
/// static ID: Var<u64> = Var::new("id");
/// static USER: Var<&str> = Var::new("user");
///
/// let seen = Scope::new().set(&ID, 7).set(&USER, "ada").run(|| (ID.get(), USER.get()));
/// assert_eq!(seen, (7, "ada"));
/// assert!(!ID.is_bound() && !USER.is_bound());
/// ```
#[must_use = "nothing is bound before the scope is entered"]
pub struct Scope<B = ()> {
    bindings: B,
}

impl Scope {
    /// A scope with no binding yet.
    pub const fn new() -> Self {
        Scope { bindings: () }
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: Bindings> Scope<B> {
    /// Adds a binding.
    #[track_caller]
    pub fn set<T: Send + Sync + 'static>(self, var: &Var<T>, value: T) -> Scope<(B, Bind<'_, T>)> {
        Scope { bindings: (self.bindings, Bind::new(var.key(), value, Location::caller())) }
    }

    /// Adds a mask: inside, the variable reads as if never bound.
    #[track_caller]
    pub fn unset<T: Send + Sync + 'static>(self, var: &Var<T>) -> Scope<(B, Mask<'_, T>)> {
        Scope { bindings: (self.bindings, Mask::new(var.key(), Location::caller())) }
    }

    /// Enters the scope.
    #[track_caller]
    pub fn enter(self) -> Entered {
        let place = Location::caller();
        Entered::new(current::with_raw(|raw, begin| {
            let (begins, serial) = begin(true);
            raw.begin_scope(self.bindings, begins, place);
            serial
        }))
    }

    /// Calls `f` inside the scope.
    #[track_caller]
    pub fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// A future that runs inside the scope, on what is visible where it is first polled.
    #[track_caller]
    pub fn wrap<F>(self, future: F) -> InContext<F, Self> {
        InContext::waiting(future, self, Location::caller(), |scope, place| {
            let mut stack = Stack::going_on(place);
            let begins = Boundary::Sealed(current::serial());
            stack.work(|raw, _| raw.begin_scope(scope.bindings, begins, place));
            stack
        })
    }
}

impl<B> fmt::Debug for Scope<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// What a [`Scope`] binds. Made by its methods only.
pub trait Bindings: BindingList {}

impl<B: BindingList> Bindings for B {}

impl<T: Send + Sync + 'static> Var<T> {
    /// A future with the variable bound, in a sealed scope, on top of what is visible where it is
    /// first polled.
    ///
    /// Nothing is handed over: if the future is spawned, it sees this binding and what the spawn
    /// carries. Streams, sinks, iterators, bodies and readers may be wrapped too. A variable made
    /// at run time is borrowed until the future is gone; for a task that outlives the variable's
    /// owner, move the variable into an `async move` block and await the scope there. The scope is
    /// sealed: to bind a variable and leave it open for [`Var::set`],
    /// [prepare](Checkpoint::prepare) a checkpoint.
    ///
    /// # Examples
    /// ```
    /// # use stackholm::Var;
    /// static TENANT: Var<&str> = Var::new("tenant");
    /// static USER: Var<&str> = Var::new("user");
    ///
    /// async fn greet() -> String {
    ///     format!("{} of {}", USER.get(), TENANT.get())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert_eq!(TENANT.scope("acme", USER.scope("ada", greet())).await, "ada of acme");
    /// # }
    /// ```
    #[doc(alias = "task_local")]
    #[track_caller]
    pub fn scope<F>(&self, value: T, future: F) -> InContext<F, Bind<'_, T>> {
        let place = Location::caller();
        InContext::waiting(future, Bind::new(self.key(), value, place), place, |bind, _| {
            let (key, value, place) = bind.into_parts();
            let mut stack = Stack::going_on(place);
            let serial = current::serial();
            stack.work(|raw, _| raw.scope(key, value, || serial, place));
            stack
        })
    }
}
