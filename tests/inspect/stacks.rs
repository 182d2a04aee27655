//! What there is now: every stack.

use crate::{here, is_alone, opened_in};
use futures_util::{FutureExt, StreamExt, stream};
use stackholm::inspect::{self, BindingView, Kind, Look, StackView, State};
use stackholm::{Checkpoint, Context, ContextExt, Envelope, Place, Scope, Var, embed::Stack};
use std::any::Any;
use std::cell::Cell;
use std::fmt::{self, Debug, Formatter};
use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Barrier, Mutex, mpsc};
use std::task::{self, Waker};
use std::thread;
use std::time::{Duration, Instant};

fn poll<F: Future>(future: Pin<&mut F>) -> task::Poll<F::Output> {
    future.poll(&mut task::Context::from_waker(Waker::noop()))
}

/// The stacks of this file that were opened in a line.
fn seen_in(look: &Look, line: u32) -> Vec<StackView> {
    let view = look.look();
    let is_it = |at: Place| at.file() == file!() && at.line() == line;
    let seen = view.stacks().iter().filter(|stack| stack.opened_at().is_some_and(is_it));
    seen.cloned().collect()
}

fn names(stack: &StackView) -> Vec<&str> {
    stack.bindings().expect("it is idle").iter().map(BindingView::name).collect()
}

#[test]
fn ten_thousand_futures_that_wait_are_listed_with_their_opener_and_the_names_bound_in_them() {
    static REQUEST: Var<usize> = Var::new("request");
    static STEP: Var<&str> = Var::new("step");
    let _watching = inspect::watch();
    let number = if cfg!(miri) { 20 } else { 10_000 };
    let (inner_at, outer_at) = (Cell::new(0), Cell::new(0));
    let waiting = |n| {
        let steps = async { STEP.scope("wait", pending::<()>()).await };
        let (at, waits) = (here(), steps.in_current_context());
        inner_at.set(at);
        let (at, waits) = (here(), REQUEST.scope(n, waits));
        outer_at.set(at);
        waits
    };
    let mut futures: Vec<_> = (0..number).map(|n| Box::pin(waiting(n))).collect();
    let waits: Vec<_> = futures.iter_mut().map(|future| poll(future.as_mut())).collect();
    assert!(waits.iter().all(task::Poll::is_pending));
    let listed = opened_in(file!(), inner_at.get());
    assert_eq!(listed.len(), number);
    assert!(listed.windows(2).all(|two| two[0].id() < two[1].id()), "oldest first");
    for stack in &listed {
        assert!(matches!(stack.state(), State::Idle(_)) && stack.kind() == Kind::Task);
        assert_eq!((names(stack), stack.turns()), (vec![], 1), "made outside of the scope");
    }
    let scopes = opened_in(file!(), outer_at.get());
    assert_eq!(scopes.len(), number);
    for stack in &scopes {
        assert_eq!(names(stack), ["request"]);
        let [checkpoint] = stack.checkpoints() else { panic!("one: {stack:?}") };
        assert!(checkpoint.is_sealed() && checkpoint.name() == "request");
        assert_eq!(checkpoint.entered_at().line(), outer_at.get());
    }
    drop(futures);
    assert!([inner_at, outer_at].iter().all(|at| opened_in(file!(), at.get()).is_empty()));
}

#[test]
fn a_look_from_inside_a_poll_shows_that_stack_as_running_on_this_thread() {
    static N: Var<u8> = Var::new("inside");
    let _watching = inspect::watch();
    let at = Cell::new(0);
    let looks = async { opened_in(file!(), at.get()) };
    let (line, future) = (here(), looks.in_current_context());
    at.set(line);
    let mut future = pin!(future);
    let task::Poll::Ready(seen) = N.sync_scope(1, || poll(future.as_mut())) else { panic!() };
    let [seen] = &seen[..] else { panic!("{seen:?}") };
    let thread = inspect::this_thread();
    assert!(matches!(seen.state(), State::Running { thread: on, .. } if on == thread), "{seen:?}");
    assert!(seen.bindings().is_none());
}

