//! Handing over to threads, tasks, blocking pools and local tasks: what is carried, what is not,
//! and what is left.

#[path = "../common/futures.rs"]
mod common;
#[cfg(feature = "rayon")]
mod rayon;
#[cfg(feature = "tokio")]
mod tasks;
mod threads;

use common::{Count, three_ways};
use stackholm::{Checkpoint, Context, Missing, Reason, Scope, Var};
use std::sync::mpsc;

static FAR: Var<u32> = Var::new("far");
static NEAR: Var<u32> = Var::new("near").stays_on_stack();
static NEAREST: Var<u32> = Var::new("nearest").stays_in_checkpoint();
static HELD: Var<common::Counted> = Var::new("held");

/// What is run at the other end.
type Job = Box<dyn FnOnce() + Send>;

/// Runs its argument inside some bindings.
type Within<'a> = &'a dyn Fn(&mut dyn FnMut());

/// Hands a job over inside `Within`, and waits for its end outside of it.
type Way = fn(Within<'_>, Job);

/// A way of handing over, and what the other end is to see.
struct Hop {
    name: &'static str,
    hand: Hand,
    way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// The job sees what was visible at the call, as far as it reaches.
    Carries,
    /// The job sees nothing, and may set.
    Detaches,
    /// As the platform's own: the job sees nothing.
    Bare,
}

/// Every way that lets the job begin after the bindings have ended.
fn hops() -> impl Iterator<Item = &'static Hop> {
    let hops = threads::HOPS.iter();
    #[cfg(feature = "tokio")]
    let hops = hops.chain(tasks::HOPS);
    #[cfg(feature = "rayon")]
    let hops = hops.chain(rayon::HOPS);
    hops
}

/// Ways that run the job during the call.
fn calls() -> impl Iterator<Item = &'static Hop> {
    let calls = [].iter();
    #[cfg(feature = "tokio")]
    let calls = calls.chain(tasks::CALLS);
    #[cfg(feature = "rayon")]
    let calls = calls.chain(rayon::CALLS);
    calls
}

/// Calls `f` inside the bindings, and gives what it gives.
fn inside<R>(within: Within<'_>, f: impl FnOnce() -> R) -> R {
    let (mut f, mut result) = (Some(f), None);
    within(&mut || result = f.take().map(|f| f()));
    result.expect("was called once")
}

/// Runs `job` at the other end, once `bind` is over; gives what it gives.
fn after<R: Send + 'static>(
    hop: &Hop,
    bind: Within<'_>,
    job: impl FnOnce() -> R + Send + 'static,
) -> R {
    let (go, gone) = mpsc::channel::<()>();
    let (send, receive) = mpsc::channel();
    let job = move || {
        gone.recv().expect("the bindings end first");
        send.send(job()).unwrap();
    };
    let within = |f: &mut dyn FnMut()| {
        bind(f);
        go.send(()).unwrap();
    };
    (hop.way)(&within, Box::new(job));
    receive.recv().unwrap_or_else(|_| panic!("{}: the job ran", hop.name))
}

/// Runs `job` at the other end while the caller stays where it is; gives what it gives.
fn during<R: Send + 'static>(hop: &Hop, job: impl FnOnce() -> R + Send + 'static) -> R {
    let (send, receive) = mpsc::channel();
    (hop.way)(&|f| f(), Box::new(move || send.send(job()).unwrap()));
    receive.recv().unwrap_or_else(|_| panic!("{}: the job ran", hop.name))
}

fn reason<T>(seen: Result<T, Missing>) -> Result<T, Reason> {
    seen.map_err(|missing| missing.reason())
}

#[derive(Debug, PartialEq)]
struct Report {
    far: Result<u32, Reason>,
    near: Result<u32, Reason>,
    nearest: Result<u32, Reason>,
    bound: [bool; 3],
    listed: usize,
    may_set: bool,
}

fn report() -> Report {
    Report {
        far: reason(FAR.try_get()),
        near: reason(NEAR.try_get()),
        nearest: reason(NEAREST.try_get()),
        bound: [FAR.is_bound(), NEAR.is_bound(), NEAREST.is_bound()],
        listed: Context::current().iter().filter(|binding| binding.name() != "bystander").count(),
        may_set: FAR.set(0).is_ok(),
    }
}

