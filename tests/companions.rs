//! Companions: each hop carries them, they are entered around each call, and they are left in
//! reverse.
#![cfg(all(feature = "companions", feature = "rayon", feature = "tokio"))]

#[path = "common/bomb.rs"]
mod bomb;

use stackholm::companion::{Carried, Companion, NotRegistered, register};
use stackholm::{Context, ContextExt, Envelope, Hop, Misuse, Var};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, Once, mpsc};
use std::task::{Context as TaskContext, Poll, Waker};
use std::{future, thread};

static USER: Var<&str> = Var::new("user");

thread_local! {
    /// What is current of the two companions, innermost last, with who entered it.
    static ENTERED: RefCell<Vec<(&'static str, u32)>> = const { RefCell::new(Vec::new()) };
    static NUMBER: Cell<u32> = const { Cell::new(0) };
    static CAPTURE_PANICS: Cell<bool> = const { Cell::new(false) };
    static CAPTURE_EXPLODES: Cell<bool> = const { Cell::new(false) };
    static ENTER_PANICS: Cell<bool> = const { Cell::new(false) };
}

/// A companion whose value is a number; 0 is nothing.
struct Number(&'static str);

struct Was(&'static str, u32);

impl Companion for Number {
    fn name(&self) -> &'static str {
        self.0
    }

    fn capture(&self) -> Option<Box<dyn Carried>> {
        assert!(!(self.0 == "second" && CAPTURE_PANICS.get()), "as it is told to");
        if self.0 == "second" && CAPTURE_EXPLODES.get() {
            bomb::explode();
        }
        (NUMBER.get() != 0).then(|| Box::new(Was(self.0, NUMBER.get())) as _)
    }

    fn without(&self, work: &mut dyn FnMut()) {
        Was(self.0, 0).within(work);
    }
}

impl Carried for Was {
    fn within(&self, work: &mut dyn FnMut()) {
        struct Back(u32, (&'static str, u32));
        impl Drop for Back {
            fn drop(&mut self) {
                let last = ENTERED.with_borrow_mut(Vec::pop);
                assert_eq!(last, Some(self.1), "left in reverse");
                NUMBER.set(self.0);
            }
        }
        assert!(!(self.0 == "second" && ENTER_PANICS.get()), "as it is told to");
        ENTERED.with_borrow_mut(|entered| entered.push((self.0, self.1)));
        let _back = Back(NUMBER.replace(self.1), (self.0, self.1));
        work();
    }
}

static MISUSED: Mutex<Vec<Misuse>> = Mutex::new(Vec::new());

/// Registers both companions, once in the process.
fn registered() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        register(&Number("first")).unwrap();
        register(&Number("second")).unwrap();
        stackholm::on_misuse(|misuse| MISUSED.lock().unwrap().push(misuse)).unwrap();
    });
}

/// Runs `f` where that is current, and nothing is entered before and after.
fn at<R>(number: u32, f: impl FnOnce() -> R) -> R {
    registered();
    assert!(ENTERED.with_borrow(Vec::is_empty));
    let before = NUMBER.replace(number);
    let result = f();
    assert!(ENTERED.with_borrow(Vec::is_empty), "all is left");
    assert_eq!(NUMBER.replace(before), number, "as it was");
    result
}

fn number() -> u32 {
    NUMBER.get()
}

#[test]
fn registering_the_same_one_twice_is_an_error_and_changes_nothing() {
    registered();
    assert_eq!(register(&Number("first")), Err(NotRegistered::AlreadyThere));
    at(7, || {
        thread::scope(|scope| {
            // While others hop.
            for _ in 0..4 {
                scope.spawn(|| {
                    NUMBER.set(8);
                    assert_eq!(register(&Number("second")), Err(NotRegistered::AlreadyThere));
                    assert_eq!(Hop::current().run(number), 8);
                });
            }
        });
        let entered = Hop::current().run(|| ENTERED.with_borrow(Vec::clone));
        assert_eq!(entered, [("first", 7), ("second", 7)], "each once, in order");
    });
}

#[test]
fn every_hop_takes_what_is_current_along_and_what_is_detached_has_nothing() {
    at(7, || {
        let all = || (number(), USER.try_get().ok());
        USER.sync_scope("ada", || {
            assert_eq!(stackholm::thread::spawn(all).join().unwrap(), (7, Some("ada")));
            assert_eq!(stackholm::thread::spawn_detached(all).join().unwrap(), (0, None));
            let [job, message] = [Context::current(), Context::empty()].map(|c| c.wrap(all));
            assert_eq!(thread::spawn(job).join().unwrap(), (7, Some("ada")));
            assert_eq!(message(), (0, None), "on this thread, too");
            let sent = Envelope::new(()).map(|()| number());
            assert_eq!(*sent.get_ref(), 7);
            assert_eq!(
                thread::spawn(move || sent.open(|_| all())).join().unwrap(),
                (7, Some("ada"))
            );
            assert_eq!(Envelope::detached(()).open(|()| all()), (0, None));
            assert_eq!(stackholm::rayon::join(all, || ()).0, (7, Some("ada")));
            assert_eq!(stackholm::rayon::join_detached(all, || ()).0, (0, None));
            let broadcast = stackholm::rayon::broadcast(|_| all());
            assert!(broadcast.iter().all(|seen| *seen == (7, Some("ada"))));
        });
        // With nothing bound there is nothing but the companions.
        assert_eq!(stackholm::thread::spawn(number).join().unwrap(), 7);
        assert_eq!(thread::spawn(Hop::current().wrap(number)).join().unwrap(), 7);
        assert_eq!(Hop::empty().run(number), 0);
    });
}

#[test]
fn a_context_stays_one_pointer_and_takes_nothing_by_itself() {
    at(7, || {
        assert_eq!(size_of::<Context>(), size_of::<usize>());
        let context = USER.sync_scope("ada", Context::current);
        NUMBER.set(9);
        assert_eq!(context.run(number), 9, "run is here");
        assert_eq!(context.clone().wrap(number)(), 9, "a hop is from here");
        NUMBER.set(7);
        assert!(context.ptr_eq(&context.clone()));
    });
}

#[test]
fn a_future_is_within_its_companions_at_each_poll_and_as_it_is_dropped() {
    struct SaysItsEnd(mpsc::Sender<u32>);
    impl Drop for SaysItsEnd {
        fn drop(&mut self) {
            self.0.send(number()).unwrap();
        }
    }
    let (send, ends) = mpsc::channel();
    let witness = SaysItsEnd(send);
    let mut polls = 0;
    let future = future::poll_fn(move |_| {
        let _witness = &witness;
        polls += 1;
        if polls < 3 { Poll::Pending } else { Poll::Ready(number()) }
    });
    let future = at(7, || Box::pin(future.in_current_context()));
    let mut cx = TaskContext::from_waker(Waker::noop());
    let mut future = at(1, || {
        let mut future = future;
        assert!(future.as_mut().poll(&mut cx).is_pending());
        future
    });
    assert!(future.as_mut().poll(&mut cx).is_pending());
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Ready(7));
    assert_eq!(ends.recv().unwrap(), 7, "dropped as it is ready");

    let (send, ends) = mpsc::channel();
    let witness = SaysItsEnd(send);
    let cancelled = at(8, || async move { drop(witness) }.in_current_context());
    at(1, || drop(cancelled));
    assert_eq!(ends.recv().unwrap(), 8, "dropped before it was polled");
}

