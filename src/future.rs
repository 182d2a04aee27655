//! `ContextExt`: futures, streams, sinks and iterators that own their stack.
//!
//! The stack is swapped in for each poll and for the drop of what it wraps, and swapped out after,
//! even if that panics. Two words are swapped in and out again; nothing is counted and nothing
//! allocated. A future that is handed a context has its stack from the start. A scope makes the
//! stack at the first poll, from what is visible there.

use crate::context::Context;
use crate::engine::listed::Kind;
use crate::error::Place;
use crate::hop::Hop;
use crate::stack::Stack;
use core::fmt;
use core::future::Future;
use core::iter::FusedIterator;
use core::pin::Pin;
use core::task::{self, Poll};
use futures_core::{FusedFuture, FusedStream, Stream};
use futures_sink::Sink;
use pin_project_lite::pin_project;

/// Hands contexts to futures, streams, sinks and iterators, whatever drives them.
///
/// # Examples
/// ```
/// use stackholm::{ContextExt, Var};
/// # fn block_on<F: std::future::Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop { if let std::task::Poll::Ready(r) = future.as_mut().poll(&mut context) { return r; } }
/// # }
/// static USER: Var<&str> = Var::new("user");
///
/// let job = USER.sync_scope("ada", || async { USER.get() }.in_current_context());
/// assert_eq!(block_on(job), "ada");
/// ```
pub trait ContextExt: Sized {
    /// Runs in `context`, on a stack of its own that begins in an open checkpoint.
    #[doc(alias("with_context"))]
    #[track_caller]
    fn in_context(self, context: Context) -> InContext<Self> {
        InContext::new(Hop::with(context).into_stack(), self)
    }

    /// Runs in what is visible here and now, not where it is first polled.
    #[doc(alias("instrument", "in_current_span", "with_current_context", "propagate"))]
    #[inline]
    #[track_caller]
    fn in_current_context(self) -> InContext<Self> {
        InContext::new(Hop::current().into_stack(), self)
    }

    /// Runs in the empty context, whatever is visible here or where it is polled.
    #[track_caller]
    fn detached(self) -> InContext<Self> {
        self.in_context(Context::empty())
    }
}

impl<T> ContextExt for T {}

pin_project! {
    /// A future, stream, sink, iterator, body, reader or writer with a stack of its own.
    ///
    /// `B` is what it binds at its first poll:
    ///
    /// | type | made by | begins with |
    /// |---|---|---|
    /// | `InContext<F>` | [`ContextExt`], [`Envelope::open_async`](crate::Envelope::open_async), layers | the context that it was handed, as it was at the call |
    /// | `InContext<F, Bind<T>>` | [`Var::scope`](crate::Var::scope) | what is visible where it is first polled, and the binding |
    /// | `InContext<F, Scope<…>>` | [`Scope::wrap`](crate::Scope::wrap) | the same, and the bindings |
    /// | `InContext<F, Checkpoint>` | [`Checkpoint::wrap`](crate::Checkpoint::wrap) | the same |
    /// | `InContext<F, Prepared>` | [`Prepared::wrap`](crate::Prepared::wrap) | the same, and the bindings |
    /// | `InContext<F, Limit>` | [`Limit::wrap`](crate::deadline::Limit::wrap) | the same, and the deadline |
    /// | `InContext<F, Cancellable>` | [`Cancellable::wrap`](crate::cancel::Cancellable::wrap) | the same, and the scope that can be cancelled |
    ///
    /// From then on it runs on its own stack, whoever polls it, and what it enters and sets is
    /// still there at the next poll. "Polled" is any call that runs what is wrapped: `poll_next`,
    /// `next`, `poll_read`, [`on_stack`](Self::on_stack). If it is never polled, the stack is made
    /// where the wrapper is dropped, and what is wrapped is dropped on it.
    ///
    /// When a future is ready it is dropped on its stack, and then the stack ends. It panics if it
    /// is polled again.
    #[must_use = "futures and streams do nothing unless polled"]
    pub struct InContext<F, B = ()> {
        stack: Stack,
        // What the stack is to be made of, until it has begun.
        begins: Option<Boundary<B>>,
        // `None` once the future is ready, or while it is being dropped.
        #[pin]
        wrapped: Option<F>,
    }

    impl<F, B> PinnedDrop for InContext<F, B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.wrapped.is_some() {
                this.stack.run_begun(|| begin(this.begins), || this.wrapped.set(None));
            }
        }
    }
}

