//! Cancellation with a cause: work asks whether it is to stop, and learns why.
//!
//! Being cancelled is the value of an ordinary variable, [`CANCEL`]: whatever carries variables
//! carries it, to threads and jobs too, and work that is detached is cancelled by nobody. A scope
//! inside another is cancelled with it. The first cause stays. Asking takes no lock and looks at
//! each scope from the innermost outwards; once cancelled, at one.
//!
//! A future that is dropped has not been cancelled in this sense: there is nobody left to be told a
//! cause.
//!
//! ```
//! use stackholm::{cancel, thread};
//!
//! let seen = cancel::scope(|handle| {
//!     let worker = thread::spawn(|| {
//!         loop {
//!             if let Err(cancelled) = cancel::check() {
//!                 return cancelled.cause().to_string();
//!             }
//!         }
//!     });
//!     handle.cancel("the client is gone");
//!     worker.join().unwrap()
//! });
//! assert_eq!(seen, "the client is gone");
//! assert!(!cancel::is_cancelled());
//! ```

mod cause;
mod source;

pub use self::cause::{Cancelled, Cause};

use self::source::{Action, Registered, Source};
use crate::checkpoint::Scope;
use crate::deadline::{self, DEADLINE, Deadline};
use crate::engine::{Mask, current};
use crate::entered::Entered;
use crate::future::InContext;
use crate::stack::Stack;
use crate::sys::Arc;
use crate::var::Var;
use pin_project_lite::pin_project;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{self, Poll};

/// The scope that the work here is cancelled with, of full reach.
pub static CANCEL: Var<Cancel> = Var::new("cancel");

/// A scope that work is cancelled with; seen from inside, where nobody can cancel it.
#[derive(Clone)]
pub struct Cancel(Arc<Source>);

impl Cancel {
    /// Whether it was cancelled, or a scope around it.
    pub fn is_cancelled(&self) -> bool {
        self.0.cause().is_some()
    }

    /// Why, if it was cancelled, or a scope around it.
    pub fn cause(&self) -> Option<Cause> {
        self.0.cause().cloned()
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel").field("cause", &self.0.cause()).finish()
    }
}

/// Cancels what runs in a [`Cancellable`], from anywhere. Dropping it cancels nothing.
#[derive(Clone, Debug)]
pub struct Handle(Cancel);

impl Handle {
    /// Cancels, and calls whoever waits, on this thread. `false` if it was cancelled before: then
    /// the first cause stays.
    ///
    /// # Panics
    /// With the first panic of a callback of [`on_cancel`], when all of them were called.
    #[track_caller]
    pub fn cancel(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> bool {
        self.0.0.cancel(Cause::new(cause.into(), Location::caller()))
    }

    /// Whether it was cancelled, or a scope around it.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Why, if it was cancelled, or a scope around it.
    pub fn cause(&self) -> Option<Cause> {
        self.0.cause()
    }
}

/// Calls `f` in a scope that its handle cancels.
#[track_caller]
pub fn scope<R>(f: impl FnOnce(&Handle) -> R) -> R {
    let (handle, cancellable) = cancellable();
    cancellable.run(|| f(&handle))
}

/// A scope to be entered, and the handle that cancels it.
///
/// # Examples
/// ```
/// use stackholm::cancel::{self, CancelExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (handle, cancellable) = cancel::cancellable();
/// let work = stackholm::tokio::spawn(cancellable.wrap(async {
///     std::future::pending::<()>().until_cancelled().await
/// }));
/// handle.cancel("shutdown");
/// let cancelled = work.await.unwrap().unwrap_err();
/// assert_eq!(cancelled.cause().to_string(), "shutdown");
/// # }
/// ```
pub fn cancellable() -> (Handle, Cancellable) {
    let cancel = Cancel(Arc::default());
    (Handle(cancel.clone()), Cancellable(cancel))
}

/// A scope that is cancelled by its [`Handle`], and with the scope that it is entered in; entered
/// once. A future enters it where it is first polled.
#[must_use = "nothing can be cancelled before it is entered"]
#[derive(Debug)]
pub struct Cancellable(Cancel);

impl Cancellable {
    fn entered(self) -> Cancel {
        self.0.0.enter(CANCEL.try_with(|outer| Arc::clone(&outer.0)).ok());
        self.0
    }

    /// Enters the scope.
    #[track_caller]
    pub fn enter(self) -> Entered {
        CANCEL.enter(self.entered())
    }

