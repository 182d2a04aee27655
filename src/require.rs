//! `Var::require`: a binding that must be there, or an error that says what happened to it. The
//! panic of `Var::get` and `Var::with` says the same.

use crate::engine::{Resolution, current};
use crate::error::{Missing, Reason};
use crate::var::Var;

impl<T: Send + Sync + 'static> Var<T> {
    /// A clone of the value that is bound here. A process-wide value and a default do not count.
    ///
    /// The error tells apart a variable that nobody ever bound, one that was masked, and one whose
    /// reach ends before here. In debug builds it also says where the variable was last bound in
    /// the process, and whether the work here was handed nothing, as by a bare spawn, or was
    /// detached on purpose (see [`Reason`]). For this each binding in a debug build makes a note;
    /// release builds make none.
    ///
    /// Read with this what nothing may take the place of: [`get`](Self::get) gives the default or
    /// the process-wide value where a hand-over was forgotten.
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
    ///     // the variable `tenant` was last bound at src/main.rs:4:12, on another thread, and nothing was handed …
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

    /// As [`require`](Self::require), but calls `f` with the value instead of cloning it.
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

    /// Notes what a reader gets, for the tests that watch.
    #[cold]
    pub(crate) fn note_asked(&self) {
        #[cfg(feature = "std")]
        {
            let seen = current::see(self.key());
            self.note(if let Resolution::Bound(_) = seen { None } else { Some(self.lost(seen)) });
        }
    }

    #[cold]
    fn lost(&self, seen: Resolution) -> Missing {
        self.explained(self.no_binding(seen))
    }

    /// The same error, with a more precise reason if one is known.
    fn explained(&self, missing: Missing) -> Missing {
        match missing.reason() {
            Reason::NoBinding => missing.because(self.what_happened()),
            Reason::Unbound => match self.what_happened() {
                Reason::NoBinding => missing,
                known => missing.because(known),
            },
            _ => missing,
        }
    }

    /// Panics for `get` and `with`, where there is no value.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(crate) fn give_up(&self, missing: Missing) -> ! {
        let known =
            if cfg!(debug_assertions) { self.explained(missing.clone()) } else { missing.clone() };
        if known == missing { panic!("{missing}") } else { panic!("{known}; it has no default") }
    }

    fn what_happened(&self) -> Reason {
        match self.key().last_bound() {
            _ if !self.key().was_used() => Reason::NeverBound,
            None => Reason::NoBinding,
            Some((place, _)) if current::is_received() => Reason::Detached(place),
            Some((place, true)) => Reason::Ended(place),
            Some((place, false)) => Reason::NotHanded(place),
        }
    }
}