/// What makes the stack, once.
struct Boundary<B> {
    scope: B,
    place: Place,
    begin: fn(B, Place) -> Stack,
}

fn begin<B>(begins: &mut Option<Boundary<B>>) -> Stack {
    let Boundary { scope, place, begin } = begins.take().expect("it begins once");
    begin(scope, place)
}

#[cold]
#[inline(never)]
fn over() -> ! {
    panic!("a wrapped future is polled, or looked at, after it was ready")
}

impl<F> InContext<F> {
    pub(crate) fn new(mut stack: Stack, wrapped: F) -> Self {
        stack.is(Kind::Task);
        InContext { stack, begins: None, wrapped: Some(wrapped) }
    }
}

impl<F, B> InContext<F, B> {
    /// What `begin` makes of `scope` where it is first polled.
    #[track_caller]
    pub(crate) fn waiting(
        wrapped: F,
        scope: B,
        place: Place,
        begin: fn(B, Place) -> Stack,
    ) -> Self {
        InContext {
            stack: Stack::waiting(),
            begins: Some(Boundary { scope, place, begin }),
            wrapped: Some(wrapped),
        }
    }

    /// A snapshot of what is visible on the stack of this future, which begins now if it has not
    /// been polled. Empty once the future is ready.
    pub fn context(self: Pin<&mut Self>) -> Context {
        let this = self.project();
        if this.begins.is_some() {
            this.stack.begun(begin(this.begins));
        }
        this.stack.capture()
    }

    /// Leaves the [companions](crate::companion::Companion) as they are where it is polled.
    #[cfg(feature = "companions")]
    pub fn without_companions(mut self) -> Self {
        self.stack.unladen();
        self
    }

    /// What is wrapped.
    ///
    /// # Panics
    /// If it was a future, and is ready.
    pub fn get_ref(&self) -> &F {
        self.wrapped.as_ref().unwrap_or_else(|| over())
    }

    /// What is wrapped, to be looked at or changed from outside. Methods that are called on it do
    /// not run on its stack; for that see [`on_stack`](Self::on_stack).
    ///
    /// # Panics
    /// If it was a future, and is ready.
    pub fn get_mut(&mut self) -> &mut F {
        self.wrapped.as_mut().unwrap_or_else(|| over())
    }

    /// As [`get_mut`](Self::get_mut), of what is pinned.
    ///
    /// # Panics
    /// If it was a future, and is ready.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut F> {
        self.project().wrapped.as_pin_mut().unwrap_or_else(|| over())
    }

    /// What is wrapped. Its stack ends here, with all that is bound on it. If it was never polled,
    /// it is as if it had never been wrapped.
    ///
    /// # Panics
    /// If it was a future, and is ready.
    pub fn into_inner(mut self) -> F {
        self.wrapped.take().unwrap_or_else(|| over())
    }

    /// Calls `f` with what is wrapped, and with its stack as the current one: the way to give a
    /// wrapper one more trait, or to call a method that reads variables.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{ContextExt, InContext, Var};
    /// use std::pin::Pin;
    ///
    /// static USER: Var<&str> = Var::new("user");
    ///
    /// trait Job {
    ///     fn poll_job(self: Pin<&mut Self>) -> bool;
    /// }
    ///
    /// impl<J: Job, B> Job for InContext<J, B> {
    ///     fn poll_job(self: Pin<&mut Self>) -> bool {
    ///         self.on_stack(|job| job.poll_job())
    ///     }
    /// }
    ///
    /// struct IsAda;
    ///
    /// impl Job for IsAda {
    ///     fn poll_job(self: Pin<&mut Self>) -> bool {
    ///         USER.get() == "ada"
    ///     }
    /// }
    ///
    /// let mut job = USER.sync_scope("ada", || IsAda.in_current_context());
    /// assert!(Pin::new(&mut job).poll_job());
    /// ```
    ///
    /// # Panics
    /// If it was a future, and is ready.
    #[inline]
    pub fn on_stack<'a, R>(self: Pin<&'a mut Self>, f: impl FnOnce(Pin<&'a mut F>) -> R) -> R {
        let this = self.project();
        let wrapped = this.wrapped.as_pin_mut().unwrap_or_else(|| over());
        this.stack.run_begun(|| begin(this.begins), || f(wrapped))
    }

    /// As [`on_stack`](Self::on_stack), for types whose methods take no pin.
    ///
    /// # Panics
    /// If it was a future, and is ready.
    #[inline]
    pub fn on_stack_mut<'a, R>(&'a mut self, f: impl FnOnce(&'a mut F) -> R) -> R {
        // A caller who has `&mut self` has never pinned it, or it is `Unpin`.
        let wrapped = self.wrapped.as_mut().unwrap_or_else(|| over());
        self.stack.run_begun(|| begin(&mut self.begins), || f(wrapped))
    }
}

