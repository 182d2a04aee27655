//! Abuse: forgotten and disordered guards, cancelled tasks, dying threads and runtimes, small
//! stacks, large values, allocations that fail, forks, and panics within panics.
//!
//! A program that ends its process runs in a child: the test starts itself again, with an
//! environment variable set.
#![expect(unsafe_code, reason = "a global allocator that fails, and fork")]

#[path = "common/this_program.rs"]
mod this_program;

use stackholm::{Checkpoint, Context, ContextExt, Entered, Scope, Var, embed::Stack};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use this_program::this_program;

static A: Var<u64> = Var::new("a");
static B: Var<u64> = Var::new("b");
static TEXT: Var<String> = Var::new("text");
static COUNTED: Var<Counted> = Var::new("counted");

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counted() -> (Counted, Arc<AtomicUsize>) {
    let drops = Arc::default();
    (Counted(Arc::clone(&drops)), drops)
}

fn nothing_is_left() {
    assert!(Context::current().is_empty());
    assert!(!A.is_bound() && !B.is_bound() && !TEXT.is_bound() && !COUNTED.is_bound());
}

const CHILD: &str = "STACKHOLM_ABUSE";

/// Runs `body` in a child process, in which `test` is the only test; `None` there, should `body`
/// come back.
fn in_a_child(test: &str, body: impl FnOnce(&str)) -> Option<impl Fn(&str) -> Output> {
    if let Ok(argument) = std::env::var(CHILD) {
        body(&argument);
        return None;
    }
    let test = String::from(test);
    Some(move |argument: &str| {
        let mut child = this_program();
        child.args([&test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, argument);
        child.output().unwrap()
    })
}

#[cfg(unix)]
fn signal(output: &Output) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&output.status)
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

// ---------------------------------------------------------------- guards

/// All orders of three.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// What three nested scopes of `A` show once those in `gone` were dropped: leaving one leaves all
/// inside it.
fn shown_after(gone: &[usize]) -> Option<u64> {
    let outermost = gone.iter().min().copied().unwrap_or(3);
    outermost.checked_sub(1).map(|i| i as u64)
}

fn three_guards(captured: bool) -> ([Option<Entered>; 3], Option<Context>) {
    let guards = [0, 1, 2].map(|i| Some(A.enter(i)));
    (guards, captured.then(Context::current))
}

#[test]
fn guards_dropped_in_each_of_six_orders_leave_what_lies_inside_them() {
    for order in ORDERS {
        for captured in [false, true] {
            let (mut guards, context) = three_guards(captured);
            for done in 1..=3 {
                drop(guards[order[done - 1]].take());
                assert_eq!(A.try_get().ok(), shown_after(&order[..done]), "{order:?}");
                A.sync_scope(9, || assert_eq!(A.get(), 9));
            }
            assert!(context.is_none_or(|context| context.get(&A) == Some(&2)));
            nothing_is_left();
        }
    }
}

#[test]
fn guards_dropped_in_each_of_six_orders_by_a_panic_leave_everything() {
    struct Late(Vec<Option<Entered>>, [usize; 3]);
    impl Drop for Late {
        fn drop(&mut self) {
            assert!(thread::panicking());
            for i in self.1 {
                drop(self.0[i].take());
                B.sync_scope(1, || assert_eq!(B.get(), 1));
            }
        }
    }
    for order in ORDERS {
        for captured in [false, true] {
            let caught = catch_unwind(|| {
                let (guards, _context) = three_guards(captured);
                let _late = Late(guards.into(), order);
                std::panic::resume_unwind(Box::new(()));
            });
            assert!(caught.is_err());
            nothing_is_left();
        }
    }
}

