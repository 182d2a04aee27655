//! The process-wide values that are visible here: those of the picture that is pinned on this
//! stack, else the newest.

use crate::engine::{Key, Name, current};
use crate::shared::{self, GlobalId, GlobalSlot, Snapshot, Table};
use crate::sys::Arc;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

/// A picture: all process-wide values of one moment. What [`set_globals`](crate::set_globals)
/// published together is in it together or not at all.
///
/// While a picture is [pinned](Self::run), for the extent of a request, every read of a
/// process-wide value takes the value of this picture, whatever is set meanwhile. Pinning is a
/// binding like any other: it ends with its block, it is handed over with the context to spawned
/// work, and lists of bindings show it as `process-wide values`. It binds none of the variables
/// themselves: a binding of a variable hides the value of the picture,
/// [`Var::is_bound`](crate::Var::is_bound) stays `false`, and [`Var::require`](crate::Var::require)
/// takes no value from it.
///
/// Taking one, and cloning one, adds to a count on a cache line of this thread. A picture keeps all
/// its values alive.
///
/// Once a picture was pinned anywhere in the process, a read of a process-wide value looks for a
/// pinned picture first. It then costs about twice as much as before outside of one, and about
/// three times within one.
///
/// # Examples
/// ```
/// use stackholm::{Globals, Var, set_globals};
///
/// static PER_SECOND: Var<u32> = Var::new("per_second");
/// static BURST: Var<u32> = Var::new("burst");
///
/// let load = |per_second, burst| {
///     set_globals(|globals| globals.set(&PER_SECOND, per_second).set(&BURST, burst))
/// };
/// load(10, 20);
/// Globals::current().run(|| {
///     load(50, 100);
///     assert_eq!((PER_SECOND.get(), BURST.get()), (10, 20));
/// });
/// assert_eq!((PER_SECOND.get(), BURST.get()), (50, 100));
/// ```
#[derive(Clone)]
pub struct Globals(Snapshot<Table>);

/// The variable by which a picture is pinned.
pub(crate) static PIN: Key<Globals> = Key::new(Name::Static("process-wide values"));

impl Globals {
    /// The process-wide values that are visible here: the pinned picture, else the newest.
    pub fn current() -> Globals {
        pinned(Globals::clone).unwrap_or_else(|| Globals(shared::load()))
    }

    /// How often process-wide values had been set at the time of this picture. Values that were set
    /// together count once.
    pub fn version(&self) -> u64 {
        self.0.version()
    }

    pub(crate) fn table(&self) -> &Table {
        &self.0
    }
}

fn pinned<R>(f: impl FnOnce(&Globals) -> R) -> Option<R> {
    if !PIN.was_used() {
        return None;
    }
    current::read_slowly(&PIN, f).ok()
}

/// Calls `f` with the process-wide value if no picture is pinned here and the value is in the thread's
/// cache, else `other` with `f`.
#[inline(always)]
pub(crate) fn read_fast<T: Send + Sync + 'static, R, E, F: FnOnce(&T) -> R>(
    used: GlobalId<T>,
    f: F,
    other: impl FnOnce(F) -> Result<R, E>,
) -> Result<R, E> {
    if PIN.was_used() && !current::is_plainly_absent(&PIN) {
        other(f)
    } else {
        used.read_fast(f, other)
    }
}

/// Calls `f` with the process-wide value that is visible here; returns `f` if there is none.
pub(crate) fn read<T: Send + Sync + 'static, R, F: FnOnce(&T) -> R>(
    used: GlobalId<T>,
    f: F,
) -> Result<R, F> {
    let mut f = Some(f);
    let read = pinned(|globals| {
        let value = used.get(globals.table())?;
        Some((f.take().expect("is taken once"))(value))
    });
    match (read, f) {
        (Some(Some(result)), _) => Ok(result),
        (Some(None), Some(f)) => Err(f),
        (None, Some(f)) => used.read(f),
        (_, None) => unreachable!("a closure that was called has returned a result"),
    }
}

/// The process-wide value that is visible here, counted.
pub(crate) fn counted<T: Send + Sync + 'static>(place: &GlobalSlot<T>) -> Option<Arc<T>> {
    let used = place.used()?;
    let pinned = pinned(|globals| used.counted(globals.table()));
    pinned.unwrap_or_else(|| shared::with_newest(|table| used.counted(table)))
}

/// Whether there is one.
pub(crate) fn is_set<T: Send + Sync + 'static>(place: &GlobalSlot<T>) -> bool {
    place.used().is_some_and(|used| read(used, |_| ()).is_ok())
}

/// Replaces the newest picture by what `f` makes of it, and returns the new one. No change of
/// another thread is lost: if there was one meanwhile, `f` is called again.
pub(crate) fn update(mut f: impl FnMut(&Globals, &mut Table)) -> Globals {
    loop {
        let now = Globals(shared::load_uncached());
        let mut table = now.table().clone();
        f(&now, &mut table);
        if let Some(new) = shared::exchange(&now.0, table) {
            return Globals(new);
        }
    }
}

/// A picture never changes.
impl UnwindSafe for Globals {}

/// As above.
impl RefUnwindSafe for Globals {}

/// Shows the version, never a value.
impl fmt::Debug for Globals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Globals").field("version", &self.version()).finish_non_exhaustive()
    }
}
