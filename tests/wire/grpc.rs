//! gRPC over loopback by tonic, both ways: with this crate at both ends, and with tonic's own
//! metadata at the other.

use super::{RAW, REQUEST, TENANT};
use axum::body::Bytes;
use futures_util::future::BoxFuture;
use http::uri::PathAndQuery;
use http::{Request, Response};
use stackholm::tower::ContextLayer;
use stackholm::wire::{self, Hosts, Peer, Text, Timeout, Token, Wire};
use stackholm::{Scope, deadline};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{self, Poll};
use std::time::Duration;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::bytes::{Buf, BufMut};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataValue;
use tonic::server::{NamedService, UnaryService};
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tower::{Layer, Service};

fn wire() -> Wire {
    Wire::builder()
        .list(wire::header("x-request-id", &REQUEST, Token::<64>).from_anyone())
        .list(wire::baggage("tenant", &TENANT, Text))
        .list(wire::header("raw-bin", &RAW, wire::Bytes))
        .timeout(Timeout::grpc())
        .build()
        .unwrap()
}

/// Messages are bytes.
#[derive(Clone, Copy, Default)]
struct Messages;

impl Codec for Messages {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Messages
    }

    fn decoder(&mut self) -> Self {
        Messages
    }
}

impl Encoder for Messages {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for Messages {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// Answers with what is visible; asked with `metadata`, with what tonic reads from its metadata.
#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async { Ok(tonic::server::Grpc::new(Messages).unary(Echo, request).await) })
    }
}

impl UnaryService<Bytes> for Echo {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        Box::pin(async move {
            let metadata = request.metadata();
            let said = if request.get_ref() == "metadata" {
                let id = metadata.get("x-request-id").map(|id| id.to_str().unwrap().to_owned());
                let raw = metadata.get_bin("raw-bin").map(|raw| raw.to_bytes().unwrap().to_vec());
                format!("{id:?} {raw:?} {}", metadata.contains_key("grpc-timeout"))
            } else {
                let limit = deadline::current().map(|deadline| deadline.name().unwrap());
                let (id, tenant) = (REQUEST.try_get().ok(), TENANT.try_get().ok());
                format!("{id:?} {tenant:?} {:?} {limit:?}", RAW.try_get().ok())
            };
            Ok(tonic::Response::new(said.into()))
        })
    }
}

async fn server(peer: Peer) -> Channel {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let layer = ContextLayer::new(wire().receiving(move |_: &Request<Body>| peer));
    let server = Server::builder().layer(layer).add_service(Echo);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// Calls with what is visible here.
async fn call<S>(client: S, request: tonic::Request<Bytes>) -> Result<String, Status>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut client = tonic::client::Grpc::new(client);
    client.ready().await.map_err(|error| Status::unknown(error.into().to_string()))?;
    let path = PathAndQuery::from_static("/test.Echo/Echo");
    let answer = client.unary(request, path, Messages).await?;
    Ok(String::from_utf8(answer.into_inner().to_vec()).unwrap())
}

fn ask(message: &'static str) -> tonic::Request<Bytes> {
    tonic::Request::new(Bytes::from_static(message.as_bytes()))
}

/// What every call has in these tests.
fn scope<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let scope = Scope::new().set(&REQUEST, "r-1".into()).set(&TENANT, "acme".into());
    let scope = scope.set(&RAW, vec![0, 255, 7]);
    scope.wrap(deadline::within(Duration::from_secs(600)).wrap(future))
}

#[tokio::test]
async fn grpc_carries_ids_bytes_and_the_deadline_and_a_stranger_only_its_id_and_limit() {
    let limit = r#"Some("the caller's")"#;
    let all = format!(r#"Some("r-1") Some("acme") Some([0, 255, 7]) {limit}"#);
    let strange = format!(r#"Some("r-1") None None {limit}"#);
    for (peer, expected) in [(Peer::Trusted, all), (Peer::Unknown, strange)] {
        let channel = server(peer).await;
        let client = wire().sending(Hosts::the_only_peer()).layer(channel.clone());
        assert_eq!(scope(call(client, ask("visible"))).await.unwrap(), expected);
        let bare = call(channel, ask("visible")).await.unwrap();
        assert_eq!(bare, "None None None None", "nothing stays on the connection");
    }
}

#[tokio::test]
async fn the_metadata_of_tonic_reads_what_is_sent_and_is_read_where_it_is_received() {
    let channel = server(Peer::Trusted).await;
    let client = wire().sending(Hosts::the_only_peer()).layer(channel.clone());
    let seen = scope(call(client, ask("metadata"))).await.unwrap();
    assert_eq!(seen, r#"Some("r-1") Some([0, 255, 7]) true"#);

    let mut request = ask("visible");
    request.metadata_mut().insert("x-request-id", "r-2".parse().unwrap());
    request.metadata_mut().insert_bin("raw-bin", MetadataValue::from_bytes(&[1, 2]));
    request.set_timeout(Duration::from_secs(600));
    let seen = call(channel, request).await.unwrap();
    assert_eq!(seen, r#"Some("r-2") None Some([1, 2]) Some("the caller's")"#);
}

#[tokio::test]
async fn a_call_with_nothing_left_is_not_sent_and_its_status_has_the_limit() {
    let channel = server(Peer::Trusted).await;
    let client = wire().sending(Hosts::the_only_peer()).layer(channel);
    let limit = deadline::within(Duration::ZERO).named("ours");
    let status = limit.wrap(call(client, ask("visible"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unknown);
    let expired = std::error::Error::source(&status).unwrap();
    let expired = expired.downcast_ref::<deadline::Expired>().unwrap();
    assert_eq!(expired.name(), Some("ours"));
}