#[test]
fn guards_dropped_in_each_of_six_orders_by_a_thread_local_destructor_end_their_values_once() {
    struct Late(Vec<Option<Entered>>, [usize; 3]);
    impl Drop for Late {
        fn drop(&mut self) {
            for i in self.1 {
                drop(self.0[i].take());
                B.sync_scope(1, || assert_eq!(B.get(), 1));
            }
        }
    }
    thread_local! { static LATE: RefCell<Option<Late>> = const { RefCell::new(None) } }
    for order in ORDERS {
        for ours_first in [false, true] {
            let (value, drops) = counted();
            let ends = thread::spawn(move || {
                if ours_first {
                    drop(A.enter(0));
                }
                LATE.set(Some(Late(Vec::new(), order)));
                let guards =
                    vec![Some(A.enter(0)), Some(COUNTED.enter(value)), Some(Checkpoint::enter())];
                LATE.with_borrow_mut(|late| late.as_mut().unwrap().0 = guards);
            });
            ends.join().unwrap();
            assert_eq!(drops.load(SeqCst), 1, "{order:?}");
        }
    }
}

#[test]
fn a_guard_whose_checkpoint_an_outer_one_has_left_does_nothing_more() {
    let outer = A.enter(1);
    let inner = A.enter(2);
    drop(outer);
    let other = A.enter(3);
    let context = Context::current();
    drop(inner);
    assert_eq!(A.get(), 3, "what came later is not touched");
    drop(other);
    nothing_is_left();
    assert_eq!(context.get(&A), Some(&3));
}

#[test]
fn a_guard_dropped_on_another_stack_does_not_touch_that_one() {
    let guard = A.enter(1);
    let mut stack = Stack::new();
    let theirs = stack.run(|| A.enter(2));
    stack.run(|| {
        drop(guard);
        assert_eq!(A.get(), 2);
    });
    drop(theirs);
    // The first guard has left its checkpoint when the stack above it was swapped out. Nothing lies
    // above the other's, so that ends with its stack.
    assert_eq!((A.is_bound(), stack.get(&A)), (false, Some(&2)));
    drop(stack);
    nothing_is_left();
}

#[test]
fn anything_may_be_forgotten() {
    let (value, drops) = counted();
    let outer = Checkpoint::enter();
    std::mem::forget(COUNTED.enter(value));
    std::mem::forget(Checkpoint::enter());
    std::mem::forget(Scope::new().set(&A, 1).unset(&B).enter());
    std::mem::forget(Scope::new().set(&TEXT, String::from("never entered")));
    assert_eq!(A.get(), 1);
    let context = Context::current();
    std::mem::forget(context.clone());
    std::mem::forget(context.downgrade());
    std::mem::forget(context.with(&A, 2).enter());
    A.set(3).unwrap();
    let mut stack = Stack::inherit();
    stack.set(&A, 4).unwrap();
    std::mem::forget(stack);
    std::mem::forget(async { A.get() }.in_current_context());
    std::mem::forget(Checkpoint::prepare().set(&A, 5));
    let mut polled = Box::pin(std::future::poll_fn(|_| {
        std::mem::forget(A.enter(6));
        std::task::Poll::<()>::Pending
    }));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::future::Future::poll(polled.as_mut(), &mut task).is_pending());
    std::mem::forget(polled);
    A.with(|six| {
        std::mem::forget(B.enter(*six));
        assert_eq!((A.get(), B.get()), (6, 6));
    });
    drop(outer);
    nothing_is_left();
    // A forgotten context keeps its values for good; all else has gone.
    assert_eq!((drops.load(SeqCst), context.get(&A)), (0, Some(&1)));
}

#[test]
fn what_a_thread_forgets_ends_with_it() {
    let (value, drops) = counted();
    thread::spawn(move || std::mem::forget((COUNTED.enter(value), A.enter(1)))).join().unwrap();
    assert_eq!(drops.load(SeqCst), 1);
}

