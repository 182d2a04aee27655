//! To enter, read and leave a private frame takes no atomic read-modify-write: the test looks at
//! every instruction that is executed.
//!
//! The processor's trap flag stops after each instruction, and the signal handler looks at the next
//! one. So the test sees what really ran, the standard library included. The controls show that it
//! notices: operations that must count are seen to count.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![expect(unsafe_code, reason = "signals, the trap flag and a global allocator")]

use stackholm::{Checkpoint, Context, ContextExt, Scope, Var, embed::Stack};
use std::alloc::{GlobalAlloc, Layout, System};
use std::arch::asm;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

thread_local! {
    /// The allocator is not ours to judge: what runs inside it is not counted.
    static ALLOCATING: Cell<bool> = const { Cell::new(false) };
}

static STEPS: AtomicUsize = AtomicUsize::new(0);
static LOCKED: AtomicUsize = AtomicUsize::new(0);

struct Hidden;

#[global_allocator]
static ALLOCATOR: Hidden = Hidden;

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Hidden {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATING.set(true);
        // SAFETY: as the caller promised.
        let block = unsafe { System.alloc(layout) };
        ALLOCATING.set(false);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ALLOCATING.set(true);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) };
        ALLOCATING.set(false);
    }
}

/// Whether the instruction at `at` is an atomic read-modify-write: it has the lock prefix, or is an
/// exchange with memory, which locks without one.
///
/// # Safety
/// 1. `at` is where the processor goes on.
unsafe fn locks(mut at: *const u8) -> bool {
    // SAFETY: #1; an instruction is read no further than the second byte after its prefixes.
    unsafe {
        let mut lock = false;
        loop {
            match *at {
                0xF0 => lock = true,
                0x26 | 0x2E | 0x36 | 0x3E | 0x64..=0x67 | 0xF2 | 0xF3 => {}
                _ => break,
            }
            at = at.add(1);
        }
        if *at & 0xF0 == 0x40 {
            at = at.add(1);
        }
        lock || matches!(*at, 0x86 | 0x87) && *at.add(1) < 0xC0
    }
}

extern "C" fn after_each_instruction(
    _: libc::c_int,
    _: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the system hands over the state of the thread that was stopped.
    let at =
        unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] };
    if !ALLOCATING.get() {
        STEPS.fetch_add(1, Relaxed);
        // SAFETY: that is where it goes on.
        LOCKED.fetch_add(usize::from(unsafe { locks(at as *const u8) }), Relaxed);
    }
}

fn listen() {
    // SAFETY: all fields of the action are set or may be zero; the handler only touches atomics.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = after_each_instruction as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGTRAP, &raw const action, std::ptr::null_mut()), 0);
    }
}

/// How many atomic read-modify-writes `f` executes when it runs for the second time.
fn locked(f: impl Fn()) -> usize {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    listen();
    f();
    STEPS.store(0, Relaxed);
    LOCKED.store(0, Relaxed);
    // SAFETY: only the trap flag changes, and the red zone is left alone.
    unsafe { asm!("sub rsp, 128", "pushfq", "or qword ptr [rsp], 0x100", "popfq", "add rsp, 128") };
    f();
    // SAFETY: as above.
    unsafe { asm!("sub rsp, 128", "pushfq", "and qword ptr [rsp], -257", "popfq", "add rsp, 128") };
    // In a release build the smallest of them takes ten.
    assert!(STEPS.load(Relaxed) > 4, "nothing was stopped at: {STEPS:?}");
    LOCKED.load(Relaxed)
}

static A: Var<u64> = Var::new("a");
static B: Var<u64> = Var::new("b");
static TEXT: Var<String> = Var::new("text");
static ABSENT: Var<u64> = Var::new("absent");
static DEFAULT: Var<u64> = Var::with_default("default", || 7);

#[test]
fn a_locked_instruction_is_noticed() {
    let counter = AtomicUsize::new(0);
    let add = || {
        black_box(black_box(&counter).fetch_add(1, Relaxed));
    };
    let exchange = || {
        black_box(black_box(&counter).swap(1, Relaxed));
    };
    let compare = || {
        black_box(black_box(&counter).compare_exchange(1, 2, Relaxed, Relaxed)).ok();
    };
    let load_and_store =
        || black_box(&counter).store(black_box(&counter).load(Relaxed) + 1, Relaxed);
    assert_eq!(locked(add), 1);
    assert_eq!(locked(exchange), 1, "an exchange has no prefix");
    assert_eq!(locked(compare), 1);
    assert_eq!(locked(|| (add(), compare(), exchange()).0), 3);
    assert_eq!(locked(load_and_store), 0);
}

#[test]
fn counting_a_context_is_noticed() {
    let capture = || {
        let guard = A.enter(1);
        let context = Context::current();
        drop((context.clone(), guard));
    };
    assert!(locked(capture) > 1);
}

#[test]
fn entering_reading_and_leaving_what_is_private_locks_nothing() {
    let enter_read_leave = || {
        let outer = A.enter(1);
        let inner = B.enter(2);
        let text = TEXT.enter(String::from("text"));
        assert_eq!(A.get() + B.get() + black_box(TEXT.with(String::len) as u64), 7);
        assert!(A.is_bound() && !ABSENT.is_bound() && ABSENT.try_get().is_err());
        assert_eq!(DEFAULT.get(), 7);
        drop(text);
        drop(inner);
        drop(outer);
    };
    assert_eq!(locked(enter_read_leave), 0, "from an empty stack");
    let _throw_away = Checkpoint::enter();
    assert_eq!(locked(enter_read_leave), 0, "inside a checkpoint");
    let _kept = Context::current();
    assert_eq!(locked(enter_read_leave), 0, "above what a context keeps");
}

#[test]
fn scopes_checkpoints_and_changes_of_what_is_private_lock_nothing() {
    let block = || {
        Scope::new().set(&A, 1).set(&B, 2).run(|| assert_eq!(A.get() + B.get(), 3));
        let checkpoint = Checkpoint::enter();
        A.set(1).unwrap();
        A.set(2).unwrap();
        B.set(3).unwrap();
        B.unset().unwrap();
        A.pop().unwrap();
        A.reset().unwrap();
        assert!(!B.is_bound());
        drop(checkpoint);
    };
    assert_eq!(locked(block), 0, "from an empty stack");
    let _bound = TEXT.enter(String::from("text"));
    let _kept = Context::current();
    assert_eq!(locked(block), 0, "above what a context keeps");
}

#[test]
fn reading_what_a_context_keeps_locks_nothing() {
    let _bound = A.enter(1);
    let context = Context::current();
    assert_eq!(locked(|| assert_eq!(A.get(), 1)), 0, "on its stack");
    assert_eq!(locked(|| assert_eq!(context.get(&A), Some(&1))), 0, "in the context");
    let mut stack = Stack::on(context);
    let reads = RefCell::new(&mut stack);
    assert_eq!(locked(|| reads.borrow_mut().run(|| assert_eq!(A.get(), 1))), 0, "swapped in");
}

#[test]
fn swapping_in_for_a_poll_locks_nothing() {
    let _bound = A.enter(1);
    let count = Cell::new(0_u64);
    let reads = std::future::poll_fn(|_| {
        count.set(count.get() + A.get());
        std::task::Poll::<()>::Pending
    });
    let future = RefCell::new(Box::pin(reads.in_current_context()));
    let poll = || {
        let mut task = std::task::Context::from_waker(Waker::noop());
        assert!(pin!(future.borrow_mut().as_mut()).poll(&mut task).is_pending());
    };
    assert_eq!(locked(poll), 0);
    assert_eq!(count.get(), 2);
}
