//! The back: the front calls it over HTTP and gRPC. It compares what it sees with what should have
//! crossed, and answers with what it saw.

use super::errand::{self, Ask, By, Errand, LEFT};
use super::garbage;
use super::grpc::{self, Texts};
use super::ledger::{Ledger, Limit, Place, Totals};
use super::listing;
use super::server::listen::serve;
use super::spoil::WireFault;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use stackholm::Context;
use stackholm::deadline::Expired;
use stackholm::tokio::{DeadlineExt, SpawnExt, spawn};
use stackholm::tower::ContextLayer;
use stackholm::wire::Peer;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::server::{NamedService, UnaryService};
use tower::Service;

/// The addresses of the back: HTTP, gRPC, and the port that answers with garbage.
pub(crate) type Addresses = [SocketAddr; 3];

/// A running back. When it is dropped it shuts down at once.
#[derive(Debug)]
pub(crate) struct Back {
    runtime: Runtime,
    desk: Desk,
    pub(crate) addresses: Addresses,
}

impl Back {
    pub(crate) fn start(seed: u64, fault: Option<WireFault>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name("back").enable_all().build()?;
        let desk = Desk { ledger: Arc::default(), seed, fault };
        let bind = || runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listeners = [bind()?, bind()?, bind()?];
        let [http, grpc, other] = &listeners;
        let addresses = [http.local_addr()?, grpc.local_addr()?, other.local_addr()?];
        let [http, grpc, other] = listeners;
        runtime.spawn_detached(serve(http, desk.router()));
        runtime.spawn_detached(desk.clone().serve_grpc(grpc));
        runtime.spawn_detached(garbage::serve(other, seed));
        Ok(Back { runtime, desk, addresses })
    }

    /// Shuts it down, and says what it found.
    pub(crate) fn end(self) -> Totals {
        let Back { runtime, desk, .. } = self;
        drop(runtime);
        desk.ledger.totals()
    }
}

/// What all requests of a back share.
#[derive(Clone, Debug)]
struct Desk {
    ledger: Arc<Ledger>,
    seed: u64,
    fault: Option<WireFault>,
}

/// Only the front knows the ports, so every caller is one of ours.
fn peer<Q>(_: &axum::http::Request<Q>) -> Peer {
    Peer::Trusted
}

impl Desk {
    fn router(&self) -> Router {
        let wire = listing::http(&self.ledger);
        let layer = ContextLayer::new(wire.receiving(peer));
        Router::new().fallback(any(answer)).with_state(self.clone()).layer(layer)
    }

    async fn serve_grpc(self, listener: TcpListener) {
        let wire = listing::grpc(&self.ledger);
        let layer = ContextLayer::new(wire.receiving(peer));
        let server = tonic::transport::Server::builder().layer(layer).add_service(Grpc(self));
        // The front judges how the server ends.
        let _ = server.serve_with_incoming(TcpListenerStream::new(listener)).await;
    }

    /// Checks the values in the handler and in a task that it spawns, and answers; or never
    /// answers.
    async fn work(self, by: By, headers: HeaderMap) -> Result<String, Refusal> {
        let errand = Errand::of(self.seed, &headers).ok_or(Refusal::Unasked)?;
        let left = errand::microseconds(&headers, LEFT).ok_or(Refusal::Unasked)?;
        let left = Duration::from_micros(left);
        self.look(&errand, by, left);
        let (desk, theirs) = (self.clone(), errand.clone());
        let task = spawn(async move { desk.look(&theirs, by, left) });
        // The task is gone if the runtime is shutting down, which will drop this future too.
        let _ = task.await;
        let strikes = |fault: WireFault| self.fault == Some(fault) && fault.strikes(&errand);
        if strikes(WireFault::Leak) {
            std::mem::forget(Context::current());
        }
        if errand.ask == Ask::Never {
            pending::<()>().by_deadline().await.map_err(Refusal::Expired)?;
        }
        let mut sight = listing::seen();
        if strikes(WireFault::Answer) {
            sight = Errand::new(self.seed, errand.number + 1).at_back();
        }
        Ok(errand::answer(errand.number, &sight))
    }

    fn look(&self, errand: &Errand, by: By, left: Duration) {
        let place = if by == By::Http { Place::Http } else { Place::Grpc };
        let limit = Limit { seen: listing::limit_seen(), name: "the caller's", most: left };
        self.ledger.check(place, errand.number, [&errand.at_back(), &listing::seen()], limit);
    }
}

/// Why the back does not answer.
#[derive(Debug)]
enum Refusal {
    Expired(Expired),
    /// The request did not come from the front.
    Unasked,
}

async fn answer(State(desk): State<Desk>, request: Request) -> Response {
    match desk.work(By::Http, request.into_parts().0.headers).await {
        Ok(answer) => answer.into_response(),
        Err(Refusal::Expired(over)) => {
            (StatusCode::GATEWAY_TIMEOUT, over.to_string()).into_response()
        }
        Err(Refusal::Unasked) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// The service of gRPC.
#[derive(Clone, Debug)]
struct Grpc(Desk);

impl NamedService for Grpc {
    const NAME: &'static str = grpc::SERVICE;
}

impl Service<grpc::Request> for Grpc {
    type Response = axum::http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: grpc::Request) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(tonic::server::Grpc::new(Texts).unary(service, request).await) })
    }
}

impl UnaryService<String> for Grpc {
    type Response = String;
    type Future = grpc::Answer<String>;

    fn call(&mut self, request: tonic::Request<String>) -> Self::Future {
        let desk = self.0.clone();
        Box::pin(async move {
            match desk.work(By::Grpc, request.into_parts().0.into_headers()).await {
                Ok(answer) => Ok(tonic::Response::new(answer)),
                Err(Refusal::Expired(over)) => Err(Status::deadline_exceeded(over.to_string())),
                Err(Refusal::Unasked) => Err(Status::invalid_argument("no request of ours")),
            }
        })
    }
}
