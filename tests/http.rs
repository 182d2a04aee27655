//! The layer, the executors and the extractor with real servers and real clients over loopback:
//! axum's and hyper's own, HTTP/1.1 with several requests on one connection, HTTP/2 with requests
//! that take turns, and clients that go away half-way. Each server says what it sees, each client
//! compares; afterwards no value is alive.
#![cfg(all(feature = "axum", feature = "hyper", feature = "tower"))]

#[path = "common/live.rs"]
mod live;

use axum::serve::ListenerExt;
use futures_util::future::join_all;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Incoming};
use hyper::rt::Executor;
use hyper_util::client::legacy::Client as PoolingClient;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use live::{Alive, Live};
use stackholm::hyper::{CarryingExecutor, DetachingExecutor};
use stackholm::tower::ContextLayer;
use stackholm::{Context, ContextCell, ContextExt, Shared, Var};
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::pending;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Barrier, Mutex};
use tokio::task::yield_now;
use tower::{Layer, service_fn};

static N: Var<u32> = Var::new("n");
static M: Var<u32> = Var::new("m");
static HELD: Var<Alive> = Var::new("held");
static GATE: Var<Arc<Barrier>> = Var::new("gate");
static ON_STACK: Var<u32> = Var::new("on_stack").stays_on_stack();
static IN_CHECKPOINT: Var<u32> = Var::new("in_checkpoint").stays_in_checkpoint();

// What is served.

type Answer = UnsyncBoxBody<Bytes, Infallible>;

fn full(text: impl Into<Bytes>) -> Response<Answer> {
    Response::new(Full::new(text.into()).boxed_unsync())
}

/// Of a path `/number/what`.
fn number<B>(request: &Request<B>) -> u32 {
    request.uri().path().split('/').nth(1).unwrap().parse().unwrap()
}

fn what<B>(request: &Request<B>) -> String {
    request.uri().path().split('/').nth(2).unwrap().to_owned()
}

/// Waits until all requests of the test are there, if it asks for that.
async fn together() {
    yield_now().await;
    if let Ok(gate) = GATE.try_get() {
        gate.wait().await;
    }
}

/// What a request sees at its hops: the number it was given, and what it set.
fn sees() -> String {
    format!("{}:{} ", N.get(), M.get())
}

/// So many frames and a trailer, each saying what it sees; between them the other requests have
/// their turn.
fn frames(count: usize) -> Answer {
    let frames = stream::unfold(0, move |at| async move {
        together().await;
        let frame = if at < count {
            Frame::data(sees().into())
        } else {
            Frame::trailers(HeaderMap::from_iter([(
                "seen".parse().unwrap(),
                sees().trim().parse().unwrap(),
            )]))
        };
        (at <= count).then_some((Ok(frame), at + 1))
    });
    StreamBody::new(frames).boxed_unsync()
}

/// One frame, and then nothing, and no end.
fn endless() -> Answer {
    let frames = stream::unfold(true, async |first| {
        if first { Some((Ok(Frame::data(sees().into())), false)) } else { pending().await }
    });
    StreamBody::new(frames).boxed_unsync()
}

/// The service of all tests: checks in each part that the request sees its own number.
fn serve<B>(
    request: Request<B>,
) -> impl Future<Output = Result<Response<Answer>, Infallible>> + Send + use<B>
where
    B: Body<Data = Bytes, Error: Debug> + Send + Unpin,
{
    assert_eq!(N.get(), number(&request), "the synchronous part");
    M.set(N.get() + 1000).expect("a request is open");
    async move {
        let what = what(&request);
        let mut body = request.into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            // A client that goes away is no fault of ours.
            let Ok(frame) = frame else { return Ok(full("cut off")) };
            read += frame.into_data().map_or(0, |data| data.len());
            sees();
        }
        together().await;
        let answer = match what.as_str() {
            "stream" => Response::builder().header("trailer", "seen").body(frames(4)).unwrap(),
            "full" => full(format!("{}read {read}", sees())),
            "endless" => Response::new(endless()),
            "never" => pending().await,
            other => panic!("nobody asks for {other}"),
        };
        Ok(answer)
    }
}

/// Binds the number of the request and a value that is counted.
fn layer<B>(
    live: Live,
) -> ContextLayer<impl Fn(&Request<B>, Context) -> Context + Clone + Send + Sync> {
    ContextLayer::new(move |request: &Request<B>, base| {
        base.with(&N, number(request)).with(&HELD, live.value())
    })
}

