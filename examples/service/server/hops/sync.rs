//! Threads, scoped and not, messages to threads that serve all requests, and an iterator driven
//! elsewhere.

use super::guest::Guest;
use super::oracle::hop::Hop;
use super::workers::{Mailbox, Pool};
use stackholm::{Context, ContextExt, thread};
use std::panic::resume_unwind;
use std::thread::JoinHandle;

/// Waits for a thread; its panic becomes ours.
fn joined<R>(thread: JoinHandle<R>) -> R {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

pub(super) fn thread(probe: &Guest) {
    let probe = probe.clone();
    joined(thread::spawn(move || probe.check(Hop::Thread)));
}

pub(super) fn scoped(probe: &Guest) {
    thread::scope(|scope| {
        for thread in [(); 2].map(|()| scope.spawn(|| probe.check(Hop::Scoped))) {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
}

pub(super) fn builder(probe: &Guest) {
    let (builder, probe) = (thread::Builder::new().name("built"), probe.clone());
    joined(builder.spawn(move || probe.check(Hop::Builder)).expect("there is a thread to be had"));
}

pub(super) fn mailbox(probe: &Guest) {
    let probe = probe.clone();
    Mailbox::post(move || probe.check(Hop::Mailbox));
}

pub(super) fn iterator(probe: &Guest) {
    let probe = probe.clone();
    let looks = (0..3).map(move |_| probe.check(Hop::Iterator)).in_current_context();
    joined(std::thread::spawn(move || looks.for_each(drop)));
}

pub(super) fn crossbeam(probe: &Guest) {
    let scope = crossbeam_utils::thread::scope(|scope| {
        for _ in 0..2 {
            let look = Context::current().wrap(|| probe.check(Hop::Crossbeam));
            scope.spawn(move |_| look());
        }
    });
    if let Err(mut panics) = scope {
        match panics.downcast_mut::<Vec<Box<dyn std::any::Any + Send>>>().and_then(Vec::pop) {
            Some(first) => resume_unwind(first),
            None => resume_unwind(panics),
        }
    }
}

pub(super) fn pool(probe: &Guest) {
    let probe = probe.clone();
    Pool::execute(Context::current().wrap(move || probe.check(Hop::Pool)));
}
