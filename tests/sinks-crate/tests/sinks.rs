//! The sinks of fields: what each of them writes of the variables that are logged, and that none
//! ever writes another one.

use ::log::{Level, LevelFilter, Log, Metadata, Record, info, kv};
use ::slog::{Drain, Logger, o};
use serde_json::{Value, json};
use stackholm::fields::Fields;
use stackholm::{Scope, Var};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

static REQUEST: Var<u64> = Var::new("request.id").logged();
static USER: Var<String> = Var::new("user").logged();
static LIVE: Var<bool> = Var::new("live").logged();
/// May be shown to people, and is in no log.
static TOKEN: Var<&str> = Var::new("token").shown();
/// May be shown to nobody.
static PASSWORD: Var<&str> = Var::new("password");

const CANARY: &str = "canary-7f3a";

/// Whatever a sink writes.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines, each one object of JSON.
    fn objects(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Pages without what was written so far.
    fn take(&self) -> String {
        let text = self.text();
        self.0.lock().unwrap().clear();
        text
    }
}

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A logger that is handed to `info!`: what the macro asks first is the level of the process.
fn logging<L: Log>(inner: L) -> L {
    ::log::set_max_level(LevelFilter::Trace);
    inner
}

/// A request: three variables that are logged and two that are not.
fn request<R>(f: impl FnOnce() -> R) -> R {
    Scope::new()
        .set(&REQUEST, 7)
        .set(&USER, "ada".into())
        .set(&LIVE, true)
        .set(&TOKEN, CANARY)
        .set(&PASSWORD, CANARY)
        .run(f)
}

/// With the user alone. The order of fields is that of the first use in the process: that is here as
/// in a request, whichever test comes first.
fn as_user<R>(user: String, f: impl FnOnce() -> R) -> R {
    request(|| ());
    USER.sync_scope(user, f)
}

mod of_log {
    use super::*;

    /// A logger that writes each record as one object of JSON, with all key-values by their types.
    #[derive(Debug, Default)]
    struct Json(Mutex<Vec<Value>>);

    impl Log for Json {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.level() <= Level::Info
        }

        fn log(&self, record: &Record<'_>) {
            struct Pairs(Vec<(String, Value)>);
            impl<'kvs> kv::VisitSource<'kvs> for Pairs {
                fn visit_pair(
                    &mut self,
                    key: kv::Key<'kvs>,
                    value: kv::Value<'kvs>,
                ) -> Result<(), kv::Error> {
                    let value = if let Some(text) = value.to_borrowed_str() {
                        json!(text)
                    } else if let Some(number) = value.to_u64() {
                        json!(number)
                    } else if let Some(yes) = value.to_bool() {
                        json!(yes)
                    } else {
                        json!({ "other": value.to_string() })
                    };
                    self.0.push((key.to_string(), value));
                    Ok(())
                }
            }
            let mut pairs = Pairs(vec![("message".into(), json!(record.args().to_string()))]);
            let source = record.key_values();
            source.visit(&mut pairs).unwrap();
            assert_eq!(source.count(), pairs.0.len() - 1);
            for (key, value) in &pairs.0[1..] {
                let got = source.get(kv::Key::from(key.as_str())).unwrap();
                assert_eq!(got.to_string().trim_matches('"'), value.to_string().trim_matches('"'));
            }
            self.0.lock().unwrap().push(json!(pairs.0));
        }

