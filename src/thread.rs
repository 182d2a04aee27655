//! Threads that carry the context of where they are spawned.
//!
//! The same names as in `std::thread`, whose own functions start empty. The context is captured at
//! the call; the new thread works on a stack of its own that begins in an open checkpoint, so
//! nothing it sets comes back.

use crate::envelope::Envelope;
use std::io;
use std::thread::{self, JoinHandle, Scope as StdScope, ScopedJoinHandle};

/// As [`std::thread::spawn`], in the context of the caller.
///
/// # Panics
/// If the system cannot make a thread.
///
/// # Examples
/// ```
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let seen = USER.sync_scope("ada", || stackholm::thread::spawn(|| USER.get())).join().unwrap();
/// assert_eq!(seen, "ada");
/// ```
#[track_caller]
pub fn spawn<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    thread::spawn(carrying(f))
}

/// As [`std::thread::spawn`], in the empty context, in an open checkpoint.
///
/// # Panics
/// If the system cannot make a thread.
#[track_caller]
pub fn spawn_detached<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    thread::spawn(detached(f))
}

#[track_caller]
fn carrying<R>(f: impl FnOnce() -> R) -> impl FnOnce() -> R {
    Envelope::new(f).into_job()
}

#[track_caller]
fn detached<R>(f: impl FnOnce() -> R) -> impl FnOnce() -> R {
    Envelope::detached(f).into_job()
}

/// As [`std::thread::scope`]; each thread spawned in it gets the context of where *it* is spawned.
///
/// # Panics
/// If a thread that was not joined has panicked.
///
/// # Examples
/// ```
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let seen = stackholm::thread::scope(|scope| {
///     let ada = USER.sync_scope("ada", || scope.spawn(|| USER.get()));
///     ada.join().unwrap()
/// });
/// assert_eq!(seen, "ada");
/// ```
#[track_caller]
pub fn scope<'env, F, R>(f: F) -> R
where
    F: for<'scope> FnOnce(Scope<'scope, 'env>) -> R,
{
    thread::scope(|scope| f(Scope(scope)))
}

/// A scope to spawn threads in; see [`scope`].
#[derive(Clone, Copy, Debug)]
pub struct Scope<'scope, 'env>(&'scope StdScope<'scope, 'env>);

impl<'scope> Scope<'scope, '_> {
    /// Spawns a thread in the context of the caller.
    ///
    /// # Panics
    /// If the system cannot make a thread.
    #[track_caller]
    pub fn spawn<F, R>(&self, f: F) -> ScopedJoinHandle<'scope, R>
    where
        F: FnOnce() -> R + Send + 'scope,
        R: Send + 'scope,
    {
        self.0.spawn(carrying(f))
    }

    /// Spawns a thread in the empty context, in an open checkpoint.
    ///
    /// # Panics
    /// If the system cannot make a thread.
    #[track_caller]
    pub fn spawn_detached<F, R>(&self, f: F) -> ScopedJoinHandle<'scope, R>
    where
        F: FnOnce() -> R + Send + 'scope,
        R: Send + 'scope,
    {
        self.0.spawn(detached(f))
    }
}

/// As [`std::thread::Builder`], in the context of where the thread is spawned.
#[derive(Debug)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder(thread::Builder);

impl Builder {
    /// A builder with the system's defaults.
    #[expect(clippy::new_without_default, reason = "as the one it stands for")]
    pub fn new() -> Self {
        Builder(thread::Builder::new())
    }

    /// The name of the thread. A name with a null byte makes the spawn panic.
    pub fn name(self, name: impl Into<String>) -> Self {
        Builder(self.0.name(name.into()))
    }

    /// The size of its stack, in bytes.
    pub fn stack_size(self, bytes: usize) -> Self {
        Builder(self.0.stack_size(bytes))
    }

    /// Spawns a thread in the context of the caller.
    ///
    /// # Errors
    /// If the system cannot make a thread.
    pub fn spawn<F, R>(self, f: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.0.spawn(carrying(f))
    }

    /// Spawns a thread in the empty context, in an open checkpoint.
    ///
    /// # Errors
    /// If the system cannot make a thread.
    pub fn spawn_detached<F, R>(self, f: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.0.spawn(detached(f))
    }

    /// Spawns a scoped thread in the context of the caller.
    ///
    /// # Errors
    /// If the system cannot make a thread.
    pub fn spawn_scoped<'scope, F, R>(
        self,
        scope: Scope<'scope, '_>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, R>>
    where
        F: FnOnce() -> R + Send + 'scope,
        R: Send + 'scope,
    {
        self.0.spawn_scoped(scope.0, carrying(f))
    }

    /// Spawns a scoped thread in the empty context, in an open checkpoint.
    ///
    /// # Errors
    /// If the system cannot make a thread.
    pub fn spawn_scoped_detached<'scope, F, R>(
        self,
        scope: Scope<'scope, '_>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, R>>
    where
        F: FnOnce() -> R + Send + 'scope,
        R: Send + 'scope,
    {
        self.0.spawn_scoped(scope.0, detached(f))
    }
}
