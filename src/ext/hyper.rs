//! Executors of [hyper](::hyper) that carry the context of where a task is handed to them, or
//! detach from it. Feature `hyper`.
//!
//! Hyper hands tasks to an executor for connections of HTTP/2: a server one for each request, a
//! client one for each connection; a pooling client hands over every connection. **Connection tasks
//! are detached by default**: executors that only spawn, such as `hyper_util::rt::TokioExecutor`,
//! hand nothing over, though a task polled inside a scope sees the stack of its thread by accident.
//! [`DetachingExecutor`] rules that out. A connection outlives the request that happened to open
//! it. If it carried, it would keep that request's values alive as long as it lasts, and show them
//! to all later requests. Use [`CarryingExecutor`] for executors of short work, and for servers
//! whose connections are to begin with what is bound around the whole connection.
//!
//! The executor does not decide what a request sees. A layer does (feature `tower`) or, in a
//! service of your own, [`Scope::wrap`](crate::Scope::wrap) around the future and
//! [`in_current_context`](crate::ContextExt::in_current_context) around the body.

use crate::future::{ContextExt, InContext};
use ::hyper::rt::Executor;

/// An executor whose tasks begin in the context of the code that hands them over, captured then.
///
/// # Examples
/// ```
/// use hyper::rt::Executor;
/// use hyper_util::rt::TokioExecutor;
/// use stackholm::hyper::CarryingExecutor;
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let executor = CarryingExecutor::new(TokioExecutor::new());
/// let (say, said) = tokio::sync::oneshot::channel();
/// USER.sync_scope("ada", || executor.execute(async { say.send(USER.get()).unwrap() }));
/// assert_eq!(said.await.unwrap(), "ada");
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CarryingExecutor<E>(E);

impl<E> CarryingExecutor<E> {
    /// Hands tasks on to `executor`, each in the context of the caller.
    pub const fn new(executor: E) -> Self {
        CarryingExecutor(executor)
    }

    /// The executor inside.
    pub const fn get_ref(&self) -> &E {
        &self.0
    }
}

impl<F, E: Executor<InContext<F>>> Executor<F> for CarryingExecutor<E> {
    #[track_caller]
    fn execute(&self, future: F) {
        self.0.execute(future.in_current_context());
    }
}

/// An executor whose tasks begin empty, whatever is bound where they are handed over or polled.
///
/// # Examples
/// A client that shares its connections between requests:
/// ```
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use stackholm::hyper::DetachingExecutor;
///
/// let executor = DetachingExecutor::new(TokioExecutor::new());
/// let client = Client::builder(executor).build_http::<http_body_util::Empty<&[u8]>>();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DetachingExecutor<E>(E);

impl<E> DetachingExecutor<E> {
    /// Hands tasks on to `executor`, each in the empty context.
    pub const fn new(executor: E) -> Self {
        DetachingExecutor(executor)
    }

    /// The executor inside.
    pub const fn get_ref(&self) -> &E {
        &self.0
    }
}

impl<F, E: Executor<InContext<F>>> Executor<F> for DetachingExecutor<E> {
    fn execute(&self, future: F) {
        self.0.execute(future.detached());
    }
}
