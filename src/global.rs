//! Values that the whole process sees where nothing is bound.

use crate::picture::{self, Globals};
use crate::shared::{Change, Table};
use crate::sys::Arc;
use crate::var::Var;
use std::fmt;
use std::marker::PhantomData;

impl<T: Send + Sync + 'static> Var<T> {
    /// Sets the value that the whole process sees where nothing is bound; gives back the one
    /// before.
    ///
    /// Reading such a value costs about what reading a bound one costs: no lock, no count, no line
    /// that another thread writes until the next set. Threads that are reading go on with the value
    /// that they have. Meant to be rare: it is O(n) in the number of variables that have a
    /// process-wide value, and each thread looks up anew what it reads next. It is lock-free, as
    /// all reads are: a thread that is stopped in here keeps nobody from going on, nor does a
    /// `fork`.
    ///
    /// Values that belong together are set by [`set_globals`]. One that is made of the value before
    /// is set by [`update_global`](Self::update_global), or another thread's change may be lost.
    ///
    /// # Panics
    /// All process-wide values together can be changed 2^62 times, and 2^30 times where a word has 32
    /// bits; then each change panics, the one that the end of a variable makes included.
    ///
    /// # When an old value ends
    /// With its last holder, on that thread. A thread that reads process-wide values keeps the
    /// picture of all of them that it read last, until it reads one after a change, sets one
    /// itself, ends, or calls [`Shared::flush_thread`](crate::Shared::flush_thread). So a thread
    /// that reads no more, and neither ends nor flushes, keeps one old value of each variable.
    pub fn set_global(&self, value: T) -> Option<Arc<T>> {
        self.place.replace(Some(Arc::new(value)))
    }

    /// Takes the process-wide value away; gives it back.
    pub fn clear_global(&self) -> Option<Arc<T>> {
        self.place.replace(None)
    }

    /// The process-wide value that is seen here, if there is one: that of the [picture that is
    /// pinned](Globals::run), else the newest.
    pub fn global(&self) -> Option<Arc<T>> {
        picture::counted(&self.place)
    }

    /// Sets the process-wide value to what `f` makes of the one there; gives back the one before.
    /// No change by another is lost: if one came in between, `f` is called again, with what is
    /// there now. Changes of other variables make no difference to it.
    ///
    /// `f` runs with nothing of the library held. If it panics, the value stays as it is. It may set
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
            // A value is set once, and we keep the one that `f` saw: the same one was there all along.
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

/// Changes of process-wide values that are to be published together; see [`set_globals`].
///
/// Of several changes of one variable the last counts. It borrows the variables: the value of one that
/// had ended before would never end.
#[must_use = "nothing is set until it is given back"]
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

    /// Takes the process-wide value of a variable away.
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

/// Publishes several process-wide values at once; gives the picture that has them.
///
/// A [picture](Globals) shows all of them or none. Readers outside of a pinned picture look at one
/// variable at a time: whoever reads a new value finds the others new too, or newer; but who reads
/// one before this and another after has the one old and the other new. Where that matters,
/// [pin the picture](Globals::run).
///
/// O(n) in the number of variables that have a process-wide value, however many are set. `f` is
/// called once, with nothing of the library held; if it panics, nothing is set. Changes that are
/// made of the values there go into [`update_globals`], or another thread's may be lost.
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

/// As [`set_globals`], with changes that `f` makes of the picture there. No change by another is
/// lost: if one came in between, `f` is called again, with what is there now.
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

    /// The same, counted: it goes on without the picture.
    pub fn get_arc<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Option<Arc<T>> {
        var.place.used()?.counted(self.table())
    }
}