// Servers and clients.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Server {
    Axum,
    Hyper,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Protocol {
    Http1,
    Http2,
}

const EACH: [(Server, Protocol); 4] = [
    (Server::Axum, Protocol::Http1),
    (Server::Axum, Protocol::Http2),
    (Server::Hyper, Protocol::Http1),
    (Server::Hyper, Protocol::Http2),
];

/// Workers that keep no base while they are idle.
fn workers() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_park(Shared::flush_thread)
        .enable_all()
        .build()
        .unwrap()
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves until the runtime ends. The base of all requests is `base`.
async fn start(server: Server, live: &Live, base: &Arc<ContextCell>) -> SocketAddr {
    let (listener, address) = listen().await;
    match server {
        Server::Axum => {
            let app = axum::Router::new().fallback_service(service_fn(serve::<axum::body::Body>));
            let app = app.layer(layer(live.clone()).on(Arc::clone(base)));
            let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
            tokio::spawn(async move { axum::serve(listener, app).await });
        }
        Server::Hyper => {
            let service =
                layer(live.clone()).on(Arc::clone(base)).layer(service_fn(serve::<Incoming>));
            let service = TowerToHyperService::new(service);
            tokio::spawn(async move {
                loop {
                    let stream = listener.accept().await.unwrap().0;
                    stream.set_nodelay(true).unwrap();
                    let io = TokioIo::new(stream);
                    let connection =
                        auto::Builder::new(DetachingExecutor::new(TokioExecutor::new()))
                            .serve_connection(io, service.clone())
                            .into_owned();
                    tokio::spawn(connection);
                }
            });
        }
    }
    address
}

/// One connection of a client.
struct Client {
    sender: Sender,
    socket: std::net::TcpStream,
}

#[derive(Clone)]
enum Sender {
    One(Arc<Mutex<hyper::client::conn::http1::SendRequest<Full<Bytes>>>>),
    Two(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

impl Client {
    async fn connect(protocol: Protocol, address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap().into_std().unwrap();
        stream.set_nodelay(true).unwrap();
        let socket = stream.try_clone().unwrap();
        let io = TokioIo::new(TcpStream::from_std(stream).unwrap());
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
                tokio::spawn(connection);
                Sender::One(Arc::new(Mutex::new(sender)))
            }
            Protocol::Http2 => {
                let (sender, connection) =
                    hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
                tokio::spawn(connection);
                Sender::Two(sender)
            }
        };
        Client { sender, socket }
    }

    /// Goes away, with whatever is under way.
    fn disconnect(self) {
        self.socket.shutdown(Shutdown::Both).unwrap();
    }
}