#[test]
fn a_look_waits_for_no_thread_that_hangs_in_a_poll() {
    let _watching = inspect::watch();
    let (hangs, go_on) = (Barrier::new(2), Barrier::new(2));
    let (at, job) = (here(), Envelope::new(()));
    thread::scope(|scope| {
        scope.spawn(|| {
            job.open(|()| {
                hangs.wait();
                go_on.wait();
            });
        });
        hangs.wait();
        let seen = opened_in(file!(), at);
        go_on.wait();
        let here = inspect::this_thread();
        assert!(matches!(seen[0].state(), State::Running { thread, .. } if thread != here));
        assert_eq!(seen[0].kind(), Kind::Job);
    });
    assert!(opened_in(file!(), at).is_empty());
}

#[test]
fn each_kind_of_stack_has_its_name_and_the_parent_that_handed_over() {
    static N: Var<u8> = Var::new("kinds");
    let _watching = inspect::watch();
    let one = |line| match &opened_in(file!(), line)[..] {
        [stack] => (stack.kind(), stack.parent()),
        others => panic!("{others:?}"),
    };
    let guard = N.enter(1);
    let (task_at, task) = (here(), pending::<()>().in_current_context());
    let thread = inspect::this_stack();
    assert!(thread.is_some());
    assert_eq!(one(task_at), (Kind::Task, thread));
    let (alone_at, alone) = (here(), pending::<()>().detached());
    assert_eq!(one(alone_at), (Kind::Task, None));
    let items = stream::iter([1, 2]);
    let (stream_at, mut items) = (here(), items.in_current_context());
    assert_eq!(items.next().now_or_never(), Some(Some(1)));
    assert_eq!(one(stream_at), (Kind::Stream, thread));
    let (owned_at, mut owned) = (here(), Stack::inherit());
    assert_eq!(one(owned_at), (Kind::Owned, thread));
    // One that is handed over by a stack that is not the thread's.
    let outer = owned.run(inspect::this_stack);
    assert!(outer.is_some() && outer != thread);
    let (inner_at, inner) = owned.run(|| (here(), pending::<()>().in_current_context()));
    assert_eq!(one(inner_at), (Kind::Task, outer));
    // And one that is opened elsewhere.
    let (sent_at, sent) = (here(), Envelope::new(()));
    let opens = move || sent.open(|()| assert_eq!(one(sent_at), (Kind::Job, thread)));
    thread::spawn(opens).join().unwrap();
    drop((guard, task, alone, items, owned, inner));
    let all = [task_at, alone_at, stream_at, owned_at, inner_at, sent_at];
    assert!(all.iter().all(|at| opened_in(file!(), *at).is_empty()));
}

#[test]
fn a_thread_on_which_nothing_is_bound_is_the_parent_of_what_it_hands_over() {
    let _watching = inspect::watch();
    let hands_over = || {
        assert_eq!(inspect::this_stack(), None, "it is not listed yet");
        let (at, task) = (here(), pending::<()>().in_current_context());
        let parent = opened_in(file!(), at)[0].parent();
        assert!(parent.is_some() && parent == inspect::this_stack());
        drop(task);
    };
    thread::spawn(hands_over).join().unwrap();
}

#[test]
fn the_stack_of_a_thread_is_there_until_the_thread_ends() {
    static N: Var<u8> = Var::new("thread");
    let _watching = inspect::watch();
    let stack = thread::spawn(|| {
        let _guard = N.enter(1);
        let number = inspect::this_stack().expect("it is listed");
        let view = Look::new().limit(usize::MAX).look();
        let this = view.stacks().iter().find(|stack| stack.id() == number).unwrap();
        assert_eq!(this.kind(), Kind::Thread);
        assert!(
            matches!(this.state(), State::Running { thread, .. } if thread == inspect::this_thread())
        );
        number
    });
    let number = stack.join().unwrap();
    let view = Look::new().limit(usize::MAX).look();
    assert!(view.stacks().iter().all(|stack| stack.id() != number));
}

/// A thread calls back a few times as it ends; then what it enters is left to nobody.
#[test]
#[cfg_attr(miri, ignore = "leaks what the thread enters last")]
fn a_thread_that_enters_more_whatever_it_leaves_is_not_listed_after_its_end() {
    static AGAIN: Var<Again> = Var::new("again");
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            std::mem::forget(AGAIN.enter(Again));
        }
    }
    let _watching = inspect::watch();
    let number = thread::spawn(|| {
        std::mem::forget(AGAIN.enter(Again));
        inspect::this_thread()
    });
    let number = number.join().unwrap();
    let view = Look::new().limit(usize::MAX).look();
    let is_there =
        |state: State| matches!(state, State::Running { thread, .. } if thread == number);
    assert!(!view.stacks().iter().any(|stack| is_there(stack.state())));
}

