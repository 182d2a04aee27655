//! Values that the whole process sees where nothing is bound.

use crate::picture::{self, Globals};
use crate::shared::{Change, Table};
use crate::sys::Arc;
use crate::var::Var;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

impl<T: Send + Sync + 'static> Var<T> {
    /// Sets the value that the whole process reads where nothing is bound; returns the old one.
    ///
    /// Reading such a value costs about what reading a bound one costs: no lock, no count, no cache
    /// line that another thread writes until the next set. A read that is running keeps its value.
    /// Setting is meant to be rare: it is O(n) in the number of variables that have a process-wide
    /// value, and each thread's next read of any of them is a miss in its cache. It is lock-free,
    /// as all reads are: a thread that is stopped in here blocks no other, and neither does a
    /// `fork`.
    ///
    /// To set values that belong together, call [`set_globals`]. To set a value that is made from
    /// the old one, call [`update_global`](Self::update_global), or another thread's change may be
    /// lost.
    ///
    /// # Panics
    /// All process-wide values together can be changed 2^62 times, and 2^30 times where a word has
    /// 32 bits; then each change panics, the one that the end of a variable makes included.
    ///
    /// # When an old value ends
    /// The last owner drops it, on its own thread. A thread caches up to 16 process-wide values
    /// that it read last. It releases old ones at the first read that misses its cache after a
    /// change, when it sets one itself, when it ends, and when it calls
    /// [`Shared::flush_thread`](crate::Shared::flush_thread). So a thread that never reads again,
    /// and neither ends nor flushes, keeps at most 16 old values alive. A thread that takes a
    /// [picture](Globals) caches that in the same way.
    pub fn set_global(&self, value: T) -> Option<Arc<T>> {
        self.place.replace(Some(Arc::new(value)))
    }

    /// Removes the process-wide value, and returns it.
    pub fn clear_global(&self) -> Option<Arc<T>> {
        self.place.replace(None)
    }

    /// The process-wide value that is visible here, if there is one: that of the [pinned
    /// picture](Globals::run), else the newest.
    pub fn global(&self) -> Option<Arc<T>> {
        picture::counted(&self.place)
    }

    /// Sets the process-wide value to what `f` makes of the one there; gives back the one before.
    /// No change by another is lost: if one came in between, `f` is called again, with what is
    /// there now. Changes of other variables make no difference to it.
    ///
    /// The library holds no lock while `f` runs. If it panics, the value stays as it is. It may set
    /// other variables; one that sets this very variable each time is called for ever.
    ///
    /// # Examples
    /// ```
    /// use stackholm::Var;
    ///
    /// static HITS: Var<u32> = Var::with_default("hits", || 0);
    ///
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| HITS.update_global(|hits| hits.map_or(1, |hits| hits + 1)));
    ///     }
    /// });
    /// assert_eq!(HITS.get(), 4);
    /// ```
    pub fn update_global(&self, mut f: impl FnMut(Option<&T>) -> T) -> Option<Arc<T>> {
        let mut made: Option<(Option<Arc<T>>, Change)> = None;
        picture::update(|now, table| {
            let there = self.place.used().and_then(|used| used.counted(now.table()));
            // A value is set once, and we keep the one that `f` saw: the same one was there all
            // along.
            let is_of = |old: &Option<Arc<T>>| match (old, &there) {
                (Some(old), Some(there)) => Arc::ptr_eq(old, there),
                (old, there) => old.is_none() && there.is_none(),
            };
            match &made {
                Some((old, change)) if is_of(old) => change.apply(table),
                _ => {
                    let change = self.place.change(Some(Arc::new(f(there.as_deref()))));
                    change.apply(table);
                    made = Some((there, change));
                }
            }
        });
        made.and_then(|(old, _)| old)
    }
}

/// Changes of process-wide values that are published together; see [`set_globals`].
///
/// If a variable is changed twice, the last change wins. The edit borrows its variables, because
/// the value of a variable that was dropped before would never be removed.
#[must_use = "nothing is set unless the closure returns it"]
#[derive(Default)]
pub struct GlobalsEdit<'v> {
    changes: Vec<Change>,
    of: PhantomData<&'v ()>,
}

