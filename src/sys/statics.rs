//! The doors for models: what lives in a `static`, made anew for each execution.

use super::Ordering;
use super::control::{is_plain, over, torn};
use super::primitives::{InnerUsize, STATICS, lazy_static};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::AtomicUsize as Token;

/// What stands for the statics in one execution. Made by the first thread that uses any of them; so
/// what that thread did before happens before all uses by the others, as if a program's `main` had
/// done it.
struct Statics {
    atomics: [InnerUsize; STATICS],
    names: RefCell<HashMap<usize, usize>>,
}

// SAFETY: all threads of an execution are run by one thread of the system.
#[cfg(stackholm_shuttle)]
unsafe impl Sync for Statics {}

lazy_static! {
    static ref OF_EXECUTION: Statics =
        Statics { atomics: std::array::from_fn(|_| InnerUsize::new(0)), names: RefCell::default() };
}

/// The name of something that outlives executions. Moves with it, so that its address does not
/// matter.
fn name(token: &Token) -> usize {
    static NEXT: Token = Token::new(1);
    match token.load(Ordering::Relaxed) {
        0 => {
            let name = NEXT.fetch_add(1, Ordering::Relaxed);
            // Models run beside each other: of two that come first, both go on with one name.
            token
                .compare_exchange(0, name, Ordering::Relaxed, Ordering::Relaxed)
                .map_or_else(|first| first, |_| name)
        }
        name => name,
    }
}

/// A counter of 64 bits, where there are such; models run where there are.
pub(crate) type StaticCounter = StaticAtomicUsize;

/// An atomic that may live in a `static`: each execution begins with a new one, at 0.
pub(crate) struct StaticAtomicUsize(Token);

impl StaticAtomicUsize {
    pub(crate) const fn new(value: usize) -> Self {
        assert!(value == 0, "the set of an execution begins with zeros");
        StaticAtomicUsize(Token::new(0))
    }

    fn with<R>(&self, f: impl FnOnce(&InnerUsize) -> R) -> R {
        let set: &Statics = &OF_EXECUTION;
        let mut names = set.names.borrow_mut();
        let next = names.len();
        assert!(next < STATICS, "the model uses too many variables");
        let index = *names.entry(name(&self.0)).or_insert(next);
        drop(names);
        f(&set.atomics[index])
    }

    pub(crate) fn load(&self, order: Ordering) -> usize {
        match (over(), is_plain()) {
            (true, _) => 0,
            // SAFETY: loom fails the model if it was not sound.
            (_, true) => self.with(|inner| unsafe { inner.unsync_load() }),
            _ => self.with(|inner| inner.load(order)),
        }
    }
    pub(crate) fn fetch_max(&self, n: usize, order: Ordering) -> usize {
        if over() { 0 } else { self.with(|inner| inner.fetch_max(n, order)) }
    }
    pub(crate) fn compare_exchange(
        &self,
        old: usize,
        new: usize,
        yes: Ordering,
        no: Ordering,
    ) -> Result<usize, usize> {
        match (over(), is_plain()) {
            (true, _) => Ok(old),
            (_, true) => self.with(|inner| match inner.load(no) {
                now if now == old => Ok(torn(now, |_| inner.store(new, yes))),
                now => Err(now),
            }),
            _ => self.with(|inner| inner.compare_exchange(old, new, yes, no)),
        }
    }
    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        look: Ordering,
        mut f: impl FnMut(usize) -> Option<usize>,
    ) -> Result<usize, usize> {
        match (over(), is_plain()) {
            (true, _) => Ok(0),
            (_, true) => self.with(|inner| {
                let old = inner.load(look);
                f(old).map(|new| torn(old, |_| inner.store(new, set))).ok_or(old)
            }),
            _ => self.with(|inner| inner.fetch_update(set, look, f)),
        }
    }
}

/// A pointer that may live in a `static`: each execution begins with a null one.
pub(crate) struct StaticPointer<T> {
    address: StaticAtomicUsize,
    to: std::marker::PhantomData<*mut T>,
}

// SAFETY: as with the atomic pointer of the standard library, whoever follows it answers for that.
unsafe impl<T> Send for StaticPointer<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for StaticPointer<T> {}

impl<T> StaticPointer<T> {
    pub(crate) const fn new(pointer: *mut T) -> Self {
        assert!(pointer.is_null(), "the set of an execution begins with zeros");
        StaticPointer { address: StaticAtomicUsize::new(0), to: std::marker::PhantomData }
    }

    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        std::ptr::with_exposed_provenance_mut(self.address.load(order))
    }

    pub(crate) fn compare_exchange(
        &self,
        old: *mut T,
        new: *mut T,
        yes: Ordering,
        no: Ordering,
    ) -> Result<*mut T, *mut T> {
        let (old, new) = (old.expose_provenance(), new.expose_provenance());
        let exchanged = self.address.compare_exchange(old, new, yes, no);
        let to = std::ptr::with_exposed_provenance_mut;
        exchanged.map(to).map_err(to)
    }
}
