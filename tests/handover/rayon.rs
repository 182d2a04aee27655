//! Rayon: jobs, joins, scopes, pools and the pieces of parallel iterators.

use super::{Hand, Hop, Job, Within, inside};
use ::rayon::iter::{ParallelIterator, once};
use ::rayon::{ThreadPool, ThreadPoolBuilder};
use stackholm::Context;
use stackholm::rayon::{self, ParallelIteratorExt, ThreadPoolExt};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::thread;

/// The end of a job: what it panicked with, if it did.
type End = thread::Result<()>;

/// Tells how the job ended, once nothing of it is left.
fn told(job: Job, ends: Sender<End>) -> Job {
    Box::new(move || {
        let end = catch_unwind(AssertUnwindSafe(job));
        ends.send(end).expect("somebody waits");
    })
}

/// For what runs a job several times.
fn once_only(job: Job) -> impl Fn() + Send + Sync {
    let job = Mutex::new(Some(job));
    move || {
        let job = job.lock().unwrap().take();
        if let Some(job) = job {
            job();
        }
    }
}

/// A pool with one thread, which takes one job after the other.
fn one_thread() -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(1).build().unwrap()
}

/// Spawns inside `within`, and waits outside of it until nothing of the job is left.
fn spawned(within: Within<'_>, job: Job, spawn: impl Fn(&ThreadPool, Job)) {
    let (send, receive) = mpsc::channel();
    let pool = one_thread();
    inside(within, || spawn(&pool, told(job, send)));
    let end = receive.recv().expect("the job ran");
    pool.install(|| ());
    end.unwrap_or_else(|panic| resume_unwind(panic));
}

/// As [`spawned`], by a function that spawns on the pool where it is called.
fn spawned_there(within: Within<'_>, job: Job, spawn: impl Fn(&ThreadPool, Job) + Sync) {
    spawned(within, job, |pool, job| pool.install_carrying(|| spawn(pool, job)));
}

/// Calls inside `within` and comes back when the job has ended.
fn called(within: Within<'_>, job: Job, call: fn(&ThreadPool, Job)) {
    let pool = one_thread();
    inside(within, || call(&pool, job));
}

macro_rules! hops {
    ($($name:literal $hand:ident $around:ident($pool:ident, $job:ident) $run:expr;)*) => {
        &[$(Hop {
            name: $name,
            hand: Hand::$hand,
            way: |within, job| $around(within, job, |$pool, $job| { let _ = $run; }),
        }),*]
    };
}

pub(crate) const HOPS: &[Hop] = hops! {
    "ThreadPool::spawn" Bare spawned(pool, job) pool.spawn(job);
    "ThreadPool::spawn_carrying" Carries spawned(pool, job) pool.spawn_carrying(job);
    "ThreadPool::spawn_detached" Detaches spawned(pool, job) ThreadPoolExt::spawn_detached(pool, job);
    "ThreadPool::spawn_fifo_carrying" Carries spawned(pool, job) pool.spawn_fifo_carrying(job);
    "ThreadPool::spawn_fifo_detached" Detaches spawned(pool, job) pool.spawn_fifo_detached(job);
    "ThreadPool::spawn_broadcast_carrying" Carries spawned(pool, job) {
        let job = once_only(job);
        pool.spawn_broadcast_carrying(move |_| job())
    };
    "ThreadPool::spawn_broadcast_detached" Detaches spawned(pool, job) {
        let job = once_only(job);
        pool.spawn_broadcast_detached(move |_| job())
    };
    "spawn" Carries spawned_there(_pool, job) rayon::spawn(job);
    "spawn_detached" Detaches spawned_there(_pool, job) rayon::spawn_detached(job);
    "spawn_fifo" Carries spawned_there(_pool, job) rayon::spawn_fifo(job);
    "spawn_fifo_detached" Detaches spawned_there(_pool, job) rayon::spawn_fifo_detached(job);
    "spawn_broadcast" Carries spawned_there(_pool, job) {
        let job = once_only(job);
        rayon::spawn_broadcast(move |_| job())
    };
    "spawn_broadcast_detached" Detaches spawned_there(_pool, job) {
        let job = once_only(job);
        rayon::spawn_broadcast_detached(move |_| job())
    };
    "wrap" Carries spawned(pool, job) pool.spawn(Context::current().wrap(job));
};

pub(crate) const CALLS: &[Hop] = hops! {
    "ThreadPool::install" Bare called(pool, job) pool.install(job);
    "ThreadPool::install_carrying" Carries called(pool, job) pool.install_carrying(job);
    "ThreadPool::install_detached" Detaches called(pool, job) pool.install_detached(job);
    "ThreadPool::broadcast_carrying" Carries called(pool, job) {
        let job = once_only(job);
        pool.broadcast_carrying(move |_| job())
    };
    "ThreadPool::broadcast_detached" Detaches called(pool, job) {
        let job = once_only(job);
        pool.broadcast_detached(move |_| job())
    };
    "join" Carries called(_pool, job) rayon::join(|| (), job);
    "join, the first" Carries called(_pool, job) rayon::join(job, || ());
    "join_detached" Detaches called(_pool, job) rayon::join_detached(|| (), job);
    "join_context" Carries called(_pool, job) rayon::join_context(|_| (), |_| job());
    "scope" Carries called(_pool, job) rayon::scope(|_| job());
    "scope, spawn" Carries called(_pool, job) rayon::scope(|scope| scope.spawn(|_| job()));
    "scope, spawn_detached" Detaches called(_pool, job) rayon::scope(|scope| scope.spawn_detached(|_| job()));
    "scope, spawn_broadcast" Carries called(_pool, job) {
        let job = once_only(job);
        rayon::scope(|scope| scope.spawn_broadcast(move |_, _| job()))
    };
    "scope, spawn_broadcast_detached" Detaches called(_pool, job) {
        let job = once_only(job);
        rayon::scope(|scope| scope.spawn_broadcast_detached(move |_, _| job()))
    };
    "scope_fifo" Carries called(_pool, job) rayon::scope_fifo(|_| job());
    "scope_fifo, spawn_fifo" Carries called(_pool, job) rayon::scope_fifo(|scope| scope.spawn_fifo(|_| job()));
    "scope_fifo, spawn_fifo_detached" Detaches
        called(_pool, job) rayon::scope_fifo(|scope| scope.spawn_fifo_detached(|_| job()));
    "in_place_scope, spawn" Carries called(_pool, job) rayon::in_place_scope(|scope| scope.spawn(|_| job()));
    "in_place_scope_fifo, spawn_fifo" Carries
        called(_pool, job) rayon::in_place_scope_fifo(|scope| scope.spawn_fifo(|_| job()));
    "broadcast" Carries called(_pool, job) {
        let job = once_only(job);
        rayon::broadcast(move |_| job())
    };
    "broadcast_detached" Detaches called(_pool, job) {
        let job = once_only(job);
        rayon::broadcast_detached(move |_| job())
    };
    "carrying" Carries called(_pool, job) {
        let job = once_only(job);
        once(()).carrying().for_each(|()| job())
    };
    "carrying_context" Carries called(_pool, job) {
        let job = once_only(job);
        once(()).carrying_context(Context::current()).map(|()| job()).collect::<Vec<_>>()
    };
    "carrying_nothing" Detaches called(_pool, job) {
        let job = once_only(job);
        once(()).carrying_nothing().for_each(|()| job())
    };
};
