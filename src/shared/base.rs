//! The process-wide values: one cell, whose value is a table of all of them.
//!
//! A hit in the thread's cache loads one word that others write, the version of the cell. A miss
//! counts the newest table as it would the value of any cell; see `docs/engine.md`.

use super::cache;
use super::cell::Shared;
use super::global_cache::{CachedGlobal, Lookup};
use super::number::Number;
use super::slot::stamp_of;
use super::snapshot::Snapshot;
use super::table::{Table, Value};
use crate::sys::{Arc, Site, step};
use alloc::boxed::Box;
use core::marker::PhantomData;
use core::num::NonZeroUsize;
use core::ptr::NonNull;

/// A thread caches single values in `global_cache`. It caches a whole table, like the value of any
/// cell, only if it takes a picture.
static BASE: Shared<Table> = Shared::new(Table::new);

/// The part of a variable that is for its process-wide value: its id in the tables, once it has
/// one. When the variable is dropped, its process-wide value is removed.
pub(crate) struct GlobalSlot<T: 'static> {
    number: Number,
    of: PhantomData<Arc<T>>,
}

impl<T> GlobalSlot<T> {
    pub(crate) const fn new() -> Self {
        GlobalSlot { number: Number::new(), of: PhantomData }
    }

    /// The id, if there ever was a value.
    #[inline(always)]
    pub(crate) fn used(&self) -> Option<GlobalId<T>> {
        // A read that happens after the first set sees the id, by coherence; any other read may see
        // the process as it was before.
        NonZeroUsize::new(self.number.peek()).map(|number| GlobalId { number, of: PhantomData })
    }

    #[inline(always)]
    pub(crate) fn is_used(&self) -> bool {
        self.used().is_some()
    }
}

/// The id of a variable that has had a process-wide value.
pub(crate) struct GlobalId<T: 'static> {
    number: NonZeroUsize,
    of: PhantomData<Arc<T>>,
}

impl<T> Clone for GlobalId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for GlobalId<T> {}

impl<T: Send + Sync + 'static> GlobalId<T> {
    /// The value in a table.
    pub(crate) fn get(self, table: &Table) -> Option<&T> {
        // G1: it is never of another type.
        table.get(self.number.get())?.downcast_ref()
    }

    /// The same, counted.
    pub(crate) fn counted(self, table: &Table) -> Option<Arc<T>> {
        table.get(self.number.get()).cloned().and_then(typed)
    }

    /// Calls `f` with the newest value if it is in the thread's cache, else `other` with `f`.
    #[inline(always)]
    pub(crate) fn read_fast<R, E, F: FnOnce(&T) -> R>(
        self,
        f: F,
        other: impl FnOnce(F) -> Result<R, E>,
    ) -> Result<R, E> {
        match cache::read(self.number.get(), BASE.stamp()) {
            // SAFETY: G1: it is of our type; `_reading` keeps it alive.
            Some((value, _reading)) => Ok(f(unsafe { value.cast::<T>().as_ref() })),
            None => other(f),
        }
    }

    /// Calls `f` with the newest value; returns `f` if there is none.
    pub(crate) fn read<R, F: FnOnce(&T) -> R>(self, f: F) -> Result<R, F> {
        let number = self.number.get();
        match cache::globals(|local| local.lookup(number, BASE.stamp())) {
            // SAFETY: as in `read_fast`.
            Some(Lookup::Value(value, _reading)) => Ok(f(unsafe { value.cast::<T>().as_ref() })),
            Some(Lookup::Absent) => Err(f),
            Some(Lookup::Unknown) | None => self.miss(f),
        }
    }

    #[cold]
    #[inline(never)]
    fn miss<R, F: FnOnce(&T) -> R>(self, f: F) -> Result<R, F> {
        if step(Site::MissLetsGoGlobals) {
            evict_old(BASE.stamp());
        }
        // The first table is not made here: an allocator that reads would recurse without end.
        let Some(held) = BASE.acquire_if_any() else { return Err(f) };
        let number = self.number.get();
        let stamp = stamp_of(held.version());
        let value = held.value().get(number).cloned();
        // Runs the user's code if the table was replaced meanwhile.
        drop(held);
        let Some(value) = value else {
            let before = cache::without_reentry(|| {
                cache::globals(|local| local.insert(number, stamp, None))
            });
            drop(before);
            return Err(f);
        };
        match cache::without_reentry(|| Box::new(CachedGlobal::new(Arc::clone(&value)))) {
            None => Ok(f(typed_ref(&value))),
            Some(kept) => {
                let at = NonNull::from(typed_ref::<T>(kept.value())).cast();
                drop(value);
                let before = cache::globals(|local| {
                    let before = local.insert(number, stamp, Some((at, kept)));
                    (before, local.read(number, stamp))
                });
                let (before, read) = before.expect("the thread is to keep it");
                let (at, _reading) = read.expect("it was put there just now");
                // Runs the user's code, after the cache was changed.
                drop(before);
                // SAFETY: as in `read_fast`.
                Ok(f(unsafe { at.cast::<T>().as_ref() }))
            }
        }
    }
}

