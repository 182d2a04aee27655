//! Tasks: on a pool of workers that take from each other, cancelled at any time, and in wrappers
//! that go round.

use crate::executor::{Pool, give_way};
use crate::support::{Alive, Pile, Value, any, on_threads, scenarios};
use shuttle::sync::Mutex;
use stackholm::{Context, ContextExt, Var};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");

scenarios! {
    a_hundred_tasks_on_a_pool {
        control_task_is_swapped_out: SwapsBack,
        control_task_leave_takes_parent: LeaveTakesParent,
        control_task_end_gives_parent: EndGivesParent,
    }
    cancels_against_polls {
        control_cancelled_task_is_swapped_out: SwapsBack,
        control_cancelled_only_one_ends: LastEnds,
    }
    wrapped_futures_that_migrate {
        control_wrapped_future_is_swapped_out: SwapsBack,
    }
}

/// What a worker has bound itself.
const WORKER: usize = 9_000;

/// Three workers until all is done; what each has bound is as it was.
fn work(pool: Arc<Pool>, alive: Alive) {
    on_threads(3, move |worker| {
        let own = A.enter(alive.value(WORKER + worker));
        pool.work(worker);
        assert_eq!(A.with(Value::number), WORKER + worker);
        drop(own);
        assert!(!A.is_bound() && !B.is_bound());
    });
}

fn sees(number: usize) {
    assert_eq!(A.with(Value::number), number);
}

/// A task of a hundred: sees its own before and after each rest, sets, binds a future inside it,
/// spawns one more.
async fn task(number: usize, alive: Alive, pool: Arc<Pool>) {
    sees(number);
    assert!(!B.is_bound());
    B.set(alive.value(number)).unwrap();
    give_way().await;
    let inner = A.scope(alive.value(number + 1000), async {
        sees(number + 1000);
        give_way().await;
        (A.with(Value::number), B.with(Value::number))
    });
    assert_eq!(inner.await, (number + 1000, number));
    sees(number);
    if number % 4 == 0 {
        pool.spawn(async move {
            sees(number);
            give_way().await;
            assert_eq!(B.with(Value::number), number);
        });
    }
    std::mem::forget(A.enter(alive.value(number + 2000)));
    give_way().await;
    sees(number + 2000);
    if number % 5 == 0 {
        // No panic that calls the hook: that would say that the scenario has failed.
        std::panic::resume_unwind(Box::new("on purpose"));
    }
}

/// Eighty tasks, and twenty that they spawn, are polled by whoever comes first.
pub(crate) fn a_hundred_tasks_on_a_pool() {
    let (alive, pool) = (Alive::default(), Pool::new(3));
    let (theirs, inner) = (alive.clone(), pool.clone());
    pool.spawn(async move {
        let base = Context::empty().with(&A, theirs.value(7));
        for number in 0..80 {
            let context = base.with(&A, theirs.value(number));
            inner.spawn_in(context, task(number, theirs.clone(), inner.clone()));
            if number % 8 == 0 {
                give_way().await;
            }
        }
    });
    work(pool, alive.clone());
    assert_eq!(alive.now(), 0);
}

/// Waits until it is told, if ever.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<(bool, Option<Waker>)>>);

impl Told {
    fn tell(&self) {
        let waker = {
            let mut told = self.0.lock().unwrap();
            told.0 = true;
            told.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Future for Told {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let mut told = self.0.lock().unwrap();
        if told.0 {
            return Poll::Ready(());
        }
        let before = told.1.replace(cx.waker().clone());
        drop(told);
        drop(before);
        Poll::Pending
    }
}

/// Is dropped with a task, and must see the task's own number then.
struct SeesAtItsEnd(usize);

impl Drop for SeesAtItsEnd {
    fn drop(&mut self) {
        assert_eq!(A.with(Value::number), self.0);
    }
}

/// Tasks that wait, rest and are ready are cancelled by two threads while three poll.
pub(crate) fn cancels_against_polls() {
    let (alive, pool) = (Alive::default(), Pool::new(3));
    let tasks = Pile::default();
    for number in 0..30 {
        let (told, theirs) = (Told::default(), alive.clone());
        let (waits, last) = (told.clone(), SeesAtItsEnd(number));
        let context = Context::empty().with(&A, alive.value(number));
        let task = pool.spawn_in(context, async move {
            let _last = last;
            sees(number);
            let _kept = B.scope(theirs.value(number), waits.clone());
            waits.await;
            let within = async {
                give_way().await;
                assert_eq!((A.with(Value::number), B.with(Value::number)), (number, number + 1));
            };
            B.scope(theirs.value(number + 1), within).await;
            sees(number);
        });
        tasks.put((told, task));
    }
    let others = tasks.clone();
    let cancels = shuttle::thread::spawn(move || {
        on_threads(2, move |_| {
            while let Some((told, task)) = others.take() {
                match any(3) {
                    0 => task.cancel(),
                    1 => told.tell(),
                    _ => {
                        told.tell();
                        task.cancel();
                    }
                }
            }
            assert!(!A.is_bound());
        });
    });
    work(pool, alive.clone());
    cancels.join().unwrap();
    assert_eq!((tasks.len(), alive.now()), (0, 0));
}

type Wrapped = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Futures in wrappers, one in another, go from thread to thread between polls, and some are
/// dropped in the middle.
pub(crate) fn wrapped_futures_that_migrate() {
    let (alive, pile) = (Alive::default(), Pile::<Wrapped>::default());
    for number in 0..20 {
        let theirs = alive.clone();
        let inner = async {
            sees(1000);
            give_way().await;
            sees(1000);
        };
        let inner = inner.in_context(Context::empty().with(&A, alive.value(1000)));
        let outer = async move {
            sees(number);
            B.set(theirs.value(number)).unwrap();
            let captured = Context::current();
            inner.await;
            sees(number);
            give_way().await;
            assert_eq!(captured.get(&B).map(Value::number), Some(number));
            std::mem::forget(A.enter(theirs.value(number + 2000)));
            give_way().await;
            sees(number + 2000);
        };
        pile.put(Box::pin(outer.in_context(Context::empty().with(&A, alive.value(number)))));
    }
    let (theirs, futures) = (alive.clone(), pile.clone());
    on_threads(3, move |thread| {
        let own = A.enter(theirs.value(WORKER + thread));
        while let Some(mut future) = futures.take() {
            let polled = future.as_mut().poll(&mut task::Context::from_waker(Waker::noop()));
            if polled.is_pending() && any(12) != 0 {
                futures.put(future);
            }
            sees(WORKER + thread);
        }
        drop(own);
        assert!(!A.is_bound() && !B.is_bound());
    });
    assert_eq!((pile.len(), alive.now()), (0, 0));
}