/// Each of them is dropped after the thread has left what the one before it entered.
#[test]
fn what_ten_destructors_of_a_thread_forget_ends_with_the_thread() {
    struct Forgets(RefCell<Option<Counted>>);
    impl Drop for Forgets {
        fn drop(&mut self) {
            self.0.take().into_iter().for_each(|value| std::mem::forget(COUNTED.enter(value)));
        }
    }
    macro_rules! locals {
        ($($name:ident)*) => {
            thread_local! { $(static $name: Forgets = const { Forgets(RefCell::new(None)) };)* }
            const LOCALS: &[&thread::LocalKey<Forgets>] = &[$(&$name),*];
        };
    }
    locals!(L1 L2 L3 L4 L5 L6 L7 L8 L9 L10);
    let drops = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&drops);
    let hand_out = move || {
        for local in LOCALS {
            local.with(|forgets| forgets.0.replace(Some(Counted(Arc::clone(&count)))));
        }
    };
    thread::spawn(hand_out).join().unwrap();
    assert_eq!(drops.load(SeqCst), LOCALS.len());
}

// ---------------------------------------------------------------- threads and tasks that die

#[test]
fn a_thread_killed_by_a_panic_with_frames_live_ends_its_values() {
    let (values, drops): (Vec<_>, Vec<_>) = (0..3).map(|_| counted()).unzip();
    let context = Arc::new(std::sync::Mutex::new(Context::empty()));
    let kept = context.clone();
    let killed = thread::spawn(move || {
        let mut values = values.into_iter();
        let _guard = COUNTED.enter(values.next().unwrap());
        std::mem::forget(COUNTED.enter(values.next().unwrap()));
        *kept.lock().unwrap() = Context::current();
        Checkpoint::run(|| {
            let _ = COUNTED.set(values.next().unwrap());
            std::panic::resume_unwind(Box::new("killed"));
        });
    });
    assert!(killed.join().is_err());
    assert_eq!(
        drops.iter().map(|drops| drops.load(SeqCst)).collect::<Vec<_>>(),
        [1, 0, 1],
        "the context shows one"
    );
    *context.lock().unwrap() = Context::empty();
    assert!(drops.iter().all(|drops| drops.load(SeqCst) == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_cancelled_before_in_and_after_a_poll_ends_its_values_and_leaves_its_worker_clean() {
    for polls in 0..4 {
        let (value, drops) = counted();
        let (started, ready) = tokio::sync::oneshot::channel();
        let job = async move {
            for _ in 0..polls {
                tokio::task::yield_now().await;
            }
            let checkpoint = async {
                let _ = B.set(polls);
                let _ = started.send(());
                std::future::pending::<()>().await;
            };
            checkpoint.await;
        };
        let task = tokio::spawn(COUNTED.scope(value, job));
        if polls > 0 {
            ready.await.unwrap();
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(drops.load(SeqCst), 1);
    }
    let (value, drops) = counted();
    let done = tokio::spawn(COUNTED.scope(value, async {}));
    let handle = done.abort_handle();
    done.await.unwrap();
    handle.abort();
    assert_eq!(drops.load(SeqCst), 1);
    for _ in 0..8 {
        tokio::spawn(async { nothing_is_left() }).await.unwrap();
    }
}

#[test]
fn a_runtime_shut_down_with_tasks_alive_ends_their_values() {
    let runtimes: [fn() -> tokio::runtime::Runtime; 2] = [
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap(),
        || tokio::runtime::Builder::new_current_thread().build().unwrap(),
    ];
    for build in runtimes {
        let runtime = build();
        let (values, drops): (Vec<_>, Vec<_>) = (0..20).map(|_| counted()).unzip();
        runtime.block_on(async {
            for (i, value) in values.into_iter().enumerate() {
                let job = async move {
                    std::mem::forget(A.enter(i as u64));
                    let _here = async { B.enter(1) };
                    std::future::pending::<()>().await;
                };
                tokio::spawn(COUNTED.scope(value, job));
            }
            tokio::task::yield_now().await;
        });
        let _mine = A.enter(7);
        drop(runtime);
        assert_eq!(A.get(), 7);
        assert!(drops.iter().all(|drops| drops.load(SeqCst) == 1));
    }
}

#[test]
fn a_task_that_panics_in_a_poll_leaves_its_worker_clean() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (value, drops) = counted();
        let job = COUNTED.scope(value, async {
            std::mem::forget(A.enter(1));
            tokio::task::yield_now().await;
            std::panic::resume_unwind(Box::new(()))
        });
        let job: tokio::task::JoinHandle<()> = tokio::spawn(job);
        assert!(job.await.unwrap_err().is_panic());
        assert_eq!(drops.load(SeqCst), 1);
        nothing_is_left();
    });
}

// ---------------------------------------------------------------- stacks and values of odd sizes

#[test]
fn a_stack_of_64_kib_is_enough_for_everything() {
    static OWNER: Var<Context> = Var::new("owner");
    let small = thread::Builder::new().stack_size(64 * 1024).spawn(|| {
        let outer = Checkpoint::enter();
        let mut context = Context::empty();
        for i in 0..20_000 {
            std::mem::forget(A.enter(i));
            B.sync_scope(i, || assert_eq!(A.get(), B.get()));
            context = Context::empty().with(&OWNER, context).with(&A, i);
        }
        let all = Context::current();
        Checkpoint::run(|| (0..200).for_each(|i| B.set(i).unwrap()));
        assert_eq!((all.len(), context.len()), (1, 2));
        all.run(|| assert_eq!(A.get(), 19_999));
        drop((outer, all, context));
        nothing_is_left();
    });
    small.unwrap().join().unwrap();
}

/// A thread keeps blocks of several sizes for its next scopes, up to a largest one.
#[test]
fn scopes_of_each_size_are_entered_left_and_entered_again() {
    fn of_size<const N: usize>(guards: &mut Vec<stackholm::Entered>) {
        let var = Var::<[u8; N]>::named("sized");
        for round in 0..3 {
            let read = || var.with(|bytes| bytes.iter().all(|byte| *byte == round));
            assert!(var.sync_scope([round; N], read));
        }
        guards.push(var.enter([7; N]));
    }
    macro_rules! of_sizes {
        ($($steps:literal)+) => {{
            let mut guards = Vec::new();
            $(of_size::<{ 64 * $steps }>(&mut guards);)+
            while guards.pop().is_some() {}
        }};
    }
    of_sizes!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24);
    of_sizes!(25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46);
    nothing_is_left();
}

