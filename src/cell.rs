//! `ContextCell`: a context that can be swapped while others read it.

use crate::context::Context;
use crate::sys::{Arc, ArcCell};
use std::fmt;

/// A context that many read and few replace: the base of all requests of a service.
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
pub struct ContextCell(ArcCell<Context>);

impl ContextCell {
    /// A cell with the empty context.
    pub const fn new() -> Self {
        ContextCell(ArcCell::empty())
    }

    /// The context that is in the cell.
    pub fn load(&self) -> Context {
        self.0.load().map(|context| (*context).clone()).unwrap_or_default()
    }

    /// Puts a context into the cell. Readers that have the old one go on with it.
    pub fn store(&self, context: Context) {
        drop(self.swap(context));
    }

    /// Puts a context into the cell and gives the old one.
    pub fn swap(&self, context: Context) -> Context {
        let old = self.0.swap(Some(Arc::new(context)));
        old.map(unwrap).unwrap_or_default()
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
    pub fn update(&self, mut f: impl FnMut(&Context) -> Context) -> Context {
        loop {
            let before = self.0.load();
            let after = f(before.as_deref().unwrap_or(&Context::empty()));
            if self.0.swap_if(before.as_ref(), Arc::new(after.clone())).is_ok() {
                return after;
            }
        }
    }

    /// Puts a context into the cell if the one there is `expected`, the very same snapshot as by
    /// [`Context::ptr_eq`]. Gives the old one.
    ///
    /// # Errors
    /// Gives what is in the cell if that is another one.
    pub fn compare_exchange(
        &self,
        expected: &Context,
        context: Context,
    ) -> Result<Context, Context> {
        let mut context = Arc::new(context);
        loop {
            let before = self.0.load();
            let there = before.as_deref().cloned().unwrap_or_default();
            if !there.ptr_eq(expected) {
                return Err(there);
            }
            match self.0.swap_if(before.as_ref(), context) {
                Ok(_) => return Ok(there),
                Err(back) => context = back,
            }
        }
    }
}

/// What was in the cell: taken out if nobody reads it any more.
fn unwrap(context: Arc<Context>) -> Context {
    Arc::try_unwrap(context).unwrap_or_else(|shared| (*shared).clone())
}

impl From<Context> for ContextCell {
    fn from(context: Context) -> Self {
        let cell = Self::new();
        cell.store(context);
        cell
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
