//! Misuse that does no harm but is worth counting, such as guards dropped out of order.

use crate::sys::OnceLock;
use core::fmt;

/// A use that cannot have been meant. None of these corrupts anything or panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// A guard was dropped while checkpoints entered after it were still there; they were left with
    /// it.
    LeftWithInner,
    /// A guard was dropped whose checkpoint had been left already, or is on another stack. Nothing
    /// was done then; if that stack waits beneath the current one, the checkpoint is left later,
    /// see [`Entered`](crate::Entered).
    NotHere,
    /// Two variables that are logged have one key, and both are bound; see
    /// [`fields`](crate::fields). Told once in each process.
    SameKey,
    /// A [companion](crate::companion::Companion) panicked when a hop captured it, so that hop
    /// carries nothing of it.
    CompanionPanicked,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misuse::LeftWithInner => "a guard was dropped before the guards entered after it",
            Misuse::NotHere => "a guard was dropped whose checkpoint is not on the current stack",
            Misuse::CompanionPanicked => "a companion panicked as it captured what is current",
            Misuse::SameKey => "two variables that are bound here are logged with the same key",
        })
    }
}

static HOOK: OnceLock<fn(Misuse)> = OnceLock::new();

/// Calls `hook` on each misuse from now on, in the whole process; only the first hook is
/// ever taken.
///
/// The hook runs in the drop of the guard, after the stack has been put in order, or where a line
/// is logged, or where a hop is captured. It may read and enter. If it panics, the panic leaves the
/// call in which it ran.
///
/// # Errors
/// Gives the hook back if there is one already.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// static LATE: AtomicUsize = AtomicUsize::new(0);
/// stackholm::on_misuse(|_| { LATE.fetch_add(1, Ordering::Relaxed); }).unwrap();
/// # static A: stackholm::Var<u8> = stackholm::Var::new("a");
/// let outer = A.enter(1);
/// let inner = A.enter(2);
/// drop(outer);
/// drop(inner);
/// assert_eq!(LATE.load(Ordering::Relaxed), 2);
/// assert!(!A.is_bound());
/// ```
pub fn on_misuse(hook: fn(Misuse)) -> Result<(), fn(Misuse)> {
    HOOK.set(hook)
}

#[cold]
pub(crate) fn report(misuse: Misuse) {
    #[cfg(feature = "inspect")]
    counted::add(misuse);
    if let Some(hook) = HOOK.get() {
        hook(misuse);
    }
}

/// How often what was misused.
#[cfg(feature = "inspect")]
pub(crate) use counted::counts;

#[cfg(feature = "inspect")]
mod counted {
    use super::Misuse;
    use crate::sys::{Ordering::Relaxed, Site, StaticAtomicUsize, ordering};

    static COUNTS: [(Misuse, StaticAtomicUsize); 4] = [
        (Misuse::LeftWithInner, StaticAtomicUsize::new(0)),
        (Misuse::NotHere, StaticAtomicUsize::new(0)),
        (Misuse::SameKey, StaticAtomicUsize::new(0)),
        (Misuse::CompanionPanicked, StaticAtomicUsize::new(0)),
    ];

    pub(super) fn add(misuse: Misuse) {
        for (_, count) in COUNTS.iter().filter(|(counted, _)| *counted == misuse) {
            // Relaxed: a count.
            count.fetch_add(1, ordering(Site::MisuseIs, Relaxed));
        }
    }

    pub(crate) fn counts() -> Vec<(Misuse, usize)> {
        let counts = COUNTS.iter().map(|(misuse, count)| {
            // Relaxed: a count.
            (*misuse, count.load(ordering(Site::MisuseLook, Relaxed)))
        });
        counts.filter(|(_, count)| *count != 0).collect()
    }
}
