//! Taking over what somebody else bound, whatever it was: differences of contexts, bound here once
//! more.

use crate::context::{Change, Context};
use crate::engine::{Closed, current};
use crate::error::{NotOpen, Place};
use std::panic::Location;

impl Context {
    /// Binds in the innermost checkpoint, which must be open, what this context shows otherwise
    /// than `before` did: each variable that it binds anew or differently, to the very same value;
    /// and masks what it does not show any more.
    ///
    /// For what a blocking job, a callee or another task bound, without naming it. What is of short
    /// reach is in no context. `after.apply_since(&Context::empty())` binds all that `after` shows.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Checkpoint, Context, Var};
    ///
    /// static USER: Var<&str> = Var::new("user");
    ///
    /// fn library() {
    ///     USER.set("ada").unwrap();
    /// }
    ///
    /// # fn main() -> Result<(), stackholm::NotOpen> {
    /// let _checkpoint = Checkpoint::enter();
    /// let before = Context::current();
    /// let job = stackholm::thread::spawn(|| {
    ///     library();
    ///     Context::current()
    /// });
    /// job.join().unwrap().apply_since(&before)?;
    /// assert_eq!(USER.get(), "ada");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If something is to be changed, and no checkpoint is entered here or a sealed scope is;
    /// nothing is changed then.
    #[track_caller]
    pub fn apply_since(&self, before: &Context) -> Result<(), NotOpen> {
        apply(&before.changes(self), Location::caller())
    }
}

impl Change<'_> {
    /// Binds in the innermost checkpoint, which must be open, what the later context shows; a mask
    /// if that is nothing. See [`Context::apply_since`].
    ///
    /// # Errors
    /// If no checkpoint is entered here, or a sealed scope is.
    #[track_caller]
    pub fn apply(&self) -> Result<(), NotOpen> {
        apply(std::slice::from_ref(self), Location::caller())
    }
}

fn apply(changes: &[Change<'_>], place: Place) -> Result<(), NotOpen> {
    let Some(first) = changes.first() else { return Ok(()) };
    let changed = current::change(|raw, departures| {
        for change in changes {
            match (change.after, change.before) {
                (Some(after), _) => raw.bind_again(&after.entry(), departures),
                (None, Some(before)) => raw.mask_again(&before.entry(), place, departures),
                (None, None) => {}
            }
        }
    });
    changed.map_err(|closed| {
        let name = first.after.or(first.before).map_or("", |binding| binding.name());
        let sealed = match closed {
            Closed::NoCheckpoint => None,
            Closed::Sealed(place) => Some(place),
        };
        NotOpen::new(String::from(name).into(), sealed)
    })
}
