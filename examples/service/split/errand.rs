//! What each request says and asks for, derived from a seed and its number. Both processes derive
//! the same, so each can compare without being told.

use axum::http::HeaderMap;
use axum::http::request::Builder;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// Names the request. It is for the comparison alone, and crosses by hand.
pub(crate) const NUMBER: &str = "x-errand";

/// How much time the front saw left when it sent, in microseconds. It crosses by hand too.
pub(crate) const LEFT: &str = "x-left";

/// How many kinds of requests there are; the kinds repeat after this many.
pub(crate) const KINDS: u64 = 16;

/// What is to become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// It is answered.
    Answer,
    /// It is answered, though its headers are as bad as headers can be.
    Hostile,
    /// The back never answers, so the deadline ends it.
    Never,
    /// It comes with no time left, so the front does not call.
    NothingLeft,
    /// The port with garbage answers. Only in chaos, otherwise as `Answer`.
    Garbage,
}

/// How the front calls the back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Http,
    Grpc,
}

/// What is to be seen somewhere: the request id, the tenant, and the trace.
pub(crate) type Sight = [Option<String>; 3];

/// The names of what is to be seen.
pub(crate) const NAMES: [&str; 3] = ["request_id", "tenant", "trace"];

/// One request through both processes.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    pub(crate) number: u64,
    pub(crate) ask: Ask,
    pub(crate) by: By,
    /// Whether its client comes by the port of those who are trusted.
    pub(crate) is_trusted: bool,
    pub(crate) limit: Duration,
    tenant: u32,
    trace: u128,
    span: u64,
}

impl Errand {
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let (ask, is_trusted) = match number % KINDS {
            0 | 1 => (Ask::Answer, true),
            2 | 3 => (Ask::Answer, false),
            4 | 5 => (Ask::Never, true),
            6 | 7 => (Ask::NothingLeft, true),
            8 | 9 => (Ask::Hostile, true),
            10 | 11 => (Ask::Garbage, true),
            _ => (Ask::Answer, rng.random_range(0..4) > 0),
        };
        let limit = match ask {
            Ask::Answer | Ask::Hostile | Ask::Garbage => rng.random_range(300_000..500_000),
            Ask::Never => rng.random_range(30..90),
            Ask::NothingLeft => 0,
        };
        Errand {
            number,
            ask,
            by: if number % 2 == 0 { By::Http } else { By::Grpc },
            is_trusted,
            limit: Duration::from_millis(limit),
            tenant: rng.random_range(0..1_000),
            trace: rng.random::<u128>() | 1,
            span: rng.random::<u64>() | 1,
        }
    }

    /// The request whose number the headers of a peer name.
    pub(crate) fn of(seed: u64, headers: &HeaderMap) -> Option<Self> {
        Some(Errand::new(seed, microseconds(headers, NUMBER)?))
    }

    /// Writes what its client says, by hand.
    pub(crate) fn headers(&self, request: Builder) -> Builder {
        let request = request.header(NUMBER, self.number);
        if self.ask == Ask::Hostile {
            let request = request
                .header("x-request-id", "<script>alert(1)</script>")
                .header("baggage", format!("{}tenant=evil", "=,".repeat(64)))
                .header("x-timeout-ms", "1e9");
            return (0..2).fold(request, |request, _| request.header("traceparent", self.parent()));
        }
        request
            .header("x-request-id", self.request())
            .header("baggage", format!("other=1,tenant=t-{}%20%C3%BC%20%26%20co;p=1", self.tenant))
            .header("traceparent", self.parent())
            .header("x-timeout-ms", self.limit.as_millis().to_string())
    }

    fn request(&self) -> String {
        format!("r-{:06}", self.number)
    }

    fn parent(&self) -> String {
        format!("00-{:032x}-{:016x}-01", self.trace, self.span)
    }

    /// The ids of the span that the front makes: of the client's trace, or of a new one.
    pub(crate) fn front_span(&self) -> ([u8; 16], [u8; 8]) {
        let trace = if self.shows_all() { self.trace } else { !self.trace | 1 << 64 };
        (trace.to_be_bytes(), (self.number + 1).to_be_bytes())
    }

    fn shows_all(&self) -> bool {
        self.is_trusted && self.ask != Ask::Hostile
    }

    fn sight(&self, parent: Option<String>) -> Sight {
        let request = (self.ask != Ask::Hostile).then(|| self.request());
        let tenant = self.shows_all().then(|| format!("t-{} \u{fc} & co", self.tenant));
        [request, tenant, parent]
    }

    /// What is to be seen at the front.
    pub(crate) fn at_front(&self) -> Sight {
        self.sight(self.shows_all().then(|| self.parent()))
    }

    /// What is to be seen at the back.
    pub(crate) fn at_back(&self) -> Sight {
        let (trace, span) = self.front_span();
        let (trace, span) = (u128::from_be_bytes(trace), u64::from_be_bytes(span));
        let is_sampled = u8::from(self.shows_all());
        self.sight(Some(format!("00-{trace:032x}-{span:016x}-{is_sampled:02}")))
    }

    /// Whose limit is to be seen at the front.
    pub(crate) fn limit_at_front(&self) -> &'static str {
        if self.ask == Ask::Hostile { "the ceiling" } else { "the caller's" }
    }
}

/// A number that crosses by hand.
pub(crate) fn microseconds(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// What the back answers: all that it sees.
pub(crate) fn answer(number: u64, sight: &Sight) -> String {
    let [request, tenant, trace] = sight;
    format!("{number} {request:?} {tenant:?} {trace:?}")
}