    /// Calls `f` in the scope.
    #[track_caller]
    pub fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// A future that works in the scope. This does not end it: it asks [`check`], or it is made of
    /// futures that end [when they are cancelled](CancelExt::until_cancelled).
    #[track_caller]
    pub fn wrap<F>(self, future: F) -> InContext<F, Self> {
        InContext::waiting(future, self, Location::caller(), |cancellable, place| {
            let cancel = cancellable.entered();
            let mut stack = Stack::going_on(place);
            let serial = current::serial();
            stack.work(|raw, _| raw.scope(CANCEL.key(), cancel, || serial, place));
            stack
        })
    }
}

/// Whether the work here was cancelled. A deadline that is over is not asked for.
#[inline]
pub fn is_cancelled() -> bool {
    !CANCEL.has_nothing() && CANCEL.try_with(Cancel::is_cancelled).unwrap_or(false)
}

/// Why the work here was cancelled, if it was. A deadline that is over is not asked for.
pub fn cause() -> Option<Cause> {
    if CANCEL.has_nothing() { None } else { CANCEL.try_with(Cancel::cause).ok().flatten() }
}

/// Fails if the work here was cancelled, or its deadline is over: for loops of blocking code.
///
/// # Errors
/// If it was cancelled: with that cause. Else if the deadline is over: with the
/// [`Expired`](deadline::Expired) as the cause, and the place of the limit.
pub fn check() -> Result<(), Cancelled> {
    if let Some(cause) = cause() {
        return Err(Cancelled(cause));
    }
    deadline::check().map_err(|over| Cancelled(Cause::new(over.into(), over.place())))
}

/// Waits until the work is cancelled that is visible where this is first polled; without a scope,
/// for ever.
pub fn cancelled() -> WaitForCancel {
    WaitForCancel { waits: None }
}

/// Calls `f` when the work here is cancelled, on the thread of whoever cancels; at once, if it was
/// cancelled. Never if nobody can cancel it.
///
/// It is called at most once, in nobody's context in particular.
#[must_use = "dropping it stops the call"]
pub fn on_cancel(f: impl FnOnce(&Cause) + Send + 'static) -> Stop {
    let source = CANCEL.try_with(|cancel| Arc::clone(&cancel.0)).ok();
    Stop(source.map(|source| Registered::new(source, Action::Run(Box::new(f)))))
}

/// Keeps a call of [`on_cancel`] registered, until it is dropped.
#[must_use = "dropping it stops the call"]
pub struct Stop(Option<Registered>);

impl Stop {
    /// Says whether the call was still to come; it does not come any more.
    pub fn stop(self) -> bool {
        self.0.as_ref().is_some_and(Registered::stop)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").finish_non_exhaustive()
    }
}

/// Waits for a cancel; made by [`cancelled`].
#[must_use = "futures do nothing unless polled"]
pub struct WaitForCancel {
    waits: Option<Option<Registered>>,
}

impl Future for WaitForCancel {
    type Output = Cause;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Cause> {
        match &self.waits {
            Some(Some(registered)) => registered.wake(cx.waker()),
            Some(None) => return Poll::Pending,
            None => {
                let source = CANCEL.try_with(|cancel| Arc::clone(&cancel.0)).ok();
                let wake = || Action::Wake(cx.waker().clone());
                self.waits = Some(source.map(|source| Registered::new(source, wake())));
            }
        }
        match self.waits.as_ref().and_then(|waits| waits.as_ref()?.cause().cloned()) {
            Some(cause) => Poll::Ready(cause),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for WaitForCancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancel").finish_non_exhaustive()
    }
}

/// Ends futures when they are cancelled, and shields them from that.
pub trait CancelExt: Sized {
    /// Ends the future when the work is cancelled that is visible where it is first polled. What is
    /// ready in that same poll is given back.
    fn until_cancelled(self) -> UntilCancelled<Self>
    where
        Self: Future,
    {
        UntilCancelled { future: self, cancelled: cancelled() }
    }

    /// Goes on with all values, but with no deadline and no cancellation: for a commit, or work
    /// after the request.
    #[track_caller]
    fn shielded(self) -> InContext<Self, Shield> {
        shield().wrap(self)
    }
}

impl<T> CancelExt for T {}

/// What a shield masks.
pub type Shield = Scope<(((), Mask<'static, Deadline>), Mask<'static, Cancel>)>;

#[track_caller]
fn shield() -> Shield {
    Scope::new().unset(&DEADLINE).unset(&CANCEL)
}

/// Calls `f` with all values that are visible here, but with no deadline and no cancellation.
#[track_caller]
pub fn shielded<R>(f: impl FnOnce() -> R) -> R {
    shield().run(f)
}

pin_project! {
    /// A future that ends when it is cancelled; made by [`CancelExt::until_cancelled`].
    #[must_use = "futures do nothing unless polled"]
    pub struct UntilCancelled<F> {
        #[pin]
        future: F,
        cancelled: WaitForCancel,
    }
}

impl<F: Future> Future for UntilCancelled<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(this.cancelled).poll(cx).map(|cause| Err(Cancelled(cause)))
    }
}

impl<F> fmt::Debug for UntilCancelled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilCancelled").finish_non_exhaustive()
    }
}
