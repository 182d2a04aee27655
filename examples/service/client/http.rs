//! A real HTTP client: sends one request over a real connection and says how it ended.

use super::oracle::hop::Hop;
use super::oracle::observer::Observer;
use super::oracle::scenario::Scenario;
use super::outcomes::Outcome;
use super::plan::Plan;
use super::server::body::{CHUNKS, HALF};
use axum::body::Bytes;
use axum::http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error};
use hyper_util::rt::TokioExecutor;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The body of a request that goes the long way.
const UPLOAD: &str = "something to be read frame by frame";

/// Connections to one server, kept alive between requests.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    plain: Pool<HttpConnector, Full<Bytes>>,
    /// For HTTP/2: all requests at once over one connection.
    multiplexed: Pool<HttpConnector, Full<Bytes>>,
    server: SocketAddr,
}

impl Client {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut pool = Pool::builder(TokioExecutor::new());
        let plain = pool.build(connector.clone());
        Client { plain, multiplexed: pool.http2_only(true).build(connector), server }
    }

    /// Makes the request, and disconnects half-way if that is the scenario.
    pub(crate) async fn send(&self, observer: &Observer, path: &str, plan: &Plan) -> Outcome {
        let response = self.pool(plan).request(self.request(path, plan));
        match plan.scenario {
            Scenario::Cancel(Hop::Body) => read_half(response.await).await,
            Scenario::Cancel(_) => {
                let half_way = observer.rendezvous.wait_for(plan.request());
                tokio::select! {
                    Ok(()) = half_way => Outcome::Cancelled,
                    response = response => {
                        observer.rendezvous.forget(plan.request());
                        unasked(response)
                    }
                }
            }
            Scenario::Panic(hop) => see_panic(hop, response.await).await,
            // The findings judge the values. Here the body only has to name its request.
            Scenario::Answer | Scenario::Measured | Scenario::Planted(_) => {
                read_all(plan, response.await).await
            }
        }
    }
}

/// How long a slow reader waits before each frame.
const SLOWLY: Duration = Duration::from_millis(20);

impl Client {
    /// Makes a request that is answered, and reads the response slowly.
    pub(crate) async fn send_and_read_slowly(&self, path: &str, plan: &Plan) -> Outcome {
        let mut body = match self.pool(plan).request(self.request(path, plan)).await {
            Ok(response) => response.into_body(),
            Err(error) => return failed(&error),
        };
        let mut text = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame.map(Frame::into_data) {
                Ok(data) => text.extend(data.unwrap_or_default()),
                Err(error) => return failed(&error),
            }
            tokio::time::sleep(SLOWLY).await;
        }
        judged(plan, &text)
    }

    /// Sends only the first bytes of a request, and drops the connection.
    pub(crate) async fn drop_connection(
        &self,
        path: &str,
        plan: &Plan,
        bytes: usize,
    ) -> io::Result<()> {
        let request = self.request(path, plan);
        let length = UPLOAD.len();
        let mut text = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n",
            self.server
        );
        for (name, value) in request.headers() {
            text += &format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
        }
        text += "\r\n";
        text += UPLOAD;
        let mut connection = TcpStream::connect(self.server).await?;
        connection.write_all(&text.as_bytes()[..bytes.min(text.len())]).await
    }

    fn request(&self, path: &str, plan: &Plan) -> Request<Full<Bytes>> {
        let request = Request::builder().uri(format!("http://{}{path}", self.server));
        let request = plan.headers(request);
        let request = match plan.scenario {
            Scenario::Measured => request.body(Full::default()),
            _ => request.method(Method::POST).body(Full::from(UPLOAD)),
        };
        request.expect("the headers are good")
    }

    fn pool(&self, plan: &Plan) -> &Pool<HttpConnector, Full<Bytes>> {
        if plan.multiplexed { &self.multiplexed } else { &self.plain }
    }
}

/// The outcome of a request that should have waited to be cancelled.
fn unasked(response: Result<Response<Incoming>, Error>) -> Outcome {
    match response {
        Ok(_) => Outcome::Failed(String::from("answered before its client went away")),
        Err(error) => failed(&error),
    }
}

async fn read_half(response: Result<Response<Incoming>, Error>) -> Outcome {
    let mut body = match response {
        Ok(response) => response.into_body(),
        Err(error) => return failed(&error),
    };
    let mut lines = 0;
    while lines < HALF as usize {
        match body.frame().await {
            Some(Ok(frame)) => lines += frame.data_ref().map_or(0, |data| count_lines(data)),
            Some(Err(error)) => return failed(&error),
            None => {
                return Outcome::Failed(String::from("its body ended before its client went away"));
            }
        }
    }
    Outcome::Cancelled
}

fn count_lines(data: &[u8]) -> usize {
    data.iter().filter(|&&byte| byte == b'\n').count()
}

/// A panic breaks the connection, or the stream of HTTP/2: before the response, or in the middle of
/// its body.
async fn see_panic(hop: Hop, response: Result<Response<Incoming>, Error>) -> Outcome {
    let Ok(response) = response else { return Outcome::Panicked };
    match response.into_body().collect().await {
        Err(_) => Outcome::Panicked,
        Ok(_) => Outcome::Failed(format!("answered though it was to panic in `{hop}`")),
    }
}

/// Each chunk must show the request's own id, and every hop must have checked its values.
async fn read_all(plan: &Plan, response: Result<Response<Incoming>, Error>) -> Outcome {
    let body = match response {
        Ok(response) => response.into_body().collect().await,
        Err(error) => return failed(&error),
    };
    match body {
        Ok(body) => judged(plan, &body.to_bytes()),
        Err(error) => failed(&error),
    }
}

fn judged(plan: &Plan, body: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(body);
    if is_complete(plan, &text) {
        Outcome::Answered
    } else {
        Outcome::Failed(format!("this is not its answer: {text:?}"))
    }
}

fn is_complete(plan: &Plan, text: &str) -> bool {
    let mut lines = text.lines();
    let whose = |line: &str| {
        line.split_once(' ').is_some_and(|(id, hop)| id == plan.request() && hop == "body")
    };
    let chunks = lines.by_ref().take(CHUNKS as usize).filter(|line| whose(line)).count();
    chunks == CHUNKS as usize && lines.eq([format!("{} checks", looks(plan.scenario))])
}

fn looks(scenario: Scenario) -> u32 {
    if scenario == Scenario::Measured { Hop::MEASURED.len() as u32 } else { Hop::LOOKS }
}

fn failed(error: &dyn std::error::Error) -> Outcome {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    Outcome::Failed(causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")))
}

#[cfg(test)]
mod tests {
    use super::super::plan::Mix;
    use super::*;

    #[test]
    fn an_answer_of_somebody_else_or_with_a_hop_too_few_is_refused() {
        let plan = Plan::new(1, 7, Mix::Calm);
        let own = "r-000007 body\n".repeat(4);
        assert!(is_complete(&plan, &format!("{own}6 checks\n")));
        assert!(!is_complete(&plan, &format!("{own}5 checks\n")));
        assert!(!is_complete(&plan, &own));
        let others = own.replacen('7', "8", 1);
        assert!(!is_complete(&plan, &format!("{others}6 checks\n")));
    }
}
