//! The long way of one request: through every boundary that there is, and back.

use super::body::body_under_layer;
use super::carriers::contexts::Contexts;
use super::hops::{AWAITING, Guest};
use super::oracle::expected::Truth;
use super::oracle::hop::Hop;
use super::oracle::scenario::Fate;
use super::oracle::variables::{REQUEST_ID, STAGE, Text};
use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt;
use stackholm::axum::{Ambient, FromContext};
use stackholm::{Context, Var};
use std::future::pending;
use std::sync::Arc;

/// Stands for the request id in the arguments of a handler.
pub(crate) struct RequestId;

impl Ambient for RequestId {
    type Value = Text;

    fn var() -> &'static Var<Text> {
        &REQUEST_ID
    }
}

/// What the handler is given besides the request.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) context: Context,
    pub(crate) id: FromContext<RequestId>,
}

impl Guest {
    pub(crate) fn of(truth: &Arc<Truth>) -> Self {
        Guest { carrier: Contexts, truth: Arc::clone(truth) }
    }
}

/// Answers a request.
pub(crate) async fn journey(visit: Guest, arguments: Arguments, upload: Body) -> Response {
    read_arguments(&visit, arguments);
    stage(&visit, Hop::Handler);
    visit.pass_at_once(Hop::Handler, |visit| visit.check(Hop::Handler));
    visit.pass(Hop::Upload, |visit| read(visit, upload)).await;
    for (hop, stop) in AWAITING {
        visit.pass(*hop, stop).await;
    }
    if matches!(visit.truth.fate, Fate::Cancel(hop) if hop != Hop::Body) {
        pending::<()>().await;
    }
    // What the stops and those whom they called have bound is gone.
    visit.check(Hop::Handler);
    stage(&visit, Hop::Body);
    body_under_layer(&visit)
}

/// Sets the stage on the request's own stack, which is open; the body goes on with it.
fn stage(visit: &Guest, hop: Hop) {
    STAGE.set(visit.truth.app.census.count(hop)).expect("the stack of a request is open");
}

/// What the extractors gave is that of this request.
fn read_arguments(visit: &Guest, Arguments { context, id }: Arguments) {
    let context = visit.truth.spoilt(Hop::Extractor, context.clone()).unwrap_or(context);
    context.run(|| visit.at_once(Hop::Extractor, |visit| visit.check(Hop::Extractor)));
    if **id != visit.truth.request() {
        visit.truth.report(Hop::Extractor, 0, Some(&id));
    }
}

/// The body of the request is read here, and is dropped here.
async fn read(visit: Guest, mut upload: Body) {
    visit.check(Hop::Upload);
    while let Some(Ok(_)) = upload.frame().await {}
    visit.check(Hop::Upload);
}