        fn flush(&self) {}
    }

    fn written(logger: &stackholm::log::Logger<Json>) -> Vec<Value> {
        logger.get_ref().0.lock().unwrap().drain(..).collect()
    }

    #[test]
    fn each_record_has_the_fields_of_where_it_is_with_their_types() {
        let logger = stackholm::log::Logger::new(logging(Json::default()));
        info!(logger: logger, "outside");
        request(|| info!(logger: logger, own = 1; "inside"));
        assert_eq!(
            written(&logger),
            [
                json!([["message", "outside"]]),
                json!([
                    ["message", "inside"],
                    ["own", 1],
                    ["request.id", 7],
                    ["user", "ada"],
                    ["live", true]
                ]),
            ]
        );
    }

    #[test]
    fn a_key_of_the_event_itself_stays_as_it_is_and_is_there_once() {
        let logger =
            stackholm::log::Logger::new(logging(Json::default())).only(["request.id", "user"]);
        request(|| info!(logger: logger, "request.id" = 9, user = "own"; "x"));
        request(|| info!(logger: logger, "request.id" = 9; "x"));
        assert_eq!(
            written(&logger),
            [
                json!([["message", "x"], ["request.id", 9], ["user", "own"]]),
                json!([["message", "x"], ["request.id", 9], ["user", "ada"]]),
            ]
        );
    }

    #[test]
    fn a_line_of_env_logger_is_one_line_with_what_would_end_it_escaped() {
        let page = Page::default();
        let inner = env_logger::Builder::new()
            .filter_level(LevelFilter::Info)
            .target(env_logger::Target::Pipe(Box::new(page.clone())))
            .build();
        let logger = stackholm::log::Logger::new(logging(inner)).only(["user"]);
        as_user("\"ada\"\n[INFO] forged \u{1b}[31m".into(), || info!(logger: logger, "saved"));
        let text = page.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("saved user=\"ada\"\\n[INFO] forged \\u{1b}[31m"), "{text}");
    }

    #[test]
    fn what_the_filter_leaves_out_is_left_out_and_flush_reaches_the_logger() {
        let logger = stackholm::log::Logger::new(logging(Json::default()));
        let debug = Metadata::builder().level(Level::Debug).build();
        assert!(!logger.enabled(&debug));
        logger.flush();
    }

    /// A logger that hands snapshots to a thread, which writes them later.
    struct Later(mpsc::Sender<Fields>);

    impl Log for Later {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, _: &Record<'_>) {
            self.0.send(Fields::current()).unwrap();
        }
        fn flush(&self) {}
    }

    #[test]
    fn a_record_that_another_thread_writes_later_shows_the_moment_of_the_event() {
        let (send, receive) = mpsc::channel();
        let logger = stackholm::log::Logger::new(logging(Later(send)));
        request(|| info!(logger: logger, "now"));
        REQUEST.sync_scope(8, || info!(logger: logger, "later"));
        let write = move || receive.iter().map(|fields| fields.to_string()).collect::<Vec<_>>();
        drop(logger);
        let writer = thread::spawn(move || REQUEST.sync_scope(99, write));
        let lines = writer.join().unwrap();
        assert_eq!(lines, ["request.id=7 user=ada live=true", "request.id=8"]);
    }

    #[test]
    fn a_line_has_its_request_in_a_task_a_job_a_thread_and_a_destructor_and_not_in_a_bare_task() {
        let logger: &'static _ = Box::leak(Box::new(
            stackholm::log::Logger::new(logging(Json::default())).only(["request.id"]),
        ));
        struct LogsItsEnd(&'static stackholm::log::Logger<Json>);
        impl Drop for LogsItsEnd {
            fn drop(&mut self) {
                info!(logger: self.0, "destructor");
            }
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let _entered = runtime.enter();
        let has = |message: &str| json!([["message", message], ["request.id", 7]]);
        request(|| {
            let task = stackholm::tokio::spawn(async move { info!(logger: logger, "task") });
            runtime.block_on(task).unwrap();
            let bare = tokio::spawn(async move { info!(logger: logger, "bare") });
            runtime.block_on(bare).unwrap();
            let blocking =
                stackholm::tokio::spawn_blocking(move || info!(logger: logger, "blocking"));
            runtime.block_on(blocking).unwrap();
            stackholm::rayon::join(|| info!(logger: logger, "job"), || ());
            stackholm::thread::spawn(move || info!(logger: logger, "thread")).join().unwrap();
            let pending = async move {
                let _ends = LogsItsEnd(logger);
                std::future::pending::<()>().await;
            };
            let cancelled = stackholm::tokio::spawn(pending);
            runtime.block_on(async {
                tokio::task::yield_now().await;
                cancelled.abort();
                assert!(cancelled.await.is_err());
            });
        });
        let lines = written(logger);
        let expected = ["task", "blocking", "job", "thread"].map(has);
        assert!(expected.iter().all(|line| lines.contains(line)), "{lines:?}");
        assert!(lines.contains(&json!([["message", "bare"]])), "{lines:?}");
        // A task that was aborted before its first poll has nothing to end.
        assert!(lines.iter().all(|line| line[0][1] != "destructor" || *line == has("destructor")));
    }
}

