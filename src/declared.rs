//! Which values may be shown to people, and which are logged: declared with the variable.

use crate::field::{AsItIs, Logged, Project};
use crate::var::Var;
use core::fmt;

impl<T: Send + Sync + 'static> Var<T> {
    /// Allows [`Binding`](crate::Binding) to show the values in its `Debug`. That is for people,
    /// and puts them in no log. Without it, nothing prints a value but the sinks of
    /// [`logged`](Self::logged).
    ///
    /// # Panics
    /// If the variable is logged already. Of a `static` this is an error of the compiler.
    pub const fn shown(mut self) -> Self
    where
        T: fmt::Debug,
    {
        self.key_mut().set_shown();
        self
    }

    /// Makes the value a field of each line of a log, each event of a trace and so on that is
    /// written where the variable is bound, by one of the integrations; see
    /// [`fields`](crate::fields). The key is the name of the variable. A variable that is not
    /// declared so is in no log, even if it is [`shown`](Self::shown).
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Var, fields::Fields};
    ///
    /// static REQUEST: Var<u64> = Var::new("request.id").logged();
    /// static TOKEN: Var<&str> = Var::new("token");
    ///
    /// REQUEST.sync_scope(7, || {
    ///     TOKEN.sync_scope("secret", || assert_eq!(Fields::current().to_string(), "request.id=7"));
    /// });
    /// ```
    pub const fn logged(mut self) -> Self
    where
        T: Logged,
    {
        if self.key().is_shown() {
            self.key_mut().set_shown_and_logged::<AsItIs>();
        } else {
            self.key_mut().set_logged::<AsItIs>();
        }
        self
    }

    /// As [`logged`](Self::logged), with what `P` makes of the value: a part of it, or a text. What
    /// the projection leaves out is in no log, see [`Project`].
    ///
    /// # Panics
    /// If the variable is shown already, see [`shown_and_logged_by`](Self::shown_and_logged_by). Of
    /// a `static` this is an error of the compiler.
    pub const fn logged_by<P: Project<T>>(mut self) -> Self {
        self.key_mut().set_logged::<P>();
        self
    }

    /// As [`shown`](Self::shown) and [`logged_by`](Self::logged_by).
    pub const fn shown_and_logged_by<P: Project<T>>(mut self) -> Self
    where
        T: fmt::Debug,
    {
        self.key_mut().set_shown_and_logged::<P>();
        self
    }
}
