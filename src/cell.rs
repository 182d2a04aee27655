//! `ContextCell`: a context that can be swapped while others read it.

use crate::context::Context;
use crate::sync::{Arc, ArcCell};
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
        old.map(|context| Arc::try_unwrap(context).unwrap_or_else(|shared| (*shared).clone())).unwrap_or_default()
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
