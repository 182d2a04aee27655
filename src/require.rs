//! `Var::require`: a binding that must be there, or an error that says what happened to it.

use crate::chain::{Seen, current};
use crate::error::{Missing, Reason};
use crate::var::{Asked, Var};

impl<T: Send + Sync + 'static> Var<T> {
    /// A clone of the value that is bound here. A process-wide value and a default do not count.
    ///
    /// The error tells a variable that nobody ever bound from one that was masked, or that does not reach here. In
    /// debug builds it also says where the variable was last bound in the process, and whether the work here was
    /// spawned bare, so that nothing was handed to it, or was detached on purpose (see [`Reason`]). That costs each
    /// binding a note; release builds make none.
    ///
    /// # Examples
    /// ```
    /// static TENANT: stackholm::Var<&str> = stackholm::Var::new("tenant");
    ///
    /// assert_eq!(TENANT.require().unwrap_err().to_string(), "the variable `tenant` was never bound");
    /// TENANT.sync_scope("acme", || {
    ///     assert_eq!(TENANT.require().unwrap(), "acme");
    ///     let forgotten = std::thread::spawn(|| TENANT.require()).join().unwrap();
    ///     println!("{}", forgotten.unwrap_err());
    ///     // the variable `tenant` was last bound at src/main.rs:4:12, but nothing was handed to the work here: …
    /// });
    /// ```
    ///
    /// # Errors
    /// If no binding is seen here.
    pub fn require(&self) -> Result<T, Missing>
    where
        T: Clone,
    {
        self.require_with(T::clone)
    }

    /// As [`require`](Self::require), by a reference.
    ///
    /// # Errors
    /// If no binding is seen here.
    pub fn require_with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, Missing> {
        if self.watch().is_on() {
            self.note_asked();
        }
        let read = current::read(self.key(), f, |f, _| current::read_slowly(self.key(), f));
        read.map_err(|(_, seen)| self.lost(seen))
    }

    /// Notes what a reader gets, for the test that watches.
    #[cold]
    pub(crate) fn note_asked(&self) {
        let lost = match current::see(self.key()) {
            Seen::Bound(_) => None,
            seen => Some(self.lost(seen).reason()),
        };
        self.watch().change(|asked| Asked {
            found: asked.found + usize::from(lost.is_none()),
            lost: asked.lost + usize::from(lost.is_some()),
            first: asked.first.or(lost),
        });
    }

    #[cold]
    fn lost(&self, seen: Seen) -> Missing {
        let missing = self.missing(seen);
        match missing.reason() {
            Reason::Unbound => missing.because(self.what_happened()),
            _ => missing,
        }
    }

    fn what_happened(&self) -> Reason {
        match self.key().last_bound() {
            _ if !self.key().was_used() => Reason::NeverBound,
            None => Reason::Unbound,
            Some((place, _)) if current::is_received() => Reason::Detached(place),
            Some((place, true)) => Reason::Ended(place),
            Some((place, false)) => Reason::SpawnedBare(place),
        }
    }
}
