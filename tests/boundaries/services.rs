//! HTTP: executors of hyper, bodies, layers of tower, arguments of axum.

use crate::common::finish;
use crate::{Boundary, Job, rows};
use axum::Router;
use axum::routing::any;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper::rt::Executor;
use stackholm::hyper::{CarryingExecutor, DetachingExecutor};
use stackholm::tower::{ContextLayer, PlainLayer};
use stackholm::{Context, ContextExt};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tower::{Layer, Service, ServiceExt, service_fn};

/// A thread of its own for each task.
#[derive(Clone, Copy)]
struct Threads;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Threads {
    fn execute(&self, future: F) {
        std::thread::spawn(|| finish(future)).join().unwrap();
    }
}

async fn run(job: Job) {
    job();
}

pub(crate) const EXECUTORS: &[Boundary] = rows! { "`hyper`" Over
    "`CarryingExecutor`" |job| CarryingExecutor::new(Threads).execute(run(job)),
        "`DetachingExecutor`" |job| DetachingExecutor::new(Threads).execute(run(job));
};

/// A body of one frame, which runs the job.
fn body(job: Job) -> impl Body<Data = &'static [u8], Error = Infallible> + Send + Unpin {
    let frames = futures_util::stream::iter(Some(job));
    StreamBody::new(futures_util::StreamExt::map(frames, |job| {
        job();
        Ok(Frame::data(&b"!"[..]))
    }))
}

/// Reads a body on a thread that sees nothing.
fn read<B: Body<Data: Send, Error: Send> + Send + 'static>(body: B) {
    let body = Box::pin(body);
    std::thread::spawn(|| drop(finish(body.collect()))).join().unwrap();
}

pub(crate) const BODIES: &[Boundary] = rows! { "`http-body`" Over
    "`body.in_current_context()`" |job| read(body(job).in_current_context()),
        "`body.detached()`" |job| read(body(job).detached());
};

/// Polls on a thread that sees nothing.
fn answered<S, Q>(mut service: S, request: Q) -> S::Response
where
    S: Service<Q, Error = Infallible, Future: Send + 'static, Response: Send + 'static>,
{
    let future = service.call(request);
    let answer = std::thread::spawn(|| finish(future)).join().unwrap();
    answer.unwrap_or_else(|never| match never {})
}

fn plain() -> PlainLayer<fn(&Job, Context) -> Context> {
    PlainLayer::new(|_: &Job, base| base)
}

fn of_http() -> ContextLayer<fn(&Request<Job>, Context) -> Context> {
    ContextLayer::new(|_: &Request<Job>, base| base)
}

/// The job runs in the synchronous part of `call`.
fn at_once() -> impl Service<Job, Response = (), Error = Infallible, Future: Send + 'static> {
    service_fn(|job: Job| {
        job();
        async { Ok(()) }
    })
}

/// The job runs in the future.
fn later() -> impl Service<Job, Response = (), Error = Infallible, Future: Send + 'static> {
    service_fn(|job: Job| async {
        job();
        Ok(())
    })
}

/// The job runs in the future.
fn in_handler()
-> impl Service<Request<Job>, Response = Response<()>, Error = Infallible, Future: Send + 'static> {
    service_fn(|request: Request<Job>| async {
        request.into_body()();
        Ok(Response::new(()))
    })
}

/// The job runs when the body is read.
fn in_body() -> impl Service<
    Request<Job>,
    Response = Response<impl Body<Data = &'static [u8], Error = Infallible> + Send + 'static>,
    Error = Infallible,
    Future: Send + 'static,
> {
    service_fn(|request: Request<Job>| async { Ok(Response::new(body(request.into_body()))) })
}

pub(crate) const LAYERS: &[Boundary] = rows! { "`tower`" Over
    "`PlainLayer`, `on_caller`: in `call`" |job| answered(plain().on_caller().layer(at_once()), job),
        "`PlainLayer`" |job| answered(plain().layer(at_once()), job);
    "`PlainLayer`, `on_current`: in the future" |job| answered(plain().on_current().layer(later()), job),
        "`PlainLayer`" |job| answered(plain().layer(later()), job);
    "`ContextLayer`, `on_caller`: in the future"
        |job| drop(answered(of_http().on_caller().layer(in_handler()), Request::new(job))),
        "`ContextLayer`" |job| drop(answered(of_http().layer(in_handler()), Request::new(job)));
    "`ContextLayer`, `on_caller`: in the body"
        |job| read(answered(of_http().on_caller().layer(in_body()), Request::new(job)).into_body()),
        "`ContextLayer`" |job| read(answered(of_http().layer(in_body()), Request::new(job)).into_body());
};

/// A handler that is given the context as an argument, and runs the job in it.
fn handled(layer: fn(Router) -> Router, job: Job) {
    let job = Arc::new(Mutex::new(Some(job)));
    let handler = async move |context: Context| {
        let job = job.lock().unwrap().take().expect("it is asked once");
        std::thread::spawn(move || context.run(job)).join().unwrap();
    };
    let router = layer(Router::new().route("/", any(handler)));
    let request = Request::new(axum::body::Body::empty());
    let answer = finish(router.oneshot(request)).unwrap_or_else(|never| match never {});
    assert!(answer.status().is_success());
}

pub(crate) const ARGUMENTS: &[Boundary] = rows! { "`axum`" Over
    "argument `Context`, under `ContextLayer`, `on_caller`"
        |job| handled(|router| router.layer(ContextLayer::new(|_: &axum::extract::Request, base| base).on_caller()), job),
        "under `ContextLayer`"
        |job| handled(|router| router.layer(ContextLayer::new(|_: &axum::extract::Request, base| base)), job);
};
