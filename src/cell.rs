//! `ContextCell`: a context that can be swapped while others read it.

use crate::context::Context;
use crate::shared::Shared;
use core::fmt;

/// A context that many read and few replace: the base of all requests of a service.
///
/// It is a [`Shared`] cell, and so is what is said there of costs, of lock freedom, and of the
/// thread that keeps the context which it read last: the values of an old base end when its last
/// holder lets go. A worker that idles after its last request is such a holder, unless its runtime is
/// built with `.on_thread_park(Shared::flush_thread)`.
///
/// # Examples
/// ```
/// use stackholm::{Context, ContextCell, Var};
///
/// static MOTD: Var<&str> = Var::new("motd");
/// static BASE: ContextCell = ContextCell::new();
///
/// BASE.store(Context::empty().with(&MOTD, "hello"));
/// BASE.load().run(|| assert_eq!(MOTD.get(), "hello"));
/// ```
pub struct ContextCell(Shared<Context>);

impl ContextCell {
    /// A cell with the empty context.
    pub const fn new() -> Self {
        ContextCell(Shared::new(Context::empty))
    }

    /// The context that is in the cell.
    pub fn load(&self) -> Context {
        self.with(Context::clone)
    }

    /// Calls `f` with the context that is in the cell: no count, no lock.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Context, ContextCell, Var};
    ///
    /// static LIMIT: Var<u32> = Var::new("limit");
    /// static BASE: ContextCell = ContextCell::new();
    ///
    /// BASE.update(|base| base.with(&LIMIT, 100));
    /// assert_eq!(BASE.with(|base| base.get(&LIMIT).copied()), Some(100));
    /// ```
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&Context) -> R) -> R {
        self.0.with(f)
    }

    /// Puts a context into the cell, whatever is there. Readers that have the old one go on with
    /// it.
    ///
    /// **A context that you made of the one that was there does not belong here**: what another put
    /// in between would be lost. [`update`](Self::update) loses nothing.
    pub fn store(&self, context: Context) {
        self.0.store(context);
    }

    /// Puts a context into the cell and gives the old one.
    pub fn swap(&self, context: Context) -> Context {
        Context::clone(&self.0.swap(context))
    }

    /// Puts in what `f` makes of the context that is in the cell, and gives that. No change by
    /// another is lost: if one came in between, `f` is called again, with what is there now.
    ///
    /// `f` runs with nothing of the library held.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Context, ContextCell, Var};
    ///
    /// static MOTD: Var<&str> = Var::new("motd");
    /// static LIMIT: Var<u32> = Var::new("limit");
    /// static BASE: ContextCell = ContextCell::new();
    ///
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| BASE.update(|base| base.with(&MOTD, "hello")));
    ///     scope.spawn(|| BASE.update(|base| base.with(&LIMIT, 100)));
    /// });
    /// assert_eq!(BASE.load().len(), 2);
    /// ```
    pub fn update(&self, f: impl FnMut(&Context) -> Context) -> Context {
        Context::clone(&self.0.update(f))
    }

    /// Puts a context into the cell if the one there is `expected`, the very same snapshot as by
    /// [`Context::ptr_eq`]. Gives the old one.
    ///
    /// # Errors
    /// Gives what is in the cell if that is another one.
    pub fn compare_exchange(
        &self,
        expected: &Context,
        mut context: Context,
    ) -> Result<Context, Context> {
        loop {
            let there = self.0.load();
            if !Context::ptr_eq(&there, expected) {
                return Err(Context::clone(&there));
            }
            match self.0.compare_and_swap(&there, context) {
                Ok(()) => return Ok(Context::clone(&there)),
                Err(back) => context = back,
            }
        }
    }
}

impl From<Context> for ContextCell {
    fn from(context: Context) -> Self {
        ContextCell(Shared::from(context))
    }
}

impl Default for ContextCell {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ContextCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContextCell").field(&self.load()).finish()
    }
}
