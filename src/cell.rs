//! `ContextCell`: a context that can be swapped while others read it.

use crate::context::Context;
use crate::shared::Shared;
use core::fmt;

/// A context that many threads read and few replace: the base of all requests of a service.
///
/// It is a [`Shared`] cell, with the costs and the lock freedom of that. As there, a thread caches
/// the context that it read last, and the values of an old base are dropped when its last owner
/// releases it. A worker that is idle after its last request is such an owner, unless its runtime
/// is built with `.on_thread_park(Shared::flush_thread)`.
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

    /// The context in the cell.
    pub fn load(&self) -> Context {
        self.with(Context::clone)
    }

    /// Calls `f` with the context in the cell: no count, no lock.
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

    /// Stores a context. Readers that have the old one go on with it.
    ///
    /// **Do not store a context that you made from the old one**: if another thread stored one in
    /// between, its change would be lost. [`update`](Self::update) loses none.
    pub fn store(&self, context: Context) {
        self.0.store(context);
    }

    /// Stores a context and returns the old one.
    pub fn swap(&self, context: Context) -> Context {
        Context::clone(&self.0.swap(context))
    }

    /// Replaces the context by what `f` returns for it, and returns the new one. No change of
    /// another thread is lost: if there was one meanwhile, `f` is called again with the newest
    /// context.
    ///
    /// The library holds no lock while `f` runs.
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

    /// Stores a context if the one in the cell is `expected`, the very same snapshot as by
    /// [`Context::ptr_eq`]. Returns the old one.
    ///
    /// # Errors
    /// Returns the context in the cell if that is another one.
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
