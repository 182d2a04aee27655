//! The front: clients call it by two ports, one for those it trusts and one for anyone. It compares
//! what it sees with what was sent, calls the back, and compares what the back says it saw.

use super::back::Addresses;
use super::errand::{self, Ask, Errand};
use super::ledger::{Ledger, Limit, Place, Totals};
use super::listing::{self, TRACE};
use super::server::listen::serve;
use super::spoil::WireFault;
use super::ways::{Failure, Ways};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use stackholm::tokio::{DeadlineExt, SpawnExt, spawn};
use stackholm::tower::ContextLayer;
use stackholm::wire::{Peer, Trace};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// How a request ended; the client reads it as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answered,
    /// By its deadline.
    Expired,
    /// The back was not called: no time was left.
    NotSent,
    /// The back failed, or was not a back.
    Broken,
}

impl End {
    pub(crate) const ALL: [End; 4] = [End::Answered, End::Expired, End::NotSent, End::Broken];

    pub(crate) fn word(self) -> &'static str {
        match self {
            End::Answered => "answered",
            End::Expired => "expired",
            End::NotSent => "not-sent",
            End::Broken => "broken",
        }
    }
}

/// A running front.
#[derive(Debug)]
pub(crate) struct Front {
    runtime: Runtime,
    desk: Arc<Desk>,
    pub(crate) trusted: SocketAddr,
    pub(crate) strangers: SocketAddr,
}

/// What all requests of a front share.
#[derive(Debug)]
struct Desk {
    ledger: Arc<Ledger>,
    ways: Mutex<Option<Ways>>,
    seed: u64,
    fault: Option<WireFault>,
    is_chaos: bool,
    /// The longest time after a deadline at which its end was noticed, in microseconds.
    over_by: AtomicU64,
}

impl Front {
    pub(crate) fn start(seed: u64, fault: Option<WireFault>, is_chaos: bool) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name("front").enable_all().build()?;
        let ledger = Arc::default();
        let (ways, over_by) = (Mutex::default(), AtomicU64::new(0));
        let desk = Arc::new(Desk { ledger, ways, seed, fault, is_chaos, over_by });
        let bind = || runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listeners = [bind()?, bind()?];
        let [trusted, strangers] = [listeners[0].local_addr()?, listeners[1].local_addr()?];
        for (listener, peer) in listeners.into_iter().zip([Peer::Trusted, Peer::Unknown]) {
            runtime.spawn_detached(serve(listener, desk.router(peer)));
        }
        Ok(Front { runtime, desk, trusted, strangers })
    }

    /// Makes the front call this back from now on.
    pub(crate) fn calls(&self, back: Addresses) {
        let _here = self.runtime.enter();
        let Desk { ledger, ways, seed, fault, .. } = &*self.desk;
        let new = Ways::new(ledger, *seed, *fault, back);
        let old = ways.lock().unwrap_or_else(PoisonError::into_inner).replace(new);
        drop(old);
    }

    /// Shuts it down, and says what it found and how late the end of a deadline was noticed.
    pub(crate) fn end(self) -> (Totals, u64) {
        let Front { runtime, desk, .. } = self;
        desk.ways.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(runtime);
        (desk.ledger.totals(), desk.over_by.load(Relaxed))
    }
}

impl Desk {
    /// The port decides who is trusted; a header could not.
    fn router(self: &Arc<Self>, by_port: Peer) -> Router {
        let wire = listing::http(&self.ledger);
        let (fault, seed) = (self.fault, self.seed);
        let peer = move |request: &Request| {
            let believes = fault == Some(WireFault::Believed)
                && Errand::of(seed, request.headers())
                    .is_some_and(|errand| WireFault::Believed.strikes(&errand));
            if believes { Peer::Trusted } else { by_port }
        };
        let layer = ContextLayer::new(wire.receiving(peer));
        Router::new().fallback(any(answer)).with_state(Arc::clone(self)).layer(layer)
    }

    fn look(&self, errand: &Errand) {
        let place = if errand.is_trusted { Place::Trusted } else { Place::Stranger };
        let name = errand.limit_at_front();
        let most = if errand.ask == Ask::Hostile { listing::CEILING } else { errand.limit };
        let limit = Limit { seen: listing::limit_seen(), name, most };
        self.ledger.check(place, errand.number, [&errand.at_front(), &listing::seen()], limit);
    }

    /// Calls the back from a task of the request, in a span of the front's, as long as there is
    /// time.
    async fn work(self: Arc<Self>, errand: Errand) -> (End, String) {
        let (new, span) = errand.front_span();
        let ours = TRACE.try_with(|theirs| theirs.child(span)).ok().flatten();
        let ours = ours.or_else(|| Trace::new(new, span, false)).expect("no id is zero");
        let Some(ways) = self.ways.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return (End::Broken, "no back yet".into());
        };
        let is_garbage = self.is_chaos && errand.ask == Ask::Garbage;
        let expected = errand::answer(errand.number, &errand.at_back());
        let number = errand.number;
        let call = async move { ways.call(&errand, is_garbage).by_deadline().await };
        match spawn(TRACE.scope(ours, call)).await {
            Ok(Ok(Ok(said))) if is_garbage && said != expected => (End::Broken, said),
            Ok(Ok(Ok(said))) => {
                self.ledger.check_answer(number, &said, &expected);
                (End::Answered, said)
            }
            Ok(Ok(Err(Failure::NotSent))) => (End::NotSent, String::new()),
            Ok(Ok(Err(Failure::Expired))) => (End::Expired, String::new()),
            Ok(Ok(Err(Failure::Broken(why)))) => (End::Broken, why),
            Ok(Err(expired)) => {
                self.over_by.fetch_max(expired.over_by().as_micros() as u64, Relaxed);
                (End::Expired, expired.to_string())
            }
            Err(error) => (End::Broken, error.to_string()),
        }
    }
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let Some(errand) = Errand::of(desk.seed, request.headers()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    desk.look(&errand);
    let (end, why) = Arc::clone(&desk).work(errand.clone()).await;
    desk.look(&errand);
    let status = match end {
        End::Answered => StatusCode::OK,
        End::Expired | End::NotSent => StatusCode::GATEWAY_TIMEOUT,
        End::Broken => StatusCode::BAD_GATEWAY,
    };
    (status, format!("{} {why}", end.word())).into_response()
}
