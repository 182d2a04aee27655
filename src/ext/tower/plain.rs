//! A checkpoint for each request, whatever a request is; the response is passed through.

use super::base::{self, Base, BaseOnly, Caller, RequestContext};
use crate::context::Context;
use crate::future::InContext;
use crate::stack::Stack;
use std::fmt;
use std::task::{self, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Gives each request a stack of its own: around the synchronous part of `call`, and around the
/// future.
///
/// For HTTP see [`ContextLayer`](super::ContextLayer), which takes care of the response body too.
/// The [module](super) has the rules of both.
///
/// # Examples
/// ```
/// use stackholm::tower::PlainLayer;
/// use stackholm::{Context, Var};
/// use tower::{Layer, Service, service_fn};
///
/// static USER: Var<String> = Var::new("user");
///
/// struct Job {
///     user: String,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let layer = PlainLayer::new(|job: &Job, base| base.with(&USER, job.user.clone()));
/// let mut jobs = layer.layer(service_fn(async |_: Job| Ok::<_, std::io::Error>(USER.get())));
/// assert_eq!(jobs.call(Job { user: "ada".into() }).await.unwrap(), "ada");
/// # }
/// ```
#[derive(Clone)]
pub struct PlainLayer<F, B = Context> {
    bind: F,
    base: B,
}

impl<F> PlainLayer<F> {
    /// A layer whose requests begin with what `bind` adds to nothing.
    ///
    /// `bind` is given the base and returns what the request sees; it runs in the base. A context
    /// carries no binding of short reach: the service sets such a variable itself, on its stack,
    /// which is open.
    pub const fn new<Q>(bind: F) -> Self
    where
        F: Fn(&Q, Context) -> Context,
    {
        PlainLayer { bind, base: Context::empty() }
    }

    /// As [`new`](Self::new), with a type that implements [`RequestContext`], such as one that has a
    /// name.
    pub const fn of(bind: F) -> Self {
        PlainLayer { bind, base: Context::empty() }
    }
}

impl PlainLayer<BaseOnly> {
    /// A layer that binds nothing: each request has a stack of its own, which begins with the base.
    pub const fn base_only() -> Self {
        PlainLayer::of(BaseOnly)
    }
}

impl<F, B> PlainLayer<F, B> {
    /// The same layer on another base.
    pub fn on<C: Base>(self, base: C) -> PlainLayer<F, C> {
        PlainLayer { bind: self.bind, base }
    }

    /// The same layer on what is visible here and now.
    #[track_caller]
    pub fn on_current(self) -> PlainLayer<F> {
        self.on(Context::current())
    }

    /// The same layer on what is visible where the service is called.
    pub fn on_caller(self) -> PlainLayer<F, Caller> {
        self.on(Caller)
    }
}

impl<S, F: Clone, B: Clone> Layer<S> for PlainLayer<F, B> {
    type Service = PlainService<S, F, B>;

    fn layer(&self, inner: S) -> Self::Service {
        PlainService { inner, layer: self.clone() }
    }
}

impl<F, B: fmt::Debug> fmt::Debug for PlainLayer<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainLayer").field("base", &self.base).finish_non_exhaustive()
    }
}

/// A service whose requests each have a stack of their own; made by [`PlainLayer`].
#[derive(Clone)]
pub struct PlainService<S, F, B = Context> {
    inner: S,
    layer: PlainLayer<F, B>,
}

impl<S, F, B> PlainService<S, F, B> {
    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<Q, S, F, B> Service<Q> for PlainService<S, F, B>
where
    S: Service<Q>,
    F: RequestContext<Q>,
    B: Base,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = InContext<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        Stack::on(self.layer.base.readiness()).run(|| self.inner.poll_ready(cx))
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let mut stack = base::stack(&self.layer.base, &self.layer.bind, &request);
        let future = stack.run(|| self.inner.call(request));
        InContext::new(stack, future)
    }
}

impl<S: fmt::Debug, F, B: fmt::Debug> fmt::Debug for PlainService<S, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainService")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}