#[test]
fn what_a_stack_ends_with_ends_within_its_companions() {
    struct SaysItsEnd(mpsc::Sender<(u32, bool)>);
    impl Drop for SaysItsEnd {
        fn drop(&mut self) {
            self.0.send((number(), USER.is_bound())).unwrap();
        }
    }
    static ENDS: Var<Mutex<SaysItsEnd>> = Var::new("ends");
    let (send, ends) = mpsc::channel();
    let bind = move || ENDS.set(Mutex::new(SaysItsEnd(send))).map_err(|_| ()).unwrap();
    let handed_over = at(7, || USER.sync_scope("ada", || Hop::current().wrap(bind)));
    // Where the stack ends there are other companions.
    at(8, handed_over);
    assert_eq!(ends.recv().unwrap(), (7, true));
}

#[test]
fn streams_iterators_and_sent_futures_are_within_their_companions() {
    let mut items = at(7, || std::iter::repeat_with(number).in_current_context());
    assert_eq!(thread::spawn(move || items.next()).join().unwrap(), Some(7));
    let detached = at(7, || std::iter::repeat_with(number).detached().next());
    assert_eq!(detached, Some(0));
    let without = at(7, || std::iter::repeat_with(number).in_current_context());
    assert_eq!(at(3, || without.without_companions().next()), Some(3));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let _entered = runtime.enter();
    let (task, job) = at(7, || {
        (
            stackholm::tokio::spawn(async {
                tokio::task::yield_now().await;
                number()
            }),
            stackholm::tokio::spawn_blocking(number),
        )
    });
    let seen = runtime.block_on(async { (task.await.unwrap(), job.await.unwrap()) });
    assert_eq!(seen, (7, 7));
}