mod of_log_mdc {
    use super::*;
    use log4rs::append::Append;
    use log4rs::config::{Appender, Config, Root};
    use log4rs::encode::Encode;
    use log4rs::encode::pattern::PatternEncoder;
    use log4rs::encode::writer::simple::SimpleWriter;

    #[derive(Debug)]
    struct ToPage(PatternEncoder, PageOfBytes);

    #[derive(Clone, Default)]
    struct PageOfBytes(Page);

    impl fmt::Debug for PageOfBytes {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("(a page)")
        }
    }

    impl Append for ToPage {
        fn append(&self, record: &Record<'_>) -> anyhow::Result<()> {
            self.0.encode(&mut SimpleWriter(self.1.0.clone()), record)
        }
        fn flush(&self) {}
    }

    #[test]
    fn an_unchanged_pattern_of_log4rs_prints_the_field_and_the_entries_of_log_mdc_survive() {
        let page = PageOfBytes::default();
        // `%X{request.id}` of log4j is `{X(request.id)}` in log4rs.
        let pattern = PatternEncoder::new("{m} {X(request.id)(none)} {X(user)(none)}{n}");
        let appender = Appender::builder().build("page", Box::new(ToPage(pattern, page.clone())));
        let root = Root::builder().appender("page").build(LevelFilter::Info);
        let config = Config::builder().appender(appender).build(root).unwrap();
        let logger = stackholm::log_mdc::Mirror::new(logging(log4rs::Logger::new(config)));

        log_mdc::insert("user", "of log-mdc");
        info!(logger: logger, "before");
        request(|| info!(logger: logger, "inside"));
        info!(logger: logger, "after");
        assert_eq!(page.0.text(), "before none of log-mdc\ninside 7 ada\nafter none of log-mdc\n");
        log_mdc::get("request.id", |value| assert_eq!(value, None));
        log_mdc::remove("user");
    }
}

mod of_tracing {
    use super::*;
    use stackholm::tracing_subscriber::Format;
    use tracing::subscriber::with_default;
    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;

    /// Runs `f` where events are written to the page that comes back.
    macro_rules! page_of {
        ($format:expr, $f:expr) => {{
            let page = Page::default();
            let to = page.clone();
            let subscriber = fmt()
                .with_max_level(tracing::Level::INFO)
                .with_ansi(false)
                .event_format($format)
                .with_writer(move || to.clone())
                .finish();
            with_default(subscriber, $f);
            page
        }};
    }

    #[test]
    fn with_the_filter_at_info_and_no_span_the_field_is_there() {
        let format = Format::new(fmt::format().without_time().with_target(false));
        let page = page_of!(format, || {
            request(|| {
                // The span is filtered out, and what it has with it.
                let _span = tracing::debug_span!("request", route = "/").entered();
                tracing::info!("saved");
            });
            tracing::info!("outside");
        });
        assert_eq!(page.text(), " INFO saved request.id=7 user=ada live=true\n INFO outside\n");
    }

    #[test]
    fn what_the_event_or_its_span_has_itself_wins_in_text() {
        let format = Format::new(fmt::format().without_time().with_target(false));
        let page = page_of!(format, || {
            request(|| {
                let span =
                    tracing::info_span!("work", user = "of the span", live = tracing::field::Empty);
                span.in_scope(|| tracing::info!(request.id = 9, "saved"));
            });
        });
        assert_eq!(page.text(), " INFO work{user=\"of the span\"}: saved request.id=9 live=true\n");
    }

