//! Threads, scoped threads, builders and envelopes.

use super::{Hand, Hop, Job, Within, inside};
use crate::common::{Count, Record};
use stackholm::{Context, Envelope, Scope, Var, thread};
use std::sync::mpsc;
use std::thread::JoinHandle;

static N: Var<u32> = Var::new("n");
static HELD: Var<crate::common::Counted> = Var::new("held");

fn join(handle: JoinHandle<()>) {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn scoped(
    within: Within<'_>,
    spawn: impl for<'s> FnOnce(thread::Scope<'s, '_>) -> std::thread::ScopedJoinHandle<'s, ()>,
) {
    thread::scope(|scope| {
        let handle = inside(within, || spawn(scope));
        handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn through_a_channel(within: Within<'_>, seal: fn(Job) -> Envelope<Job>, job: Job) {
    let (jobs, inbox) = mpsc::channel::<Envelope<Job>>();
    let worker =
        std::thread::spawn(move || inbox.into_iter().for_each(|job| job.open(|job| job())));
    inside(within, || jobs.send(seal(job)).unwrap());
    drop(jobs);
    join(worker);
}

pub(crate) const HOPS: &[Hop] = &[
    Hop {
        name: "std::thread::spawn",
        hand: Hand::Bare,
        way: |within, job| join(inside(within, || std::thread::spawn(job))),
    },
    Hop {
        name: "std::thread::scope",
        hand: Hand::Bare,
        way: |within, job| {
            std::thread::scope(|scope| {
                let handle = inside(within, || scope.spawn(job));
                handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            });
        },
    },
    Hop {
        name: "spawn",
        hand: Hand::Carries,
        way: |within, job| join(inside(within, || thread::spawn(job))),
    },
    Hop {
        name: "spawn_detached",
        hand: Hand::Detaches,
        way: |within, job| join(inside(within, || thread::spawn_detached(job))),
    },
    Hop {
        name: "scoped",
        hand: Hand::Carries,
        way: |within, job| scoped(within, |scope| scope.spawn(job)),
    },
    Hop {
        name: "scoped, detached",
        hand: Hand::Detaches,
        way: |within, job| scoped(within, |scope| scope.spawn_detached(job)),
    },
    Hop {
        name: "Builder::spawn",
        hand: Hand::Carries,
        way: |within, job| {
            join(inside(within, || thread::Builder::new().name("named").spawn(job).unwrap()))
        },
    },
    Hop {
        name: "Builder::spawn_detached",
        hand: Hand::Detaches,
        way: |within, job| {
            join(inside(within, || thread::Builder::new().spawn_detached(job).unwrap()))
        },
    },
    Hop {
        name: "Builder::spawn_scoped",
        hand: Hand::Carries,
        way: |within, job| {
            scoped(within, |scope| thread::Builder::new().spawn_scoped(scope, job).unwrap())
        },
    },
    Hop {
        name: "Builder::spawn_scoped_detached",
        hand: Hand::Detaches,
        way: |within, job| {
            scoped(within, |scope| {
                thread::Builder::new().spawn_scoped_detached(scope, job).unwrap()
            })
        },
    },
    Hop {
        name: "Context::wrap",
        hand: Hand::Carries,
        way: |within, job| {
            join(inside(within, || std::thread::spawn(Context::current().wrap(job))))
        },
    },
    Hop {
        name: "Context::run",
        hand: Hand::Carries,
        way: |within, job| {
            let context = inside(within, Context::current);
            join(std::thread::spawn(move || context.run(job)));
        },
    },
    Hop {
        name: "Envelope",
        hand: Hand::Carries,
        way: |within, job| through_a_channel(within, Envelope::new, job),
    },
    Hop {
        name: "Envelope, detached",
        hand: Hand::Detaches,
        way: |within, job| through_a_channel(within, Envelope::detached, job),
    },
];

#[test]
fn a_plain_thread_starts_empty_and_may_not_set() {
    Scope::new().set(&N, 1).run(|| {
        std::thread::spawn(|| {
            assert!(Context::current().is_empty());
            assert!(N.set(2).is_err());
        })
        .join()
        .unwrap();
    });
}

#[test]
fn a_builder_names_its_thread_and_sizes_its_stack() {
    let builder = thread::Builder::new().name("worker-7").stack_size(128 * 1024);
    let name =
        builder.spawn(|| std::thread::current().name().map(String::from)).unwrap().join().unwrap();
    assert_eq!(name.as_deref(), Some("worker-7"));
}

#[test]
fn scoped_threads_borrow_and_each_gets_the_context_of_its_own_spawn() {
    let words = ["a", "b", "c"];
    let lines = thread::scope(|scope| {
        let handles: Vec<_> = words
            .iter()
            .zip(1..)
            .map(|(word, n)| N.sync_scope(n, || scope.spawn(|| word.repeat(N.get() as usize))))
            .collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(lines, ["a", "bb", "ccc"]);
}

#[test]
fn siblings_share_values_and_not_what_they_bind() {
    let held = Count::default();
    HELD.sync_scope(held.value(), || {
        thread::scope(|scope| {
            for n in 0..8 {
                scope.spawn(move || {
                    assert!(HELD.is_bound() && !N.is_bound());
                    N.set(n).unwrap();
                    std::thread::yield_now();
                    assert_eq!(N.get(), n);
                });
            }
        });
        assert_eq!(held.alive(), 1);
    });
    assert_eq!(held.alive(), 0);
}

#[test]
fn the_last_thread_that_holds_a_value_drops_it() {
    let held = Count::default();
    let (go, gone) = mpsc::channel::<()>();
    let child = HELD.sync_scope(held.value(), || {
        thread::spawn(move || {
            gone.recv().unwrap();
            assert!(HELD.is_bound());
        })
    });
    assert_eq!(held.alive(), 1);
    go.send(()).unwrap();
    child.join().unwrap();
    assert_eq!(held.alive(), 0);
}

#[test]
fn what_is_left_entered_at_the_end_of_a_thread_ends_with_it() {
    let held = Count::default();
    let (inherited, own) = (held.value(), held.value());
    HELD.sync_scope(inherited, || {
        thread::spawn(move || std::mem::forget(HELD.enter(own))).join().unwrap()
    });
    assert_eq!(held.alive(), 0);
}

#[test]
fn an_envelope_that_nobody_opens_ends_in_its_own_context() {
    let (record, held) = (Record::default(), Count::default());
    let sealed =
        Scope::new().set(&N, 1).set(&HELD, held.value()).run(|| Envelope::new(record.witness(&N)));
    assert_eq!(held.alive(), 1);
    N.sync_scope(9, || {
        drop(sealed);
        assert_eq!(N.get(), 9);
    });
    assert_eq!((record.take(), held.alive()), (vec![Some(1)], 0));
}

#[test]
fn an_envelope_is_taken_apart_cloned_and_sent() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}

    let sealed = N.sync_scope(1, || Envelope::new(String::from("job")));
    is_send_and_sync(&sealed);
    let copy = sealed.clone();
    assert_eq!((copy.get_ref().as_str(), copy.context().get(&N)), ("job", Some(&1)));
    let (job, context) = sealed.into_parts();
    assert_eq!((job.as_str(), context.get(&N)), ("job", Some(&1)));
    assert_eq!(copy.open(|job| (job, N.get())), (String::from("job"), 1));
    let given = Envelope::with_context((), Context::empty().with(&N, 5));
    assert_eq!(given.open(|()| N.get()), 5);
}

#[test]
fn an_envelope_shows_no_secret() {
    let sealed = N.sync_scope(12345, || Envelope::new("secret"));
    let shown = format!("{sealed:?}");
    assert!(shown.contains("\"n\"") || shown.contains("n:"), "{shown}");
    assert!(!shown.contains("secret") && !shown.contains("12345"), "{shown}");
}

#[test]
fn a_message_holds_its_senders_values_until_it_is_opened() {
    let held = Count::default();
    let (messages, inbox) = mpsc::channel();
    for n in 0..5 {
        Scope::new()
            .set(&N, n)
            .set(&HELD, held.value())
            .run(|| messages.send(Envelope::new(n * 10)).unwrap());
    }
    assert_eq!(held.alive(), 5);
    for n in 0..3 {
        let seen = inbox.recv().unwrap().open(|message| (message, N.get(), HELD.is_bound()));
        assert_eq!((seen, held.alive()), ((n * 10, n, true), 4 - n as usize));
    }
    drop(inbox);
    assert_eq!(held.alive(), 0);
}

#[test]
fn an_iterator_made_here_and_driven_elsewhere_is_wrapped_by_one_call() {
    let next = N.sync_scope(5, || {
        let mut numbers = (0..3).map(|i| i + N.get());
        Context::current().wrap_mut(move || numbers.next())
    });
    let seen =
        std::thread::spawn(move || std::iter::from_fn(next).collect::<Vec<_>>()).join().unwrap();
    assert_eq!(seen, [5, 6, 7]);
}
