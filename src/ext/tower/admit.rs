//! A checkpoint for each request of HTTP, by a function that may await, refuse the request, and
//! write the answer.

use super::base::{Base, Caller};
use crate::context::Context;
use crate::future::{ContextExt, InContext};
use crate::stack::Stack;
use ::http::{Request, Response};
use pin_project_lite::pin_project;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

/// As [`ContextLayer`](super::ContextLayer), for bindings that have to be looked up first: the
/// function may await, as for a store of sessions, and may answer instead of the service.
///
/// `admit` is given the request and the base. It returns the request and the context that it is to
/// see, or else a response; then the service is not called. It runs on a stack of its own, which
/// begins with the base and ends when `admit` is ready.
///
/// The function of [`answer`](Self::answer) is given each response, refusals included, on the stack
/// of its request. The body of a response goes on in the context of the request, as with the other
/// layer; the body of a refusal goes on in what `admit` saw in the end.
///
/// # Examples
/// ```
/// use axum::{Router, body::Body, http::{Request, Response, StatusCode}, routing::get};
/// use stackholm::{Context, Var, tower::AdmitLayer};
/// # use tower::ServiceExt;
///
/// static ID: Var<u32> = Var::new("id");
/// static USER: Var<String> = Var::new("user");
///
/// async fn user_of(_token: &str) -> Option<String> {
///     Some("ada".into())
/// }
///
/// async fn sign_in(request: Request<Body>, base: Context) -> Result<(Request<Body>, Context), Response<Body>> {
///     let token = request.headers().get("authorization").and_then(|token| token.to_str().ok());
///     let user = match token {
///         Some(token) => user_of(token).await,
///         None => None,
///     };
///     let refused = || Response::builder().status(StatusCode::UNAUTHORIZED).body(Body::empty()).unwrap();
///     Ok((request, base.with(&ID, 17).with(&USER, user.ok_or_else(refused)?)))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let layer = AdmitLayer::new(sign_in).answer(|response: &mut Response<Body>| {
///     response.headers_mut().insert("x-request-id", ID.get_or(0).into());
/// });
/// let app: Router = Router::new().route("/", get(async || USER.get())).layer(layer);
/// # let ask = |request: Request<Body>| app.clone().oneshot(request);
/// let refused = ask(Request::new(Body::empty())).await.unwrap();
/// assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
/// let request = Request::builder().header("authorization", "token").body(Body::empty()).unwrap();
/// let response = ask(request).await.unwrap();
/// assert_eq!(response.headers()["x-request-id"], "17");
/// # }
/// ```
#[derive(Clone)]
pub struct AdmitLayer<F, A = AsItIs, B = Context> {
    admit: F,
    answer: A,
    base: B,
}

impl<F> AdmitLayer<F> {
    /// A layer whose requests begin with what `admit` adds to nothing.
    pub const fn new<Q, R, T>(admit: F) -> Self
    where
        F: Fn(Request<Q>, Context) -> T,
        T: Future<Output = Result<(Request<Q>, Context), Response<R>>>,
    {
        AdmitLayer { admit, answer: AsItIs, base: Context::empty() }
    }
}

impl<F, A, B> AdmitLayer<F, A, B> {
    /// The same layer, and `write` is called with each response before it is returned. It may
    /// change the response and read the variables of the request.
    pub fn answer<R, W: Fn(&mut Response<R>)>(self, write: W) -> AdmitLayer<F, By<W>, B> {
        AdmitLayer { admit: self.admit, answer: By(write), base: self.base }
    }

    /// The same layer on another base.
    pub fn on<C: Base>(self, base: C) -> AdmitLayer<F, A, C> {
        AdmitLayer { admit: self.admit, answer: self.answer, base }
    }

    /// The same layer on what is visible here and now.
    #[track_caller]
    pub fn on_current(self) -> AdmitLayer<F, A> {
        self.on(Context::current())
    }

    /// The same layer on what is visible where the service is called: for a layer within another.
    pub fn on_caller(self) -> AdmitLayer<F, A, Caller> {
        self.on(Caller)
    }
}

impl<S, F: Clone, A: Clone, B: Clone> Layer<S> for AdmitLayer<F, A, B> {
    type Service = AdmitService<S, F, A, B>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService { inner, layer: self.clone() }
    }
}

impl<F, A, B: fmt::Debug> fmt::Debug for AdmitLayer<F, A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmitLayer").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Responses are returned as they are.
#[derive(Clone, Copy, Debug)]
pub struct AsItIs;

/// A function may change each response; see [`AdmitLayer::answer`].
#[derive(Clone, Copy)]
pub struct By<W>(W);

impl<W> fmt::Debug for By<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("By").finish_non_exhaustive()
    }
}

/// What is done with a response: [`AsItIs`] or [`By`].
pub trait Answer<R>: sealed::Answer<R> {}

impl<R, A: sealed::Answer<R>> Answer<R> for A {}