impl<'v> GlobalsEdit<'v> {
    /// Sets the process-wide value of a variable.
    pub fn set<T: Send + Sync + 'static>(mut self, var: &'v Var<T>, value: T) -> Self {
        self.changes.push(var.place.change(Some(Arc::new(value))));
        self
    }

    /// Removes the process-wide value of a variable.
    pub fn clear<T: Send + Sync + 'static>(mut self, var: &'v Var<T>) -> Self {
        self.changes.push(var.place.change(None));
        self
    }
}

impl GlobalsEdit<'_> {
    fn apply(&self, table: &mut Table) {
        self.changes.iter().for_each(|change| change.apply(table));
    }
}

/// Shows how many changes there are.
impl fmt::Debug for GlobalsEdit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GlobalsEdit").field(&self.changes.len()).finish()
    }
}

/// Publishes several process-wide values at once; returns the picture that has them.
///
/// A [picture](Globals) shows all of them or none. Outside of a pinned picture each read looks at
/// one variable: after a read of a new value all others read new too, or newer; but a read before
/// this call and one after it can give one old value and one new. Where that matters, [pin a
/// picture](Globals::run).
///
/// O(n) in the number of variables that have a process-wide value, however many are set. `f` is
/// called once; the library holds no lock meanwhile. If `f` panics, nothing is set. For values that
/// are made from the old ones see [`update_globals`]; here another thread's change may be lost.
///
/// # Examples
/// ```
/// use stackholm::{Globals, Var, set_globals};
///
/// static HOST: Var<&str> = Var::new("host");
/// static PORT: Var<u16> = Var::new("port");
///
/// let old = Globals::current();
/// let new = set_globals(|globals| globals.set(&HOST, "localhost").set(&PORT, 8080));
/// assert_eq!((old.get(&HOST), old.get(&PORT)), (None, None));
/// assert_eq!((new.get(&HOST), new.get(&PORT)), (Some(&"localhost"), Some(&8080)));
/// assert_eq!((HOST.get(), PORT.get()), ("localhost", 8080));
/// ```
pub fn set_globals<'v>(f: impl FnOnce(GlobalsEdit<'v>) -> GlobalsEdit<'v>) -> Globals {
    let edit = f(GlobalsEdit::default());
    picture::update(|_, table| edit.apply(table))
}

/// As [`set_globals`], with changes that `f` makes from the newest picture. No change of another
/// thread is lost: if there was one meanwhile, `f` is called again with the newest picture.
///
/// `f` sees the whole picture, so a change of any variable counts: an `f` that itself sets a
/// process-wide value each time is called for ever.
///
/// # Examples
/// ```
/// use stackholm::{Var, set_globals, update_globals};
///
/// static FREE: Var<u32> = Var::new("free");
/// static TAKEN: Var<u32> = Var::new("taken");
///
/// set_globals(|globals| globals.set(&FREE, 4).set(&TAKEN, 0));
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| {
///             update_globals(|now, globals| {
///                 let (free, taken) = (now.get(&FREE).unwrap(), now.get(&TAKEN).unwrap());
///                 globals.set(&FREE, free - 1).set(&TAKEN, taken + 1)
///             })
///         });
///     }
/// });
/// assert_eq!((FREE.get(), TAKEN.get()), (0, 4));
/// ```
pub fn update_globals<'v>(
    mut f: impl FnMut(&Globals, GlobalsEdit<'v>) -> GlobalsEdit<'v>,
) -> Globals {
    picture::update(|now, table| f(now, GlobalsEdit::default()).apply(table))
}

impl Globals {
    /// The value of a variable in this picture.
    pub fn get<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Option<&T> {
        var.place.used()?.get(self.table())
    }

    /// The same, counted: it does not keep the picture alive.
    pub fn get_arc<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Option<Arc<T>> {
        var.place.used()?.counted(self.table())
    }
}
