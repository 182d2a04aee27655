//! What a handle cancels: a cause that is set once, the scope around, and the calls of waiters.
//!
//! A scope points to the one around it, but not the reverse. Only waiters are registered, with each
//! scope up to the outermost, for as long as they wait. So a long scope does not grow with the
//! short ones inside it.
//!
//! No lock is held while foreign code runs: wakers, callbacks and causes are taken out first.

use super::cause::Cause;
use crate::sys::{Arc, CallAll, Lock, PoisonError, SetOnce, Site, more_than, push_if_room, step};
use std::mem;
use std::task::Waker;

/// Invariants:
///
/// S1. Once this scope has answered with a cause, everybody who asks it is told that one: `cause`.
/// S2. Whoever cancels sets `cause` first and takes `calls` after; whoever waits adds its call to
///     each scope first and looks for a cause after. The lock is between the two, so at least one
///     of them sees the other.
#[derive(Default)]
pub(super) struct Source {
    /// The scope around it; set when this one is entered.
    outer: SetOnce<Option<Arc<Source>>>,
    cause: SetOnce<Cause>,
    calls: Lock<Calls>,
}

/// The calls of waiters. Each stays at the index where it was added. Nothing is allocated in here, as
/// there is a lock around it.
#[derive(Default)]
struct Calls {
    slots: Vec<Slot>,
    /// The first free slot, and one; 0 if there is none.
    free: usize,
}

enum Slot {
    Call(Arc<Call>),
    /// It is free; the next such one, as in [`Calls`].
    Free(usize),
}

impl Calls {
    /// Adds a call, if there is room; see [`push_if_room`].
    fn add(&mut self, call: Arc<Call>, spare: &mut Vec<Slot>) -> Option<usize> {
        let Some(at) = self.free.checked_sub(1) else {
            push_if_room(&mut self.slots, spare, Slot::Call(call)).ok()?;
            return Some(self.slots.len() - 1);
        };
        if let Slot::Free(next) = mem::replace(&mut self.slots[at], Slot::Call(call)) {
            self.free = next;
        }
        Some(at)
    }

    /// Takes the call out if it is still there: a cancel may have taken all of them.
    fn remove(&mut self, at: usize, call: &Arc<Call>) -> Option<Slot> {
        let slot = self.slots.get_mut(at)?;
        if !matches!(slot, Slot::Call(there) if Arc::ptr_eq(there, call)) {
            return None;
        }
        let call = mem::replace(slot, Slot::Free(self.free));
        self.free = at + 1;
        Some(call)
    }
}

impl Source {
    /// Enters this scope in another one, once.
    pub(super) fn enter(&self, outer: Option<Arc<Source>>) {
        let _ = self.outer.set(outer);
    }

    fn outer(&self) -> Option<&Arc<Source>> {
        self.outer.get()?.as_ref()
    }

    /// The cause, of this scope or of one around it.
    pub(super) fn cause(&self) -> Option<&Cause> {
        if self.cause.get().is_none() {
            let mut at = self.outer()?;
            while at.cause.get().is_none() {
                at = at.outer()?;
            }
            self.adopt();
        }
        self.cause.get()
    }

    /// Copies the cause of the nearest scope that has one into all scopes from there to this one,
    /// outermost first, so that S1 holds for each of them.
    #[cold]
    fn adopt(&self) {
        let mut path = vec![self];
        while let Some(outer) = path[path.len() - 1].outer() {
            if let Some(cause) = outer.cause.get() {
                let mut cause = cause;
                for inner in path.into_iter().rev() {
                    cause = inner.cause.get_or_init(|| cause.clone());
                }
                return;
            }
            path.push(outer);
        }
    }

    /// Sets the cause and fires the calls of all waiters. Returns `false`, and does nothing, if
    /// this scope or one around it has a cause already.
    ///
    /// # Panics
    /// If a callback panics: with the first such panic, after all calls were fired.
    pub(super) fn cancel(&self, cause: Cause) -> bool {
        if self.cause().is_some() || self.cause.set(cause).is_err() {
            return false;
        }
        let calls = mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
        let mut all = CallAll::default();
        for slot in calls.slots {
            let Slot::Call(call) = slot else { continue };
            all.call(|| call.fire());
            // It may be the last owner of another scope, and the drop of that one's cause may panic.
            all.call(|| drop(call));
        }
        all.finish();
        true
    }
}

impl Source {
    /// Adds a call. Gives the index at which it stays.
    fn add(&self, call: &Arc<Call>) -> usize {
        let mut spare = Vec::new();
        loop {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let at = calls.add(Arc::clone(call), &mut spare);
            let number = calls.slots.len();
            drop(calls);
            match at {
                Some(at) => return at,
                None => spare = more_than(number),
            }
        }
    }
}

/// Drops a long chain of scopes in a loop, not by recursion.
impl Drop for Source {
    fn drop(&mut self) {
        let mut next = self.outer.take().flatten();
        while let Some(mut source) = next.and_then(Arc::into_inner) {
            next = source.outer.take().flatten();
        }
    }
}

/// What is done when a scope is cancelled.
pub(super) enum Action {
    Wake(Waker),
    Run(Box<dyn FnOnce(&Cause) + Send>),
}

/// An action that is done at most once: whoever takes it out does it.
struct Call {
    source: Arc<Source>,
    action: Lock<Option<Action>>,
}

impl Call {
    fn replace(&self, action: Option<Action>) -> Option<Action> {
        mem::replace(&mut *self.action.lock().unwrap_or_else(PoisonError::into_inner), action)
    }

    fn fire(&self) {
        match self.replace(None) {
            Some(Action::Wake(waker)) => waker.wake(),
            Some(Action::Run(run)) => run(self.source.cause().expect("whoever fires has set one")),
            None => {}
        }
    }
}

/// A call that is registered, with the scope and those around it, until this is dropped.
pub(super) struct Registered {
    call: Arc<Call>,
    with: Vec<(Arc<Source>, usize)>,
}

impl Registered {
    /// Registers; if there is a cause, the action is done at once.
    pub(super) fn new(source: Arc<Source>, action: Action) -> Self {
        let call = Arc::new(Call { source, action: Lock::new(Some(action)) });
        let mut registered = Registered { call, with: Vec::new() };
        let mut next = Some(Arc::clone(&registered.call.source));
        while let Some(source) = next {
            let at = source.add(&registered.call);
            next = source.outer().cloned();
            registered.with.push((source, at));
        }
        if step(Site::WhoWaitsLooks) && registered.cause().is_some() {
            registered.call.fire();
        }
        registered
    }

    pub(super) fn cause(&self) -> Option<&Cause> {
        self.call.source.cause()
    }

    /// Takes the action out, so that it is not done any more. Says whether it was still to be done.
    pub(super) fn stop(&self) -> bool {
        self.call.replace(None).is_some()
    }

    /// Replaces the waker. The caller has to look for a cause afterwards.
    pub(super) fn wake(&self, waker: &Waker) {
        drop(self.call.replace(Some(Action::Wake(waker.clone()))));
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.stop();
        for (source, at) in self.with.drain(..) {
            // The call is dropped after the lock is released: it may own foreign values.
            let mut calls = source.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let call = calls.remove(at, &self.call);
            drop(calls);
            drop(call);
        }
    }
}
