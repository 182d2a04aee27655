//! Pools that know nothing of contexts, crossbeam's scoped threads, channels: one call makes a job
//! carry or detach.

#[path = "common/futures.rs"]
mod common;

use common::{Count, Counted, three_ways};
use stackholm::{Checkpoint, Context, ContextExt, Envelope, Reason, Scope, Var};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

static N: Var<u32> = Var::new("n");
static NEAR: Var<u32> = Var::new("near").stays_on_stack();
static NEAREST: Var<u32> = Var::new("nearest").stays_in_checkpoint();
static HELD: Var<Counted> = Var::new("held");

type Job = Box<dyn FnOnce() + Send>;

/// A pool as everybody has written one: threads that take jobs from one channel.
struct Pool {
    jobs: Option<crossbeam_channel::Sender<Job>>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    fn new(threads: usize) -> Self {
        let (jobs, inbox) = crossbeam_channel::unbounded::<Job>();
        let worker = |inbox: crossbeam_channel::Receiver<Job>| {
            thread::spawn(move || {
                for job in inbox {
                    job();
                    assert!(Context::current().is_empty(), "a worker between jobs holds nothing");
                    assert!(N.set(0).is_err(), "and has no checkpoint");
                }
            })
        };
        Pool { jobs: Some(jobs), workers: (0..threads).map(|_| worker(inbox.clone())).collect() }
    }

    fn execute(&self, job: impl FnOnce() + Send + 'static) {
        self.jobs.as_ref().unwrap().send(Box::new(job)).unwrap();
    }

    /// Lets the workers end; their panics are ours.
    fn join(mut self) {
        drop(self.jobs.take());
        self.workers.drain(..).for_each(|worker| worker.join().unwrap());
    }
}

type Seen = [Result<u32, Reason>; 3];

fn look() -> Seen {
    [&N, &NEAR, &NEAREST].map(|var| var.try_get().map_err(|missing| missing.reason()))
}

/// A job that is given how to look.
type LookingJob = Box<dyn FnOnce(&dyn Fn() -> Seen) + Send>;

/// Every reach, made here, over one way of handing a job on.
fn every_reach(carries: bool, hand_over: impl Fn(LookingJob)) {
    three_ways(|| {
        let (send, receive) = mpsc::channel();
        let bound = line!() + 1;
        Scope::new().set(&N, 1).set(&NEAR, 2).set(&NEAREST, 3).run(|| {
            hand_over(Box::new(move |look| send.send(look()).unwrap()));
        });
        let [far, near, nearest] = receive.recv().expect("the job ran");
        if !carries {
            assert_eq!([far, near, nearest], [Err(Reason::Unbound); 3]);
            return;
        }
        assert_eq!(far, Ok(1));
        for short in [near, nearest] {
            assert!(
                matches!(short, Err(Reason::NotCarried(at)) if at.line() == bound),
                "{short:?}"
            );
        }
    });
}

#[test]
fn a_job_of_a_pool_carries_by_one_call_and_without_it_sees_nothing() {
    every_reach(true, |job| {
        let pool = Pool::new(2);
        pool.execute(Context::current().wrap(move || job(&look)));
        pool.join();
    });
    every_reach(false, |job| {
        let pool = Pool::new(2);
        pool.execute(move || job(&look));
        pool.join();
    });
    every_reach(false, |job| {
        let pool = Pool::new(2);
        pool.execute(Context::empty().wrap(move || job(&look)));
        pool.join();
    });
}

#[test]
fn a_job_sent_through_a_standard_channel_carries_by_one_call() {
    for carries in [true, false] {
        every_reach(carries, |job| {
            let (jobs, inbox) = mpsc::channel::<Envelope<_>>();
            let worker = thread::spawn(move || {
                for job in inbox {
                    job.open(|job: LookingJob| job(&look));
                }
            });
            jobs.send(if carries { Envelope::new(job) } else { Envelope::detached(job) }).unwrap();
            drop(jobs);
            worker.join().unwrap();
        });
    }
}

#[test]
fn crossbeams_scoped_threads_carry_by_one_call_and_borrow_all_the_same() {
    for carries in [true, false] {
        every_reach(carries, |job| {
            crossbeam_utils::thread::scope(|scope| {
                let context = if carries { Context::current() } else { Context::empty() };
                let job = context.wrap(|| job(&look));
                scope.spawn(|_| job()).join().unwrap();
            })
            .unwrap();
        });
    }
    let mut total = 0;
    N.sync_scope(5, || {
        crossbeam_utils::thread::scope(|scope| {
            let job = Context::current().wrap(|| total += N.get());
            scope.spawn(|_| job());
        })
        .unwrap();
    });
    assert_eq!(total, 5);
}

