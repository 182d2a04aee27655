//! Variables as arguments of axum's handlers: what they are given, without a clone, and the answer
//! when there is none.
#![cfg(all(feature = "axum", feature = "tower"))]

#[path = "common/futures.rs"]
mod common;

#[path = "../examples/axum_app.rs"]
#[expect(dead_code, reason = "its `main` is for people")]
mod axum_app;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use common::{Count, Counted};
use stackholm::axum::{FromContext, Unbound};
use stackholm::tower::ContextLayer;
use stackholm::{Context, Reason, Var};
use std::sync::{Mutex, OnceLock};
use tower::ServiceExt;

/// A variable and the type that stands for it.
macro_rules! ambient {
    ($name:ident: $value:ty = $var:ident $made:expr $(, $status:ident)?) => {
        static $var: Var<$value> = $made;
        stackholm::axum::ambient! { struct $name($value) = $var $(, $status)?; }
    };
}

ambient!(User: (Counted, &'static str) = USER Var::new("user"));
ambient!(Locale: String = LOCALE Var::with_default("locale", || "en".into()));
ambient!(Session: u32 = SESSION Var::new("session"), UNAUTHORIZED);
ambient!(Tx: u32 = TX Var::with_default("tx", || 0).stays_on_stack());
ambient!(Motd: String = MOTD Var::new("motd"));

/// The answer to one request, in a context.
async fn ask(app: Router, context: Context) -> (StatusCode, String) {
    let layer = ContextLayer::new(|_: &Request, base| base).on(context);
    let response = app.layer(layer).oneshot(Request::new(Body::empty())).await.unwrap();
    let status = response.status();
    (
        status,
        String::from_utf8(to_bytes(response.into_body(), 1000).await.unwrap().to_vec()).unwrap(),
    )
}

#[tokio::test]
async fn a_handler_is_given_the_value_itself_not_a_clone() {
    static SEEN_AT: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let count = Count::default();
    // Its value is not `Clone`.
    let context = Context::empty().with(&USER, (count.value(), "ada"));
    let at = context.get(&USER).unwrap() as *const _ as usize;
    let app = Router::new().route(
        "/",
        get(async |user: FromContext<User>, all: Context| {
            let again = user.clone();
            let held = [&*user, &*again, all.get(&USER).unwrap(), user.as_ref()];
            SEEN_AT.lock().unwrap().extend(held.map(|value| value as *const _ as usize));
            user.1
        }),
    );
    assert_eq!(ask(app, context.clone()).await, (StatusCode::OK, "ada".into()));
    assert_eq!(*SEEN_AT.lock().unwrap(), [at; 4]);
    assert_eq!(count.alive(), 1);
    drop(context);
    assert_eq!(count.alive(), 0, "nothing of the request is left");
}

#[tokio::test]
async fn what_is_held_stays_whatever_the_handler_does() {
    let app = Router::new().route(
        "/",
        get(async |session: FromContext<Session>| {
            SESSION.set(8).unwrap();
            tokio::task::yield_now().await;
            let elsewhere = std::thread::scope(|scope| scope.spawn(|| *session).join().unwrap());
            format!("{} {} {elsewhere}", *session, SESSION.get())
        }),
    );
    assert_eq!(ask(app, Context::empty().with(&SESSION, 7)).await.1, "7 8 7");
}

#[tokio::test]
async fn without_a_value_the_answer_names_the_variable_and_nothing_else() {
    let app = || Router::new().route("/", get(async |_: FromContext<User>| "not reached"));
    let told = "the variable `user` has no value for this request";
    assert_eq!(
        ask(app(), Context::empty()).await,
        (StatusCode::INTERNAL_SERVER_ERROR, told.into())
    );
    let masked = Context::empty().with(&USER, (Count::default().value(), "hunter2")).without(&USER);
    assert_eq!(ask(app(), masked).await, (StatusCode::INTERNAL_SERVER_ERROR, told.into()));
}

#[tokio::test]
async fn the_status_of_the_answer_is_that_of_the_type() {
    let app = Router::new().route("/", get(async |_: FromContext<Session>| "not reached"));
    let (status, told) = ask(app, Context::empty()).await;
    assert_eq!((status, told.contains("session")), (StatusCode::UNAUTHORIZED, true));
}

#[tokio::test]
async fn a_handler_may_ask_for_an_option_or_answer_itself() {
    let app = || {
        Router::new().route(
            "/",
            get(
                async |session: Option<FromContext<Session>>,
                       result: Result<FromContext<Session>, Unbound>| {
                    let session = session.map(|session| *session);
                    match result {
                        Ok(again) => format!("{session:?} {}", *again),
                        Err(unbound) => {
                            assert_eq!(unbound.missing().reason(), Reason::Unbound);
                            format!("{session:?} {} {unbound}", unbound.status())
                        }
                    }
                },
            ),
        )
    };
    assert_eq!(ask(app(), Context::empty().with(&SESSION, 7)).await.1, "Some(7) 7");
    let told = "None 401 Unauthorized the variable `session` is not bound here and has no default";
    assert_eq!(ask(app(), Context::empty()).await.1, told);
}

#[tokio::test]
async fn the_order_is_binding_then_process_wide_value_then_default() {
    let app =
        || Router::new().route("/", get(async |locale: FromContext<Locale>| locale.to_string()));
    let bound = || Context::empty().with(&LOCALE, "de".into());
    assert_eq!(ask(app(), Context::empty()).await.1, "en");
    LOCALE.set_global("fr".into());
    assert_eq!(ask(app(), Context::empty()).await.1, "fr");
    assert_eq!(ask(app(), bound()).await.1, "de");
    assert_eq!(ask(app(), bound().without(&LOCALE)).await.1, "fr", "a mask hides bindings only");
    LOCALE.clear_global();
    assert_eq!(ask(app(), Context::empty()).await.1, "en");
}

#[tokio::test]
async fn a_process_wide_value_that_is_replaced_stays_with_who_holds_it() {
    static HELD: OnceLock<FromContext<Motd>> = OnceLock::new();
    MOTD.set_global("old".into());
    let app =
        Router::new().route("/", get(async |motd: FromContext<Motd>| drop(HELD.set(motd.clone()))));
    assert_eq!(ask(app, Context::empty()).await.0, StatusCode::OK);
    drop(MOTD.set_global("new".into()));
    assert_eq!(HELD.get().unwrap().as_str(), "old");
    MOTD.clear_global();
}

#[tokio::test]
async fn a_value_of_short_reach_is_not_given_and_its_default_not_taken_for_it() {
    async fn begin(request: Request, next: Next) -> Response {
        TX.set(5).expect("the layer is around it");
        next.run(request).await
    }
    let handler = async |tx: Result<FromContext<Tx>, Unbound>| {
        let unbound = tx.expect_err("no context carries it");
        assert!(matches!(unbound.missing().reason(), Reason::NotCarried(_)));
        format!("read here: {}", TX.get())
    };
    let app = Router::new().route("/", get(handler)).layer(from_fn(begin));
    assert_eq!(ask(app, Context::empty()).await, (StatusCode::OK, "read here: 5".into()));
    let app = Router::new().route("/", get(async |tx: FromContext<Tx>| tx.to_string()));
    assert_eq!(ask(app, Context::empty()).await.1, "0", "unbound, so the default");
}

#[tokio::test]
async fn nothing_shows_a_value() {
    let app =
        Router::new().route("/", get(async |locale: FromContext<Locale>| format!("{locale:?}")));
    let shown = ask(app, Context::empty().with(&LOCALE, "hunter2".into())).await.1;
    assert!(shown.contains("locale") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn the_example_answers_what_its_page_promises() {
    let app = axum_app::app();
    let ask = async |path: &str, user: Option<&str>| {
        let request = user
            .into_iter()
            .fold(Request::builder().uri(path), |request, user| request.header("x-user", user));
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        (
            status,
            String::from_utf8(to_bytes(response.into_body(), 1000).await.unwrap().to_vec())
                .unwrap(),
        )
    };
    assert_eq!(ask("/", Some("ada")).await, (200, "[1] hello, ada\n[1] from a task\n".into()));
    assert_eq!(ask("/count", None).await, (200, "[2] chunk 1\n[2] chunk 2\n[2] chunk 3\n".into()));
    assert_eq!(
        ask("/", None).await,
        (401, "the variable `user` has no value for this request".into())
    );
}

/// The type of the values stands for the variable itself.
struct Cart(u32);

static CART: Var<Cart> = Var::new("cart");

stackholm::axum::ambient! { Cart = CART, NOT_FOUND; }

#[tokio::test]
async fn a_type_may_stand_for_the_variable_of_its_values() {
    let app = || Router::new().route("/", get(async |cart: FromContext<Cart>| cart.0.to_string()));
    assert_eq!(ask(app(), Context::empty()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(app(), Context::empty().with(&CART, Cart(3))).await.1, "3");
}

#[tokio::test]
async fn what_a_handler_holds_is_the_value_alone() {
    static HELD: OnceLock<FromContext<Motd>> = OnceLock::new();
    let count = Count::default();
    let request = Context::empty().with(&USER, (count.value(), "ada")).with(&MOTD, "kept".into());
    let app = Router::new().route("/", get(async |motd: FromContext<Motd>| drop(HELD.set(motd))));
    assert_eq!(ask(app, request).await.0, StatusCode::OK);
    assert_eq!((HELD.get().unwrap().as_str(), count.alive()), ("kept", 0));
}
