//! The process-wide values: one cell with a picture of all of them.
//!
//! A read that finds what its thread kept takes one word that others write, the version of the
//! cell. A miss counts the newest picture as that of any cell; see `docs/engine.md`.

use super::cache;
use super::cell::Shared;
use super::local::{Kept, Look};
use super::number::Number;
use super::slot::stamp_of;
use super::snapshot::Snapshot;
use super::table::{Table, Value};
use crate::sys::{Arc, Site, step};
use alloc::boxed::Box;
use core::marker::PhantomData;
use core::num::NonZeroUsize;
use core::ptr::NonNull;

/// Threads keep the values that they read in a place of their own; a picture is kept as of any cell,
/// by those that take pictures.
static BASE: Shared<Table> = Shared::new(Table::new);

/// What a variable has to do with the process-wide values: its number. When it ends, its value
/// ends.
pub(crate) struct Place<T: 'static> {
    number: Number,
    of: PhantomData<Arc<T>>,
}

impl<T> Place<T> {
    pub(crate) const fn new() -> Self {
        Place { number: Number::new(), of: PhantomData }
    }

    /// The number, if there ever was a value.
    #[inline(always)]
    pub(crate) fn used(&self) -> Option<Used<T>> {
        // Whoever happens after the change that first used it sees that, by coherence; whoever does
        // not may see the process as it was before.
        NonZeroUsize::new(self.number.peek()).map(|number| Used { number, of: PhantomData })
    }

    #[inline(always)]
    pub(crate) fn is_used(&self) -> bool {
        self.used().is_some()
    }
}

/// The number of a variable that has had a process-wide value.
pub(crate) struct Used<T: 'static> {
    number: NonZeroUsize,
    of: PhantomData<Arc<T>>,
}

impl<T> Clone for Used<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Used<T> {}

impl<T: Send + Sync + 'static> Used<T> {
    /// The value in a picture.
    pub(crate) fn get(self, table: &Table) -> Option<&T> {
        // G1: it is never of another type.
        table.get(self.number.get())?.downcast_ref()
    }

    /// The same, counted.
    pub(crate) fn counted(self, table: &Table) -> Option<Arc<T>> {
        table.get(self.number.get()).cloned().and_then(typed)
    }

    /// Calls `f` with the newest value, if this thread has read it before, else `other` with `f`.
    #[inline(always)]
    pub(crate) fn read_fast<R, E, F: FnOnce(&T) -> R>(
        self,
        f: F,
        other: impl FnOnce(F) -> Result<R, E>,
    ) -> Result<R, E> {
        match cache::read(self.number.get(), BASE.stamp()) {
            // SAFETY: G1: it is of our type; the read that has begun keeps it.
            Some((value, _reading)) => Ok(f(unsafe { value.cast::<T>().as_ref() })),
            None => other(f),
        }
    }

    /// Calls `f` with the newest value; gives it back if there is none.
    pub(crate) fn read<R, F: FnOnce(&T) -> R>(self, f: F) -> Result<R, F> {
        let number = self.number.get();
        match cache::local(|local| local.look(number, BASE.stamp())) {
            // SAFETY: as in `read_fast`.
            Some(Look::Value(value, _reading)) => Ok(f(unsafe { value.cast::<T>().as_ref() })),
            Some(Look::Absent) => Err(f),
            Some(Look::Unknown) | None => self.miss(f),
        }
    }

    #[cold]
    #[inline(never)]
    fn miss<R, F: FnOnce(&T) -> R>(self, f: F) -> Result<R, F> {
        if step(Site::MissLetsGoGlobals) {
            let_go(BASE.stamp());
        }
        // The first picture is not made here: an allocator that reads would never come to an end.
        let Some(held) = BASE.made_already() else { return Err(f) };
        let number = self.number.get();
        let stamp = stamp_of(held.version());
        let value = held.value().get(number).cloned();
        // Foreign code, if it was replaced meanwhile.
        drop(held);
        let Some(value) = value else {
            let before = cache::making(|| cache::local(|local| local.keep(number, stamp, None)));
            drop(before);
            return Err(f);
        };
        match cache::making(|| Box::new(Kept::new(Arc::clone(&value)))) {
            None => Ok(f(typed_ref(&value))),
            Some(kept) => {
                let at = NonNull::from(typed_ref::<T>(kept.value())).cast();
                drop(value);
                let before = cache::local(|local| {
                    let before = local.keep(number, stamp, Some((at, kept)));
                    (before, local.read(number, stamp))
                });
                let (before, read) = before.expect("the thread is to keep it");
                let (at, _reading) = read.expect("it was put there just now");
                // Foreign code, now that all is in its place.
                drop(before);
                // SAFETY: as in `read_fast`.
                Ok(f(unsafe { at.cast::<T>().as_ref() }))
            }
        }
    }
}

impl<T: Send + Sync + 'static> Place<T> {
    /// Puts a value there, or takes it away; gives what was. No change by another is lost.
    pub(crate) fn replace(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        if value.is_none() && !self.is_used() {
            return None;
        }
        update(&self.change(value)).and_then(typed)
    }

    /// That change.
    pub(crate) fn change(&self, value: Option<Arc<T>>) -> Change {
        // G1: the number is ours alone.
        Change { number: self.number.get(), value: value.map(|value| value as Value) }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        if self.is_used() {
            drop(update(&Change { number: self.number.peek(), value: None }));
        }
    }
}

/// A variable whose process-wide value is to be changed, and to what.
pub(crate) struct Change {
    number: usize,
    value: Option<Value>,
}

impl Change {
    /// Makes it in a picture; gives what was there.
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

/// Makes a change in the newest picture; gives what was there. What is not there is not taken away
/// once more.
fn update(change: &Change) -> Option<Value> {
    let mut old = None;
    let updated = BASE.try_update(|table| {
        let mut table = table.clone();
        old = change.put(&mut table);
        let changes = old.is_some() || change.value.is_some();
        changes.then_some(table).ok_or(())
    });
    let_go(BASE.stamp());
    drop(updated);
    old
}

/// Puts a picture in the place of the newest one, if that is `old`; gives it then.
pub(crate) fn exchange(old: &Snapshot<Table>, table: Table) -> Option<Snapshot<Table>> {
    let new = BASE.replace(old, table);
    let_go(BASE.stamp());
    new
}

/// What this thread keeps of other versions goes.
fn let_go(but: usize) {
    BASE.let_go(but);
    cache::let_go(Some(but));
}

/// The newest picture, to be held. It counts on a line that this thread alone gives out, and the
/// thread keeps it for the next time.
pub(crate) fn load() -> Snapshot<Table> {
    BASE.load()
}

/// The same, and the thread keeps nothing.
pub(crate) fn load_once() -> Snapshot<Table> {
    Snapshot::new(BASE.tap(&BASE.held()))
}

/// Calls `f` with the newest picture, if there is one. Nothing foreign happens in `f`.
pub(crate) fn with_newest<R>(f: impl FnOnce(&Table) -> Option<R>) -> Option<R> {
    f(BASE.made_already()?.value())
}

crate::sys::in_models! {
    /// Frees what the process would keep to its end: each execution of a model begins without it.
    ///
    /// # Safety
    /// 1. The execution uses no process-wide value any more.
    pub unsafe fn end_of_execution() {
        // SAFETY: #1.
        unsafe { BASE.end() }
    }
}
