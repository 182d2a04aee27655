//! The long way of one request: through every boundary that there is, and back.

use super::actor::Actor;
use super::body::body_under_layer;
use super::hops::guest::Guest;
use super::hops::table::AWAITING;
use super::hops::tokio;
use super::oracle::hop::Hop;
use super::oracle::scenario::Scenario;
use super::oracle::variables::{self, REQUEST_ID, STAGE, Text};
use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt;
use stackholm::axum::{Ambient, FromContext};
use stackholm::{Context, Var};
use std::future::pending;

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
    /// The task that serves all requests of the server.
    pub(crate) actor: Actor,
}

/// Answers a request.
pub(crate) async fn all_hops(probe: Guest, arguments: Arguments, upload: Body) -> Response {
    let Arguments { context, id, actor } = arguments;
    read_arguments(&probe, context, &id);
    stage(&probe, Hop::Handler);
    probe.pass_at_once(Hop::Handler, |probe| probe.check(Hop::Handler));
    probe.pass(Hop::Upload, |probe| read(probe, upload)).await;
    probe.pass(Hop::Actor, |probe| tokio::actor(probe, actor)).await;
    for (hop, pass) in AWAITING {
        probe.pass(*hop, pass).await;
    }
    if matches!(probe.expected.scenario, Scenario::Cancel(hop) if hop != Hop::Body) {
        pending::<()>().await;
    }
    // Nothing is left of what the hops and their callees have bound.
    probe.check(Hop::Handler);
    stage(&probe, Hop::Body);
    body_under_layer(&probe)
}

/// Sets the stage on the request's own stack, which is open; the body goes on with it.
fn stage(probe: &Guest, hop: Hop) {
    STAGE
        .set(variables::stage(&probe.expected.observer.live_count, hop))
        .expect("the stack of a request is open");
}

/// Checks that the values from the extractors are those of this request.
fn read_arguments(probe: &Guest, context: Context, id: &str) {
    let context = probe.expected.spoilt(Hop::Extractor, context.clone()).unwrap_or(context);
    context.run(|| probe.at_once(Hop::Extractor, |probe| probe.check(Hop::Extractor)));
    if id != probe.expected.request() {
        probe.expected.report(Hop::Extractor, 0, Some(id));
    }
}

/// The body of the request is read here, and is dropped here.
async fn read(probe: Guest, mut upload: Body) {
    probe.check(Hop::Upload);
    while let Some(Ok(_)) = upload.frame().await {}
    probe.check(Hop::Upload);
}
