//! The standard library's spawn hook: threads that carry without being asked. Only under
//! `RUSTC_BOOTSTRAP=1 RUSTFLAGS="--cfg stackholm_nightly"`, or with the same `RUSTFLAGS` on
//! nightly.
#![cfg(stackholm_nightly)]

use stackholm::spawn_hook::carry_into_threads_from_here;
use stackholm::{Context, Var};
use std::sync::Arc;
use std::thread;

static N: Var<u32> = Var::new("n");
static NEAR: Var<u32> = Var::new("near").stays_on_stack();
static HELD: Var<Arc<()>> = Var::new("held");

/// Runs a test on a thread of its own, since there is no way back.
fn apart(test: impl FnOnce() + Send + 'static) {
    thread::spawn(test).join().unwrap();
}

#[test]
fn without_the_call_a_plain_thread_starts_empty() {
    apart(|| {
        N.sync_scope(1, || apart(|| assert!(Context::current().is_empty() && N.set(2).is_err())))
    });
}

#[test]
fn plain_threads_carry_and_so_do_theirs_and_give_nothing_back() {
    apart(|| {
        carry_into_threads_from_here();
        N.sync_scope(1, || {
            NEAR.sync_scope(1, || {
                apart(|| {
                    assert_eq!((N.get(), NEAR.is_bound()), (1, false));
                    N.set(2).unwrap();
                    apart(|| assert_eq!(N.get(), 2));
                });
            });
            assert_eq!(N.get(), 1);
        });
        apart(|| assert!(!N.is_bound()));
    });
}

#[test]
fn what_detaches_is_detached_and_what_carries_carries() {
    apart(|| {
        carry_into_threads_from_here();
        N.sync_scope(1, || {
            assert!(!stackholm::thread::spawn_detached(|| N.is_bound()).join().unwrap());
            assert_eq!(stackholm::thread::spawn(|| N.get()).join().unwrap(), 1);
        });
    });
}

#[test]
fn a_thread_that_ends_lets_its_values_go() {
    apart(|| {
        carry_into_threads_from_here();
        let held = Arc::new(());
        HELD.sync_scope(Arc::clone(&held), || apart(|| assert!(HELD.is_bound())));
        assert_eq!(Arc::strong_count(&held), 1);
    });
}
