//! The clients of the front, and how their requests ended.

use super::errand::{Ask, Errand};
use super::front::{End, Front};
use axum::body::Bytes;
use axum::http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinSet;

/// How many requests that failed are kept for the report; all are counted.
const KEPT: usize = 8;

/// How long a client waits before it goes on, after there was no back.
const PATIENCE: Duration = Duration::from_millis(2);

/// What the clients share.
#[derive(Debug)]
pub(crate) struct Callers {
    client: Client<HttpConnector, Full<Bytes>>,
    trusted: SocketAddr,
    strangers: SocketAddr,
    seed: u64,
    is_chaos: bool,
    next: AtomicU64,
    until: u64,
    pub(crate) is_over: AtomicBool,
}

/// How the requests ended.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    pub(crate) answered: u64,
    /// Those that were to end by their deadline, and did.
    pub(crate) kept: u64,
    /// Those that were not to be sent on, and were not.
    pub(crate) not_sent: u64,
    /// Those that were sent to the port with garbage, and were told so.
    pub(crate) refused: u64,
    /// Those that were under way when the back was gone.
    pub(crate) lost: u64,
    pub(crate) failed: u64,
    /// The first that failed, one line each.
    pub(crate) failures: Vec<String>,
}

impl Callers {
    pub(crate) fn new(front: &Front, seed: u64, is_chaos: bool, until: u64) -> Arc<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Arc::new(Callers {
            client: Client::builder(TokioExecutor::new()).build(connector),
            trusted: front.trusted,
            strangers: front.strangers,
            seed,
            is_chaos,
            next: AtomicU64::new(0),
            until,
            is_over: AtomicBool::new(false),
        })
    }

    /// How many requests have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.next.load(Relaxed).min(self.until)
    }

    /// Runs this many clients, until all requests are made or it is over.
    pub(crate) async fn call(self: Arc<Self>, clients: u16) -> Ends {
        let callers: JoinSet<Ends> = (0..clients).map(|_| Arc::clone(&self).go_on()).collect();
        let mut ends = Ends::default();
        callers.join_all().await.into_iter().for_each(|theirs| ends.merge(theirs));
        ends
    }

    async fn go_on(self: Arc<Self>) -> Ends {
        let mut ends = Ends::default();
        while !self.is_over.load(Relaxed) {
            let number = self.next.fetch_add(1, Relaxed);
            if number >= self.until {
                break;
            }
            let errand = Errand::new(self.seed, number);
            let text = self.send(&errand).await;
            if self.is_chaos && text.starts_with(End::Broken.word()) {
                tokio::time::sleep(PATIENCE).await;
            }
            ends.add(&errand, self.is_chaos, &text);
        }
        ends
    }

    /// Makes a request, and gives what was said.
    async fn send(&self, errand: &Errand) -> String {
        let port = if errand.is_trusted { self.trusted } else { self.strangers };
        let request = errand.headers(Request::get(format!("http://{port}/")));
        let request = request.body(Full::default()).expect("the headers are good");
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return format!("failed: {error}"),
        };
        match response.into_body().collect().await {
            Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            Err(error) => format!("failed: {error}"),
        }
    }
}

impl Ends {
    fn add(&mut self, errand: &Errand, is_chaos: bool, text: &str) {
        let end = End::ALL.into_iter().find(|end| text.starts_with(end.word()));
        let count = match (errand.ask, end) {
            (Ask::Answer | Ask::Hostile, Some(End::Answered)) => &mut self.answered,
            (Ask::Garbage, Some(End::Answered)) if !is_chaos => &mut self.answered,
            // The port with garbage may send nothing until the deadline is over.
            (Ask::Garbage, Some(End::Broken | End::Expired)) if is_chaos => &mut self.refused,
            // On a busy machine the time may be over before the call.
            (Ask::Never, Some(End::Expired | End::NotSent)) => &mut self.kept,
            (Ask::NothingLeft, Some(End::NotSent)) => &mut self.not_sent,
            (Ask::Answer | Ask::Hostile | Ask::Never, Some(End::Broken)) if is_chaos => {
                &mut self.lost
            }
            (ask, _) => {
                self.keep(format!("request {}, to {ask:?}, ended so: {text}", errand.number));
                &mut self.failed
            }
        };
        *count += 1;
    }

    fn keep(&mut self, failure: String) {
        if self.failures.len() < KEPT {
            self.failures.push(failure);
        }
    }

    fn merge(&mut self, others: Ends) {
        self.answered += others.answered;
        self.kept += others.kept;
        self.not_sent += others.not_sent;
        self.refused += others.refused;
        self.lost += others.lost;
        self.failed += others.failed;
        others.failures.into_iter().for_each(|failure| self.keep(failure));
    }

    pub(crate) fn requests(&self) -> u64 {
        self.answered + self.kept + self.not_sent + self.refused + self.lost + self.failed
    }
}
