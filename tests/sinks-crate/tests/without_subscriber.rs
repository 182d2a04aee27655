//! A program that uses `tracing`'s macros and logs through `log`: its feature `log` passes events on
//! as long as no subscriber was ever set. A hop that carries spans must not set one.

use ::log::{LevelFilter, Log, Metadata, Record, info};
use stackholm::{ContextExt, Var};
use std::sync::Mutex;
use std::thread::ThreadId;

static REQUEST: Var<u64> = Var::new("request.id").logged();

/// What was logged, and on which thread.
static LINES: Mutex<Vec<(String, ThreadId)>> = Mutex::new(Vec::new());

struct Lines;

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // `tracing` logs spans too.
        if record.target() == module_path!() {
            let line = format!("{} request.id={:?}", record.args(), REQUEST.try_get().ok());
            LINES.lock().unwrap().push((line, std::thread::current().id()));
        }
    }

    fn flush(&self) {}
}

#[test]
fn without_a_subscriber_work_that_was_handed_over_logs_through_log() {
    log::set_boxed_logger(Box::new(Lines)).unwrap();
    log::set_max_level(LevelFilter::Trace);
    stackholm::tracing::carry_spans().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let event = |what: &'static str| move || tracing::info!("{what}");
    REQUEST.sync_scope(7, || {
        let _span = tracing::info_span!("request").entered();
        event("here")();
        stackholm::thread::spawn(event("thread")).join().unwrap();
        runtime.block_on(async {
            let task = async move { event("task")() };
            tokio::spawn(task.in_current_context()).await.unwrap();
            stackholm::tokio::spawn_blocking(event("job")).await.unwrap();
            stackholm::tokio::spawn_blocking_detached(event("detached")).await.unwrap();
        });
        info!("here again");
    });
    assert!(!tracing::dispatcher::has_been_set(), "a hop set a subscriber");
    let lines = LINES.lock().unwrap();
    let texts: Vec<_> = lines.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "here request.id=Some(7)",
            "thread request.id=Some(7)",
            "task request.id=Some(7)",
            "job request.id=Some(7)",
            "detached request.id=None",
            "here again request.id=Some(7)",
        ]
    );
    let here = std::thread::current().id();
    assert_eq!(lines.iter().filter(|(_, thread)| *thread == here).count(), 2);
}