    #[test]
    fn a_value_cannot_end_its_line_in_text() {
        let format = Format::new(fmt::format().without_time().with_target(false)).only(["user"]);
        let page = page_of!(format, || {
            as_user("a\n INFO forged \u{1b}[0m".into(), || tracing::info!("saved"));
        });
        assert_eq!(page.text(), " INFO saved user=\"a\\n INFO forged \\u001b[0m\"\n");
    }

    #[test]
    fn colours_of_the_inner_format_are_kept_if_it_is_asked_for_them() {
        let format = Format::new(fmt::format().without_time().with_target(false).with_ansi(true));
        let page = page_of!(format, || REQUEST.sync_scope(7, || tracing::info!("saved")));
        // The same with and without fields.
        let text = page.text();
        assert!(text.starts_with("\u{1b}[32m INFO\u{1b}[0m saved"), "{text:?}");
        assert!(text.ends_with(" request.id=7\n"), "{text:?}");
    }

    #[test]
    fn in_json_the_fields_are_flat_or_nested_as_one_likes_with_their_types() {
        let format = || fmt::format().json().without_time().with_target(false);
        let log = || request(|| tracing::info!(own = 1, "saved"));
        let fields = json!({ "message": "saved", "own": 1 });
        let page = page_of!(Format::new(format()).flat(), log);
        assert_eq!(
            page.objects(),
            [
                json!({ "level": "INFO", "fields": fields, "request.id": 7, "user": "ada", "live": true })
            ]
        );
        let page = page_of!(Format::new(format()).nested("context"), log);
        assert_eq!(
            page.objects(),
            [json!({
                "level": "INFO",
                "fields": fields,
                "context": { "request.id": 7, "user": "ada", "live": true },
            })]
        );
    }

    #[test]
    fn no_key_is_written_twice_in_json() {
        static LEVEL: Var<u64> = Var::new("level").logged();
        let format = || fmt::format().json().without_time().with_target(false).flatten_event(true);
        let log = || {
            request(|| {
                LEVEL.sync_scope(3, || tracing::info!(request.id = 9, user = "own", "saved"));
            });
        };
        let lines = [
            page_of!(Format::new(format()).flat(), log).text(),
            page_of!(Format::new(format()).nested("user"), log).text(),
        ];
        assert_eq!(
            lines,
            [
                "{\"level\":\"INFO\",\"message\":\"saved\",\"request.id\":9,\"user\":\"own\",\"live\":true}\n",
                "{\"level\":\"INFO\",\"message\":\"saved\",\"request.id\":9,\"user\":\"own\"}\n",
            ]
        );
    }

    /// A format that writes what it was told.
    struct Says(&'static str);

    impl<S, N> fmt::FormatEvent<S, N> for Says
    where
        S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
        N: for<'a> fmt::FormatFields<'a> + 'static,
    {
        fn format_event(
            &self,
            _: &fmt::FmtContext<'_, S, N>,
            mut writer: fmt::format::Writer<'_>,
            _: &tracing::Event<'_>,
        ) -> std::fmt::Result {
            writer.write_str(self.0)
        }
    }

    #[test]
    fn any_format_is_taken_as_it_is_and_what_is_no_object_stays_as_it_is() {
        let said = |said: &'static str| {
            let page = page_of!(Format::new(Says(said)).flat(), || {
                REQUEST.sync_scope(7, || tracing::info!("x"));
            });
            page.text()
        };
        assert_eq!(said("{}\n"), "{\"request.id\":7}\n");
        assert_eq!(
            said("{\"a\":{\"request.id\":1}}"),
            "{\"a\":{\"request.id\":1},\"request.id\":7}"
        );
        assert_eq!(
            said("{\"a\":\"\\\"request.id\\\":\"}\r\n"),
            "{\"a\":\"\\\"request.id\\\":\",\"request.id\":7}\r\n"
        );
        assert_eq!(said("{\"request.id\":[{}]}\n"), "{\"request.id\":[{}]}\n");
        for other in
            ["", "\n", "text", "{", "[]\n", "{}}", "{\"a\":1", "{\"a\":\"}", "{} {}", "{}x"]
        {
            assert_eq!(said(other), other);
        }
        let text = page_of!(Format::new(Says("two\nlines\n\n")), || {
            REQUEST.sync_scope(7, || tracing::info!("x"));
        });
        assert_eq!(text.text(), "two\nlines\n request.id=7\n");
    }

