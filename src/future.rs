//! `ContextExt`: futures, streams, sinks and iterators that own their stack.
//!
//! The stack is swapped in for each poll and for the drop of what it wraps, and swapped out after, even if that
//! panics. Swapping costs four words, twice; nothing is counted and nothing allocated.

use crate::context::Context;
use crate::stack::Stack;
use futures_core::{FusedFuture, FusedStream, Stream};
use futures_sink::Sink;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::task::{self, Poll};

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
    fn in_context(self, context: Context) -> InContext<Self> {
        InContext::new(Stack::on(context), self)
    }

    /// Runs in what is visible here and now, not where it is first polled.
    #[track_caller]
    fn in_current_context(self) -> InContext<Self> {
        InContext::new(Stack::inherit(), self)
    }

    /// Runs in the empty context, whatever is visible here or where it is polled.
    fn detached(self) -> InContext<Self> {
        self.in_context(Context::empty())
    }
}

impl<T> ContextExt for T {}

pin_project! {
    /// A future, stream, sink or iterator with a stack of its own; made by [`ContextExt`] and by scopes.
    #[must_use = "futures and streams do nothing unless polled"]
    pub struct InContext<F> {
        stack: Stack,
        // `None` only while it is being dropped.
        #[pin]
        wrapped: Option<F>,
    }

    impl<F> PinnedDrop for InContext<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.stack.run(|| this.wrapped.set(None));
        }
    }
}

impl<F> InContext<F> {
    pub(crate) fn new(stack: Stack, wrapped: F) -> Self {
        InContext { stack, wrapped: Some(wrapped) }
    }

    /// A snapshot of what is visible on the stack of this future.
    pub fn context(self: Pin<&mut Self>) -> Context {
        self.project().stack.capture()
    }

    /// What is wrapped.
    pub fn get_ref(&self) -> &F {
        self.wrapped.as_ref().expect("is there until the drop")
    }

    /// Calls `f` with what is wrapped, and with its stack as the current one.
    #[inline]
    pub(crate) fn on_stack<'a, R>(self: Pin<&'a mut Self>, f: impl FnOnce(Pin<&'a mut F>) -> R) -> R {
        let this = self.project();
        let wrapped = this.wrapped.as_pin_mut().expect("is there until the drop");
        this.stack.run(|| f(wrapped))
    }

    /// As `on_stack`, for what needs no pin: whoever has `self` like this has never pinned it, or it may move.
    #[inline]
    fn step<R>(&mut self, f: impl FnOnce(&mut F) -> R) -> R {
        let wrapped = self.wrapped.as_mut().expect("is there until the drop");
        self.stack.run(|| f(wrapped))
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        self.on_stack(|future| future.poll(cx))
    }
}

impl<S: Stream> Stream for InContext<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<S::Item>> {
        self.on_stack(|stream| stream.poll_next(cx))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.get_ref().size_hint()
    }
}

impl<F: FusedFuture> FusedFuture for InContext<F> {
    fn is_terminated(&self) -> bool {
        self.get_ref().is_terminated()
    }
}

impl<S: FusedStream> FusedStream for InContext<S> {
    fn is_terminated(&self) -> bool {
        self.get_ref().is_terminated()
    }
}

/// An iterator that is made here and driven elsewhere: each item is made in its context, not its consumer's.
impl<I: Iterator> Iterator for InContext<I> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        self.step(I::next)
    }

    fn nth(&mut self, n: usize) -> Option<I::Item> {
        self.step(|items| items.nth(n))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.get_ref().size_hint()
    }
}

impl<I: DoubleEndedIterator> DoubleEndedIterator for InContext<I> {
    #[inline]
    fn next_back(&mut self) -> Option<I::Item> {
        self.step(I::next_back)
    }

    fn nth_back(&mut self, n: usize) -> Option<I::Item> {
        self.step(|items| items.nth_back(n))
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for InContext<I> {}

impl<I: FusedIterator> FusedIterator for InContext<I> {}

impl<I, S: Sink<I>> Sink<I> for InContext<S> {
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

impl<F> fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InContext").finish_non_exhaustive()
    }
}