#[test]
fn every_reach_over_every_way_of_handing_over() {
    let line = line!() + 1;
    let bind: Within<'_> = &|f| Scope::new().set(&FAR, 1).set(&NEAR, 2).set(&NEAREST, 3).run(f);
    let not_carried = |seen| matches!(seen, Err(Reason::NotCarried(at)) if at.file() == file!() && at.line() == line);
    for hop in hops() {
        three_ways(|| {
            let seen = after(hop, bind, report);
            let name = hop.name;
            assert_eq!(seen.bound, [hop.hand == Hand::Carries, false, false], "{name}");
            assert_eq!(seen.listed, usize::from(hop.hand == Hand::Carries), "{name}");
            assert_eq!(
                seen.may_set,
                hop.hand != Hand::Bare,
                "{name}: begins in an open checkpoint"
            );
            if hop.hand == Hand::Carries {
                assert_eq!(seen.far, Ok(1), "{name}");
                assert!(not_carried(seen.near), "{name}: {:?}", seen.near);
                assert!(not_carried(seen.nearest), "{name}: {:?}", seen.nearest);
            } else {
                let unbound = Err(Reason::Unbound);
                assert_eq!(
                    (seen.far, seen.near, seen.nearest),
                    (unbound, unbound, unbound),
                    "{name}"
                );
            }
        });
    }
}

#[test]
fn every_reach_over_every_way_of_calling() {
    let line = line!() + 2;
    let bind =
        |f: &mut dyn FnMut()| Scope::new().set(&FAR, 1).set(&NEAR, 2).set(&NEAREST, 3).run(f);
    for hop in calls() {
        three_ways(|| {
            let mut seen = None;
            bind(&mut || seen = Some(during(hop, report)));
            let (seen, name) = (seen.expect("was called"), hop.name);
            assert_eq!(seen.bound, [hop.hand == Hand::Carries, false, false], "{name}");
            assert_eq!(seen.listed, usize::from(hop.hand == Hand::Carries), "{name}");
            assert_eq!(
                seen.may_set,
                hop.hand != Hand::Bare,
                "{name}: begins in an open checkpoint"
            );
            for near in [seen.near, seen.nearest] {
                match near {
                    Err(Reason::NotCarried(at)) => {
                        assert_eq!((at.line(), hop.hand == Hand::Carries), (line, true), "{name}");
                    }
                    other => {
                        assert!(other.is_err() && hop.hand != Hand::Carries, "{name}: {other:?}")
                    }
                }
            }
        });
    }
}

#[test]
fn a_child_keeps_the_value_after_its_spawners_checkpoint_has_ended() {
    for hop in hops() {
        three_ways(|| {
            let held = Count::default();
            let count = held.clone();
            let bind: Within<'_> = &|f| HELD.sync_scope(held.value(), f);
            let seen = after(hop, bind, move || (HELD.is_bound(), count.alive()));
            let carries = hop.hand == Hand::Carries;
            assert_eq!(seen, (carries, usize::from(carries)), "{}", hop.name);
            assert_eq!(held.alive(), 0, "{}: nothing is left", hop.name);
        });
    }
}

#[test]
fn what_the_spawner_binds_after_the_call_is_not_seen() {
    for hop in hops() {
        three_ways(|| {
            let bind: Within<'_> = &|f| {
                Checkpoint::run(|| {
                    FAR.set(1).unwrap();
                    f();
                    FAR.set(2).unwrap();
                });
            };
            let expected = (hop.hand == Hand::Carries).then_some(1);
            assert_eq!(after(hop, bind, || FAR.try_get().ok()), expected, "{}", hop.name);
        });
    }
}

