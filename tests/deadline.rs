//! Deadlines: whose limit counts, who sees it, and what it ends.

use stackholm::deadline::{self, ByDeadlineExt, DEADLINE, Deadline};
use stackholm::tokio::DeadlineExt;
use stackholm::{ContextExt, Scope, Var, cancel, thread};
use std::cell::Cell;
use std::future::{pending, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

static TENANT: Var<&str> = Var::new("tenant");

const SECOND: Duration = Duration::from_secs(1);

fn place() -> stackholm::Place {
    deadline::current().expect("there is a deadline").place()
}

#[test]
fn of_nested_limits_the_smaller_one_wins_and_the_error_names_the_outer_place_if_that_is_it() {
    deadline::within(10 * SECOND).named("outer").run(|| {
        let outer = place();
        deadline::within(SECOND).named("inner").run(|| {
            assert!(deadline::remaining().unwrap() <= SECOND);
            assert_ne!(place(), outer);
        });
        assert!(deadline::remaining().unwrap() > SECOND);
    });
    let line = line!() + 1;
    deadline::within(Duration::ZERO).named("outer").run(|| {
        deadline::within(10 * SECOND).named("inner").run(|| {
            let expired = deadline::check().unwrap_err();
            assert_eq!((expired.name(), expired.place().line()), (Some("outer"), line));
            let text = format!("the limit `outer`, set at tests/deadline.rs:{line}:");
            assert!(expired.to_string().starts_with(&text), "{expired}");
        });
    });
}

#[test]
fn a_limit_longer_than_the_clock_is_none_and_zero_and_the_past_are_over() {
    deadline::within(Duration::MAX).run(|| assert_eq!(deadline::remaining(), None));
    deadline::within(SECOND).run(|| {
        let outer = deadline::current();
        deadline::within(Duration::MAX).run(|| assert_eq!(deadline::current(), outer));
    });
    deadline::within(Duration::ZERO).run(|| {
        assert_eq!(deadline::remaining(), Some(Duration::ZERO));
        assert!(deadline::check().is_err());
    });
    let Some(past) = Instant::now().checked_sub(Duration::from_millis(1)) else { return };
    deadline::at(past).run(|| {
        assert_eq!(deadline::remaining(), Some(Duration::ZERO));
        assert!(deadline::check().unwrap_err().over_by() >= Duration::from_millis(1));
    });
}

/// A future that is polled once and dropped.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn limits_that_are_written_in_each_others_arguments_nest() {
    let inside = async { deadline::current().unwrap().name() };
    let short_outside = deadline::within(SECOND)
        .named("short")
        .wrap(deadline::within(10 * SECOND).named("long").wrap(inside));
    assert_eq!(poll_once(short_outside), Poll::Ready(Some("short")));
    let inside = async { deadline::current().unwrap().name() };
    let short_inside = deadline::within(10 * SECOND)
        .named("long")
        .wrap(deadline::within(SECOND).named("short").wrap(inside));
    assert_eq!(poll_once(short_inside), Poll::Ready(Some("short")));
    assert_eq!(deadline::current(), None);
}

#[test]
fn a_rayon_job_and_a_thread_see_the_deadline_and_a_detached_one_does_not() {
    deadline::within(Duration::ZERO).run(|| {
        let (here, job) = stackholm::rayon::join(deadline::check, deadline::check);
        let on_thread = thread::spawn(deadline::check).join().unwrap();
        for seen in [here, job, on_thread] {
            assert_eq!(seen.unwrap_err().place(), place());
        }
        assert_eq!(thread::spawn_detached(deadline::check).join().unwrap(), Ok(()));
    });
}

