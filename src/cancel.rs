//! Cancellation with a cause: work asks whether it is to stop, and learns why.
//!
//! Being cancelled is the value of an ordinary variable, [`CANCEL`]: whatever carries variables
//! carries it, to threads and jobs too, and work that is detached is cancelled by nobody. A scope
//! inside another is cancelled with it. The first cause stays. Asking takes no lock. It looks at
//! each scope from the innermost outwards until one is cancelled; after that it looks at one.
//!
//! A future that is dropped is not cancelled in this sense: nobody is left to be told the cause.
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

/// The scope that cancels the work here. Its reach is everywhere.
pub static CANCEL: Var<Cancel> = Var::new("cancel");

/// A scope that can be cancelled, as the work inside sees it: it can ask, but not cancel.
#[derive(Clone)]
pub struct Cancel(Arc<Source>);

impl Cancel {
    /// Whether this scope, or one around it, was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cause().is_some()
    }

    /// The cause, if this scope or one around it was cancelled.
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
    /// Cancels the scope: wakes each future that waits and runs each callback of [`on_cancel`], on
    /// this thread. Returns `false` if the scope, or one around it, was cancelled before; then the
    /// first cause stays.
    ///
    /// # Panics
    /// If a callback panics: with the first such panic, after all callbacks have run.
    #[track_caller]
    pub fn cancel(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> bool {
        self.0.0.cancel(Cause::new(cause.into(), Location::caller()))
    }

    /// Whether the scope, or one around it, was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// The cause, if the scope or one around it was cancelled.
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

/// A scope that can be cancelled, not entered yet. Its [`Handle`] cancels it, and so does a cancel
/// of the scope in which it is entered. A future enters it where it is first polled.
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

    /// A future that runs in the scope. A cancel does not end it by itself: the future must ask
    /// [`check`], or await futures that end [when they are
    /// cancelled](CancelExt::until_cancelled).
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

/// Whether the work here was cancelled. It does not look at the deadline, as [`check`] does.
#[inline]
pub fn is_cancelled() -> bool {
    !CANCEL.has_nothing() && CANCEL.try_with(Cancel::is_cancelled).unwrap_or(false)
}

/// Why the work here was cancelled, if it was. It does not look at the deadline, as [`check`] does.
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

/// Waits until the scope that is visible where this is first polled is cancelled. Where there is
/// none it waits for ever.
pub fn cancelled() -> WaitForCancel {
    WaitForCancel { waits: None }
}

/// Calls `f` when the work here is cancelled, on the thread of whoever cancels. If it was cancelled
/// before, `f` is called at once; if there is no scope here, never.
///
/// `f` is called at most once. It sees what is bound where it is called; it does not carry what is
/// bound here.
#[must_use = "dropping it stops the call"]
pub fn on_cancel(f: impl FnOnce(&Cause) + Send + 'static) -> Stop {
    let source = CANCEL.try_with(|cancel| Arc::clone(&cancel.0)).ok();
    Stop(source.map(|source| Registered::new(source, Action::Run(Box::new(f)))))
}

/// Keeps a call of [`on_cancel`] registered, until it is dropped.
#[must_use = "dropping it stops the call"]
pub struct Stop(Option<Registered>);

impl Stop {
    /// Stops the call. Returns whether it was still to come.
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
    /// Ends the future when the scope that is visible where it is first polled is cancelled. If the
    /// future is ready in that same poll, its output is returned.
    fn until_cancelled(self) -> UntilCancelled<Self>
    where
        Self: Future,
    {
        UntilCancelled { future: self, cancelled: cancelled() }
    }

    /// Runs with all values that are visible where it is first polled, but with no deadline and no
    /// cancellation: for a commit, or work after the request.
    #[track_caller]
    fn shielded(self) -> InContext<Self, Shield> {
        shield().wrap(self)
    }
}

impl<T> CancelExt for T {}

/// The scope of work that is [shielded]: it masks the deadline and the cancellation.
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
