//! How the values of a request get to each hop: the one thing in which the measured services
//! differ.
//!
//! By default the trait spawns with tokio's own functions. That is enough for a way that carries by
//! hand, because its values travel as arguments.

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

/// A way of carrying values, and what a hop holds for it.
pub(crate) trait Carrier: Clone + Send + Sync + 'static {
    /// The name of the way in reports.
    const NAME: &'static str;

    /// Whether the values are in the context, and so in what is logged.
    const IN_CONTEXT: bool = false;

    /// The path of its service.
    const PATH: &'static str;

    /// The middleware: takes the values from the headers and goes on with the request.
    fn bind(
        live_count: &LiveCount,
        request: Request,
        next: Next,
    ) -> impl Future<Output = Response> + Send;

    /// What the middleware gave to the handler.
    fn take(extensions: &mut Extensions) -> Self;

    /// Looks at one value. `expected` is for the way that carries nothing.
    fn see<R>(&self, expected: &Expected, which: usize, look: impl Fn(Option<&str>) -> R) -> R;

    /// The stage, as this way carries it. `expected` is for the ways that carry none.
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