    #[test]
    fn a_layer_of_another_crate_takes_the_fields_by_a_closure() {
        let page = Page::default();
        let to = page.clone();
        let mut layer = json_subscriber::JsonLayer::new(move || to.clone());
        layer.add_dynamic_field("context", |_, _| Some(Fields::current()));
        with_default(tracing_subscriber::registry().with(layer), || {
            request(|| tracing::info!("saved"));
        });
        assert_eq!(
            page.objects()[0]["context"],
            json!({ "request.id": 7, "user": "ada", "live": true })
        );
    }
}

mod of_slog {
    use super::*;

    #[test]
    fn each_record_has_the_fields_of_its_event_also_if_another_thread_writes_it() {
        let page = Page::default();
        let json = slog_json::Json::new(page.clone()).build();
        let drain = slog_async::Async::new(json.fuse()).build();
        let logger = Logger::root(stackholm::slog::Ambient::new(drain.fuse()), o!("app" => "test"));
        slog::info!(logger, "outside");
        request(|| slog::info!(logger, "inside"; "own" => 1));
        REQUEST.sync_scope(8, || slog::info!(logger, "own wins"; "request.id" => 9));
        drop(logger); // Writes what is left.
        let [outside, inside, own] = &page.objects()[..] else { panic!("{}", page.text()) };
        assert_eq!(*outside, json!({ "app": "test" }));
        assert_eq!(
            *inside,
            json!({ "app": "test", "own": 1, "request.id": 7, "user": "ada", "live": true })
        );
        assert_eq!(*own, json!({ "app": "test", "request.id": 9 }));
        assert_eq!(page.take().matches("request.id").count(), 2);
    }
}

mod of_metrics {
    use super::*;
    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Recorder, SharedString, Unit};

    /// Notes what is registered.
    #[derive(Debug, Default)]
    pub(crate) struct Notes(pub(crate) Mutex<Vec<String>>);

    impl Notes {
        fn note(&self, key: &Key) {
            self.0.lock().unwrap().push(key.to_string());
        }
    }

    impl Recorder for &'static Notes {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &metrics::Metadata<'_>) -> Counter {
            self.note(key);
            Counter::noop()
        }
        fn register_gauge(&self, key: &Key, _: &metrics::Metadata<'_>) -> Gauge {
            self.note(key);
            Gauge::noop()
        }
        fn register_histogram(&self, key: &Key, _: &metrics::Metadata<'_>) -> Histogram {
            self.note(key);
            Histogram::noop()
        }
    }

    #[test]
    fn a_metric_has_the_labels_that_are_listed_and_no_others() {
        let notes: &'static Notes = Box::leak(Box::default());
        let recorder = stackholm::metrics::Labels::only(["user", "token"]).layer(notes);
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("outside").increment(1);
            request(|| {
                metrics::counter!("counter").increment(1);
                metrics::gauge!("gauge", "own" => "1").set(1.0);
                metrics::histogram!("histogram", "user" => "own").record(1.0);
            });
        });
        assert_eq!(
            *notes.0.lock().unwrap(),
            [
                "Key(outside)",
                "Key(counter, [user = ada])",
                "Key(gauge, [own = 1, user = ada])",
                "Key(histogram, [user = own])",
            ]
        );
    }
}

/// Writes all that is in the map of log-mdc.
struct Mirrored(Page);