impl<F: Future, B> InContext<F, B> {
    /// Polls. When the future is ready, drops it, calls `last` with the stack and ends the stack.
    #[cfg(feature = "tower")]
    #[inline]
    pub(crate) fn poll_to_end<R>(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        last: impl FnOnce(&mut Stack) -> R,
    ) -> Poll<(F::Output, R)> {
        match self.as_mut().on_stack(|future| future.poll(cx)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(output) => Poll::Ready((output, self.end(last))),
        }
    }

    /// Drops what is wrapped on its stack, calls `last` with the stack, and ends the stack.
    #[cold]
    #[inline(never)]
    fn end<R>(self: Pin<&mut Self>, last: impl FnOnce(&mut Stack) -> R) -> R {
        let mut this = self.project();
        this.stack.run(|| this.wrapped.set(None));
        let last = last(this.stack);
        *this.stack = Stack::over();
        last
    }
}

impl<F: Future, B> Future for InContext<F, B> {
    type Output = F::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let polled = self.as_mut().on_stack(|future| future.poll(cx));
        if polled.is_ready() {
            self.end(|_| ());
        }
        polled
    }
}

impl<S: Stream, B> Stream for InContext<S, B> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<S::Item>> {
        self.as_mut().project().stack.is(Kind::Stream);
        self.on_stack(|stream| stream.poll_next(cx))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.get_ref().size_hint()
    }
}

impl<F: FusedFuture, B> FusedFuture for InContext<F, B> {
    fn is_terminated(&self) -> bool {
        self.wrapped.as_ref().is_none_or(F::is_terminated)
    }
}

impl<S: FusedStream, B> FusedStream for InContext<S, B> {
    fn is_terminated(&self) -> bool {
        self.get_ref().is_terminated()
    }
}

/// An iterator that is made here and driven elsewhere: each item is made in its context, not its
/// consumer's.
impl<I: Iterator, B> Iterator for InContext<I, B> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        self.on_stack_mut(I::next)
    }

    fn nth(&mut self, n: usize) -> Option<I::Item> {
        self.on_stack_mut(|items| items.nth(n))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.get_ref().size_hint()
    }
}

impl<I: DoubleEndedIterator, B> DoubleEndedIterator for InContext<I, B> {
    #[inline]
    fn next_back(&mut self) -> Option<I::Item> {
        self.on_stack_mut(I::next_back)
    }

    fn nth_back(&mut self, n: usize) -> Option<I::Item> {
        self.on_stack_mut(|items| items.nth_back(n))
    }
}

impl<I: ExactSizeIterator, B> ExactSizeIterator for InContext<I, B> {}

impl<I: FusedIterator, B> FusedIterator for InContext<I, B> {}

impl<I, S: Sink<I>, B> Sink<I> for InContext<S, B> {
    type Error = S::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.on_stack(|sink| sink.poll_ready(cx))
    }

    fn start_send(self: Pin<&mut Self>, item: I) -> Result<(), S::Error> {
        self.on_stack(|sink| sink.start_send(item))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.on_stack(|sink| sink.poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.on_stack(|sink| sink.poll_close(cx))
    }
}

/// Detached: the default value has the empty context.
impl<F: Default> Default for InContext<F> {
    fn default() -> Self {
        F::default().detached()
    }
}

impl<F, B> fmt::Debug for InContext<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InContext").finish_non_exhaustive()
    }
}
