//! What is told of a view: JSON, OpenMetrics, text and the page.

use crate::is_alone;
use serde_json::Value;
use stackholm::inspect::{self, Look, View};
use stackholm::{Context, ContextExt, Scope, Var};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

fn all() -> View {
    Look::new().values(true).limit(usize::MAX).look()
}

fn json(view: &View) -> Value {
    serde_json::from_str(&view.to_json()).expect("it is JSON")
}

/// Checks the text as a scraper reads it, line by line.
fn check_metrics(text: &str) {
    assert!(text.ends_with("# EOF\n"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let (sample, number) = line.rsplit_once(' ').unwrap();
        assert!(number.parse::<f64>().is_ok(), "{line}");
        let Some((name, labels)) = sample.split_once('{') else { continue };
        assert!(name.starts_with("stackholm_"), "{line}");
        let labels = labels.strip_suffix("\"}").unwrap_or_else(|| panic!("{line}"));
        for label in labels.split("\",") {
            let (key, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(key.chars().all(|c| c.is_ascii_lowercase()), "{line}");
            let escapes = value.replace("\\\\", "").replace("\\\"", "").replace("\\n", "");
            assert!(!escapes.contains(['\\', '"']), "{line}");
        }
    }
}

#[test]
fn json_has_a_format_and_each_stack_with_what_is_bound_there() {
    static N: Var<u32> = Var::new("number in json").shown();
    let _watching = inspect::watch();
    let task = N.sync_scope(7, || pending::<()>().in_current_context());
    let told = json(&all());
    assert_eq!(told["format"], 1);
    let is_mine = |binding: &Value| binding["name"] == "number in json";
    let stacks = told["stacks"].as_array().unwrap();
    let stack = stacks.iter().find(|stack| {
        stack["bindings"].as_array().is_some_and(|bindings| bindings.iter().any(is_mine))
    });
    let stack = stack.unwrap();
    assert_eq!((&stack["kind"], &stack["state"]), (&"task".into(), &"idle".into()));
    assert!(stack["opened_at"].as_str().unwrap().starts_with(file!()));
    assert!(stack["age_ms"].is_u64() && stack["since_ms"].is_u64() && stack["parent"].is_u64());
    let binding = stack["bindings"].as_array().unwrap().iter().find(|one| is_mine(one)).unwrap();
    assert_eq!(binding["value"], "7");
    let outlived = told["outlived"].as_array().unwrap().iter().find(|one| is_mine(one)).unwrap();
    assert!(outlived["captured_at"].as_str().unwrap().starts_with(file!()));
    assert!(outlived.get("value").is_none());
    drop(task);
}

#[test]
fn no_byte_of_a_value_that_is_not_declared_is_in_any_output() {
    const CANARY: &str = "canary-7f3a";
    static SECRET: Var<String> = Var::new("what the canary is in");
    static LOGGED: Var<String> = Var::new("what is logged and not shown").logged();
    let _watching = inspect::watch();
    let scope = Scope::new().set(&SECRET, CANARY.into()).set(&LOGGED, CANARY.into());
    let task = scope.run(|| pending::<()>().in_current_context());
    let context =
        SECRET.sync_scope(CANARY.into(), || SECRET.sync_scope(CANARY.into(), Context::current));
    let view = all();
    assert!(view.to_json().contains("what the canary is in"), "it is listed");
    assert!(view.to_openmetrics().contains("what the canary is in"));
    let outputs = [
        view.to_json(),
        view.to_openmetrics(),
        view.to_string(),
        format!("{view:?}"),
        format!("{:?}", view.groups()),
        format!("{:?}", inspect::pinned(&context)),
        format!("{task:?}{context:?}"),
    ];
    assert!(outputs.iter().all(|output| !output.contains(CANARY)));
}

#[test]
fn names_are_escaped_in_json_and_metrics() {
    let long = "n".repeat(10_000);
    let names = ["<script>alert(1)</script>", "\"", "a\nb", "back\\slash", "\u{202e}turned", &long];
    let _watching = inspect::watch();
    let kept: Vec<_> = names
        .iter()
        .map(|name| Var::new(String::from(*name).leak()).sync_scope(Box::new(1), Context::current))
        .collect();
    let view = all();
    let told = json(&view);
    let outlived = told["outlived"].as_array().unwrap();
    for name in names {
        assert!(outlived.iter().any(|one| one["name"] == name), "{name:?}");
    }
    assert!(!view.to_json().contains(['\n', '\u{202e}']));
    assert!(view.to_string().lines().all(|line| line != "b"), "on one line");
    check_metrics(&view.to_openmetrics());
    drop(kept);
}

#[test]
fn metrics_tell_no_more_than_a_hundred_names_apart() {
    if !is_alone("output::metrics_tell_no_more_than_a_hundred_names_apart") {
        return;
    }
    let _watching = inspect::watch();
    let kept: Vec<_> = (0..150)
        .map(|n| Var::new(format!("v{n}").leak()).sync_scope(Box::new(n), Context::current))
        .collect();
    let text = inspect::look().to_openmetrics();
    check_metrics(&text);
    let lines: Vec<_> =
        text.lines().filter(|line| line.starts_with("stackholm_outlived{")).collect();
    assert_eq!(lines.len(), 101);
    assert!(lines.contains(&"stackholm_outlived{variable=\"(others)\"} 50"), "{lines:?}");
    drop(kept);
}

#[test]
fn stacks_are_told_by_opener_in_text() {
    let _watching = inspect::watch();
    let tasks: Vec<_> = (0..3).map(|_| pending::<()>().detached()).collect();
    let view = all();
    let is_mine = |group: &&inspect::Group| {
        group.number() == 3 && group.opened_at().is_some_and(|place| place.file() == file!())
    };
    let groups = view.groups();
    let group = groups.iter().find(is_mine).unwrap();
    assert_eq!((group.kind(), group.running()), (inspect::Kind::Task, 0));
    let line = format!("3 tasks opened at {}, 0 running", group.opened_at().unwrap());
    assert!(view.to_string().contains(&line), "{view}");
    drop(tasks);
}

#[cfg(feature = "inspect-axum")]
mod page {
    use super::*;
    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use axum::{Router, response::Response};
    use futures_util::FutureExt;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    fn asked(path: &str) -> Response {
        let router: Router = Router::new().nest("/debug", inspect::routes());
        let request = Request::get(format!("/debug{path}")).body(Body::empty()).unwrap();
        router.oneshot(request).now_or_never().unwrap().unwrap()
    }

    fn text(answer: Response) -> String {
        let body = answer.into_body().collect().now_or_never().unwrap().unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn each_route_answers_in_its_kind_and_is_not_stored() {
        let routes = [
            ("", "text/html"),
            ("/json", "application/json"),
            ("/metrics?limit=5", "application/openmetrics-text"),
            ("/text?older_than=0.5&values=false", "text/plain"),
        ];
        for (path, kind) in routes {
            let answer = asked(path);
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let is = |name| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
            assert!(is(header::CONTENT_TYPE).starts_with(kind), "{path}");
            assert_eq!(is(header::CACHE_CONTROL), "no-store");
            assert!(!text(answer).is_empty());
        }
    }

    #[test]
    fn what_a_query_may_not_have_is_answered_with_400() {
        let refused = [
            "limit=0",
            "limit=-1",
            "limit=99999999999999999999",
            "limit=",
            "limit=1000001",
            "older_than=-1",
            "older_than=x",
            "older_than=NaN",
            "older_than=1e300",
            "values=1",
            "values",
            "other=1",
            "limit=5&limit=x",
        ];
        for query in refused {
            for path in ["/json", "/metrics", "/text"] {
                let answer = asked(&format!("{path}?{query}"));
                assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}?{query}");
            }
        }
    }

    #[test]
    fn the_page_has_no_foreign_asset_and_writes_no_html_from_data() {
        let page = text(asked(""));
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
        assert!(page.contains("default-src 'none'"));
        for unsafe_ in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!page.contains(unsafe_), "{unsafe_}");
        }
    }

    #[test]
    fn the_library_watches_as_long_as_the_router_is_there() {
        if !is_alone("output::page::the_library_watches_as_long_as_the_router_is_there") {
            return;
        }
        let router: Router = inspect::routes();
        assert!(inspect::is_watching());
        let another = router.clone();
        drop(router);
        assert!(inspect::is_watching());
        drop(another);
        assert!(!inspect::is_watching());
    }

    #[test]
    fn a_page_that_is_asked_for_shows_values_that_are_declared_and_no_other() {
        static SECRET: Var<String> = Var::new("secret of the page");
        static SHOWN: Var<String> = Var::new("shown on the page").shown();
        let _watching = inspect::watch();
        let scope = Scope::new().set(&SECRET, "canary-page".into()).set(&SHOWN, "seen-page".into());
        let task = scope.run(|| pending::<()>().in_current_context());
        for path in ["", "/json?values=true", "/metrics?values=true", "/text?values=true"] {
            assert!(!text(asked(path)).contains("canary-page"), "{path}");
        }
        assert!(text(asked("/json?values=true")).contains("seen-page"));
        assert!(!text(asked("/json")).contains("seen-page"));
        drop(task);
    }
}

/// A value that counts how often it is shown.
#[derive(Clone)]
struct Counts(&'static AtomicUsize);

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fetch_add(1, Relaxed);
        f.write_str("counted")
    }
}

#[test]
fn no_value_is_formatted_unless_it_is_asked_for() {
    if !is_alone("output::no_value_is_formatted_unless_it_is_asked_for") {
        return;
    }
    static SHOWN: AtomicUsize = AtomicUsize::new(0);
    static VALUE: Var<Counts> = Var::new("counted value").shown();
    let _watching = inspect::watch();
    let task = VALUE.sync_scope(Counts(&SHOWN), || pending::<()>().in_current_context());
    let view = inspect::look();
    _ = (view.to_json(), view.to_openmetrics(), view.to_string(), format!("{view:?}"));
    assert_eq!(SHOWN.load(Relaxed), 0);
    Look::new().values(true).look();
    assert_eq!(SHOWN.load(Relaxed), 1);
    drop(task);
}