#[test]
fn a_value_may_be_larger_than_a_page_and_aligned_to_one() {
    #[repr(align(4096))]
    struct Page([u8; 8192]);
    struct Large([u8; 20_000]);
    #[repr(align(128))]
    struct Nothing;
    static PAGE: Var<Page> = Var::new("page");
    static LARGE: Var<Large> = Var::new("large");
    static NOTHING: Var<Nothing> = Var::new("nothing");
    fn aligned<T>(value: &T) -> bool {
        std::ptr::from_ref(value).addr() % align_of::<T>() == 0
    }
    // The index in front of a frame moves it; so must its value be, for each number of variables.
    let others: Vec<Var<u64>> = (0..40).map(|_| Var::named("other")).collect();
    let mut guards = Vec::new();
    for other in &others {
        guards.push(other.enter(1));
        let check = || {
            assert!(PAGE.with(|page| aligned(page) && page.0.iter().all(|byte| *byte == 7)));
            assert!(LARGE.with(|large| large.0.iter().all(|byte| *byte == 8)));
            assert!(NOTHING.with(aligned));
        };
        let scope = Scope::new()
            .set(&PAGE, Page([7; 8192]))
            .set(&LARGE, Large([8; 20_000]))
            .set(&NOTHING, Nothing);
        let context = scope.run(|| {
            check();
            Context::current()
        });
        context.run(check);
        assert!(context.get(&PAGE).is_some_and(aligned));
        let prepared = Checkpoint::prepare().set(&PAGE, Page([7; 8192])).set(&NOTHING, Nothing);
        assert!(prepared.run(|| PAGE.with(aligned) && NOTHING.with(aligned)));
    }
    while guards.pop().is_some() {}
    nothing_is_left();
}