#[test]
fn no_poll_of_a_thousand_interleaved_tasks_sees_the_companions_of_another() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let _entered = runtime.enter();
    let tasks: Vec<_> = (1..=1000)
        .map(|own| {
            at(own, || {
                stackholm::tokio::spawn(async move {
                    for _ in 0..5 {
                        assert_eq!(number(), own);
                        tokio::task::yield_now().await;
                    }
                    assert!(own % 100 != 0, "one in a hundred panics");
                })
            })
        })
        .collect();
    let failed = runtime.block_on(async {
        let mut failed = 0;
        for task in tasks {
            failed += u32::from(task.await.is_err());
        }
        failed
    });
    assert_eq!(failed, 10);
    // No worker has anything.
    for _ in 0..8 {
        let seen = runtime.block_on(async { tokio::spawn(async { number() }).await.unwrap() });
        assert_eq!(seen, 0);
    }
}

#[test]
fn a_companion_whose_panic_panics_as_it_is_dropped_keeps_no_hop_away() {
    at(7, || {
        CAPTURE_EXPLODES.set(true);
        let hop = Hop::current();
        CAPTURE_EXPLODES.set(false);
        assert_eq!(hop.run(|| ENTERED.with_borrow(Vec::clone)), [("first", 7), ("second", 0)]);
    });
}

#[test]
fn a_companion_whose_capture_panics_is_not_carried_and_that_is_told() {
    at(7, || {
        CAPTURE_PANICS.set(true);
        let hop = Hop::current();
        CAPTURE_PANICS.set(false);
        assert_eq!(hop.run(|| ENTERED.with_borrow(Vec::clone)), [("first", 7), ("second", 0)]);
        assert!(MISUSED.lock().unwrap().contains(&Misuse::CompanionPanicked));
    });
}

#[test]
fn a_companion_that_panics_as_it_is_entered_unwinds_the_poll_and_all_is_left() {
    static RAN: AtomicUsize = AtomicUsize::new(0);
    at(7, || {
        let job = async {
            RAN.fetch_add(1, SeqCst);
        };
        let mut future = pin!(job.in_current_context());
        let mut cx = TaskContext::from_waker(Waker::noop());
        ENTER_PANICS.set(true);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx)));
        ENTER_PANICS.set(false);
        assert!(polled.is_err());
        assert!(ENTERED.with_borrow(Vec::is_empty) && RAN.load(SeqCst) == 0);
        assert!(future.as_mut().poll(&mut cx).is_ready(), "it goes on where it was");
        assert_eq!(RAN.load(SeqCst), 1);
    });
}

#[test]
fn a_panic_inside_leaves_all_that_was_entered() {
    at(7, || {
        let hop = Hop::current();
        NUMBER.set(1);
        assert!(catch_unwind(|| hop.run(|| panic!("as it does"))).is_err());
        assert_eq!((number(), ENTERED.with_borrow(Vec::len)), (1, 0));
        NUMBER.set(7);
    });
}

#[test]
fn hops_within_hops_are_entered_one_inside_the_other() {
    at(1, || {
        let outer = Hop::current();
        NUMBER.set(2);
        let inner = Hop::current();
        NUMBER.set(1);
        outer.run(|| {
            assert_eq!(inner.run(|| (number(), ENTERED.with_borrow(Vec::len))), (2, 4));
            assert_eq!((number(), ENTERED.with_borrow(Vec::len)), (1, 2));
        });
    });
}

#[test]
fn the_context_of_a_future_that_has_companions_is_its_own() {
    at(7, || {
        let mut future = USER.sync_scope("ada", || {
            Box::pin(
                async {
                    USER.set("grace").unwrap();
                    future::pending::<()>().await;
                }
                .in_current_context(),
            )
        });
        assert_eq!(future.as_mut().context().get(&USER), Some(&"ada"));
        let mut cx = TaskContext::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut cx).is_pending());
        assert_eq!(future.as_mut().context().get(&USER), Some(&"grace"));
    });
}
