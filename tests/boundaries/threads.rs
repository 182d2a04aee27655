//! Threads, scoped and not, messages, pools of jobs, iterators.

use crate::{Boundary, Job, rows};
use stackholm::{Context, ContextExt, Envelope, thread};
use std::sync::mpsc;
use std::thread::{JoinHandle, ScopedJoinHandle};

fn joined(thread: JoinHandle<()>) {
    thread.join().unwrap();
}

fn scoped(
    job: Job,
    spawn: impl for<'s> Fn(thread::Scope<'s, '_>, Job) -> ScopedJoinHandle<'s, ()>,
) {
    thread::scope(|scope| spawn(scope, job).join().unwrap());
}

/// A thread that opens what it is sent.
fn sent(seal: fn(Job) -> Envelope<Job>, job: Job) {
    let (jobs, inbox) = mpsc::channel::<Envelope<Job>>();
    let worker =
        std::thread::spawn(move || inbox.into_iter().for_each(|job| job.open(|job| job())));
    jobs.send(seal(job)).unwrap();
    drop(jobs);
    joined(worker);
}

/// A pool of one plain thread.
fn pooled(job: impl FnOnce() + Send + 'static) {
    let (jobs, inbox) = crossbeam_channel::unbounded::<Job>();
    let worker = std::thread::spawn(move || inbox.into_iter().for_each(|job| job()));
    jobs.send(Box::new(job)).unwrap();
    drop(jobs);
    joined(worker);
}

fn crossbeam(job: impl FnOnce() + Send) {
    crossbeam_utils::thread::scope(|scope| scope.spawn(|_| job()).join().unwrap()).unwrap();
}

/// Drives an iterator on a plain thread.
fn driven(items: impl Iterator<Item = ()> + Send + 'static) {
    joined(std::thread::spawn(move || items.for_each(drop)));
}

pub(crate) const BOUNDARIES: &[Boundary] = rows! { "std" Over
    "`thread::spawn`" |job| joined(thread::spawn(job)),
        "`thread::spawn_detached`" |job| joined(thread::spawn_detached(job));
    "`thread::scope`, `spawn`" |job| scoped(job, |scope, job| scope.spawn(job)),
        "`spawn_detached`" |job| scoped(job, |scope, job| scope.spawn_detached(job));
    "`thread::Builder::spawn`" |job| joined(thread::Builder::new().spawn(job).unwrap()),
        "`spawn_detached`" |job| joined(thread::Builder::new().spawn_detached(job).unwrap());
    "`thread::Builder::spawn_scoped`"
        |job| scoped(job, |scope, job| thread::Builder::new().spawn_scoped(scope, job).unwrap()),
        "`spawn_scoped_detached`"
        |job| scoped(job, |scope, job| thread::Builder::new().spawn_scoped_detached(scope, job).unwrap());
    "a channel: `Envelope::new(message)`" |job| sent(Envelope::new, job),
        "`Envelope::detached(message)`" |job| sent(Envelope::detached, job);
    "a job for any pool: `Context::current().wrap(job)`" |job| pooled(Context::current().wrap(job)),
        "`Context::empty().wrap(job)`" |job| pooled(Context::empty().wrap(job));
    "crossbeam's scoped threads: `Context::current().wrap(job)`" |job| crossbeam(Context::current().wrap(job)),
        "`Context::empty().wrap(job)`" |job| crossbeam(Context::empty().wrap(job));
    "an iterator: `items.in_current_context()`"
        |job| driven(std::iter::once(job).map(|job| job()).in_current_context()),
        "`items.detached()`" |job| driven(std::iter::once(job).map(|job| job()).detached());
};
