//! Variables as arguments of handlers of [axum](::axum_core). Feature `axum`.
//!
//! | argument | what it is | if there is none |
//! |---|---|---|
//! | [`FromContext<User>`](FromContext) | the value of one variable, borrowed | the answer is [`Ambient::STATUS`] |
//! | `Option<FromContext<User>>` | the same | `None` |
//! | `Result<FromContext<User>, Unbound>` | the same | the handler answers |
//! | [`Context`] | all that is visible | it is empty |
//!
//! Nothing is cloned: the handler holds the value itself, [kept](crate::Kept) apart from the rest
//! of the request. A [`Context`] keeps all values of the request alive, so work that outlives the
//! request should take only the values that it needs. A value of short reach ends with its
//! checkpoint, so it cannot be an argument: read such a variable in the body of the handler.
//!
//! The bindings are made by a layer around the handler, such as `ContextLayer` of feature `tower`.

use crate::context::Context;
use crate::error::Missing;
use crate::kept::Kept;
use crate::var::Var;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
#[doc(hidden)]
pub use http::StatusCode;
use http::request::Parts;
use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;

/// Says which variable a type stands for in the arguments of a handler.
///
/// Usually the type is that of the value. For two variables of one type, or for a type of another
/// crate, let a type without fields stand for each variable. [`ambient`] needs one line for each.
///
/// # Examples
/// ```
/// use stackholm::{Var, axum::Ambient};
/// use axum::http::StatusCode;
///
/// static LOCALE: Var<String> = Var::with_default("locale", || "en".into());
///
/// struct Locale;
///
/// impl Ambient for Locale {
///     type Value = String;
///     const STATUS: StatusCode = StatusCode::BAD_REQUEST;
///
///     fn var() -> &'static Var<String> {
///         &LOCALE
///     }
/// }
/// ```
pub trait Ambient {
    /// What the variable holds.
    type Value: Send + Sync + 'static;

    /// The status of the response if the variable has no value.
    const STATUS: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

    /// The variable.
    fn var() -> &'static Var<Self::Value>;
}

/// Implements [`Ambient`] for several variables, one line for each.
///
/// `User = USER` lets the existing type `User`, which is that of the values, stand for the
/// variable. `struct Tenant(String) = TENANT` makes a type that stands for a variable of any other
/// type. The status at the end of a line may be left out.
///
/// # Examples
/// ```
/// use stackholm::{Var, axum::{FromContext, ambient}};
///
/// pub struct User {
///     name: String,
/// }
///
/// static USER: Var<User> = Var::new("user");
/// static LOCALE: Var<String> = Var::with_default("locale", || "en".into());
/// static TENANT: Var<String> = Var::new("tenant");
///
/// ambient! {
///     User = USER, UNAUTHORIZED;
///     struct Locale(String) = LOCALE;
///     /// The tenant of the request.
///     pub struct Tenant(String) = TENANT, BAD_REQUEST;
/// }
///
/// async fn hello(user: FromContext<User>, locale: FromContext<Locale>, tenant: FromContext<Tenant>) -> String {
///     format!("{} {} of {}", *locale, user.name, *tenant)
/// }
/// ```
#[doc(inline)]
pub use crate::__ambient as ambient;

#[doc(hidden)]
#[macro_export]
macro_rules! __ambient {
    () => {};
    ($(#[$meta:meta])* $vis:vis struct $name:ident($value:ty) = $var:path $(, $status:ident)?; $($rest:tt)*) => {
        $(#[$meta])*
        #[derive(Debug)]
        $vis struct $name;
        impl $crate::axum::Ambient for $name {
            type Value = $value;
            $(const STATUS: $crate::axum::StatusCode = $crate::axum::StatusCode::$status;)?
            fn var() -> &'static $crate::Var<$value> {
                &$var
            }
        }
        $crate::__ambient! { $($rest)* }
    };
    ($name:ty = $var:path $(, $status:ident)?; $($rest:tt)*) => {
        impl $crate::axum::Ambient for $name {
            type Value = $name;
            $(const STATUS: $crate::axum::StatusCode = $crate::axum::StatusCode::$status;)?
            fn var() -> &'static $crate::Var<$name> {
                &$var
            }
        }
        $crate::__ambient! { $($rest)* }
    };
}

/// The value that a variable has where the handler is called: the nearest binding, else the
/// process-wide value, else the default.
///
/// It keeps the value and clones nothing. It does not change when the handler sets the variable
/// later.
///
/// # Examples
/// ```
/// use axum::{Router, extract::Request, middleware::{Next, from_fn}, response::Response, routing::get};
/// use stackholm::{Var, axum::{Ambient, FromContext}};
/// # use tower::ServiceExt;
///
/// static USER: Var<User> = Var::new("user");
///
/// struct User {
///     name: String,
/// }
///
/// impl Ambient for User {
///     type Value = User;
///
///     fn var() -> &'static Var<User> {
///         &USER
///     }
/// }
///
/// async fn sign_in(request: Request, next: Next) -> Response {
///     USER.scope(User { name: "ada".into() }, next.run(request)).await
/// }
///
/// async fn hello(user: FromContext<User>) -> String {
///     format!("hello, {}", user.name)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app: Router = Router::new().route("/", get(hello)).layer(from_fn(sign_in));
/// # let response = app.oneshot(Request::new(axum::body::Body::empty())).await.unwrap();
/// # assert_eq!(axum::body::to_bytes(response.into_body(), 100).await.unwrap(), "hello, ada");
/// # }
/// ```
pub struct FromContext<A: Ambient>(Kept<'static, A::Value>);

impl<A: Ambient> FromContext<A> {
    /// The value that the variable has here.
    ///
    /// # Errors
    /// If it has none.
    pub fn current() -> Result<Self, Unbound> {
        A::var().keep().map(FromContext).map_err(|missing| Unbound { missing, status: A::STATUS })
    }
}

impl<A: Ambient> Deref for FromContext<A> {
    type Target = A::Value;

    fn deref(&self) -> &A::Value {
        &self.0
    }
}

impl<A: Ambient> AsRef<A::Value> for FromContext<A> {
    fn as_ref(&self) -> &A::Value {
        self
    }
}

/// Shares the value.
impl<A: Ambient> Clone for FromContext<A> {
    fn clone(&self) -> Self {
        FromContext(self.0.clone())
    }
}

/// Shows the name of the variable, never the value.
impl<A: Ambient> fmt::Debug for FromContext<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromContext").field("name", &A::var().name()).finish_non_exhaustive()
    }
}

impl<S: Sync, A: Ambient> FromRequestParts<S> for FromContext<A> {
    type Rejection = Unbound;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Unbound> {
        Self::current()
    }
}

impl<S: Sync, A: Ambient> OptionalFromRequestParts<S> for FromContext<A> {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::current().ok())
    }
}

/// What is visible where the handler is called.
impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Context::current())
    }
}

/// A variable that a handler asks for has no value. As a response it tells the name of the variable
/// and nothing else.
#[derive(Clone, Debug)]
pub struct Unbound {
    missing: Missing,
    status: StatusCode,
}

impl Unbound {
    /// Which variable, and why it has no value.
    pub fn missing(&self) -> &Missing {
        &self.missing
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.missing.fmt(f)
    }
}

impl std::error::Error for Unbound {}

/// The response names no place in the source: clients read it.
impl IntoResponse for Unbound {
    fn into_response(self) -> Response {
        (
            self.status,
            format!("the variable `{}` has no value for this request", self.missing.name()),
        )
            .into_response()
    }
}