impl Log for Mirrored {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &Record<'_>) {
        use io::Write;
        log_mdc::iter(|key, value| writeln!(self.0.clone(), "mdc {key}={value}").unwrap());
    }

    fn flush(&self) {}
}

/// Notes what logforth is told.
struct Pairs(String);

impl logforth_core::kv::Visitor for Pairs {
    fn visit(
        &mut self,
        key: logforth_core::kv::KeyView<'_>,
        value: logforth_core::kv::ValueView<'_>,
    ) -> Result<(), logforth_core::Error> {
        self.0.push_str(&format!(" {key}={value}"));
        Ok(())
    }
}

/// All that any sink writes, of one request that has two values that nobody may see.
fn all_outputs() -> String {
    let mut all = String::new();
    let page = Page::default();
    let pages = page.clone();
    let env = env_logger::Builder::new()
        .filter_level(LevelFilter::Trace)
        .target(env_logger::Target::Pipe(Box::new(page.clone())))
        .build();
    let logger = stackholm::log::Logger::new(logging(env));
    let mirror = stackholm::log_mdc::Mirror::new(Mirrored(page.clone()));
    request(|| {
        info!(logger: logger, "log");
        info!(logger: mirror, "log");
        for format in [0, 1, 2] {
            let to = page.clone();
            let json = || tracing_subscriber::fmt::format().json();
            let builder = tracing_subscriber::fmt().with_writer(move || to.clone());
            let log = || tracing::info!("tracing");
            use stackholm::tracing_subscriber::Format;
            use tracing::subscriber::with_default;
            match format {
                0 => with_default(
                    builder.event_format(Format::new(tracing_subscriber::fmt::format())).finish(),
                    log,
                ),
                1 => with_default(builder.event_format(Format::new(json()).flat()).finish(), log),
                _ => with_default(
                    builder.event_format(Format::new(json()).nested("context")).finish(),
                    log,
                ),
            }
        }
        let drain = slog_json::Json::default(page.clone()).fuse();
        let drain = stackholm::slog::Ambient::new(Mutex::new(drain).fuse());
        slog::info!(Logger::root(drain.fuse(), o!()), "slog");
        let notes: &'static of_metrics::Notes = Box::leak(Box::default());
        let every = ["request.id", "user", "live", "token", "password"];
        let recorder = stackholm::metrics::Labels::only(every).layer(notes);
        metrics::with_local_recorder(&recorder, || metrics::counter!("metric").increment(1));
        all.push_str(&format!("{notes:?}\n"));
        let tags = stackholm_sentry::Tags::only(every);
        let event = sentry_core::Integration::process_event(
            &tags,
            Default::default(),
            &sentry_core::ClientOptions::default(),
        );
        all.push_str(&format!("{event:?}\n"));
        let mut pairs = Pairs(String::from("logforth:"));
        logforth_core::Diagnostic::visit(&stackholm_logforth::Ambient::new(), &mut pairs).unwrap();
        all.push_str(&pairs.0);
        let fields = Fields::current();
        all.push_str(&serde_json::to_string(&fields).unwrap());
        fields.write_json(&mut all).unwrap();
        let context = stackholm::Context::current();
        all.push_str(&format!("{fields} {fields:?} {context:?} {PASSWORD:?} {TOKEN:?}\n"));
        all.push_str(&format!("{:?} {:?}\n", stackholm::Envelope::new(1), PASSWORD.keep()));
        let binding = context.binding(&PASSWORD).unwrap();
        all.push_str(&format!("{binding:?} {:?}\n", stackholm::embed::Stack::inherit()));
    });
    all + &pages.text()
}

#[test]
fn a_value_of_a_variable_that_is_not_declared_is_in_no_output_of_any_kind() {
    let all = all_outputs();
    assert!(!all.contains(CANARY), "{all}");
    // Each of them has written.
    for said in
        ["mdc ", " log ", "slog", "tracing", "Key(metric", "tags: ", "logforth: request.id=7"]
    {
        assert!(all.contains(said), "{said}: {all}");
    }
    assert!(all.matches("ada").count() >= 8, "{all}");
}
