//! Rayon: jobs, scopes, pools and parallel iterators.

use crate::{Boundary, Job, rows};
use ::rayon::iter::{IntoParallelIterator, ParallelIterator, once};
use ::rayon::{ThreadPool, ThreadPoolBuilder};
use stackholm::rayon::{self, ParallelIteratorExt, ThreadPoolExt};
use std::sync::{Mutex, mpsc};

/// For what runs a job several times.
fn once_only(job: Job) -> impl Fn() + Send + Sync {
    let job = Mutex::new(Some(job));
    move || {
        let job = job.lock().unwrap().take();
        job.into_iter().for_each(|job| job());
    }
}

fn pool() -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(1).build().unwrap()
}

/// Waits for a job that nobody joins, and until its worker has nothing of it any more.
fn awaited(job: Job, spawn: impl FnOnce(&ThreadPool, Job)) {
    let (tell, told) = mpsc::channel();
    let pool = pool();
    spawn(
        &pool,
        Box::new(move || {
            job();
            tell.send(()).unwrap();
        }),
    );
    told.recv().unwrap();
    pool.install(|| ());
}

/// The same, by a function that spawns where it is called.
fn awaited_there(job: Job, spawn: fn(Job)) {
    awaited(job, |pool, job| pool.install_carrying(|| spawn(job)));
}

pub(crate) const BOUNDARIES: &[Boundary] = rows! { "`rayon`" Over
    "`join`" |job| {
        rayon::join(|| (), job);
    }, "`join_detached`" |job| {
        rayon::join_detached(|| (), job);
    };
    "`join_context`" |job| {
        rayon::join_context(|_| (), |_| job());
    },
        "`join_detached`" |job| {
        rayon::join_detached(job, || ());
    };
    "`scope`, `spawn`" |job| rayon::scope(|scope| scope.spawn(|_| job())),
        "`spawn_detached`" |job| rayon::scope(|scope| scope.spawn_detached(|_| job()));
    "`scope_fifo`, `spawn_fifo`" |job| rayon::scope_fifo(|scope| scope.spawn_fifo(|_| job())),
        "`spawn_fifo_detached`" |job| rayon::scope_fifo(|scope| scope.spawn_fifo_detached(|_| job()));
    "`in_place_scope`, `spawn`" |job| rayon::in_place_scope(|scope| scope.spawn(|_| job())),
        "`spawn_detached`" |job| rayon::in_place_scope(|scope| scope.spawn_detached(|_| job()));
    "`in_place_scope_fifo`, `spawn_fifo`" |job| rayon::in_place_scope_fifo(|scope| scope.spawn_fifo(|_| job())),
        "`spawn_fifo_detached`" |job| rayon::in_place_scope_fifo(|scope| scope.spawn_fifo_detached(|_| job()));
    "`spawn`" |job| awaited_there(job, rayon::spawn),
        "`spawn_detached`" |job| awaited_there(job, rayon::spawn_detached);
    "`spawn_fifo`" |job| awaited_there(job, rayon::spawn_fifo),
        "`spawn_fifo_detached`" |job| awaited_there(job, rayon::spawn_fifo_detached);
    "`broadcast`" |job| {
        let job = once_only(job);
        rayon::broadcast(|_| job());
    }, "`broadcast_detached`" |job| {
        let job = once_only(job);
        rayon::broadcast_detached(|_| job());
    };
    "`spawn_broadcast`" |job| awaited_there(job, |job| {
        let job = once_only(job);
        rayon::spawn_broadcast(move |_| job());
    }), "`spawn_broadcast_detached`" |job| awaited_there(job, |job| {
        let job = once_only(job);
        rayon::spawn_broadcast_detached(move |_| job());
    });
    "`ThreadPool::install_carrying`" |job| pool().install_carrying(job),
        "`install_detached`" |job| pool().install_detached(job);
    "`ThreadPool::spawn_carrying`" |job| awaited(job, |pool, job| pool.spawn_carrying(job)),
        "`spawn_detached`" |job| awaited(job, ThreadPoolExt::spawn_detached);
    "`ThreadPool::spawn_fifo_carrying`" |job| awaited(job, |pool, job| pool.spawn_fifo_carrying(job)),
        "`spawn_fifo_detached`" |job| awaited(job, |pool, job| pool.spawn_fifo_detached(job));
    "`ThreadPool::broadcast_carrying`" |job| {
        let job = once_only(job);
        pool().broadcast_carrying(|_| job());
    }, "`broadcast_detached`" |job| {
        let job = once_only(job);
        pool().broadcast_detached(|_| job());
    };
    "`ThreadPool::spawn_broadcast_carrying`" |job| awaited(job, |pool, job| {
        let job = once_only(job);
        pool.spawn_broadcast_carrying(move |_| job());
    }), "`spawn_broadcast_detached`" |job| awaited(job, |pool, job| {
        let job = once_only(job);
        pool.spawn_broadcast_detached(move |_| job());
    });
    "`par_iter(items)`" |job| {
        let job = once_only(job);
        rayon::par_iter(0..4).rev().enumerate().for_each(|_| job());
    }, "`par_iter_detached(items)`" |job| {
        let job = once_only(job);
        rayon::par_iter_detached(0..4).rev().enumerate().for_each(|_| job());
    };
    "`par_bridge(items)`" |job| {
        let job = once_only(job);
        rayon::par_bridge(0..4).for_each(|_| job());
    }, "`par_bridge_detached(items)`" |job| {
        let job = once_only(job);
        rayon::par_bridge_detached(0..4).for_each(|_| job());
    };
    "an indexed parallel iterator: `items.carrying()`" |job| {
        let job = once_only(job);
        (0..4).into_par_iter().carrying().rev().enumerate().for_each(|_| job());
    }, "`items.carrying_nothing()`" |job| {
        let job = once_only(job);
        (0..4).into_par_iter().carrying_nothing().rev().enumerate().for_each(|_| job());
    };
    "one without an index: `items.carrying()`" |job| {
        let job = once_only(job);
        once(4).carrying().filter(|_| true).flat_map(|items| 0..items).for_each(|_| job());
    }, "`items.carrying_nothing()`" |job| {
        let job = once_only(job);
        once(4).carrying_nothing().filter(|_| true).flat_map(|items| 0..items).for_each(|_| job());
    };
};