#[test]
fn a_stack_that_is_changed_from_outside_shows_what_it_has_now() {
    static A: Var<u8> = Var::new("outside a");
    static B: Var<String> = Var::new("outside b");
    let _watching = inspect::watch();
    let context = Context::empty().with(&A, 1);
    let (line, mut stack) = (here(), Stack::on(context));
    let names_now = || {
        let seen = opened_in(file!(), line);
        let mut names = names(&seen[0]);
        names.sort_unstable();
        names.join(",")
    };
    assert_eq!(names_now(), "outside a");
    stack.set(&B, "x".into()).unwrap();
    assert_eq!(names_now(), "outside a,outside b");
    stack.unset(&A).unwrap();
    assert_eq!(names_now(), "outside b");
    stack.scope(&A, 2, |stack| {
        assert_eq!(names_now(), "outside a,outside b");
        stack.run(|| std::mem::forget(Scope::new().set(&A, 3).enter()));
        let seen = &opened_in(file!(), line)[0];
        assert_eq!(seen.checkpoints().len(), 2, "one was forgotten");
    });
    assert_eq!(opened_in(file!(), line)[0].checkpoints().len(), 0);
}

#[test]
fn values_are_shown_if_they_are_declared_and_asked_for() {
    static SHOWN: Var<String> = Var::new("shown value").shown();
    static SECRET: Var<String> = Var::new("secret value");
    let _watching = inspect::watch();
    let scope = Scope::new().set(&SHOWN, "x".repeat(300)).set(&SECRET, "s".into());
    let (line, task) = scope.run(|| (here(), pending::<()>().in_current_context()));
    let values = |wanted| {
        let look = Look::new().limit(usize::MAX).values(wanted);
        let stack = seen_in(&look, line).pop().unwrap();
        let value = |one: &BindingView| one.value().map(str::to_owned);
        let of = |name| stack.bindings().unwrap().iter().find(|one| one.name() == name).map(value);
        (of("shown value").unwrap(), of("secret value").unwrap())
    };
    let shown = format!("\"{}…", "x".repeat(255));
    assert_eq!(values(true), (Some(shown), None));
    assert_eq!(values(false), (None, None));
    drop(task);
}

