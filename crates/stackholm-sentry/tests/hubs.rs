//! The hub of sentry along with each hop, and the tags of what is reported there.

use sentry_core::protocol::Event;
use sentry_core::{
    Client, ClientOptions, Envelope, Hub, Integration, Scope, Transport, capture_message,
    configure_scope,
};
use stackholm::{ContextExt, Var};
use std::sync::{Arc, Mutex, Once};

static REQUEST: Var<u64> = Var::new("request.id").logged();
static USER: Var<&str> = Var::new("user").logged();
/// May be shown to people, and goes to no service.
static TOKEN: Var<&str> = Var::new("token").shown();

fn carrying() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| stackholm_sentry::carry_hubs().unwrap());
}

/// Notes the events that would be sent: message and tags.
#[derive(Default)]
struct Sent(Mutex<Vec<String>>);

impl Transport for Sent {
    fn send_envelope(&self, envelope: Envelope) {
        let event = envelope.event().expect("only events are captured here");
        let tags: Vec<_> = event.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let message = event.message.as_deref().unwrap_or_default();
        self.0.lock().unwrap().push(format!("{message} {}", tags.join(" ")));
    }
}

/// Calls `f` within a hub that reports to what comes back, sorted.
fn reported(tags: stackholm_sentry::Tags, f: impl FnOnce()) -> Vec<String> {
    let sent = Arc::new(Sent::default());
    let to: Arc<dyn Transport> = sent.clone();
    let mut options = ClientOptions::default().add_integration(tags);
    options.dsn = "http://public@localhost/1".parse().ok();
    options.transport = Some(Arc::new(move |_: &ClientOptions| Arc::clone(&to)));
    let client = Arc::new(Client::with_options(options));
    Hub::run(Arc::new(Hub::new(Some(client), Arc::new(Scope::default()))), f);
    let mut lines = std::mem::take(&mut *sent.0.lock().unwrap());
    lines.sort();
    lines
}

fn report(message: &str) {
    capture_message(message, sentry_core::Level::Error);
}

#[test]
fn an_event_has_the_tags_that_are_listed_and_keeps_its_own() {
    let tags = stackholm_sentry::Tags::only(["request.id", "user", "token"]);
    let mut event = Event::default();
    event.tags.insert("user".into(), "own".into());
    let process = || tags.process_event(event, &ClientOptions::default());
    let event = REQUEST
        .sync_scope(7, || USER.sync_scope("ada", || TOKEN.sync_scope("secret", process)))
        .unwrap();
    let tags: Vec<_> = event.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(tags, [("request.id", "7"), ("user", "own")]);
}

#[test]
fn what_is_handed_over_reports_with_the_scope_and_the_tags_of_there() {
    carrying();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let lines = reported(stackholm_sentry::Tags::only(["request.id"]), || {
        configure_scope(|scope| scope.set_tag("tenant", "acme"));
        REQUEST.sync_scope(7, || {
            runtime.block_on(async {
                stackholm::tokio::spawn(async { report("task") }).await.unwrap();
                stackholm::tokio::spawn_blocking(|| report("blocking")).await.unwrap();
                async { report("wrapped") }.in_current_context().await;
            });
            stackholm::rayon::join(|| report("job"), || ());
            stackholm::thread::spawn(|| report("thread")).join().unwrap();
            stackholm::thread::spawn_detached(|| report("detached")).join().unwrap();
        });
    });
    let with = |message: &str| format!("{message} request.id=7 tenant=acme");
    // The process has no client of its own: what is detached is reported to nobody.
    assert_eq!(lines, ["blocking", "job", "task", "thread", "wrapped"].map(with));
}

#[test]
fn what_work_adds_to_its_scope_stays_with_it() {
    carrying();
    let lines = reported(stackholm_sentry::Tags::only(["user"]), || {
        let adds = || {
            configure_scope(|scope| scope.set_tag("inner", "1"));
            report("inner");
        };
        USER.sync_scope("ada", || stackholm::thread::spawn(adds).join().unwrap());
        report("outer");
    });
    assert_eq!(lines, ["inner inner=1 user=ada", "outer "]);
}

#[test]
fn carrying_hubs_twice_is_an_error() {
    carrying();
    assert!(stackholm_sentry::carry_hubs().is_err());
}