// ---------------------------------------------------------------- allocations that fail

thread_local! {
    /// After how many more allocations of this thread one fails.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
    /// Where the work has come to when it fails: what must be visible then.
    static EXPECTED: Cell<(Option<u64>, Option<u64>)> = const { Cell::new((None, None)) };
}

struct Failing;

#[global_allocator]
static ALLOCATOR: Failing = Failing;

// SAFETY: passes on to the system's allocator what it does not refuse.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match LEFT.get() {
            Some(0) => {
                LEFT.set(None);
                // What can be seen at this moment, in the midst of whatever asked for memory, is
                // whole. While a frame is made the stack is put aside, so that an allocator finds
                // nothing there that it could change.
                let seen = (A.try_with(|a| *a).ok(), B.try_with(|b| *b).ok());
                if seen != EXPECTED.get() && seen != (None, None) {
                    eprintln!("CORRUPT: {seen:?} for {:?}", EXPECTED.get());
                }
                eprintln!("FAILED");
                return std::ptr::null_mut();
            }
            Some(left) => LEFT.set(Some(left - 1)),
            None => {}
        }
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) };
    }
}

/// Work that allocates in all the ways there are, and says before each step what is visible.
fn work_that_allocates() {
    let expect = |a, b| EXPECTED.set((a, b));
    expect(None, None);
    let outer = A.enter(1);
    expect(Some(1), None);
    let inner = B.enter(2);
    expect(Some(1), Some(2));
    let context = Context::current();
    let more = context.with(&A, 3).without(&B);
    let entered = more.enter();
    expect(Some(3), None);
    let scope = Scope::new().set(&TEXT, String::new()).unset(&A).enter();
    expect(None, None);
    let checkpoint = Checkpoint::enter();
    A.set(4).unwrap();
    expect(Some(4), None);
    drop((checkpoint, scope, entered));
    expect(Some(1), Some(2));
    drop((inner, outer));
}

#[cfg(unix)]
#[test]
fn an_allocation_that_fails_aborts_and_nothing_is_corrupt_before() {
    let child =
        in_a_child("an_allocation_that_fails_aborts_and_nothing_is_corrupt_before", |argument| {
            LEFT.set(Some(argument.parse().unwrap()));
            work_that_allocates();
            LEFT.set(None);
            println!("DONE");
        });
    let Some(child) = child else { return };
    for nth in 0..100 {
        let output = child(&nth.to_string());
        let said = text(&output);
        assert!(!said.contains("CORRUPT"), "{said}");
        if said.contains("DONE") {
            assert!(nth >= 7 && output.status.success(), "{nth}: each step allocates: {said}");
            return;
        }
        assert_eq!(signal(&output), Some(libc::SIGABRT), "{nth}: {said}");
        assert!(said.contains("FAILED") && said.contains("memory allocation of"), "{said}");
    }
    panic!("it never came to its end");
}

// ---------------------------------------------------------------- processes

#[cfg(unix)]
#[test]
fn a_second_panic_during_unwinding_aborts() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("the second");
        }
    }
    static PANICS: Var<Panics> = Var::new("panics");
    let child = in_a_child("a_second_panic_during_unwinding_aborts", |_| {
        let _ = catch_unwind(|| PANICS.sync_scope(Panics, || panic!("the first")));
        println!("DONE");
    });
    let Some(child) = child else { return };
    let output = child("1");
    let said = text(&output);
    assert_eq!(signal(&output), Some(libc::SIGABRT), "{said}");
    assert!(
        said.contains("the first") && said.contains("the second") && !said.contains("DONE"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn two_values_whose_drops_panic_abort_and_one_does_not() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }
    static ONE: Var<Panics> = Var::new("one");
    static TWO: Var<Panics> = Var::new("two");
    let child = in_a_child("two_values_whose_drops_panic_abort_and_one_does_not", |argument| {
        let scope = Scope::new().set(&A, 1).set(&ONE, Panics);
        let caught = if argument == "1" {
            catch_unwind(AssertUnwindSafe(|| scope.run(|| ())))
        } else {
            catch_unwind(AssertUnwindSafe(|| scope.set(&TWO, Panics).run(|| ())))
        };
        assert!(caught.is_err());
        nothing_is_left();
        println!("DONE");
    });
    let Some(child) = child else { return };
    let one = child("1");
    assert!(one.status.success() && text(&one).contains("DONE"), "{}", text(&one));
    assert_eq!(signal(&child("2")), Some(libc::SIGABRT), "as a Vec of two such values would");
}

