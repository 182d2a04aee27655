//! The layer under tonic's server, with its own client: a method that streams both ways, written
//! without a generator. Calls of one connection take turns; each message of the answer is made, and
//! each of the request read, in the context of its call; calls that are dropped half-way leave
//! nothing.
#![cfg(feature = "tower")]

#[path = "common/live.rs"]
mod live;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use http::{Request, Response};
use live::{Alive, Live};
use stackholm::tower::ContextLayer;
use stackholm::{Context, Var};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::task::{self, Poll};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::bytes::{Buf, BufMut};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{NamedService, StreamingService};
use tonic::transport::{Channel, Server};
use tonic::{Status, Streaming};
use tower::Service;

static N: Var<u32> = Var::new("n");
static SUM: Var<u32> = Var::new("sum");
static HELD: Var<Alive> = Var::new("held");

/// Messages are numbers.
#[derive(Clone, Copy, Default)]
struct Numbers;

impl Codec for Numbers {
    type Encode = u32;
    type Decode = u32;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Numbers
    }

    fn decoder(&mut self) -> Self {
        Numbers
    }
}

impl Encoder for Numbers {
    type Item = u32;
    type Error = Status;

    fn encode(&mut self, number: u32, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_u32(number);
        Ok(())
    }
}

impl Decoder for Numbers {
    type Item = u32;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<u32>, Status> {
        Ok(Some(from.get_u32()))
    }
}

/// Answers each number with the number of the call and the sum so far, which is kept in a variable.
#[derive(Clone)]
struct Sums;

impl NamedService for Sums {
    const NAME: &'static str = "test.Sums";
}

impl Service<Request<Body>> for Sums {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert_eq!(N.get(), number(&request), "the synchronous part");
        Box::pin(
            async move { Ok(tonic::server::Grpc::new(Numbers).streaming(Sums, request).await) },
        )
    }
}

impl StreamingService<u32> for Sums {
    type Response = u32;
    type ResponseStream = BoxStream<'static, Result<u32, Status>>;
    type Future = BoxFuture<'static, Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<u32>>) -> Self::Future {
        Box::pin(async move {
            SUM.set(N.get() * 1000).map_err(|error| Status::internal(error.to_string()))?;
            let sums = stream::unfold(request.into_inner(), async |mut numbers| {
                let number = numbers.message().await.ok()??;
                SUM.set(SUM.get() + number).expect("the body's stack is open");
                Some((Ok(SUM.get()), numbers))
            });
            Ok(tonic::Response::new(Box::pin(sums) as Self::ResponseStream))
        })
    }
}

fn number(request: &Request<Body>) -> u32 {
    request.headers()["number"].to_str().unwrap().parse().unwrap()
}

/// One call of the client.
struct Call {
    number: u32,
    numbers: mpsc::Sender<u32>,
    sums: Streaming<u32>,
}

impl Call {
    async fn begin(channel: &Channel, number: u32) -> Self {
        let (numbers, inbox) = mpsc::channel(1);
        let mut request = tonic::Request::new(ReceiverStream::new(inbox));
        request.metadata_mut().insert("number", number.into());
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static("/test.Sums/Add");
        let sums = client.streaming(request, path, Numbers).await.unwrap().into_inner();
        Call { number, numbers, sums }
    }

    async fn add(&mut self, number: u32) -> u32 {
        self.numbers.send(number).await.unwrap();
        self.sums.message().await.unwrap().unwrap()
    }

    /// Ends the request; the trailers say that all went well.
    async fn end(mut self) {
        drop(self.numbers);
        assert_eq!(self.sums.message().await.unwrap(), None);
        assert!(self.sums.trailers().await.unwrap().is_some());
    }
}

#[test]
fn calls_that_stream_both_ways_keep_their_own_and_leave_nothing() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let live = Live::default();
        let values = live.clone();
        let layer = ContextLayer::new(move |request: &Request<Body>, base: Context| {
            base.with(&N, number(request)).with(&HELD, values.value())
        });
        let server = Server::builder().layer(layer).add_service(Sums);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let channel =
            Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();

        let mut calls = Vec::new();
        for number in 0..12 {
            calls.push(Call::begin(&channel, number).await);
        }
        live.are(12).await;
        for round in 1..6 {
            for call in &mut calls {
                let expected = call.number * 1000 + round * (round + 1) / 2;
                assert_eq!(call.add(round).await, expected);
            }
            calls.reverse();
        }
        for left in (6..12).rev() {
            drop(calls.remove(left / 2));
            live.are(left).await;
        }
        for call in &mut calls {
            assert_eq!(call.add(100).await, call.number * 1000 + 115);
        }
        for (ended, call) in (1..).zip(calls) {
            call.end().await;
            live.are(6 - ended).await;
        }
    });
}
