//! A peer that is not ours, over loopback: OpenTelemetry for Python calls us and is called by us.
//! `tests/peers/run` has what it needs.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use stackholm::wire::{self, Hosts, Peer, Text, Trace, Wire};
use stackholm::{Scope, Var};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use tower::{Layer, ServiceExt};

static TENANT: Var<String> = Var::new("tenant");
static PLAN: Var<String> = Var::new("plan");
static TRACE: Var<Trace> = Var::new("trace");

fn wire() -> Wire {
    Wire::builder()
        .list(wire::baggage("tenant", &TENANT, Text).at_most(8_192))
        .list(wire::baggage("plan", &PLAN, Text))
        .trace(wire::trace(&TRACE))
        .passing_unknown_baggage()
        .build()
        .unwrap()
}

/// Serves with what it saw, on a port of its own for each kind of peer.
async fn serve(peer: Peer) -> SocketAddr {
    let answer = move |request: Request<Body>| async move {
        let received = wire().extract(request.headers(), peer);
        let context = received.context();
        let rejected = received.rejected().iter().map(ToString::to_string);
        let seen = json!({
            "parent": context.get(&TRACE).map(Trace::to_string),
            "state": context.get(&TRACE).map_or("", Trace::state),
            "tenant": context.get(&TENANT),
            "plan": context.get(&PLAN),
            "link": received.link().map(Trace::to_string),
            "rejected": rejected.collect::<Vec<_>>(),
        });
        seen.to_string()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What the peer sees in a request with this tenant and this trace.
async fn call(address: &str, tenant: &str, trace: &Trace) -> Value {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let client = wire().sending(Hosts::none().and("127.0.0.1")).layer(client);
    let request = Request::get(format!("http://{address}/")).body(Body::empty()).unwrap();
    let scope = Scope::new().set(&TENANT, tenant.into()).set(&TRACE, trace.clone());
    let response = scope.wrap(client.oneshot(request)).await.unwrap();
    let body = axum::body::to_bytes(Body::new(response.into_body()), 10_000).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and two packages: tests/peers/run"]
async fn opentelemetry_for_python_calls_us_and_is_called_by_us() {
    let python = std::env::var("PEERS_PYTHON").expect("tests/peers/run says where it is");
    let mut peer = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/peer.py"))
        .args([serve(Peer::Trusted).await.to_string(), serve(Peer::Unknown).await.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(peer.stdout.take().unwrap()).read_line(&mut said).unwrap();
    println!("Python: {said}");
    let (calls, address) = said.trim_end().split_once(" calls agree; ").expect("all agree");
    assert!(calls.parse::<u32>().unwrap() > 40);

    let values =
        ["acme", "", "a=b=c", "100%", "\u{fc} & co", "a,b;c\"d\\e", "a+b", "a b", "\u{65e5}"];
    for (at, tenant) in values.into_iter().enumerate() {
        let trace = Trace::new([7; 16], [at as u8 + 1; 8], at % 2 == 0).unwrap();
        let trace = trace.with_state(["", "a=1", "a=1,t@s=x y"][at % 3]).unwrap();
        let expected = json!({
            "parent": trace.to_string(),
            "state": trace.state(),
            "tenant": tenant,
            "plan": null,
        });
        assert_eq!(call(address, tenant, &trace).await, expected);
    }
    drop(peer.stdin.take());
    assert!(peer.wait().unwrap().success());
}
