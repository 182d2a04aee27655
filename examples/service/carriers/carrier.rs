//! How the values of a request come to each hop: the one thing in which the measured services
//! differ.
//!
//! What is given here by default is tokio's and the standard library's own; a way that carries by
//! hand needs no more, for its values travel as arguments.

use super::oracle::expected::Expected;
use super::oracle::hop::Hop;
use super::oracle::live_count::LiveCount;
use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::Stream;
use std::future::Future;
use tokio::task::{self, JoinHandle};

/// A way of carrying values, and what a hop holds in its hands for it.
pub(crate) trait Carrier: Clone + Send + Sync + 'static {
    /// For people.
    const NAME: &'static str;

    /// Whether the values are in the context, and so in what is logged.
    const IN_CONTEXT: bool = false;

    /// Where its service is found.
    const PATH: &'static str;

    /// The middleware: takes the values from the headers and goes on with the request.
    fn bind(
        live_count: &LiveCount,
        request: Request,
        next: Next,
    ) -> impl Future<Output = Response> + Send;

    /// What the middleware gave to the handler.
    fn take(extensions: &mut Extensions) -> Self;

    /// Looks at one value. `expected` is for the way that has nothing else to show.
    fn see<R>(&self, expected: &Expected, which: usize, look: impl Fn(Option<&str>) -> R) -> R;

    /// What the stage is said to be. `expected` is for the ways that have nothing else to show.
    fn stage(&self, expected: Hop) -> Option<Hop>;

    /// Awaits `f` in a block of its own, at another stage.
    fn at<F>(
        self,
        live_count: &LiveCount,
        hop: Hop,
        f: impl FnOnce(Self) -> F + Send,
    ) -> impl Future<Output = F::Output> + Send
    where
        F: Future + Send;

    /// Calls `f`, which hands work over, at another stage.
    fn at_once<R>(&self, live_count: &LiveCount, hop: Hop, f: impl FnOnce(Self) -> R) -> R;

    fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(future)
    }

    fn spawn_blocking<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
        task::spawn_blocking(f)
    }

    fn stream<S>(stream: S) -> impl Stream<Item = S::Item> + Send + 'static
    where
        S: Stream + Send + 'static,
    {
        stream
    }
}
