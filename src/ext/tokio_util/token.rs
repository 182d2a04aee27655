//! Cancellation tokens and scopes that can be cancelled, each by the other.

use crate::cancel::{Cancellable, Handle, Stop, cancellable, on_cancel};
use crate::future::InContext;
use ::tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use pin_project_lite::pin_project;
use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

/// A token that is cancelled when the work here is, as long as the [`LinkedToken`] lives. If there
/// is no scope here, it never is. Cancelling the token does not cancel the work.
///
/// # Examples
/// ```
/// use stackholm::{cancel, tokio_util};
///
/// cancel::scope(|handle| {
///     let token = tokio_util::token();
///     handle.cancel("shutdown");
///     assert!(token.is_cancelled());
/// });
/// ```
pub fn token() -> LinkedToken {
    let token = CancellationToken::new();
    let theirs = token.clone();
    LinkedToken { token, stop: on_cancel(move |_| theirs.cancel()) }
}

/// A token that is cancelled with the scope that it was made in; made by [`token`].
#[must_use = "the token is not cancelled any more when this is dropped"]
#[derive(Debug)]
pub struct LinkedToken {
    token: CancellationToken,
    #[expect(dead_code, reason = "keeps the link alive")]
    stop: Stop,
}

impl Deref for LinkedToken {
    type Target = CancellationToken;

    fn deref(&self) -> &CancellationToken {
        &self.token
    }
}

/// Runs a future in a scope that is cancelled when `token` is, with [`TokenCancelled`] as the
/// cause.
///
/// The token wakes the task, and the next poll of the task cancels the scope. Tasks and blocking
/// jobs that the future has spawned learn of the cancel then. The cancel does not end the future by
/// itself.
///
/// # Examples
/// ```
/// use stackholm::{cancel::CancelExt, tokio_util::with_token};
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let token = CancellationToken::new();
/// let endless = async { std::future::pending::<()>().until_cancelled().await };
/// let work = tokio::spawn(with_token(token.clone(), endless));
/// token.cancel();
/// assert!(work.await.unwrap().is_err());
/// # }
/// ```
#[track_caller]
pub fn with_token<F>(token: CancellationToken, future: F) -> WithToken<F> {
    let (handle, cancellable) = cancellable();
    WithToken {
        waits: Some(Box::pin(token.cancelled_owned())),
        handle,
        future: cancellable.wrap(future),
    }
}

pin_project! {
    /// A future in a scope that a token cancels; made by [`with_token`].
    #[must_use = "futures do nothing unless polled"]
    pub struct WithToken<F> {
        // `None` once the token was cancelled.
        waits: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
        handle: Handle,
        #[pin]
        future: InContext<F, Cancellable>,
    }
}

impl<F: Future> Future for WithToken<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        if this.waits.as_mut().is_some_and(|waits| waits.as_mut().poll(cx).is_ready()) {
            *this.waits = None;
            this.handle.cancel(TokenCancelled);
        }
        this.future.poll(cx)
    }
}

impl<F> fmt::Debug for WithToken<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithToken").finish_non_exhaustive()
    }
}

/// The cause of a cancel by a token of tokio-util, which has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenCancelled;

impl fmt::Display for TokenCancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cancellation token was cancelled")
    }
}

impl Error for TokenCancelled {}
