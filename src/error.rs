//! What can go wrong, each a small type that says which variable, what was expected, and where it
//! was bound.

use alloc::borrow::Cow;
use core::fmt;
use core::panic::Location;

/// A place in the source.
pub type Place = &'static Location<'static>;

/// A variable has no value here, or no binding where only bindings are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    name: Cow<'static, str>,
    reason: Reason,
}

/// Why a variable has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing is bound here, and there is neither a process-wide value nor a default.
    Unbound,
    /// There is no binding where only bindings are asked for: in a context, on a stack, by
    /// [`Var::require`](crate::Var::require). There may be a process-wide value or a default.
    NoBinding,
    /// It was unset at that place.
    Masked(Place),
    /// It was bound at that place, but its reach ends before here.
    NotCarried(Place),
    /// Nobody ever bound it in this process. Said by [`Var::require`](crate::Var::require), and in
    /// debug builds by the panic of [`Var::get`](crate::Var::get) and
    /// [`Var::with`](crate::Var::with). The same goes for the variants below.
    NeverBound,
    /// It was last bound at that place, by this thread, but not around what runs here: that
    /// checkpoint was left, or the work was spawned bare and runs on the same thread. In debug
    /// builds only, as are the variants below.
    Ended(Place),
    /// It was last bound at that place, by another thread, and nothing was handed to what runs
    /// here. If that was spawned there, it was spawned bare.
    NotHanded(Place),
    /// It was last bound at that place, but what runs here was detached, or handed a context
    /// without it.
    Detached(Place),
}

impl Missing {
    pub(crate) fn new(name: Cow<'static, str>, reason: Reason) -> Self {
        Missing { name, reason }
    }

    /// The same error with a more precise reason.
    pub(crate) fn because(self, reason: Reason) -> Self {
        Missing { reason, ..self }
    }

    /// The name of the variable.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why it has no value.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the variable `{}` ", self.name)?;
        match self.reason {
            Reason::Unbound => f.write_str("is not bound here and has no default"),
            Reason::NoBinding => f.write_str("is not bound"),
            Reason::Masked(place) => write!(f, "was unset at {place}"),
            Reason::NotCarried(place) => {
                write!(f, "was bound at {place}, but its reach does not carry it here")
            }
            Reason::NeverBound => f.write_str("was never bound"),
            Reason::Ended(place) => {
                write!(
                    f,
                    "was last bound at {place}, on this thread, but not around what runs here"
                )
            }
            Reason::NotHanded(place) => write!(
                f,
                "was last bound at {place}, on another thread, and nothing was handed to what runs here \
                 (a bare spawn hands nothing over)"
            ),
            Reason::Detached(place) => {
                write!(
                    f,
                    "was last bound at {place}, but the work here is detached, or was handed a context without it"
                )
            }
        }
    }
}

impl core::error::Error for Missing {}

/// The innermost checkpoint cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOpen {
    name: Cow<'static, str>,
    sealed: Option<Place>,
}

impl NotOpen {
    pub(crate) fn new(name: Cow<'static, str>, sealed: Option<Place>) -> Self {
        NotOpen { name, sealed }
    }

    /// The name of the variable that was to be changed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the sealed scope that forbids it was entered; `None` if there is no checkpoint at all.
    pub fn sealed_at(&self) -> Option<Place> {
        self.sealed
    }
}

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the variable `{}` cannot be changed: ", self.name)?;
        match self.sealed {
            None => f.write_str("no checkpoint is entered here"),
            Some(place) => write!(f, "the scope entered at {place} is sealed"),
        }
    }
}

impl core::error::Error for NotOpen {}

/// A value could not be set; the error gives it back.
#[derive(Clone, PartialEq, Eq)]
pub struct SetError<T> {
    value: T,
    error: NotOpen,
}

impl<T> SetError<T> {
    pub(crate) fn new(value: T, error: NotOpen) -> Self {
        SetError { value, error }
    }

    /// The value that was to be set.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Why it was not.
    pub fn error(&self) -> &NotOpen {
        &self.error
    }
}

impl<T> From<SetError<T>> for NotOpen {
    fn from(error: SetError<T>) -> NotOpen {
        error.error
    }
}

/// Shows the reason, never the value.
impl<T> fmt::Debug for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> core::error::Error for SetError<T> {}
