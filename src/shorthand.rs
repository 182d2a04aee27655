//! Shorthands for what `try_with` and `set` can do.

use crate::engine::current;
use crate::error::NotOpen;
use crate::var::Var;

impl<T: Send + Sync + 'static> Var<T> {
    /// A clone of the value, or `other` if there is none: no binding, no process-wide value, no
    /// default.
    ///
    /// # Examples
    /// ```
    /// static DEPTH: stackholm::Var<u32> = stackholm::Var::new("depth");
    ///
    /// assert_eq!(DEPTH.get_or(1), 1);
    /// assert_eq!(DEPTH.get_or_default(), 0);
    /// assert_eq!(DEPTH.sync_scope(7, || DEPTH.get_or(1)), 7);
    /// assert_eq!(DEPTH.sync_scope(7, || DEPTH.map_or(String::new(), u32::to_string)), "7");
    /// ```
    pub fn get_or(&self, other: T) -> T
    where
        T: Clone,
    {
        self.try_get().unwrap_or(other)
    }

    /// A clone of the value, or that of its type's `Default` if there is none.
    pub fn get_or_default(&self) -> T
    where
        T: Clone + Default,
    {
        self.try_get().unwrap_or_default()
    }

    /// What `f` makes of the value, or `other` if there is none.
    pub fn map_or<R>(&self, other: R, f: impl FnOnce(&T) -> R) -> R {
        self.try_with(f).unwrap_or(other)
    }

    /// Binds the variable, in the innermost checkpoint, which must be open, to what `f` makes of
    /// its value here; `f` is given `None` if there is none. When the checkpoint is left, the
    /// variable has the outer value again.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Checkpoint, Var};
    ///
    /// static DEPTH: Var<u32> = Var::with_default("depth", || 0);
    ///
    /// fn descend(levels: u32) -> u32 {
    ///     Checkpoint::run(|| {
    ///         DEPTH.update(|depth| depth.unwrap() + 1).unwrap();
    ///         if levels > 1 { descend(levels - 1) } else { DEPTH.get() }
    ///     })
    /// }
    ///
    /// assert_eq!(descend(3), 3);
    /// assert_eq!(DEPTH.get(), 0);
    /// ```
    ///
    /// # Errors
    /// If no checkpoint is entered here, or a sealed scope is; `f` is not called then.
    #[track_caller]
    pub fn update(&self, f: impl FnOnce(Option<&T>) -> T) -> Result<(), NotOpen> {
        current::is_open().map_err(|closed| self.not_open(closed))?;
        let mut f = Some(f);
        let mut once = |value: Option<&T>| f.take().expect("is called once")(value);
        let value = self.try_with(|value| once(Some(value)));
        let value = value.unwrap_or_else(|_| once(None));
        Ok(self.set(value)?)
    }
}