mod sealed {
    use super::{AsItIs, By, Response};

    pub trait Answer<R> {
        #[doc(hidden)]
        fn write(&self, response: &mut Response<R>);
    }

    impl<R> Answer<R> for AsItIs {
        fn write(&self, _: &mut Response<R>) {}
    }

    impl<R, W: Fn(&mut Response<R>)> Answer<R> for By<W> {
        fn write(&self, response: &mut Response<R>) {
            (self.0)(response);
        }
    }
}

/// Writes the response and lets its body go on in what is visible here.
fn written<R>(mut response: Response<R>, answer: &impl Answer<R>) -> Response<InContext<R>> {
    answer.write(&mut response);
    response.map(|body| body.in_current_context())
}

/// A service whose requests are admitted first; made by [`AdmitLayer`].
#[derive(Clone)]
pub struct AdmitService<S, F, A = AsItIs, B = Context> {
    inner: S,
    layer: AdmitLayer<F, A, B>,
}

impl<S, F, A, B> AdmitService<S, F, A, B> {
    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S: fmt::Debug, F, A, B: fmt::Debug> fmt::Debug for AdmitService<S, F, A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmitService")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}

impl<Q, R, S, F, T, A, B> Service<Request<Q>> for AdmitService<S, F, A, B>
where
    S: Service<Request<Q>, Response = Response<R>> + Clone,
    F: Fn(Request<Q>, Context) -> T,
    T: Future<Output = Result<(Request<Q>, Context), Response<R>>>,
    A: Answer<R> + Clone,
    B: Base,
{
    type Response = Response<InContext<R>>;
    type Error = S::Error;
    type Future = AdmitFuture<Q, S, T, S::Future, A>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        Stack::on(self.layer.base.readiness()).run(|| self.inner.poll_ready(cx))
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        // The service that was polled ready has to be the one that is called.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        let base = self.layer.base.context();
        let mut stack = Stack::on(base.clone());
        let admitting = stack.run(|| (self.layer.admit)(request, base));
        let answer = self.layer.answer.clone();
        let first = InContext::new(stack, Admitting { admitting, answer: answer.clone() });
        AdmitFuture {
            step: Step::Admitting { first, service: Some((inner, answer)) },
            of: PhantomData,
        }
    }
}

pin_project! {
    /// A response on its way, or a request that waits to be admitted; made by [`AdmitService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct AdmitFuture<Q, S, T, G, A> {
        #[pin]
        step: Step<S, T, G, A>,
        of: PhantomData<fn(Q)>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<S, T, G, A> {
        Admitting {
            #[pin]
            first: InContext<Admitting<T, A>>,
            // The service, and what is done with its response; taken when it is called.
            service: Option<(S, A)>,
        },
        Serving {
            #[pin]
            second: InContext<Serving<G, A>>,
        },
    }
}

impl<Q, R, S, T, A> Future for AdmitFuture<Q, S, T, S::Future, A>
where
    S: Service<Request<Q>, Response = Response<R>>,
    T: Future<Output = Result<(Request<Q>, Context), Response<R>>>,
    A: Answer<R>,
{
    type Output = Result<Response<InContext<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut step = self.project().step;
        if let StepProjection::Admitting { first, service } = step.as_mut().project() {
            let (request, context) = match ready!(first.poll(cx)) {
                Ok(admitted) => admitted,
                Err(refused) => return Poll::Ready(Ok(refused)),
            };
            let (mut inner, answer) = service.take().expect("is called once");
            let mut stack = Stack::on(context);
            let serving = stack.run(|| inner.call(request));
            step.set(Step::Serving { second: InContext::new(stack, Serving { serving, answer }) });
        }
        match step.project() {
            StepProjection::Serving { second } => second.poll(cx),
            StepProjection::Admitting { .. } => unreachable!("is over, or has returned"),
        }
    }
}

impl<Q, S, T, G, A> fmt::Debug for AdmitFuture<Q, S, T, G, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmitFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// Runs on the stack of the base.
    struct Admitting<T, A> {
        #[pin]
        admitting: T,
        answer: A,
    }
}

impl<Q, R, T, A> Future for Admitting<T, A>
where
    T: Future<Output = Result<(Request<Q>, Context), Response<R>>>,
    A: Answer<R>,
{
    type Output = Result<(Request<Q>, Context), Response<InContext<R>>>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(
            ready!(this.admitting.poll(cx)).map_err(|response| written(response, this.answer)),
        )
    }
}

pin_project! {
    /// Runs on the stack of the request.
    struct Serving<G, A> {
        #[pin]
        serving: G,
        answer: A,
    }
}

impl<R, E, G: Future<Output = Result<Response<R>, E>>, A: Answer<R>> Future for Serving<G, A> {
    type Output = Result<Response<InContext<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(ready!(this.serving.poll(cx)).map(|response| written(response, this.answer)))
    }
}
