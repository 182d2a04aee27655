//! Jobs of [rayon](::rayon) that carry the context of where they are made, or detach from it.
//! Feature `rayon`.
//!
//! Rayon's own functions hand nothing over: a job sees the stack of the thread that runs it. That
//! is empty on an idle worker, and another job's if the worker stole it while it waited. The
//! functions here capture at the call, and each job works on a stack of its own, which begins in an
//! open checkpoint: what it sets is seen by the jobs that it makes, and by nobody else. Those named
//! `…_detached` carry nothing, and shield the job from the stack of its thread. Parallel iterators
//! carry the context but no [companion](crate::companion::Companion).
//!
//! | rayon's, which hands nothing over | carrying | detached |
//! |---|---|---|
//! | `join`, `join_context` | [`join`], [`join_context`] | [`join_detached`] |
//! | `scope`, `scope_fifo`, `in_place_scope`, … | [`scope`], [`scope_fifo`], [`in_place_scope`], … | their `spawn_…detached` |
//! | `spawn`, `spawn_fifo` | [`spawn`], [`spawn_fifo`] | [`spawn_detached`], [`spawn_fifo_detached`] |
//! | `broadcast`, `spawn_broadcast` | [`broadcast`], [`spawn_broadcast`] | [`broadcast_detached`], [`spawn_broadcast_detached`] |
//! | `ThreadPool::install`, `spawn`, … | [`ThreadPoolExt`] | [`ThreadPoolExt`] |
//! | `into_par_iter`, `par_iter`, `par_iter_mut` | [`par_iter`] | [`par_iter_detached`] |
//! | `par_bridge` | [`par_bridge`] | [`par_bridge_detached`] |
//! | any parallel iterator | [`carrying`](ParallelIteratorExt::carrying), [`carrying_context`](ParallelIteratorExt::carrying_context) | [`carrying_nothing`](ParallelIteratorExt::carrying_nothing) |
//!
//! # A bare job can see another request's values
//!
//! While a worker waits, for the other half of a `join`, at the end of a `scope`, in an `install`,
//! it runs whatever job it finds, on top of the job that waits. A job that was made by the
//! functions here brings a stack of its own. A *bare* one, made by rayon's own `join`, `scope`,
//! `spawn` or iterators, sees the variables of the job that waits: those of another request, where
//! requests share a pool.
//!
//! Nothing can shield it from outside. Rayon has handlers for the beginning and the end of a
//! thread, and none for those of a job, so it calls nothing of this crate between the wait and the
//! job that is found. From within, a bare job looks like any callee. So a pool that runs jobs of
//! this module should run no bare ones. With the repository's `docs/clippy.toml` clippy reports
//! them, parallel iterators included.

mod adapters;
mod carrying;
mod plumbing;
mod pool;
mod scope;

pub use self::carrying::{
    Carrying, ParallelIteratorExt, par_bridge, par_bridge_detached, par_iter, par_iter_detached,
};
pub use self::pool::ThreadPoolExt;
pub use self::scope::{Scope, ScopeFifo, in_place_scope, in_place_scope_fifo, scope, scope_fifo};

use crate::envelope::Envelope;
use crate::hop::Hop;
use ::rayon::{BroadcastContext, FnContext};

/// As [`rayon::join`](::rayon::join), both in the context of the caller.
///
/// Neither sees what the other sets, nor does the caller.
///
/// # Examples
/// ```
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let seen = USER.sync_scope("ada", || stackholm::rayon::join(|| USER.get(), || USER.get().len()));
/// assert_eq!(seen, ("ada", 3));
/// ```
#[track_caller]
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    ::rayon::join(Envelope::new(a).into_job(), Envelope::new(b).into_job())
}

/// As [`rayon::join`](::rayon::join), both in the empty context.
pub fn join_detached<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    ::rayon::join(Envelope::detached(a).into_job(), Envelope::detached(b).into_job())
}

/// As [`rayon::join_context`](::rayon::join_context), both in the context of the caller.
#[track_caller]
pub fn join_context<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce(FnContext) -> RA + Send,
    B: FnOnce(FnContext) -> RB + Send,
    RA: Send,
    RB: Send,
{
    let (a, b) = (Envelope::new(a), Envelope::new(b));
    ::rayon::join_context(
        move |migrated| a.open(|a| a(migrated)),
        move |migrated| b.open(|b| b(migrated)),
    )
}

/// As [`rayon::spawn`](::rayon::spawn), in the context of the caller.
///
/// # Examples
/// ```
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let (send, seen) = std::sync::mpsc::channel();
/// USER.sync_scope("ada", || stackholm::rayon::spawn(move || send.send(USER.get()).unwrap()));
/// assert_eq!(seen.recv().unwrap(), "ada");
/// ```
#[track_caller]
pub fn spawn<F: FnOnce() + Send + 'static>(job: F) {
    ::rayon::spawn(Envelope::new(job).into_job());
}

/// As [`rayon::spawn`](::rayon::spawn), in the empty context.
pub fn spawn_detached<F: FnOnce() + Send + 'static>(job: F) {
    ::rayon::spawn(Envelope::detached(job).into_job());
}

/// As [`rayon::spawn_fifo`](::rayon::spawn_fifo), in the context of the caller.
#[track_caller]
pub fn spawn_fifo<F: FnOnce() + Send + 'static>(job: F) {
    ::rayon::spawn_fifo(Envelope::new(job).into_job());
}

/// As [`rayon::spawn_fifo`](::rayon::spawn_fifo), in the empty context.
pub fn spawn_fifo_detached<F: FnOnce() + Send + 'static>(job: F) {
    ::rayon::spawn_fifo(Envelope::detached(job).into_job());
}

/// As [`rayon::broadcast`](::rayon::broadcast): once on each thread, in the context of the caller.
#[track_caller]
pub fn broadcast<F, R>(job: F) -> Vec<R>
where
    F: Fn(BroadcastContext<'_>) -> R + Sync,
    R: Send,
{
    ::rayon::broadcast(on_each(Hop::current(), job))
}

/// As [`rayon::broadcast`](::rayon::broadcast): once on each thread, in the empty context.
pub fn broadcast_detached<F, R>(job: F) -> Vec<R>
where
    F: Fn(BroadcastContext<'_>) -> R + Sync,
    R: Send,
{
    ::rayon::broadcast(on_each(Hop::empty(), job))
}

/// As [`rayon::spawn_broadcast`](::rayon::spawn_broadcast), in the context of the caller.
#[track_caller]
pub fn spawn_broadcast<F: Fn(BroadcastContext<'_>) + Send + Sync + 'static>(job: F) {
    ::rayon::spawn_broadcast(on_each(Hop::current(), job));
}

/// As [`rayon::spawn_broadcast`](::rayon::spawn_broadcast), in the empty context.
pub fn spawn_broadcast_detached<F: Fn(BroadcastContext<'_>) + Send + Sync + 'static>(job: F) {
    ::rayon::spawn_broadcast(on_each(Hop::empty(), job));
}

/// A job for several threads, on each of them with `hop`, on a stack of its own.
fn on_each<R>(
    hop: Hop,
    job: impl Fn(BroadcastContext<'_>) -> R,
) -> impl Fn(BroadcastContext<'_>) -> R {
    move |thread| hop.run(|| job(thread))
}
