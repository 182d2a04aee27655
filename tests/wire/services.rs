//! Services and clients of tower: HTTP and gRPC over loopback.

use super::{RAW, REQUEST, TENANT, wire};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response};
use axum::routing::get;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use stackholm::tower::ContextLayer;
use stackholm::wire::{Hosts, Peer, Timeout, Wire};
use stackholm::{Scope, deadline};
use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;
use tower::{Layer, ServiceExt, service_fn};

/// The headers that a client sends to this address.
async fn headers(hosts: Hosts, uri: &str) -> HeaderMap {
    let echo = service_fn(async |request: Request<()>| Ok::<_, Infallible>(request.into_parts().0));
    let request = Request::builder().uri(uri).body(()).unwrap();
    let client = wire().sending(hosts).layer(echo);
    let scope = Scope::new().set(&TENANT, "acme".into()).set(&REQUEST, "r-1".into());
    scope.wrap(client.oneshot(request)).await.unwrap().headers
}

#[tokio::test]
async fn nothing_is_sent_to_a_host_that_is_not_listed_whatever_the_address_looks_like() {
    let hosts = || Hosts::none().and(".svc.cluster.local").and("api.example");
    for uri in [
        "http://evil.example/?q=.svc.cluster.local",
        "http://evil.example/users.svc.cluster.local",
        "http://svc.cluster.local.evil.example/",
        "http://users.svc.cluster.local@evil.example/",
        "http://evilsvc.cluster.local/",
        "http://svc.cluster.local/",
        "http://x.api.example/",
        "http://api.example.evil.example/",
        "/no-host",
    ] {
        assert!(headers(hosts(), uri).await.is_empty(), "{uri}");
    }
    for uri in
        ["http://users.svc.cluster.local/", "https://API.example:8443/x", "http://api.example./"]
    {
        assert_eq!(headers(hosts(), uri).await.len(), 2, "{uri}");
    }
    assert!(headers(Hosts::none(), "http://api.example/").await.is_empty(), "none by default");
    assert_eq!(headers(Hosts::the_only_peer(), "/no-host").await.len(), 2);
}

#[tokio::test]
async fn a_redirect_out_of_the_list_is_sent_nothing() {
    // A client above the layer that follows redirects, as `tower_http::follow_redirect` does.
    let seen = std::sync::Mutex::new(Vec::new());
    let server = service_fn(async |request: Request<()>| {
        let host = request.uri().host().unwrap().to_owned();
        seen.lock().unwrap().push((host, request.headers().contains_key("baggage")));
        Ok::<_, Infallible>(
            Response::builder().header("location", "http://evil.example/").body(()).unwrap(),
        )
    });
    let client = wire().sending(Hosts::none().and("api.example")).layer(server);
    let work = async {
        let mut uri = String::from("http://api.example/");
        for _ in 0..2 {
            let request = Request::builder().uri(&uri).body(()).unwrap();
            let response = client.clone().oneshot(request).await.unwrap();
            uri = response.headers()["location"].to_str().unwrap().to_owned();
        }
    };
    TENANT.scope("acme".into(), work).await;
    let expected = [("api.example".to_owned(), true), ("evil.example".to_owned(), false)];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_client_with_nothing_left_fails_before_it_sends() {
    let calls = Cell::new(0);
    let server = service_fn(async |_: Request<()>| {
        calls.set(calls.get() + 1);
        Ok::<_, Infallible>(())
    });
    let wire = Wire::builder().timeout(Timeout::grpc()).build().unwrap();
    let client = wire.sending(Hosts::the_only_peer()).layer(server);
    let call = |limit| {
        deadline::within(limit).named("ours").wrap(client.clone().oneshot(Request::new(())))
    };
    let error = call(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.downcast_ref::<deadline::Expired>().unwrap().name(), Some("ours"));
    assert_eq!(calls.get(), 0);
    call(Duration::from_secs(60)).await.unwrap();
    assert_eq!(calls.get(), 1);
}

#[tokio::test]
async fn a_real_client_and_server_agree_and_a_stranger_is_not_believed() {
    let router = |peer: Peer| {
        let seen = async || {
            let raw = RAW.try_get().unwrap_or_default();
            format!("{} {} {raw:?}", REQUEST.get_or("-".into()), TENANT.get_or("-".into()))
        };
        let layer = ContextLayer::new(wire().receiving(move |_: &Request<Body>| peer));
        Router::new().route("/", get(seen)).layer(layer)
    };
    for (peer, expected) in [(Peer::Trusted, "r-1 acme [0, 255]"), (Peer::Unknown, "r-1 - []")] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router(peer)).await });
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let client = wire().sending(Hosts::none().and("127.0.0.1")).layer(client);
        let request =
            Request::builder().uri(format!("http://{address}/")).body(Body::empty()).unwrap();
        let scope = Scope::new()
            .set(&TENANT, "acme".into())
            .set(&REQUEST, "r-1".into())
            .set(&RAW, vec![0, 255]);
        let response = scope.wrap(client.oneshot(request)).await.unwrap();
        let body = axum::body::to_bytes(Body::new(response.into_body()), 1_000).await.unwrap();
        assert_eq!(body, expected);
        server.abort();
    }
}
