//! `require`: for each way in which a binding gets lost, the error says which one it was.

use stackholm::{
    Checkpoint, Context, ContextExt, Envelope, Place, Reason, Scope, Var, embed::Stack,
};
use std::future::Future;
use std::pin::pin;
use std::task::{self, Waker};
use std::thread;

/// The line of the caller.
#[track_caller]
fn line() -> u32 {
    std::panic::Location::caller().line()
}

/// Whether a place is that line of this file.
fn is(place: Place, line: u32) -> bool {
    place.file() == file!() && place.line() == line
}

fn lost(var: &'static Var<u32>) -> Reason {
    var.require().unwrap_err().reason()
}

#[test]
fn what_is_bound_is_given_and_a_default_or_a_global_value_is_not() {
    static N: Var<u32> = Var::with_default("n", || 1);
    assert_eq!(lost(&N), Reason::NeverBound);
    N.set_global(2);
    assert_eq!(lost(&N), Reason::NeverBound);
    N.sync_scope(3, || {
        assert_eq!(N.require().unwrap(), 3);
        assert_eq!(N.require_with(|n| n + 1).unwrap(), 4);
    });
    assert!(N.require().is_err());
    assert_eq!(N.get(), 2);
}

#[test]
fn never_bound_is_told_apart_in_every_build() {
    static NEVER: Var<u32> = Var::new("never");
    static ONCE: Var<u32> = Var::new("once");
    ONCE.sync_scope(1, || ());
    assert_eq!(NEVER.require().unwrap_err().to_string(), "the variable `never` was never bound");
    assert_ne!(lost(&ONCE), Reason::NeverBound);
    assert_eq!(NEVER.try_get().unwrap_err().reason(), Reason::Unbound, "only `require` says more");
}

#[test]
fn masked_and_short_of_reach_are_said_as_ever_with_their_place() {
    static N: Var<u32> = Var::new("n");
    static NEAR: Var<u32> = Var::new("near").stays_on_stack();
    static NEAREST: Var<u32> = Var::new("nearest").stays_in_checkpoint();
    let bound = line() + 1;
    Scope::new().set(&N, 1).set(&NEAR, 2).set(&NEAREST, 3).run(|| {
        Checkpoint::run(|| {
            let masked = line() + 1;
            N.unset().unwrap();
            assert!(matches!(lost(&N), Reason::Masked(at) if is(at, masked)));
            assert!(matches!(lost(&NEAREST), Reason::NotCarried(at) if is(at, bound)));
        });
        let (near, nearest) =
            stackholm::thread::spawn(|| (lost(&NEAR), lost(&NEAREST))).join().unwrap();
        assert!(matches!(near, Reason::NotCarried(at) if is(at, bound)));
        assert!(matches!(nearest, Reason::NotCarried(at) if is(at, bound)));
    });
}

#[test]
fn work_that_was_spawned_bare_is_told_from_work_that_was_detached() {
    static N: Var<u32> = Var::new("n");
    let bound = line() + 1;
    let (bare, nested, detached, sealed, adopted, stack) = N.sync_scope(1, || {
        let bare = thread::spawn(|| (lost(&N), N.require().unwrap_err().to_string()));
        // What it enters itself was not handed to it.
        let nested = thread::spawn(|| Checkpoint::run(|| Checkpoint::run(|| lost(&N))));
        let detached = stackholm::thread::spawn_detached(|| Checkpoint::run(|| lost(&N)));
        let sealed = Envelope::detached(()).open(|()| lost(&N));
        let adopted = Context::empty().run(|| Checkpoint::run(|| lost(&N)));
        let stack = Stack::on(Context::empty()).run(|| lost(&N));
        (
            bare.join().unwrap(),
            nested.join().unwrap(),
            detached.join().unwrap(),
            sealed,
            adopted,
            stack,
        )
    });
    if cfg!(debug_assertions) {
        assert!(matches!(bare.0, Reason::NotHanded(at) if is(at, bound)), "{bare:?}");
        assert!(
            bare.1.contains(&format!("{}:{bound}:", file!()))
                && bare.1.ends_with("(a bare spawn hands nothing over)"),
            "{}",
            bare.1
        );
        assert!(matches!(nested, Reason::NotHanded(at) if is(at, bound)), "{nested:?}");
        for received in [detached, sealed, adopted, stack] {
            assert!(matches!(received, Reason::Detached(at) if is(at, bound)), "{received:?}");
        }
    } else {
        for reason in [bare.0, nested, detached, sealed, adopted, stack] {
            assert_eq!(reason, Reason::NoBinding, "release builds keep no record");
        }
    }
}

#[test]
fn a_future_that_was_detached_says_so_wherever_it_is_polled() {
    static N: Var<u32> = Var::new("n");
    let poll = |future: &mut dyn FnMut() -> Reason| N.sync_scope(1, future);
    let mut future = pin!(async { lost(&N) }.detached());
    let seen =
        poll(&mut || match future.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
            task::Poll::Ready(reason) => reason,
            task::Poll::Pending => unreachable!("awaits nothing"),
        });
    assert_eq!(matches!(seen, Reason::Detached(_)), cfg!(debug_assertions), "{seen:?}");
}