impl<T: Send + Sync + 'static> GlobalSlot<T> {
    /// Sets the value, or removes it; returns the old one. No change of another thread is lost.
    pub(crate) fn replace(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        if value.is_none() && !self.is_used() {
            return None;
        }
        update(&self.change(value)).and_then(typed)
    }

    /// The change that sets the value, or removes it.
    pub(crate) fn change(&self, value: Option<Arc<T>>) -> Change {
        // G1: no other variable has the id.
        Change { number: self.number.get(), value: value.map(|value| value as Value) }
    }
}

impl<T> Drop for GlobalSlot<T> {
    fn drop(&mut self) {
        if self.is_used() {
            drop(update(&Change { number: self.number.peek(), value: None }));
        }
    }
}

/// A change of one process-wide value.
pub(crate) struct Change {
    number: usize,
    value: Option<Value>,
}

impl Change {
    /// Applies the change to a table; returns the old value.
    fn put(&self, table: &mut Table) -> Option<Value> {
        table.put(self.number, self.value.clone())
    }

    pub(crate) fn apply(&self, table: &mut Table) {
        drop(self.put(table));
    }
}

fn typed_ref<T: Send + Sync + 'static>(value: &Value) -> &T {
    value.downcast_ref().expect("G1: it is never of another type")
}

fn typed<T: Send + Sync + 'static>(value: Value) -> Option<Arc<T>> {
    // G1: it is never of another type.
    value.downcast().ok()
}

/// Publishes a table with the change; returns the old value. Publishes nothing if a value is to be
/// removed that is not there.
fn update(change: &Change) -> Option<Value> {
    let mut old = None;
    let updated = BASE.try_update(|table| {
        let mut table = table.clone();
        old = change.put(&mut table);
        let changes = old.is_some() || change.value.is_some();
        changes.then_some(table).ok_or(())
    });
    evict_old(BASE.stamp());
    drop(updated);
    old
}

/// Replaces the newest table by `table` if it is still `old`; returns the new one then.
pub(crate) fn exchange(old: &Snapshot<Table>, table: Table) -> Option<Snapshot<Table>> {
    let new = BASE.replace(old, table);
    evict_old(BASE.stamp());
    new
}

/// Evicts what this thread caches of other versions.
fn evict_old(except: usize) {
    BASE.evict_old(except);
    cache::evict_globals(Some(except));
}

/// The newest table, owned. Its count is on a cache line of this thread, and the thread caches the
/// table for the next call.
pub(crate) fn load() -> Snapshot<Table> {
    BASE.load()
}

/// The same; the thread caches nothing.
pub(crate) fn load_uncached() -> Snapshot<Table> {
    Snapshot::new(BASE.versioned(&BASE.acquire()))
}

/// Calls `f` with the newest table, if there is one. `f` runs no code of the user.
pub(crate) fn with_newest<R>(f: impl FnOnce(&Table) -> Option<R>) -> Option<R> {
    f(BASE.acquire_if_any()?.value())
}

crate::sys::in_models! {
    /// Frees what the process would keep until it ends, so that each execution of a model begins
    /// without it.
    ///
    /// # Safety
    /// 1. The execution uses no process-wide value any more.
    pub unsafe fn end_of_execution() {
        // SAFETY: #1.
        unsafe { BASE.end() }
    }
}