impl Sender {
    async fn send(&self, path: &str, body: &'static str) -> hyper::Result<Response<Incoming>> {
        let request =
            Request::builder().uri(format!("http://localhost{path}")).header("te", "trailers");
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        match self.clone() {
            Sender::One(sender) => {
                let mut sender = sender.lock().await;
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Two(mut sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// The text of the body, and what its trailer says.
    async fn fetch(&self, path: &str, body: &'static str) -> (String, Option<String>) {
        let answer = self.send(path, body).await.unwrap().into_body().collect().await.unwrap();
        let trailer =
            answer.trailers().map(|trailers| trailers["seen"].to_str().unwrap().to_owned());
        (String::from_utf8(answer.to_bytes().to_vec()).unwrap(), trailer)
    }
}

// Requests that are served to the end.

#[test]
fn requests_of_one_connection_each_see_their_own_and_leave_nothing() {
    for (server, protocol) in EACH {
        workers().block_on(async {
            let live = Live::default();
            let address = start(server, &live, &Arc::default()).await;
            let client = Client::connect(protocol, address).await;
            for n in 0..20 {
                let (text, trailer) =
                    client.sender.fetch(&format!("/{n}/stream"), "uploaded").await;
                let seen = format!("{n}:{} ", n + 1000);
                assert_eq!(text, seen.repeat(4), "{server:?} {protocol:?}");
                assert_eq!(trailer.as_deref(), Some(seen.trim()), "{server:?} {protocol:?}");
                let (text, _) = client.sender.fetch(&format!("/{n}/full"), "uploaded").await;
                assert_eq!(text, format!("{seen}read 8"));
            }
            live.are(0).await;
        });
    }
}

#[test]
fn requests_that_are_multiplexed_take_turns_and_never_see_each_other() {
    const TOGETHER: u32 = 16;
    for server in [Server::Axum, Server::Hyper] {
        workers().block_on(async {
            let live = Live::default();
            // All wait for all: in each handler, and before each frame.
            let gate = Arc::new(Barrier::new(TOGETHER as usize));
            let base = Arc::new(ContextCell::new());
            base.store(Context::empty().with(&GATE, gate));
            let address = start(server, &live, &base).await;
            let client = Client::connect(Protocol::Http2, address).await;
            for round in 0..5 {
                let paths: Vec<_> =
                    (0..TOGETHER).map(|n| format!("/{}/stream", round * 100 + n)).collect();
                let answers =
                    join_all(paths.iter().map(|path| client.sender.fetch(path, "uploaded"))).await;
                for (n, (text, trailer)) in (round * 100..).zip(answers) {
                    let seen = format!("{n}:{} ", n + 1000);
                    assert_eq!(text, seen.repeat(4), "{server:?}");
                    assert_eq!(trailer.as_deref(), Some(seen.trim()));
                }
                live.are(0).await;
            }
        });
    }
}

#[test]
fn the_length_of_a_body_is_still_told_to_the_client() {
    for (server, protocol) in EACH {
        workers().block_on(async {
            let live = Live::default();
            let address = start(server, &live, &Arc::default()).await;
            let client = Client::connect(protocol, address).await;
            let length = |response: &Response<Incoming>| {
                response
                    .headers()
                    .get("content-length")
                    .map(|length| length.to_str().unwrap().to_owned())
            };
            let known = client.sender.send("/1/full", "").await.unwrap();
            assert_eq!(length(&known).as_deref(), Some("13"), "{server:?} {protocol:?}");
            assert_eq!(known.into_body().collect().await.unwrap().to_bytes(), "1:1001 read 0");
            let unknown = client.sender.send("/1/stream", "").await.unwrap();
            assert_eq!(length(&unknown), None, "{server:?} {protocol:?}");
        });
    }
}

#[test]
fn the_base_is_swapped_while_the_server_runs() {
    for (server, protocol) in EACH {
        workers().block_on(async {
            let (live, bases) = (Live::default(), Live::default());
            let base = Arc::new(ContextCell::new());
            let address = start(server, &live, &base).await;
            let client = Client::connect(protocol, address).await;
            static BASE: Var<Alive> = Var::new("base");
            base.store(Context::empty().with(&BASE, bases.value()));
            let under_way = client.sender.send("/1/endless", "").await.unwrap();
            base.store(Context::empty().with(&BASE, bases.value()));
            bases.are(2).await;
            let other = Client::connect(protocol, address).await;
            assert_eq!(other.sender.fetch("/2/full", "").await.0, "2:1002 read 0");
            assert_eq!(bases.now(), 2, "the request that is under way has the old base");
            client.disconnect();
            bases.are(1).await;
            drop(under_way);
            base.store(Context::empty());
            bases.are(0).await;
        });
    }
}

// Clients that go away.

#[test]
fn a_client_that_goes_away_takes_the_values_of_its_handler_with_it() {
    for (server, protocol) in EACH {
        workers().block_on(async {
            let live = Live::default();
            let address = start(server, &live, &Arc::default()).await;
            let client = Client::connect(protocol, address).await;
            let sender = client.sender.clone();
            let asking = tokio::spawn(async move { sender.send("/1/never", "").await.is_err() });
            live.are(1).await;
            client.disconnect();
            assert!(asking.await.unwrap());
            live.are(0).await;
        });
    }
}

#[test]
fn a_client_that_goes_away_takes_the_values_of_its_body_with_it() {
    for (server, protocol) in EACH {
        workers().block_on(async {
            let live = Live::default();
            let address = start(server, &live, &Arc::default()).await;
            let client = Client::connect(protocol, address).await;
            let mut response = client.sender.send("/1/endless", "").await.unwrap();
            let first = response.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!((&*first, live.now()), (&b"1:1001 "[..], 1));
            client.disconnect();
            live.are(0).await;
        });
    }
}

#[test]
fn a_client_that_goes_away_while_it_uploads_leaves_nothing() {
    for server in [Server::Axum, Server::Hyper] {
        workers().block_on(async {
            let live = Live::default();
            let address = start(server, &live, &Arc::default()).await;
            let mut connection = TcpStream::connect(address).await.unwrap();
            let half = b"POST /1/full HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf of it";
            connection.write_all(half).await.unwrap();
            live.are(1).await;
            drop(connection);
            live.are(0).await;
        });
    }
}

#[test]
fn a_request_that_is_reset_leaves_the_others_of_its_connection_alone() {
    for server in [Server::Axum, Server::Hyper] {
        workers().block_on(async {
            let live = Live::default();
            let address = start(server, &live, &Arc::default()).await;
            let client = Client::connect(Protocol::Http2, address).await;
            let mut bodies = Vec::new();
            for n in 0..6 {
                let mut response = client.sender.send(&format!("/{n}/endless"), "").await.unwrap();
                assert!(response.frame().await.is_some());
                bodies.push(response);
            }
            assert_eq!(live.now(), 6);
            for left in (0..6).rev() {
                drop(bodies.remove(left / 2));
                live.are(left).await;
                assert_eq!(client.sender.fetch("/9/full", "abc").await.0, "9:1009 read 3");
                live.are(left).await;
            }
        });
    }
}

#[test]
fn a_runtime_that_ends_drops_the_values_of_what_is_under_way() {
    for (server, protocol) in EACH {
        let (serving, asking) = (workers(), workers());
        let live = Live::default();
        let address = serving.block_on(start(server, &live, &Arc::default()));
        asking.block_on(async {
            let handler = Client::connect(protocol, address).await;
            tokio::spawn(async move { handler.sender.send("/1/never", "").await });
            let body = Client::connect(protocol, address).await;
            let response = body.sender.send("/2/endless", "").await.unwrap();
            live.are(2).await;
            tokio::task::spawn_blocking(move || drop(serving)).await.unwrap();
            assert_eq!(live.now(), 0);
            drop(response);
        });
    }
}

// Executors, and each reach.

/// Which of the three reaches are seen.
fn reaches() -> String {
    format!("{:?}", (N.is_bound(), ON_STACK.is_bound(), IN_CHECKPOINT.is_bound()))
}

/// Answers what the handler sees, and what its body sees.
async fn see(_: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
    let in_handler = reaches();
    let last =
        stream::once(async move { Ok(Frame::data(format!("{in_handler} {}", reaches()).into())) });
    Ok(Response::new(StreamBody::new(last).boxed_unsync()))
}

/// What a client is answered by one connection around which all reaches are bound.
async fn within<C>(
    protocol: Protocol,
    connection: impl FnOnce(TokioIo<TcpStream>) -> C + Send + 'static,
) -> String
where
    C: Future<Output = hyper::Result<()>> + Send,
{
    let (listener, address) = listen().await;
    let serving = async move {
        let io = TokioIo::new(listener.accept().await.unwrap().0);
        ON_STACK.set(1).unwrap();
        IN_CHECKPOINT.set(1).unwrap();
        connection(io).await
    };
    tokio::spawn(serving.in_context(Context::empty().with(&N, 1)));
    Client::connect(protocol, address).await.sender.fetch("/", "").await.0
}

#[test]
fn each_reach_goes_as_far_as_the_protocol_the_executor_and_the_layer_say() {
    use Protocol::{Http1, Http2};
    use hyper::server::conn::{http1, http2};
    let bare = || TowerToHyperService::new(service_fn(see));
    let detached = || {
        TowerToHyperService::new(
            ContextLayer::new(|_: &Request<Incoming>, base| base).layer(service_fn(see)),
        )
    };
    let caller = || {
        let layer = ContextLayer::new(|_: &Request<Incoming>, base| base).on_caller();
        TowerToHyperService::new(layer.layer(service_fn(see)))
    };
    let carrying = || http2::Builder::new(CarryingExecutor::new(TokioExecutor::new()));
    let detaching = || http2::Builder::new(DetachingExecutor::new(TokioExecutor::new()));
    let spawning = || http2::Builder::new(TokioExecutor::new());
    const NONE: &str = "(false, false, false)";
    const CARRIED: &str = "(true, false, false)";
    const ALL: &str = "(true, true, true)";
    workers().block_on(async {
        let both = |seen: &str| format!("{seen} {seen}");
        // The connection polls its requests of HTTP/1.1 itself, on its own stack.
        let connection = http1::Builder::new;
        assert_eq!(
            within(Http1, move |io| connection().serve_connection(io, bare())).await,
            both(ALL)
        );
        assert_eq!(
            within(Http1, move |io| connection().serve_connection(io, detached())).await,
            both(NONE)
        );
        assert_eq!(
            within(Http1, move |io| connection().serve_connection(io, caller())).await,
            both(CARRIED)
        );
        // It hands each request of HTTP/2 to the executor, and a service of tower is called there.
        assert_eq!(
            within(Http2, move |io| spawning().serve_connection(io, bare())).await,
            both(NONE)
        );
        assert_eq!(
            within(Http2, move |io| spawning().serve_connection(io, detached())).await,
            both(NONE)
        );
        assert_eq!(
            within(Http2, move |io| spawning().serve_connection(io, caller())).await,
            both(NONE)
        );
        assert_eq!(
            within(Http2, move |io| detaching().serve_connection(io, bare())).await,
            both(NONE)
        );
        assert_eq!(
            within(Http2, move |io| detaching().serve_connection(io, detached())).await,
            both(NONE)
        );
        assert_eq!(
            within(Http2, move |io| detaching().serve_connection(io, caller())).await,
            both(NONE)
        );
        assert_eq!(
            within(Http2, move |io| carrying().serve_connection(io, bare())).await,
            both(CARRIED)
        );
        assert_eq!(
            within(Http2, move |io| carrying().serve_connection(io, detached())).await,
            both(NONE)
        );
        assert_eq!(
            within(Http2, move |io| carrying().serve_connection(io, caller())).await,
            both(CARRIED)
        );
    });
}

/// A task hands over what it sees, of each reach, to an executor.
#[test]
fn an_executor_carries_or_detaches_as_its_name_says_even_on_the_thread_of_a_scope() {
    /// Polls at once, where it is: what a task sees by accident shows.
    struct AtOnce;
    impl<F: Future<Output = ()>> Executor<F> for AtOnce {
        fn execute(&self, future: F) {
            let mut future = std::pin::pin!(future);
            let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
            assert!(N.sync_scope(99, || future.as_mut().poll(cx)).is_ready());
        }
    }
    let hand_over = |executor: &dyn Fn(std::pin::Pin<Box<dyn Future<Output = ()>>>)| {
        let (say, said) = std::sync::mpsc::channel();
        executor(Box::pin(async move {
            say.send((N.try_get().ok(), ON_STACK.is_bound(), IN_CHECKPOINT.is_bound())).unwrap();
            M.set(1).expect("its checkpoint is open");
        }));
        assert!(!M.is_bound(), "what a task sets never comes back");
        said.recv().unwrap()
    };
    stackholm::Checkpoint::run(|| {
        N.set(1).unwrap();
        ON_STACK.set(1).unwrap();
        IN_CHECKPOINT.set(1).unwrap();
        let (carrying, detaching) = (CarryingExecutor::new(AtOnce), DetachingExecutor::new(AtOnce));
        assert_eq!(hand_over(&|task| carrying.execute(task)), (Some(1), false, false));
        assert_eq!(hand_over(&|task| detaching.execute(task)), (None, false, false));
        let bare = async || {
            assert_eq!((N.get(), ON_STACK.is_bound()), (99, true), "by accident");
        };
        AtOnce.execute(bare());
    });
}

/// The reason for detaching: a pool opens a connection for one request and keeps it for others.
#[test]
fn a_pooled_connection_holds_the_first_request_only_if_its_executor_carries() {
    async fn first_request_over<X>(executor: X) -> usize
    where
        X: Executor<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let live = Live::default();
        let (listener, address) = listen().await;
        let service = layer(Live::default()).layer(service_fn(serve::<Incoming>));
        tokio::spawn(async move {
            loop {
                let io = TokioIo::new(listener.accept().await.unwrap().0);
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(io, TowerToHyperService::new(service.clone()));
                tokio::spawn(connection);
            }
        });
        let client = PoolingClient::builder(executor).build_http::<Full<Bytes>>();
        let fetch = async |n| {
            let uri = format!("http://{address}/{n}/full").parse().unwrap();
            let answer = client.get(uri).await.unwrap().into_body().collect().await.unwrap();
            assert_eq!(answer.to_bytes(), format!("{n}:{} read 0", n + 1000));
        };
        HELD.scope(live.value(), fetch(1)).await;
        let left = live.now();
        fetch(2).await;
        drop(client);
        live.are(0).await;
        left
    }
    workers().block_on(async {
        let detaching = first_request_over(DetachingExecutor::new(TokioExecutor::new())).await;
        assert_eq!(detaching, 0);
        let carrying = first_request_over(CarryingExecutor::new(TokioExecutor::new())).await;
        assert_eq!(carrying, 1, "the connection is open, and holds what it was opened with");
    });
}