/// A value that is shown by a closure.
struct Shows(fn(&mut Formatter<'_>) -> fmt::Result);

impl Debug for Shows {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

#[test]
fn a_value_that_panics_or_looks_itself_as_it_is_shown_harms_no_look() {
    // Others look at values too, and each panic would be told.
    if !is_alone("stacks::a_value_that_panics_or_looks_itself_as_it_is_shown_harms_no_look") {
        return;
    }
    static BAD: Var<Shows> = Var::new("bad value").shown();
    let _watching = inspect::watch();
    let looks = |f: &mut Formatter<'_>| write!(f, "{}", inspect::look().stacks().len() > 1);
    let open =
        |show| BAD.sync_scope(Shows(show), || (here(), pending::<()>().in_current_context()));
    // Without its hook: a backtrace can take longer than a value is waited for.
    let panics = |_: &mut Formatter<'_>| std::panic::resume_unwind(Box::new("no"));
    let ((line, panics), (_, looks)) = (open(panics), open(looks));
    let seen = || {
        let value = |stack: StackView| stack.bindings().unwrap()[0].value().unwrap().to_owned();
        let look = Look::new().limit(usize::MAX).values(true);
        seen_in(&look, line).into_iter().map(value).collect::<Vec<_>>()
    };
    assert_eq!(seen(), ["<panicked>", "true"]);
    assert_eq!(seen(), ["<panicked>", "true"], "and the one after");
    drop((panics, looks));
}

#[test]
fn a_value_that_waits_for_what_its_task_holds_does_not_make_a_look_wait() {
    // Others look at values too, and would wait for this one.
    if !is_alone("stacks::a_value_that_waits_for_what_its_task_holds_does_not_make_a_look_wait") {
        return;
    }
    static HELD: Mutex<()> = Mutex::new(());
    static BEFORE: Var<u32> = Var::new("value beside it").shown();
    static WAITS: Var<Shows> = Var::new("value that waits").shown();
    let _watching = inspect::watch();
    let waits = Shows(|f| {
        drop(HELD.lock().unwrap());
        f.write_str("at last")
    });
    let (line, task) = WAITS.sync_scope(waits, || (here(), pending::<()>().in_current_context()));
    let (other, another) = BEFORE.sync_scope(7, || (here(), pending::<()>().in_current_context()));
    let look = Look::new().limit(usize::MAX).values(true);
    let seen = || {
        let view = look.look();
        let value = |line| {
            let is_it = |at: Place| at.file() == file!() && at.line() == line;
            let opened = |stack: &&StackView| stack.opened_at().is_some_and(is_it);
            let stack = view.stacks().iter().find(opened).unwrap();
            stack.bindings().unwrap()[0].value().map(str::to_owned)
        };
        (value(line), value(other))
    };
    // The lock is held across the look, as by a task that is suspended.
    let held = HELD.lock().unwrap();
    let first = seen();
    assert_eq!(first.0.as_deref(), Some("<no answer>"));
    assert_eq!(first.1.as_deref(), Some("7"), "the next stack is shown all the same");
    // Each of these leaves one more thread behind, up to the bound.
    assert!((0..4).any(|_| seen().0.is_none()), "it is not asked for without end");
    drop(held);
    // The threads that waited come to their end now.
    while seen().0.as_deref() != Some("at last") {
        thread::yield_now();
    }
    drop((task, another));
}

#[test]
fn a_value_that_a_look_is_the_last_to_have_ends_there_and_harms_nothing() {
    // Others look at values too.
    if !is_alone("stacks::a_value_that_a_look_is_the_last_to_have_ends_there_and_harms_nothing") {
        return;
    }
    struct Ends(mpsc::Sender<()>);
    impl Debug for Ends {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            // Its task goes while it is shown.
            drop(TASK.lock().unwrap().take());
            f.write_str("shown")
        }
    }
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
            inspect::look();
        }
    }
    static TASK: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);
    static LAST: Var<Ends> = Var::new("last value").shown();
    let _watching = inspect::watch();
    let (ended, is_ended) = mpsc::channel();
    let (line, task) =
        LAST.sync_scope(Ends(ended), || (here(), pending::<()>().in_current_context()));
    *TASK.lock().unwrap() = Some(Box::new(task));
    let seen = seen_in(&Look::new().values(true), line);
    assert_eq!(is_ended.try_recv(), Ok(()));
    assert_eq!(seen[0].bindings().unwrap()[0].value(), Some("shown"));
    assert!(seen_in(&Look::new(), line).is_empty());
}

#[test]
fn a_look_has_a_limit_and_says_how_many_more_there_are() {
    if !is_alone("stacks::a_look_has_a_limit_and_says_how_many_more_there_are") {
        return;
    }
    let _watching = inspect::watch();
    let tasks: Vec<_> = (0..10_000).map(|_| pending::<()>().detached()).collect();
    let view = Look::new().limit(10).look();
    assert_eq!((view.stacks().len(), view.truncated()), (10, Some(9_990)));
    let view = Look::new().look();
    assert_eq!((view.stacks().len(), view.truncated()), (10_000, None));
    let view = Look::new().older_than(Duration::from_secs(3600)).look();
    assert_eq!((view.stacks().len(), view.truncated()), (0, None));
    drop(tasks);
    assert_eq!(inspect::look().stacks().len(), 0);
}

#[test]
fn a_binding_of_short_reach_is_shown_on_the_stack_that_has_it_alone() {
    static TX: Var<u8> = Var::new("tx").stays_on_stack();
    static USER: Var<u8> = Var::new("user");
    let _watching = inspect::watch();
    let (mut stack, on_stack) = (Stack::new(), here());
    let mut at = 0;
    let task = stack.run(|| {
        std::mem::forget((USER.enter(1), TX.enter(2)));
        at = here() + 1;
        pending::<()>().in_current_context()
    });
    let seen = seen_in(&Look::new(), on_stack);
    let mut seen = names(&seen[0]);
    // Their order is that of the places that their variables have in an index.
    seen.sort_unstable();
    assert_eq!(seen, ["tx", "user"]);
    assert_eq!(names(&seen_in(&Look::new(), at)[0]), ["user"], "it was not handed over");
    drop((task, stack));
}

