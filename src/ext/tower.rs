//! A checkpoint for each request, as a layer of [tower](::tower_layer). Feature `tower`.
//!
//! | a service of | layer | the response |
//! |---|---|---|
//! | HTTP | [`ContextLayer`] | its body goes on in the context of the request, frame by frame |
//! | HTTP, where what is bound has to be awaited, or may refuse the request | [`AdmitLayer`] | the same; it may be written too |
//! | anything else | [`PlainLayer`] | is passed through |
//!
//! **What a request sees.** Each request has a stack of its own, which begins with a *base*:
//! nothing, or what was visible where the layer was made, or the contents of a [`ContextCell`], or
//! what the caller sees ([`Base`]). A function of the user's adds what it finds in the request. On
//! this stack run the synchronous part of `call` and the future, and there the request and its body
//! are read and dropped. It is open: what the service sets is seen by what runs later in the same
//! request, and by nobody else.
//!
//! **The response body** is polled when the future is gone. Its stack begins with what was visible
//! at the base of the request's stack when the service answered: the bindings of the request, and
//! what the service `set` outside of any scope. Scopes that ended are not seen, and what is of
//! short reach ended with the future. A body that needs the values of an inner scope is wrapped
//! there, with [`in_current_context`](crate::ContextExt).
//!
//! **`poll_ready`** belongs to no request: it runs in what the base gives for that
//! ([`Base::readiness`]; a base of one's own gives nothing, so that it is asked once for each
//! request), on a stack that is gone when it returns. What a connection pool spawns there cannot
//! capture the request that happened to come first. (The routers of axum and tonic ask the services
//! behind them when a request is already there, and so in its context.)
//!
//! **Errors** of the service are passed on as they are, and dropped wherever the caller drops them.
//!
//! The layers allocate nothing. A service that is called again while earlier calls are under way
//! gives each its own stack, so that requests of one connection, pipelined or multiplexed, never
//! see each other.

mod admit;
mod base;
mod http;
mod plain;

pub use self::admit::{AdmitFuture, AdmitLayer, AdmitService, Answer, AsItIs, By};
pub use self::base::{Base, Caller};
pub use self::http::{ContextFuture, ContextLayer, ContextService};
pub use self::plain::{PlainLayer, PlainService};

#[allow(unused_imports, reason = "named by the docs")]
use crate::cell::ContextCell;