#[cfg(unix)]
#[test]
fn a_process_may_exit_inside_a_scope_inside_a_read() {
    let child = in_a_child("a_process_may_exit_inside_a_scope_inside_a_read", |argument| {
        let (value, _drops) = counted();
        let _guard = COUNTED.enter(value);
        let _context = Context::current();
        let mut stack = Stack::inherit();
        let exit =
            || TEXT.sync_scope(String::from("text"), || TEXT.with(|_| std::process::exit(17)));
        match argument {
            "here" => COUNTED.with(|_| exit()),
            "on another stack" => COUNTED.with(|_| stack.run(exit)),
            _ => COUNTED.with(|_| thread::scope(|scope| scope.spawn(exit).join().unwrap())),
        }
    });
    let Some(child) = child else { return };
    for place in ["here", "on another stack", "on another thread"] {
        let output = child(place);
        assert_eq!(output.status.code(), Some(17), "{place}: {}", text(&output));
    }
}

#[cfg(unix)]
#[test]
fn a_fork_without_exec_reads_and_changes_its_own_context() {
    let child = in_a_child("a_fork_without_exec_reads_and_changes_its_own_context", |_| {
        TEXT.set_global(String::from("global"));
        let _outer = A.enter(1);
        let context = Context::current().with(&B, 2);
        // A thread that is busy with the same contexts while the process forks.
        let (start, stop) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
        let busy = {
            let (context, start, stop) = (context.clone(), start.clone(), stop.clone());
            thread::spawn(move || {
                start.wait();
                while stop.load(SeqCst) == 0 {
                    context.run(|| A.sync_scope(3, || drop(Context::current().clone())));
                }
            })
        };
        start.wait();
        for _ in 0..20 {
            // SAFETY: the child calls nothing but what is tested here, and `_exit`.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                let reads = A.with(|a| *a) == 1
                    && context.get(&B) == Some(&2)
                    && TEXT.with(|text| text == "global");
                let enters =
                    context.run(|| B.sync_scope(5, || A.with(|a| *a) + B.with(|b| *b)) == 6);
                let leaves = Context::current().get(&B).is_none() && !B.is_bound();
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(if reads && enters && leaves { 0 } else { 1 }) };
            }
            let mut status = 0;
            // SAFETY: waits for our own child.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status}");
            assert_eq!(A.get(), 1);
        }
        stop.store(1, SeqCst);
        busy.join().unwrap();
        println!("DONE");
    });
    let Some(child) = child else { return };
    let output = child("1");
    assert!(output.status.success() && text(&output).contains("DONE"), "{}", text(&output));
}

#[cfg(unix)]
#[test]
fn a_value_whose_drop_panics_as_its_thread_ends_aborts() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }
    static PANICS: Var<Panics> = Var::new("panics");
    let child = in_a_child("a_value_whose_drop_panics_as_its_thread_ends_aborts", |_| {
        let _ = thread::spawn(|| std::mem::forget(PANICS.enter(Panics))).join();
        println!("DONE");
    });
    let Some(child) = child else { return };
    // As any other thread-local whose destructor panics.
    let output = child("1");
    assert_eq!(signal(&output), Some(libc::SIGABRT), "{}", text(&output));
}
