//! What is set once, and a lock, as loom sees them. Their values are the standard library's.

use super::control::{ordering, over};
use super::sites::Site;
use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};
use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, OnceLock};

/// As `OnceLock`: whoever finds a value sees all that came before it was set.
pub(crate) struct SetOnce<T> {
    is_set: AtomicUsize,
    setting: Mutex<()>,
    /// Written by who sets, read by who finds.
    seen: UnsafeCell<()>,
    value: OnceLock<T>,
}

// SAFETY: the cell has nothing in it; it tells loom who came when. The rest is `Sync` if `T` is.
unsafe impl<T: Send + Sync> Sync for SetOnce<T> {}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        SetOnce {
            is_set: AtomicUsize::new(0),
            setting: Mutex::new(()),
            seen: UnsafeCell::new(()),
            value: OnceLock::new(),
        }
    }
}

impl<T> SetOnce<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        if !over() {
            if self.is_set.load(ordering(Site::CauseIsSeen, Ordering::Acquire)) == 0 {
                return None;
            }
            self.seen.with(|_| ());
        }
        self.value.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let _setting = (!over()).then(|| self.setting.lock());
        self.value.set(value)?;
        if !over() {
            self.seen.with_mut(|_| ());
            self.is_set.store(1, ordering(Site::CauseIsSet, Ordering::Release));
        }
        Ok(())
    }

    pub(crate) fn get_or_init(&self, value: impl FnOnce() -> T) -> &T {
        if self.get().is_none() {
            // Whoever was first has set it.
            let _ = self.set(value());
        }
        self.value.get().expect("it is set")
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.value.take()
    }
}

/// As `Mutex`.
pub(crate) struct Lock<T> {
    turn: Mutex<()>,
    value: std::sync::Mutex<T>,
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Lock::new(T::default())
    }
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Lock { turn: Mutex::new(()), value: std::sync::Mutex::new(value) }
    }

    pub(crate) fn lock(&self) -> LockResult<Locked<'_, T>> {
        let turn = (!over()).then(|| self.turn.lock().expect("a model that panics is over"));
        let value = self.value.lock().expect("nothing panics that has it");
        Ok(Locked { value, _turn: turn })
    }
}

/// The value of a lock, as long as it is locked.
pub(crate) struct Locked<'a, T> {
    value: std::sync::MutexGuard<'a, T>,
    _turn: Option<loom::sync::MutexGuard<'a, ()>>,
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