#[test]
fn a_hundred_wrapped_jobs_on_three_workers_each_see_their_own() {
    three_ways(|| {
        let (pool, seen) = (Pool::new(3), Arc::new(Mutex::new(Vec::new())));
        for n in 0..100 {
            let seen = Arc::clone(&seen);
            let job = move || {
                assert_eq!(N.get(), n);
                // What a job leaves behind ends with the job.
                N.set(n + 1000).unwrap();
                std::mem::forget(N.enter(n + 2000));
                seen.lock().unwrap().push(n);
            };
            N.sync_scope(n, || pool.execute(Context::current().wrap(job)));
        }
        pool.join();
        let mut seen = std::mem::take(&mut *seen.lock().unwrap());
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn a_job_that_is_called_again_and_again_begins_anew_each_time() {
    let mut calls = 0;
    let mut job = N.sync_scope(1, || {
        Context::current().wrap_mut(move || {
            calls += 1;
            assert_eq!(N.get(), 1);
            N.set(2).unwrap();
            calls
        })
    });
    let (send, receive) = mpsc::channel();
    let ticker = thread::spawn(move || (0..3).for_each(|_| send.send(job()).unwrap()));
    assert_eq!(receive.iter().collect::<Vec<_>>(), [1, 2, 3]);
    ticker.join().unwrap();
    let shared = N.sync_scope(4, || Context::current().wrap_fn(|| N.get()));
    thread::scope(|scope| {
        let threads = [scope.spawn(&shared), scope.spawn(&shared)];
        assert_eq!(threads.map(|thread| thread.join().unwrap()), [4, 4]);
    });
}

#[test]
fn a_pool_that_ends_with_jobs_in_its_queue_lets_their_values_go() {
    let held = Count::default();
    let (jobs, inbox): (Sender<Job>, _) = mpsc::channel();
    for _ in 0..10 {
        HELD.sync_scope(held.value(), || {
            jobs.send(Box::new(Context::current().wrap(|| ()))).unwrap()
        });
    }
    assert_eq!(held.alive(), 10);
    drop(inbox);
    assert_eq!(held.alive(), 0);
}

// Iterators that are made here and driven elsewhere.

#[test]
fn an_iterator_makes_each_item_in_its_own_context_whoever_drives_it() {
    three_ways(|| {
        let mut items = N.sync_scope(1, || (0..3).map(|item| item + N.get()).in_current_context());
        assert_eq!(items.next(), Some(1));
        N.sync_scope(10, || assert_eq!(items.next(), Some(2)));
        assert_eq!(thread::spawn(move || items.collect::<Vec<_>>()).join().unwrap(), [3]);
        assert!(
            Context::empty().run(|| (0..3).map(|_| N.is_bound()).detached().all(|bound| !bound))
        );
    });
}

#[test]
fn what_an_iterator_sets_it_finds_again_and_its_consumer_never_sees() {
    let mut step = 0;
    let items = std::iter::from_fn(move || {
        let before = N.try_get().ok();
        step += 1;
        N.set(step).unwrap();
        Some(before)
    });
    Checkpoint::run(|| {
        N.set(7).unwrap();
        let mut items = items.in_current_context();
        assert_eq!(
            [items.next(), items.next(), items.next()],
            [Some(Some(7)), Some(Some(1)), Some(Some(2))]
        );
        assert_eq!(N.get(), 7);
    });
}

#[test]
fn length_direction_and_end_of_an_iterator_are_kept() {
    fn is_fused<I: std::iter::FusedIterator>(items: I) -> I {
        items
    }
    let items = || {
        N.sync_scope(1, || {
            is_fused([1, 2, 3, 4].into_iter().map(|item| item * N.get()).in_current_context())
        })
    };
    assert_eq!((items().len(), items().size_hint()), (4, (4, Some(4))));
    assert_eq!(items().rev().collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert_eq!((items().nth(2), items().nth_back(2), items().last()), (Some(3), Some(2), Some(4)));
    let mut both = items();
    assert_eq!((both.next(), both.next_back(), both.len()), (Some(1), Some(4), 2));
    let zipped: Vec<_> = items().zip(items().skip(1).step_by(2)).collect();
    assert_eq!(zipped, [(1, 2), (2, 4)]);
}

#[test]
fn an_iterator_that_is_dropped_half_way_ends_in_its_own_context() {
    struct Witness(Sender<Option<u32>>);
    impl Drop for Witness {
        fn drop(&mut self) {
            self.0.send(N.try_get().ok()).unwrap();
        }
    }
    let (send, receive) = mpsc::channel();
    let witness = Witness(send);
    let mut items = N.sync_scope(3, || {
        let items = (0..10).inspect(move |_| assert!(std::mem::size_of_val(&witness) > 0));
        items.in_current_context()
    });
    items.next();
    thread::spawn(move || drop(items)).join().unwrap();
    assert_eq!(receive.recv(), Ok(Some(3)));
}
