//! What a system must do to take part, and how each piece of work is done with it.
//!
//! Values are numbers. A system is used as its own documentation says; `State` is what the user
//! passes along by hand, which is nothing where the system keeps it for them. What a system cannot
//! do it says in `offers`.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

pub use stackholm_benches::bound::value;

/// A future as everybody spawns it, so that none is ahead by being unboxed.
pub type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What may be asked of a system.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Bound(usize),
    Depth(usize),
    Read,
    Absent,
    Copy,
    Share,
    Generations,
    Poll,
}

pub trait System: 'static {
    const NAME: &'static str;
    /// What it leaves out, where that makes it faster than us.
    const LEAVES_OUT: &'static str;

    type State: Clone + Send + Sync + 'static;
    type Snapshot: Send + Sync + 'static;

    /// Once in the process.
    fn prepare() {}

    /// Whether it can do that, or why not.
    fn offers(ask: Ask) -> Result<(), &'static str>;

    /// Begins with nothing bound.
    fn begin(work: &mut dyn FnMut(&Self::State));

    /// Binds one variable while `work` runs.
    fn scope<const N: usize, R>(
        state: &Self::State,
        value: u64,
        work: impl FnOnce(&Self::State) -> R,
    ) -> R;

    /// The same, where the number is known only at run time.
    fn scope_at(state: &Self::State, number: usize, work: &mut dyn FnMut(&Self::State));

    /// Reads what is bound.
    fn read<const N: usize>(state: &Self::State) -> Option<u64>;

    /// Reads what is not bound, but has a default.
    fn read_default(state: &Self::State) -> u64 {
        Self::read::<40>(state).unwrap_or(7)
    }

    /// Everything that is visible, of which `number` variables matter.
    fn capture(state: &Self::State, number: usize) -> Self::Snapshot;

    /// One more handle on the same.
    fn copy(_: &Self::Snapshot) -> Option<Self::Snapshot> {
        None
    }

    /// Runs `work` in what was captured.
    fn within<R>(snapshot: Self::Snapshot, work: impl FnOnce(&Self::State) -> R) -> R;

    /// A future that sees what is visible here.
    fn wrap<F>(state: &Self::State, number: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static;

    /// Work for another task.
    fn task(state: &Self::State, number: usize, work: fn(&Self::State) -> u64) -> Boxed<u64> {
        let theirs = state.clone();
        Self::wrap(state, number, async move { work(&theirs) })
    }

    /// Work for another thread.
    fn job(
        state: &Self::State,
        number: usize,
        work: fn(&Self::State) -> u64,
    ) -> impl FnOnce() -> u64 + Send + 'static {
        let snapshot = Self::capture(state, number);
        move || Self::within(snapshot, work)
    }

    /// A future that is never ready.
    fn busy(state: &Self::State, number: usize) -> Boxed<()> {
        Self::wrap(state, number, Holding(stackholm_benches::work::Busy::new(), state.clone()))
    }
}

/// A future and what it was given by hand.
struct Holding<S>(stackholm_benches::work::Busy, S);

impl<S> Unpin for Holding<S> {}

impl<S> Future for Holding<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        black_box(&self.1);
        Pin::new(&mut self.0).poll(task)
    }
}

/// Binds `number` variables, one within the other, and starts again with the first after
/// `different` of them.
pub fn bind<S: System>(
    state: &S::State,
    number: usize,
    different: usize,
    work: &mut dyn FnMut(&S::State),
) {
    fn deeper<S: System>(
        state: &S::State,
        at: usize,
        number: usize,
        different: usize,
        work: &mut dyn FnMut(&S::State),
    ) {
        if at == number {
            return work(state);
        }
        S::scope_at(state, at % different, &mut |state| {
            deeper::<S>(state, at + 1, number, different, work)
        });
    }
    deeper::<S>(state, 0, number, different, work);
}

/// Begins, and binds the first `number` variables.
pub fn bound<S: System>(number: usize, mut work: impl FnMut(&S::State)) {
    S::begin(&mut |state| bind::<S>(state, number, number.max(1), &mut work));
}

/// What a read gives, or the right value where the system lets nobody read.
pub fn read<S: System, const N: usize>(state: &S::State) -> u64 {
    match S::offers(Ask::Read) {
        Ok(()) => S::read::<N>(black_box(state)).unwrap_or(0),
        Err(_) => value(N),
    }
}
