//! The helpers for users' tests: each fails on what it must notice.

#[cfg(not(debug_assertions))]
use stackholm::testing::COUNTS;
#[cfg(debug_assertions)]
use stackholm::testing::assert_seen_async;
use stackholm::testing::{assert_nothing_left, assert_nothing_left_async, assert_seen};
use stackholm::{Checkpoint, Context, ContextExt, Envelope, Var};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{self, Poll, Waker};
use std::thread;

/// What a helper says when it fails.
fn complaint<R>(f: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).err().expect("it fails");
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()))
        .unwrap()
}

/// Polls to the end.
fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) =
            future.as_mut().poll(&mut task::Context::from_waker(Waker::noop()))
        {
            return output;
        }
    }
}

/// Pending once.
async fn pause() {
    let mut was = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut was, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[test]
#[cfg(debug_assertions)]
fn a_variable_that_is_seen_wherever_it_is_asked_for_passes() {
    static N: Var<u32> = Var::new("n");
    let sum = assert_seen(&N, || {
        N.sync_scope(1, || {
            N.get() + stackholm::thread::spawn(|| N.require().unwrap()).join().unwrap()
        })
    });
    assert_eq!(sum, 2);
    let sum = finish(assert_seen_async(&N, async || {
        N.scope(1, async {
            pause().await;
            N.get() + *N.keep().unwrap()
        })
        .await
    }));
    assert_eq!(sum, 2);
    assert!(N.try_get().is_err(), "nobody watches any more");
}

#[test]
#[cfg(debug_assertions)]
fn a_bare_spawn_is_noticed_even_if_the_piece_hides_it() {
    static N: Var<u32> = Var::with_default("n", || 0);
    let line = line!() + 2;
    let said = complaint(|| {
        assert_seen(&N, || N.sync_scope(1, || N.get() + thread::spawn(|| N.get()).join().unwrap()));
    });
    let bound = format!("last bound at {}:{line}:", file!());
    assert!(said.starts_with("1 of 2 did not see it") && said.contains(&bound), "{said}");
    assert!(said.ends_with("(a bare spawn hands nothing over)"), "{said}");
    let said = complaint(|| {
        finish(assert_seen_async(&N, || {
            N.scope(1, async { thread::spawn(|| N.try_get().ok()).join().unwrap() })
        }))
    });
    assert!(
        said.starts_with("1 of 1 did not see it") && said.contains("asserted at tests/testing.rs:"),
        "{said}"
    );
}

#[test]
#[cfg(debug_assertions)]
fn a_probe_is_a_question_and_only_those_that_ask_nothing_are_none() {
    static N: Var<u32> = Var::new("n");
    let said = complaint(|| {
        assert_seen(&N, || N.sync_scope(1, || (N.is_bound(), N.source(), N.history())))
    });
    assert_eq!(said, "nobody asked for the variable `n`");
    assert!(
        complaint(|| assert_seen(&N, || N.try_get().ok())).starts_with("1 of 1 did not see it")
    );
    assert!(complaint(|| assert_seen(&N, || N.get_or(7))).starts_with("1 of 1 did not see it"));
    assert!(
        complaint(|| assert_seen(&N, || N.keep().is_ok())).starts_with("1 of 1 did not see it")
    );
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_ends_the_watch_and_what_is_read_later_counts_for_nobody() {
    static N: Var<u32> = Var::new("n");
    assert_eq!(complaint(|| assert_seen(&N, || -> u32 { panic!("of the piece") })), "of the piece");
    assert!(N.try_get().is_err());
    N.sync_scope(1, || assert_seen(&N, || N.get()));
}

#[test]
#[cfg(debug_assertions)]
fn two_tests_watch_one_variable_and_neither_counts_what_the_other_carries() {
    static N: Var<u32> = Var::new("n");
    let barrier = &Barrier::new(2);
    thread::scope(|scope| {
        let lost = scope.spawn(move || {
            complaint(|| {
                assert_seen(&N, || {
                    barrier.wait();
                    let read = || N.try_get().is_err();
                    assert!(read() && stackholm::thread::spawn(read).join().unwrap());
                    barrier.wait();
                })
            })
        });
        let found = scope.spawn(move || {
            assert_seen(&N, || {
                barrier.wait();
                let seen = N.sync_scope(1, || N.get());
                barrier.wait();
                seen
            })
        });
        assert!(lost.join().unwrap().starts_with("2 of 2 did not see it"));
        assert_eq!(found.join().unwrap(), 1);
    });
}

#[test]
#[cfg(debug_assertions)]
fn a_watch_within_another_is_of_its_own_variable() {
    static N: Var<u32> = Var::new("n");
    static M: Var<u32> = Var::new("m");
    let said = complaint(|| {
        assert_seen(&N, || {
            M.sync_scope(1, || assert_seen(&M, || (M.get(), N.try_get().is_ok())));
        })
    });
    assert!(said.starts_with("1 of 1 did not see it"), "{said}");
}

#[test]
#[cfg(not(debug_assertions))]
fn without_debug_assertions_it_says_that_nobody_counts_and_what_to_do() {
    static N: Var<u32> = Var::new("n");
    let said = complaint(|| N.sync_scope(1, || assert_seen(&N, || N.get())));
    assert!(said.starts_with("only builds with debug") && said.contains("COUNTS"), "{said}");
    const { assert!(!COUNTS) };
}

static HELD: Var<String> = Var::new("held");
static OUTER: Var<u32> = Var::new("outer");

#[test]
fn a_piece_that_leaves_nothing_passes_and_gives_its_result() {
    let seen = HELD.sync_scope("outer".into(), || {
        assert_nothing_left(|| {
            let context = HELD.sync_scope("inner".into(), Context::current);
            let task = async { HELD.get() }.in_context(context.clone());
            drop(task);
            stackholm::thread::spawn(move || context.run(|| HELD.get())).join().unwrap()
        })
    });
    assert_eq!(seen, "inner");
}

#[tokio::test]
async fn a_piece_that_awaits_and_leaves_nothing_passes_and_gives_its_result() {
    async fn serve() -> String {
        HELD.scope("inner".into(), async {
            tokio::task::yield_now().await;
            stackholm::tokio::spawn(async { HELD.get() }).await.unwrap()
        })
        .await
    }
    let job = assert_nothing_left_async(serve);
    assert_eq!(OUTER.scope(1, job).await, "inner");
    assert_eq!(
        tokio::spawn(assert_nothing_left_async(serve)).await.unwrap(),
        "inner",
        "it is Send"
    );
}

const ALIVE: &str = "a context that was captured here is alive, and its values with it";

#[test]
fn a_context_that_is_kept_is_noticed_by_whomever_it_is_kept() {
    let said = |complaint: String| assert!(complaint.starts_with(ALIVE), "{complaint}");
    let mut kept = None;
    said(complaint(|| {
        assert_nothing_left(|| kept = Some(HELD.sync_scope("x".into(), Context::current)))
    }));
    let mut task = None;
    said(complaint(|| assert_nothing_left(|| task = Some(async {}.in_current_context()))));
    let mut envelope = None;
    said(complaint(|| assert_nothing_left(|| envelope = Some(Envelope::new(())))));
    // A long chain is shortened, and keeps the values all the same.
    let mut far = None;
    let derive =
        || (0..1000).fold(Context::current(), |context, n| context.with(&HELD, n.to_string()));
    let told = complaint(|| assert_nothing_left(|| far = Some(derive())));
    assert!(
        told.contains("that were captured here are alive") || told.starts_with(ALIVE),
        "{told}"
    );
    drop((kept, task, envelope, far));
}

#[test]
fn a_context_that_a_future_leaves_behind_is_noticed() {
    let mut kept = None;
    let said = complaint(|| {
        finish(assert_nothing_left_async(|| {
            HELD.scope("x".into(), async {
                pause().await;
                kept = Some(Context::current());
            })
        }))
    });
    assert!(said.starts_with(ALIVE) && said.contains("asserted at tests/testing.rs:"), "{said}");
    drop(kept);
    let mut made = None;
    let said = complaint(|| {
        finish(assert_nothing_left_async(|| {
            made = Some(Context::current());
            async {}
        }))
    });
    assert!(said.starts_with(ALIVE), "what makes the future is part of the piece: {said}");
}

#[test]
#[cfg(debug_assertions)]
fn it_is_said_how_many_are_alive_where_each_was_captured_and_what_it_shows() {
    let here = |line| format!("{}:{line}:", file!());
    let mut kept = Vec::new();
    let begin = line!();
    let said = complaint(|| {
        OUTER.sync_scope(1, || {
            assert_nothing_left(|| {
                drop(Context::current());
                HELD.sync_scope("secret".into(), || kept.push(Context::current()));
                let keep = || Checkpoint::run(|| kept.push(Context::current()));
                HELD.sync_scope("secret".into(), keep);
                kept.push(Context::current().with(&HELD, "secret".into()));
            })
        })
    });
    assert!(said.starts_with("3 contexts that were captured here are alive"), "{said}");
    for (line, bound) in [5, 6, 8].map(|n| begin + n).into_iter().zip([5, 7, 8]) {
        let told =
            said.lines().find(|told| told.starts_with(&format!("  captured at {}", here(line))));
        let told = told.unwrap_or_else(|| panic!("line {line}: {said}"));
        let bound = format!("`held` bound at {}", here(begin + bound));
        assert!(told.contains(&bound), "{said}");
    }
    assert!(
        !said.contains("secret") && !said.contains("outer") && !said.contains("witness"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 4, "{said}");
}

#[test]
#[cfg(debug_assertions)]
fn a_capture_by_a_function_that_is_passed_on_is_told_by_what_it_shows() {
    let mut kept = None;
    let line = line!() + 2;
    let said = complaint(|| {
        assert_nothing_left(|| kept = Some(HELD.sync_scope("x".into(), Context::current)))
    });
    let told = format!(
        "captured at a place that was passed the function: `held` bound at {}:{line}:",
        file!()
    );
    assert!(said.contains(&told), "{said}");
}

#[test]
#[cfg(debug_assertions)]
fn whoever_hands_over_is_named_and_not_the_library() {
    type Kept = Vec<Box<dyn std::any::Any + Send>>;
    let pieces: [fn(&mut Kept); 5] = [
        |kept| kept.push(Box::new(async {}.in_current_context())),
        |kept| kept.push(Box::new(Envelope::new(()))),
        |kept| kept.push(Box::new(stackholm::embed::Stack::inherit())),
        |kept| kept.push(Box::new(stackholm::embed::Stack::inherit().capture())),
        |kept| {
            let (send, receive) = std::sync::mpsc::channel::<()>();
            kept.push(Box::new(stackholm::thread::spawn(move || receive.recv())));
            kept.push(Box::new(send));
        },
    ];
    for piece in pieces {
        let mut kept = Kept::new();
        let said = complaint(|| assert_nothing_left(|| piece(&mut kept)));
        assert!(said.contains("\n  captured at tests/testing.rs:"), "{said}");
        assert!(!said.contains("src/"), "{said}");
    }
}

#[test]
fn one_test_does_not_see_what_is_left_by_another() {
    let barrier = &Barrier::new(2);
    thread::scope(|scope| {
        let leaving = scope.spawn(move || {
            let mut kept = None;
            let said = complaint(|| {
                assert_nothing_left(|| {
                    kept = Some(HELD.sync_scope("x".into(), Context::current));
                    barrier.wait();
                    barrier.wait();
                })
            });
            assert!(said.starts_with(ALIVE), "{said}");
        });
        scope.spawn(move || {
            assert_nothing_left(|| {
                barrier.wait();
                barrier.wait();
            });
        });
        leaving.join().unwrap();
    });
}

#[test]
fn a_value_that_is_kept_alone_is_no_context() {
    let value = Var::<Arc<()>>::named("value");
    let kept = assert_nothing_left(|| value.sync_scope(Arc::new(()), || value.keep().unwrap()));
    assert_eq!(Arc::strong_count(&kept), 1);
}

#[test]
fn a_stack_that_is_not_as_it_was_is_noticed() {
    Checkpoint::run(|| {
        let said =
            complaint(|| assert_nothing_left(|| std::mem::forget(HELD.enter("forgotten".into()))));
        assert!(said.starts_with("the stack is not as it was"), "{said}");
    });
}

#[test]
#[cfg(all(debug_assertions, feature = "inspect"))]
fn what_is_left_says_what_it_keeps_without_showing_it() {
    static PAGE: Var<u32> = Var::new("page");
    let mut kept = None;
    let complaint = complaint(|| {
        assert_nothing_left(|| {
            let _outer = PAGE.enter(1);
            let _inner = PAGE.enter(2);
            kept = Some(Context::current());
        })
    });
    let (_, pinned) = complaint.split_once("; keeps and does not show `page` bound at ").unwrap();
    assert!(pinned.starts_with(file!()), "{complaint}");
}
