//! The process-wide values as they are seen here: those of the picture that is pinned on this
//! stack, else the newest.

use crate::engine::{Key, Name, current};
use crate::shared::{self, Place, Snapshot, Table, Used};
use crate::sys::Arc;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// All process-wide values of one moment: what [`set_globals`](crate::set_globals) published
/// together is in it together or not at all.
///
/// [Pinned](Self::run) for the extent of a request, all reads of process-wide values in there are
/// answered by this picture, whatever is set meanwhile. Pinning is a binding like any other: it
/// ends with its block, it is handed over with the context to spawned work, and it is seen in lists
/// of bindings as `process-wide values`. What is pinned is no binding of the variables themselves:
/// a binding of one goes first, [`Var::is_bound`](crate::Var::is_bound) stays `false`, and
/// [`Var::require`](crate::Var::require) takes no substitute.
///
/// Taking one costs a count on a line that this thread alone gives out. Cloning one too. It keeps
/// all values alive that it shows. Once any picture was pinned in the process, a read of a
/// process-wide value looks for a pin first: outside of one it then costs about twice as much as
/// before, within one about three times.
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

/// The picture that answers on this stack.
pub(crate) static PIN: Key<Globals> = Key::new(Name::Static("process-wide values"));

impl Globals {
    /// The process-wide values as they are seen here: the picture that is pinned, else the newest.
    pub fn current() -> Globals {
        pinned(Globals::clone).unwrap_or_else(|| Globals(shared::load()))
    }

    /// How often process-wide values were set before this picture was there; what was set together
    /// counts once.
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

/// Calls `f` with the process-wide value if nothing was ever pinned and this thread has read the
/// value before, else `other` with `f`.
#[inline(always)]
pub(crate) fn read_fast<T: Send + Sync + 'static, R, E, F: FnOnce(&T) -> R>(
    used: Used<T>,
    f: F,
    other: impl FnOnce(F) -> Result<R, E>,
) -> Result<R, E> {
    if PIN.was_used() { other(f) } else { used.read_fast(f, other) }
}

/// Calls `f` with the process-wide value that is seen here; gives it back if there is none.
pub(crate) fn read<T: Send + Sync + 'static, R, F: FnOnce(&T) -> R>(
    used: Used<T>,
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
        (_, None) => unreachable!("it was called, and gave what it gave"),
    }
}

/// The process-wide value that is seen here, counted.
pub(crate) fn counted<T: Send + Sync + 'static>(place: &Place<T>) -> Option<Arc<T>> {
    let used = place.used()?;
    let pinned = pinned(|globals| used.counted(globals.table()));
    pinned.unwrap_or_else(|| shared::with_newest(|table| used.counted(table)))
}

/// Whether there is one.
pub(crate) fn is_set<T: Send + Sync + 'static>(place: &Place<T>) -> bool {
    place.used().is_some_and(|used| read(used, |_| ()).is_ok())
}

/// Puts in the place of the newest picture what `f` makes of it, and gives that. No change by
/// another is lost: if one came in between, `f` is called again.
pub(crate) fn update(mut f: impl FnMut(&Globals, &mut Table)) -> Globals {
    loop {
        let now = Globals(shared::load_once());
        let mut table = now.table().clone();
        f(&now, &mut table);
        if let Some(new) = shared::exchange(&now.0, table) {
            return Globals(new);
        }
    }
}

/// A picture is only looked at, never changed.
impl UnwindSafe for Globals {}

/// As above.
impl RefUnwindSafe for Globals {}

/// Shows the version, never a value.
impl fmt::Debug for Globals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Globals").field("version", &self.version()).finish_non_exhaustive()
    }
}