#[test]
fn a_value_that_was_replaced_after_the_call_lives_as_long_as_the_child() {
    for hop in hops().filter(|hop| hop.hand == Hand::Carries) {
        three_ways(|| {
            let (old, new) = (Count::default(), Count::default());
            let bind: Within<'_> = &|f| {
                Checkpoint::run(|| {
                    HELD.set(old.value()).unwrap();
                    f();
                    HELD.set(new.value()).unwrap();
                });
            };
            let (count, other) = (old.clone(), new.clone());
            assert_eq!(
                after(hop, bind, move || (count.alive(), other.alive())),
                (1, 0),
                "{}",
                hop.name
            );
            assert_eq!((old.alive(), new.alive()), (0, 0), "{}", hop.name);
        });
    }
}

#[test]
fn what_a_child_sets_never_comes_back() {
    for hop in hops().chain(calls()) {
        three_ways(|| {
            Checkpoint::run(|| {
                FAR.set(1).unwrap();
                let before = Context::current();
                let seen = during(hop, || {
                    let seen = FAR.try_get().ok();
                    if FAR.set(2).is_ok() {
                        assert_eq!(FAR.get(), 2);
                        FAR.unset().unwrap();
                    }
                    // Even what it forgets to leave stays there.
                    std::mem::forget(FAR.enter(3));
                    seen
                });
                assert_eq!(seen, (hop.hand == Hand::Carries).then_some(1), "{}", hop.name);
                assert_eq!(FAR.get(), 1, "{}", hop.name);
                assert_eq!(before, Context::current(), "{}", hop.name);
            });
        });
    }
}

#[test]
fn a_child_that_panics_leaves_its_spawner_as_it_was() {
    for hop in hops().filter(|hop| hop.hand != Hand::Bare) {
        three_ways(|| {
            let held = Count::default();
            HELD.sync_scope(held.value(), || {
                let (send, receive) = mpsc::channel();
                let value = held.value();
                let job = move || {
                    std::mem::forget(HELD.enter(value));
                    send.send(HELD.is_bound()).unwrap();
                    std::panic::resume_unwind(Box::new("in the child"));
                };
                let way = std::panic::AssertUnwindSafe(|| (hop.way)(&|f| f(), Box::new(job)));
                let came = std::panic::catch_unwind(way);
                assert!(came.is_err(), "{}: the panic comes with the join", hop.name);
                assert!(receive.recv().unwrap());
                assert_eq!(held.alive(), 1, "{}: what the child bound has ended", hop.name);
                assert!(HELD.is_bound());
            });
            assert_eq!(held.alive(), 0, "{}", hop.name);
        });
    }
}

#[test]
fn grandchildren_inherit_from_their_parent_and_give_nothing_back() {
    for outer in hops().filter(|hop| hop.hand != Hand::Bare) {
        for inner in threads::HOPS {
            let family = || {
                let before = FAR.try_get().ok();
                FAR.set(before.unwrap_or(10) + 1).unwrap();
                let child = during(inner, || {
                    let seen = FAR.try_get().ok();
                    if seen.is_some() {
                        FAR.set(100).unwrap();
                    }
                    seen
                });
                (before, child, FAR.get())
            };
            let (before, child, after_it) = FAR.sync_scope(1, || during(outer, family));
            let family = format!("{} then {}", outer.name, inner.name);
            assert_eq!(before, (outer.hand == Hand::Carries).then_some(1), "{family}");
            assert_eq!(child, (inner.hand == Hand::Carries).then_some(after_it), "{family}");
            assert_eq!(after_it, before.unwrap_or(10) + 1, "{family}");
        }
    }
}

#[test]
fn a_mask_and_an_empty_context_are_carried_as_they_are() {
    for hop in hops().filter(|hop| hop.hand == Hand::Carries) {
        three_ways(|| {
            FAR.sync_scope(1, || {
                let masked: Within<'_> = &|f| Scope::new().unset(&FAR).run(f);
                let seen = after(hop, masked, || reason(FAR.try_get()));
                assert!(matches!(seen, Err(Reason::Masked(_))), "{}", hop.name);
                let empty: Within<'_> = &|f| Context::empty().run(f);
                assert_eq!(
                    after(hop, empty, || reason(FAR.try_get())),
                    Err(Reason::Unbound),
                    "{}",
                    hop.name
                );
            });
        });
    }
}
