//! `Kept`: one value that goes on when its binding has ended, and nothing else of its context.

use crate::engine::{self, Resolution, current};
use crate::error::Missing;
use crate::sys::Arc;
use crate::var::Var;
use core::fmt;
use core::ops::Deref;

/// The value that a variable had, shared with its binding and not cloned; made by [`Var::keep`].
///
/// For values that are not `Clone`, or that are expensive to clone. Unlike a
/// [`Context`](crate::Context) it keeps one value alive, not everything that was visible.
///
/// # Examples
/// ```
/// use stackholm::{Kept, Var};
///
/// struct Session { user: String } // is not `Clone`
///
/// static SESSION: Var<Session> = Var::new("session");
///
/// let kept: Kept<'_, Session> = SESSION.sync_scope(Session { user: "ada".into() }, || SESSION.keep().unwrap());
/// assert!(!SESSION.is_bound());
/// assert_eq!(kept.user, "ada");
/// ```
#[must_use = "it only keeps the value"]
pub struct Kept<'v, T: 'static>(Held<'v, T>);

enum Held<'v, T: 'static> {
    Bound(engine::Kept<T>),
    Global(Arc<T>),
    Default(&'v T),
}

impl<T> Kept<'_, T> {
    pub(crate) fn bound(kept: engine::Kept<T>) -> Self {
        Kept(Held::Bound(kept))
    }
}

impl<T: Send + Sync + 'static> Var<T> {
    /// Keeps the value: that of the nearest binding, else the process-wide value, else the default.
    /// O(1), no allocation and no clone of the value.
    ///
    /// # Errors
    /// If there is none of the three, or the variable is of short reach and bound here: such a
    /// value ends with its checkpoint and cannot be kept.
    pub fn keep(&self) -> Result<Kept<'_, T>, Missing> {
        if self.watch().is_on() {
            self.note_asked();
        }
        match current::keep(self.key()) {
            Ok(kept) => Ok(Kept::bound(kept)),
            Err(seen @ Resolution::NotCarried(_)) if self.is_bound() => Err(self.missing(seen)),
            Err(seen) => match (self.global(), self.default_value()) {
                (Some(global), _) => Ok(Kept(Held::Global(global))),
                (None, Some(value)) => Ok(Kept(Held::Default(value))),
                (None, None) => Err(self.missing(seen)),
            },
        }
    }
}

impl<T> Deref for Kept<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Held::Bound(kept) => kept.get(),
            Held::Global(value) => value,
            Held::Default(value) => value,
        }
    }
}

impl<T> AsRef<T> for Kept<'_, T> {
    fn as_ref(&self) -> &T {
        self
    }
}

/// Shares the value.
impl<T> Clone for Kept<'_, T> {
    fn clone(&self) -> Self {
        Kept(match &self.0 {
            Held::Bound(kept) => Held::Bound(kept.clone()),
            Held::Global(value) => Held::Global(Arc::clone(value)),
            Held::Default(value) => Held::Default(value),
        })
    }
}

/// Never shows the value.
impl<T> fmt::Debug for Kept<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}
