//! A checkpoint for each request of HTTP, up to the last frame of the response body.

use super::base::{Base, BaseOnly, Caller, RequestContext};
use super::plain::{PlainLayer, PlainService};
use crate::context::Context;
use crate::future::{ContextExt, InContext};
use crate::stack::Stack;
use ::http::{Request, Response};
use pin_project_lite::pin_project;
use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

/// Gives each request a stack of its own: around the synchronous part of `call`, the future, and
/// each frame of the response body. The [module](super) has the rules.
///
/// # Examples
/// ```
/// use axum::{Router, extract::Request, routing::get};
/// use stackholm::{Context, ContextCell, Var, tower::ContextLayer};
/// # use tower::ServiceExt;
///
/// static HOST: Var<String> = Var::new("host");
/// static MOTD: Var<&str> = Var::new("motd");
/// static BASE: ContextCell = ContextCell::new();
///
/// fn of_request(request: &Request, base: Context) -> Context {
///     let host = request.headers().get("host").and_then(|host| host.to_str().ok());
///     base.with(&HOST, host.unwrap_or("nowhere").into())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app = Router::new()
///     .route("/", get(async || format!("{} at {}", MOTD.get(), HOST.get())))
///     .layer(ContextLayer::new(of_request).on(&BASE));
///
/// // From here on, and again whenever it is due, while requests are served:
/// BASE.store(Context::empty().with(&MOTD, "open till six"));
/// # let request = Request::builder().header("host", "shop").body(axum::body::Body::empty()).unwrap();
/// # let response = app.oneshot(request).await.unwrap();
/// # let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
/// # assert_eq!(body, "open till six at shop");
/// # }
/// ```
#[derive(Clone)]
pub struct ContextLayer<F, B = Context>(PlainLayer<F, B>);

impl<F> ContextLayer<F> {
    /// A layer whose requests begin with what `bind` adds to nothing.
    ///
    /// `bind` is given the base and returns what the request sees; it runs in the base. A context
    /// carries no binding of short reach: the service sets such a variable itself, on its stack,
    /// which is open.
    pub const fn new<Q>(bind: F) -> Self
    where
        F: Fn(&Request<Q>, Context) -> Context,
    {
        ContextLayer(PlainLayer::new(bind))
    }

    /// As [`new`](Self::new), with a type that implements
    /// [`RequestContext`](super::RequestContext), such as one that has a name.
    pub const fn of(bind: F) -> Self {
        ContextLayer(PlainLayer::of(bind))
    }
}

impl ContextLayer<BaseOnly> {
    /// A layer that binds nothing: each request has a stack of its own, which begins with the base.
    ///
    /// # Examples
    /// ```
    /// use stackholm::tower::ContextLayer;
    ///
    /// let app: axum::Router = axum::Router::new().layer(ContextLayer::base_only().on_current());
    /// ```
    pub const fn base_only() -> Self {
        ContextLayer::of(BaseOnly)
    }
}

impl<F, B> ContextLayer<F, B> {
    /// The same layer on another base.
    pub fn on<C: Base>(self, base: C) -> ContextLayer<F, C> {
        ContextLayer(self.0.on(base))
    }

    /// The same layer on what is visible here and now.
    pub fn on_current(self) -> ContextLayer<F> {
        ContextLayer(self.0.on_current())
    }

    /// The same layer on what is visible where the service is called: for a layer within another.
    pub fn on_caller(self) -> ContextLayer<F, Caller> {
        ContextLayer(self.0.on_caller())
    }
}

impl<S, F: Clone, B: Clone> Layer<S> for ContextLayer<F, B> {
    type Service = ContextService<S, F, B>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService(self.0.layer(inner))
    }
}

impl<F, B: fmt::Debug> fmt::Debug for ContextLayer<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContextLayer").field(&self.0).finish()
    }
}

/// A service whose requests each have a stack of their own; made by [`ContextLayer`].
#[derive(Clone)]
pub struct ContextService<S, F, B = Context>(PlainService<S, F, B>);

impl<S, F, B> ContextService<S, F, B> {
    /// The service inside.
    pub fn get_ref(&self) -> &S {
        self.0.get_ref()
    }
}

impl<Q, R, S, F, B> Service<Request<Q>> for ContextService<S, F, B>
where
    S: Service<Request<Q>, Response = Response<R>>,
    F: RequestContext<Request<Q>>,
    B: Base,
{
    type Response = Response<InContext<R>>;
    type Error = S::Error;
    type Future = ContextFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        ContextFuture { future: self.0.call(request) }
    }
}

impl<S: fmt::Debug, F, B: fmt::Debug> fmt::Debug for ContextService<S, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContextService").field(&self.0).finish()
    }
}

pin_project! {
    /// A response on its way, with the stack of its request; made by [`ContextService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ContextFuture<F> {
        #[pin]
        future: InContext<F>,
    }
}

impl<F, R, E> Future for ContextFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<InContext<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let (response, context) = ready!(self.project().future.poll_to_end(cx, Stack::capture));
        Poll::Ready(response.map(|response| response.map(|body| body.in_context(context))))
    }
}

impl<F> fmt::Debug for ContextFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextFuture").finish_non_exhaustive()
    }
}