#[test]
fn ages_are_those_of_the_stack_of_its_turn_and_of_what_was_left() {
    static USER: Var<String> = Var::new("user of some age");
    static MADE: Var<String> = Var::new("made some time ago");
    let _watching = inspect::watch();
    let begun = Instant::now();
    let (line, mut task) = (here(), Box::pin(pending::<()>().detached()));
    let left = USER.sync_scope("ada".into(), Context::current);
    let made = Context::empty().with(&MADE, "now".into());
    thread::sleep(Duration::from_millis(60));
    let polled = Instant::now();
    assert!(poll(task.as_mut()).is_pending());
    let view = inspect::look();
    let [stack] = &seen_in(&Look::new().older_than(Duration::from_millis(40)), line)[..] else {
        panic!("it is older than that");
    };
    let State::Idle(idle) = stack.state() else { panic!("it is idle") };
    // The clock moves on every four or ten milliseconds.
    let about = |since: Instant| since.elapsed() + Duration::from_millis(20);
    assert!(idle <= about(polled), "{idle:?} since its turn");
    let left_ago = view.outlived().iter().find(|it| it.name() == USER.name()).unwrap().left();
    let age = view.derived().iter().find(|it| it.name() == MADE.name()).unwrap().age();
    for age in [stack.age(), left_ago, age] {
        assert!(age >= Duration::from_millis(40) && age <= about(begun), "{age:?}");
    }
    drop((left, made));
}

#[test]
fn switched_off_stacks_disappear_and_switched_on_again_they_are_listed_once_polled() {
    if !is_alone(
        "stacks::switched_off_stacks_disappear_and_switched_on_again_they_are_listed_once_polled",
    ) {
        return;
    }
    let at = Cell::new(0);
    let open = || {
        let (line, task) = (here(), pending::<()>().in_current_context());
        at.set(line);
        Box::pin(task)
    };
    let listed = || opened_in(file!(), at.get()).len();
    let mut early = open();
    let watching = inspect::watch();
    let mut late = open();
    assert_eq!(listed(), 1);
    assert!(poll(early.as_mut()).is_pending());
    assert_eq!(listed(), 2);
    drop(watching);
    assert_eq!(inspect::look().stacks().len(), 0);
    let unseen = open();
    let watching = inspect::watch();
    assert_eq!(listed(), 0);
    for future in [&mut early, &mut late] {
        assert!(poll(future.as_mut()).is_pending());
    }
    assert_eq!(listed(), 2, "they were polled");
    drop((early, late, unseen));
    assert_eq!(listed(), 0);
    drop(watching);
}

#[test]
fn looks_beside_stacks_that_come_and_go_see_none_half() {
    static A: Var<String> = Var::new("coming a").shown();
    static B: Var<String> = Var::new("coming b").shown();
    let _watching = inspect::watch();
    let (is_over, at) = (AtomicBool::new(false), AtomicU32::new(0));
    let rounds = if cfg!(miri) { 30 } else { 5_000 };
    let come_and_go = |var: &'static Var<String>| {
        for n in 0..rounds {
            var.sync_scope(format!("{n}"), || {
                let inner = Checkpoint::wrap(var.scope("inner".into(), pending::<()>()));
                let (line, task) = (here(), inner.in_current_context());
                at.store(line, Relaxed);
                let mut task = Box::pin(task);
                assert!(poll(task.as_mut()).is_pending());
                assert!(poll(task.as_mut()).is_pending());
            });
        }
        is_over.store(true, Relaxed);
    };
    thread::scope(|scope| {
        scope.spawn(|| come_and_go(&A));
        scope.spawn(|| come_and_go(&B));
        while !is_over.load(Relaxed) {
            let look = Look::new().values(true).limit(usize::MAX);
            for stack in seen_in(&look, at.load(Relaxed)) {
                for binding in stack.bindings().unwrap_or_default() {
                    assert!(matches!(binding.name(), "coming a" | "coming b"), "{stack:?}");
                    let value = binding.value().expect("it is declared").trim_matches('"');
                    assert!(value.parse::<usize>().is_ok(), "{stack:?}");
                }
            }
        }
    });
    assert!(opened_in(file!(), at.load(Relaxed)).is_empty());
}