#[test]
#[cfg(debug_assertions)]
fn a_future_with_a_scope_goes_on_from_where_it_is_polled_and_says_why_as_that_does() {
    static N: Var<u32> = Var::new("n");
    static OTHER: Var<u32> = Var::new("other");
    let seen = || {
        let mut future = pin!(OTHER.scope(2, async { lost(&N) }));
        match future.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
            task::Poll::Ready(reason) => reason,
            task::Poll::Pending => unreachable!("awaits nothing"),
        }
    };
    N.sync_scope(1, || {
        let detached = stackholm::thread::spawn_detached(seen).join().unwrap();
        assert!(matches!(detached, Reason::Detached(_)), "{detached:?}");
        let bare = thread::spawn(seen).join().unwrap();
        assert!(matches!(bare, Reason::NotHanded(_)), "{bare:?}");
    });
}

#[test]
#[cfg(debug_assertions)]
fn what_this_thread_bound_itself_has_ended() {
    static N: Var<u32> = Var::new("n");
    let bound = line() + 1;
    N.sync_scope(1, || ());
    assert!(matches!(lost(&N), Reason::Ended(at) if is(at, bound)));
    assert!(Checkpoint::run(|| matches!(lost(&N), Reason::Ended(at) if is(at, bound))));
}

#[test]
#[cfg(debug_assertions)]
fn the_last_place_is_known_by_whatever_way_it_was_bound() {
    static N: Var<u32> = Var::new("n");
    let elsewhere = || thread::spawn(|| lost(&N)).join().unwrap();
    let check = |bound: u32| {
        let reason = elsewhere();
        assert!(
            matches!(reason, Reason::NotHanded(at) if is(at, bound)),
            "{reason:?}, not {bound}"
        );
    };
    drop(N.enter(1));
    check(line() - 1);
    drop(Scope::new().set(&N, 1).enter());
    check(line() - 1);
    Checkpoint::run(|| N.set(1).unwrap());
    check(line() - 1);
    let context = Context::empty().with(&N, 1);
    check(line() - 1);
    drop(context);
    let prepared = Checkpoint::prepare().set(&N, 1);
    prepared.run(|| ());
    check(line() - 2);
    Stack::new().scope(&N, 1, |_| ());
    check(line() - 1);
    drop(N.scope(1, async {}));
    check(line() - 1);
}

#[test]
fn nothing_of_a_value_is_in_the_error() {
    static SECRET: Var<String> = Var::new("secret");
    let missing = SECRET.sync_scope("hunter2".into(), || {
        thread::spawn(|| SECRET.require().unwrap_err()).join().unwrap()
    });
    assert!(!format!("{missing} {missing:?}").contains("hunter2"));
}

#[test]
fn what_was_bound_elsewhere_is_not_said_to_have_been_spawned() {
    // This thread was there before, and nobody spawned it where the variable was bound.
    static N: Var<u32> = Var::new("n");
    thread::spawn(|| N.sync_scope(1, || ())).join().unwrap();
    let said = N.require().unwrap_err().to_string();
    assert!(!said.contains("it was spawned"), "{said}");
    if cfg!(debug_assertions) {
        assert!(
            said.contains("on another thread, and nothing was handed to what runs here"),
            "{said}"
        );
    }
}

#[test]
fn nothing_is_said_to_have_no_default_that_has_one() {
    static LAID: Var<u32> = Var::with_default("laid", || 1);
    static GLOBAL: Var<u32> = Var::new("global");
    GLOBAL.set_global(1);
    LAID.sync_scope(1, || GLOBAL.sync_scope(1, || ()));
    for var in [&LAID, &GLOBAL] {
        let here = Context::empty();
        let errors = [
            here.try_get(var).unwrap_err(),
            here.with(var, 1).without(var).try_get(var).unwrap_err(),
            Stack::new().try_get(var).unwrap_err(),
            var.require().unwrap_err(),
            here.without(var).run(|| var.require().unwrap_err()),
            here.run(|| var.require().unwrap_err()),
        ];
        for error in errors {
            assert!(!error.to_string().contains("default"), "{error}");
        }
        assert_eq!(here.try_get(var).unwrap_err().reason(), Reason::NoBinding);
    }
}

#[test]
#[cfg(debug_assertions)]
fn the_panic_of_get_and_with_says_what_require_knows() {
    static N: Var<u32> = Var::new("n");
    let bound = line() + 1;
    let panic = N.sync_scope(1, || thread::spawn(|| N.get()).join().unwrap_err());
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains(&format!("last bound at {}:{bound}:", file!())), "{said}");
    assert!(said.ends_with("; it has no default"), "{said}");
    let panic = thread::spawn(|| N.with(|n| *n)).join().unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), said);
    assert_eq!(
        N.try_get().unwrap_err().reason(),
        Reason::Unbound,
        "an error that is not shown costs no search"
    );
}

#[test]
fn errors_are_compared() {
    static N: Var<u32> = Var::new("n");
    static M: Var<u32> = Var::new("m");
    assert_eq!(N.sync_scope(1, || N.try_get()), Ok(1));
    assert_eq!(N.try_get(), N.try_get());
    assert_ne!(N.try_get(), M.try_get());
    assert_ne!(N.try_get(), N.require());
    assert_eq!(N.unset(), N.unset());
    assert_ne!(N.unset(), N.sync_scope(1, || N.unset()));
    assert_eq!(N.set(1), N.set(1));
    assert_ne!(N.set(1), N.set(2));
}
