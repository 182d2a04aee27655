//! What a logger of logforth writes of the variables.

use logforth_core::kv::{KeyView, ValueView, Visitor};
use logforth_core::record::{Level, Record};
use logforth_core::{Append, Diagnostic, Error, Logger};
use stackholm::{Scope, Var};
use stackholm_logforth::Ambient;
use std::sync::{Arc, Mutex};

static REQUEST: Var<u64> = Var::new("request.id").logged();
static USER: Var<&str> = Var::new("user").logged();
static LIVE: Var<bool> = Var::new("live").logged();
/// May be shown to people, and is in no log.
static TOKEN: Var<&str> = Var::new("token").shown();

/// Keeps each line: the message, then key, value and type of each pair.
#[derive(Clone, Debug, Default)]
struct Page(Arc<Mutex<Vec<String>>>);

impl Append for Page {
    fn append(
        &self,
        record: &Record<'_>,
        diagnostics: &[Box<dyn Diagnostic>],
    ) -> Result<(), Error> {
        struct Pairs(String);
        impl Visitor for Pairs {
            fn visit(&mut self, key: KeyView<'_>, value: ValueView<'_>) -> Result<(), Error> {
                let kind = match value {
                    ValueView::U64(_) => "u64",
                    ValueView::Bool(_) => "bool",
                    ValueView::BorrowedStr(_) => "str",
                    _ => "?",
                };
                self.0.push_str(&format!(" {key}={value}:{kind}"));
                Ok(())
            }
        }
        let mut line = Pairs(record.payload().to_string());
        diagnostics.iter().try_for_each(|diagnostic| diagnostic.visit(&mut line))?;
        self.0.lock().unwrap().push(line.0);
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A logger, and what it writes.
fn logger(ambient: Ambient) -> (Arc<Logger>, Page) {
    let page = Page::default();
    let append = page.clone();
    let logger = logforth_core::builder()
        .dispatch(|dispatch| dispatch.diagnostic(ambient).append(append))
        .build();
    (Arc::new(logger), page)
}

fn info(logger: &Logger, message: &str) {
    logger.log(&Record::builder().level(Level::Info).payload(format_args!("{message}")).build());
}

fn request<R>(f: impl FnOnce() -> R) -> R {
    Scope::new().set(&REQUEST, 7).set(&USER, "ada").set(&LIVE, true).set(&TOKEN, "secret").run(f)
}

#[test]
fn each_record_has_the_fields_of_where_it_is_with_their_types_and_no_others() {
    let (logger, page) = logger(Ambient::new());
    info(&logger, "outside");
    request(|| info(&logger, "inside"));
    let lines = page.0.lock().unwrap();
    assert_eq!(*lines, ["outside", "inside request.id=7:u64 user=ada:str live=true:bool"]);
}

#[test]
fn what_is_handed_over_logs_with_its_request_and_a_bare_task_with_none() {
    let (logger, page) = logger(Ambient::only(["request.id"]));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let _entered = runtime.enter();
    request(|| {
        let (task, bare, thread) = (logger.clone(), logger.clone(), logger.clone());
        let task = stackholm::tokio::spawn(async move { info(&task, "task") });
        runtime.block_on(task).unwrap();
        runtime.block_on(tokio::spawn(async move { info(&bare, "bare") })).unwrap();
        stackholm::thread::spawn(move || info(&thread, "thread")).join().unwrap();
    });
    let lines = page.0.lock().unwrap();
    assert_eq!(*lines, ["task request.id=7:u64", "bare", "thread request.id=7:u64"]);
}

#[test]
fn a_value_cannot_end_its_line() {
    let (logger, page) = logger(Ambient::new());
    // The order of fields is that of the first use in the process, also in the other tests.
    request(|| ());
    USER.sync_scope("a\nINFO forged \u{1b}[31m", || info(&logger, "saved"));
    assert_eq!(*page.0.lock().unwrap(), ["saved user=a\\nINFO forged \\u{1b}[31m:str"]);
}
