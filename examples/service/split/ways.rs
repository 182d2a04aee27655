//! How the front calls the back: clients of HTTP and of gRPC, under the layer that writes what
//! crosses.

use super::back::Addresses;
use super::errand::{By, Errand, LEFT, NUMBER};
use super::grpc::{PATH, Texts};
use super::ledger::Ledger;
use super::listing;
use super::spoil::WireFault;
use axum::body::Bytes;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use stackholm::deadline::{self, Expired};
use stackholm::wire::{Hosts, SendLayer};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use tonic::transport::{Channel, Endpoint};
use tower::util::MapRequest;
use tower::{Layer, ServiceExt};

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No time was left, so nothing was sent.
    NotSent,
    /// The back says that the deadline is over, or the client of gRPC does.
    Expired,
    /// The back is gone, or something else answers there.
    Broken(String),
}

/// The clients. Cloned in O(1).
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    http: SendLayer,
    grpc: SendLayer,
    client: Client<HttpConnector, Full<Bytes>>,
    /// The channel to the back, and the one to the port with garbage.
    channels: [Channel; 2],
    addresses: [SocketAddr; 2],
    seed: u64,
    fault: Option<WireFault>,
}

impl Ways {
    /// Must be called within a runtime.
    pub(crate) fn new(
        ledger: &Arc<Ledger>,
        seed: u64,
        fault: Option<WireFault>,
        addresses: Addresses,
    ) -> Self {
        let [http, grpc, garbage] = addresses;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let channel = |address: SocketAddr| {
            let endpoint = Endpoint::from_shared(format!("http://{address}"));
            endpoint.expect("it is an address").connect_lazy()
        };
        Ways {
            http: listing::http(ledger).sending(listing::hosts()),
            // A channel has one peer, and its requests name none.
            grpc: listing::grpc(ledger).sending(Hosts::the_only_peer()),
            client: Client::builder(TokioExecutor::new()).build(connector),
            channels: [channel(grpc), channel(garbage)],
            addresses: [http, garbage],
            seed,
            fault,
        }
    }

    /// Calls the back, or the port with garbage, with what is visible here.
    pub(crate) async fn call(self, errand: &Errand, is_garbage: bool) -> Result<String, Failure> {
        match errand.by {
            By::Http => self.call_http(errand, self.addresses[usize::from(is_garbage)]).await,
            By::Grpc => self.call_grpc(errand, &self.channels[usize::from(is_garbage)]).await,
        }
    }

    /// Applies the planted fault to a request on its way, if there is one.
    fn spoiling<B>(&self) -> impl Fn(Request<B>) -> Request<B> + Clone + Send + use<B> {
        let (fault, seed) = (self.fault, self.seed);
        move |mut request| {
            if let Some(fault) = fault {
                fault.spoil(request.headers_mut(), seed);
            }
            request
        }
    }

    /// Whether the layer is left out on purpose.
    fn forgets(&self, errand: &Errand) -> bool {
        self.fault == Some(WireFault::Overdue) && WireFault::Overdue.strikes(errand)
    }

    async fn call_http(&self, errand: &Errand, address: SocketAddr) -> Result<String, Failure> {
        let request = Request::post(format!("http://{address}/"))
            .header(NUMBER, errand.number)
            .header(LEFT, left())
            .body(Full::default())
            .expect("the headers are good");
        let client = MapRequest::new(self.client.clone(), self.spoiling());
        let response = if self.forgets(errand) {
            client.oneshot(request).await.map_err(|error| failed(&error))?
        } else {
            let client = self.http.layer(client);
            client.oneshot(request).await.map_err(|error| failed(&*error))?
        };
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| failed(&error))?;
        match status {
            StatusCode::OK => Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned()),
            StatusCode::GATEWAY_TIMEOUT => Err(Failure::Expired),
            status => Err(Failure::Broken(status.to_string())),
        }
    }

    async fn call_grpc(&self, errand: &Errand, channel: &Channel) -> Result<String, Failure> {
        let mut request = tonic::Request::new(String::new());
        let number = |number: u64| HeaderValue::from(number);
        let headers = request.metadata_mut();
        headers.as_mut().insert(NUMBER, number(errand.number));
        headers.as_mut().insert(LEFT, number(left()));
        let client = MapRequest::new(channel.clone(), self.spoiling());
        let path = PathAndQuery::from_static(PATH);
        let answer = if self.forgets(errand) {
            let mut client = tonic::client::Grpc::new(client);
            client.ready().await.map_err(|error| failed(&error))?;
            client.unary(request, path, Texts).await
        } else {
            let mut client = tonic::client::Grpc::new(self.grpc.layer(client));
            client.ready().await.map_err(|error| failed(&*error))?;
            client.unary(request, path, Texts).await
        };
        match answer {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) if is_over(&status) => Err(Failure::Expired),
            Err(status) => Err(failed(&status)),
        }
    }
}

/// How much time is left here, in microseconds.
fn left() -> u64 {
    deadline::remaining().map_or(u64::MAX, |left| left.as_micros() as u64)
}

/// tonic's own timer, on either side, says "cancelled" where others say that the deadline is over.
fn is_over(status: &tonic::Status) -> bool {
    status.code() == tonic::Code::DeadlineExceeded
        || status.code() == tonic::Code::Cancelled && status.message() == "Timeout expired"
}

fn failed(error: &(dyn Error + 'static)) -> Failure {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.is::<Expired>() {
            return Failure::NotSent;
        }
        next = cause.source();
    }
    Failure::Broken(error.to_string())
}
