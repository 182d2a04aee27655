//! Jobs, scopes, pools and parallel iterators of rayon.

use super::guest::Guest;
use super::oracle::hop::Hop;
use ::rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ::rayon::{ThreadPool, ThreadPoolBuilder};
use stackholm::rayon::{self, ParallelIteratorExt, ThreadPoolExt};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::LazyLock;
use std::sync::mpsc;

/// A pool beside the global one.
static POOL: LazyLock<ThreadPool> = LazyLock::new(|| {
    let name = |nth| format!("rayon-{nth}");
    ThreadPoolBuilder::new()
        .num_threads(2)
        .thread_name(name)
        .build()
        .expect("there are threads to be had")
});

/// Waits until no worker runs a job: a spawned job reports its end shortly before it is dropped.
pub(crate) fn settle() {
    ::rayon::broadcast(|_| ());
    POOL.broadcast(|_| ());
}

pub(super) fn join(probe: &Guest) {
    rayon::join(|| probe.check(Hop::Join), || probe.check(Hop::Join));
}

pub(super) fn scope(probe: &Guest) {
    rayon::scope(|scope| scope.spawn(|_| probe.check(Hop::Scope)));
    rayon::scope_fifo(|scope| scope.spawn_fifo(|_| probe.check(Hop::Scope)));
    rayon::in_place_scope(|scope| scope.spawn(|_| probe.check(Hop::Scope)));
}

pub(super) fn spawn(probe: &Guest) {
    spawned(probe, rayon::spawn);
    spawned(probe, rayon::spawn_fifo);
}

/// A job that nobody joins; a panic in it would end the process.
fn spawned(probe: &Guest, spawn: fn(Box<dyn FnOnce() + Send>)) {
    let (tell, told) = mpsc::channel();
    let probe = probe.clone();
    spawn(Box::new(move || {
        let end = catch_unwind(AssertUnwindSafe(|| probe.check(Hop::Spawn)));
        tell.send(end).expect("somebody waits");
    }));
    told.recv().expect("it tells").unwrap_or_else(|panic| resume_unwind(panic));
}

pub(super) fn install(probe: &Guest) {
    POOL.install_carrying(|| probe.check(Hop::Install));
}

pub(super) fn broadcast(probe: &Guest) {
    POOL.broadcast_carrying(|_| probe.check(Hop::Broadcast));
}

pub(super) fn indexed(probe: &Guest) {
    let mut sums = Vec::new();
    let look = |item: u32| {
        probe.check(Hop::Indexed);
        item
    };
    let items = (0..8_u32).into_par_iter().carrying().with_max_len(1).map(look);
    let with_place = items.rev().enumerate().zip(10..18_u32);
    with_place
        .map(|((place, item), other)| place as u32 + item + other)
        .collect_into_vec(&mut sums);
    assert_eq!(sums, [17, 18, 19, 20, 21, 22, 23, 24], "the order is kept");
}

pub(super) fn unindexed(probe: &Guest) {
    let look = |item: u32| {
        probe.check(Hop::Unindexed);
        item
    };
    let items = (0..8_u32).into_par_iter().carrying().filter(|item| item % 2 == 0);
    let sum = items.flat_map(|item| [item, item + 1]).map(look).reduce(|| 0, |a, b| a + b);
    assert_eq!(sum, 28);
}
