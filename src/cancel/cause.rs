//! Why work was cancelled, and where.

use crate::error::Place;
use crate::sys::Arc;
use std::error::Error;
use std::fmt;

/// Why work was cancelled: an error, and the place of the cancel. Cloned in O(1).
#[derive(Clone)]
pub struct Cause(Arc<Reason>);

struct Reason {
    error: Box<dyn Error + Send + Sync>,
    place: Place,
}

impl Cause {
    pub(super) fn new(error: Box<dyn Error + Send + Sync>, place: Place) -> Self {
        Cause(Arc::new(Reason { error, place }))
    }

    /// The error that the canceller gave.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0.error
    }

    /// Where [`Handle::cancel`](super::Handle::cancel) was called, or where the limit that is over
    /// was set.
    pub fn cancelled_at(&self) -> Place {
        self.0.place
    }

    /// Whether both come from the same cancel.
    pub fn ptr_eq(&self, other: &Cause) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.error(), f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cause")
            .field("error", &self.error())
            .field("cancelled_at", &format_args!("{}", self.cancelled_at()))
            .finish()
    }
}

/// Work was cancelled, or its deadline is over. The source of the error is the cause's error.
#[derive(Clone, Debug)]
pub struct Cancelled(pub(super) Cause);

impl Cancelled {
    /// Why, and where.
    pub fn cause(&self) -> &Cause {
        &self.0
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cancelled at {}", self.0.cancelled_at())
    }
}

impl Error for Cancelled {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.error())
    }
}