#[tokio::test]
async fn a_blocking_job_stops_by_check_and_a_detached_task_has_no_deadline() {
    let job = async {
        let blocking = stackholm::tokio::spawn_blocking(|| {
            let mut rounds = 0;
            while deadline::check().is_ok() {
                rounds += 1;
            }
            rounds
        });
        let detached = stackholm::tokio::spawn_detached(async { deadline::current() });
        (blocking.await.unwrap(), detached.await.unwrap())
    };
    let (_, detached) = deadline::within(Duration::from_millis(1)).wrap(job).await;
    assert_eq!(detached, None);
}

#[tokio::test(start_paused = true)]
async fn by_deadline_fires_once_by_the_paused_clock() {
    let polls = Cell::new(0);
    let endless = std::future::poll_fn(|_| {
        polls.set(polls.get() + 1);
        Poll::<()>::Pending
    });
    let began = tokio::time::Instant::now();
    let limited = deadline::within(SECOND).named("one").wrap(endless.by_deadline());
    let expired = limited.await.unwrap_err();
    assert_eq!(expired.name(), Some("one"));
    let took = began.elapsed();
    assert!(took > Duration::from_millis(500) && took < Duration::from_millis(1500), "{took:?}");
    assert_eq!(polls.get(), 2, "at first, and when the timer fired");
}

#[tokio::test(start_paused = true)]
async fn by_deadline_gives_what_is_ready_in_the_same_poll_even_if_the_limit_is_over() {
    assert_eq!(deadline::within(Duration::ZERO).wrap(ready(7).by_deadline()).await, Ok(7));
    assert!(deadline::within(Duration::ZERO).wrap(pending::<()>().by_deadline()).await.is_err());
    assert_eq!(ready(8).by_deadline().await, Ok(8), "without a limit");
}

#[tokio::test(start_paused = true)]
async fn an_inner_future_by_deadline_says_whose_limit_ended_it() {
    let inner = deadline::within(10 * SECOND).named("inner").wrap(pending::<()>().by_deadline());
    let ended = deadline::within(SECOND).named("outer").wrap(inner).await;
    assert_eq!(ended.unwrap_err().name(), Some("outer"));
}

#[test]
fn the_timer_is_asked_once_and_not_at_all_without_a_deadline_or_when_ready() {
    let asked = Cell::new(0);
    let timer = |_| {
        asked.set(asked.get() + 1);
        pending()
    };
    assert!(poll_once(pending::<()>().by_deadline_on(timer)).is_pending());
    assert!(poll_once(deadline::within(SECOND).wrap(ready(()).by_deadline_on(timer))).is_ready());
    assert_eq!(asked.get(), 0);
    let mut waiting = pin!(deadline::within(SECOND).wrap(pending::<()>().by_deadline_on(timer)));
    for _ in 0..3 {
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(asked.get(), 1);
}

#[test]
fn shielded_work_in_an_expired_and_cancelled_request_sees_the_tenant_and_no_limit() {
    use cancel::CancelExt;
    let request = Scope::new().set(&TENANT, "acme");
    let check = || {
        assert_eq!(TENANT.get(), "acme");
        assert_eq!(deadline::current(), None);
        assert!(!cancel::is_cancelled() && cancel::check().is_ok());
    };
    request.run(|| {
        deadline::within(Duration::ZERO).run(|| {
            cancel::scope(|handle| {
                handle.cancel("gone");
                assert!(deadline::check().is_err() && cancel::is_cancelled());
                cancel::shielded(check);
                assert!(poll_once(async { check() }.shielded()).is_ready());
                assert!(deadline::check().is_err() && cancel::is_cancelled());
                let detached = async { TENANT.is_bound() || deadline::current().is_some() };
                assert_eq!(poll_once(detached.detached()), Poll::Ready(false));
            });
        });
    });
}

#[test]
fn a_context_without_the_deadline_has_the_rest() {
    let context = TENANT.sync_scope("acme", || {
        deadline::within(SECOND).run(|| stackholm::Context::current().without(&DEADLINE))
    });
    assert_eq!(context.get(&TENANT), Some(&"acme"));
    assert_eq!(context.get::<Deadline>(&DEADLINE), None);
}
