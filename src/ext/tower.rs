//! A checkpoint for each request, as a layer of [tower](::tower_layer). Feature `tower`.
//!
//! | a service of | layer | the response |
//! |---|---|---|
//! | HTTP | [`ContextLayer`] | its body goes on in the context of the request, frame by frame |
//! | HTTP, if the function must await before it binds, or may refuse the request | [`AdmitLayer`] | the same; a function may change the response |
//! | anything else | [`PlainLayer`] | is passed through |
//!
//! **What a request sees.** Each request has a stack of its own, which begins with a *base*:
//! nothing, or what was visible where the layer was made, or the contents of a [`ContextCell`], or
//! what the caller sees ([`Base`]). A function of yours adds what it finds in the request
//! (none does if the layer is made by `base_only`). The
//! synchronous part of `call` and the future run on this stack, and the request and its body are
//! read and dropped there. It is open: what the service sets is seen by what runs later in the same
//! request, and by nobody else.
//!
//! **The response body** is polled when the future is gone. Its stack begins with what was visible
//! at the base of the request's stack when the service answered: the bindings of the request, and
//! what the service `set` outside of any scope. It does not see scopes that have ended, nor
//! bindings of short reach, which ended with the future. If a body needs the values of an inner
//! scope, wrap it there, with [`in_current_context`](crate::ContextExt).
//!
//! **`poll_ready`** belongs to no request. It runs in the context that the base gives for it
//! ([`Base::readiness`], which is empty for a base of your own unless you write it), on a stack
//! that is gone when it returns. So a task that a connection pool spawns there cannot capture the
//! request that happened to come first. (The routers of axum and tonic ask the services behind them
//! when a request is already there, and so in its context.)
//!
//! **Errors** of the service are passed on as they are, and dropped wherever the caller drops them.
//!
//! The layers themselves allocate only if companions are registered. Each call gets a stack of its
//! own, even while earlier calls are under way, so requests of one connection, pipelined or
//! multiplexed, never see each other.

mod admit;
mod base;
mod http;
mod plain;

pub use self::admit::{AdmitFuture, AdmitLayer, AdmitService, Answer, AsItIs, By};
pub use self::base::{Base, BaseOnly, Caller, RequestContext};
pub use self::http::{ContextFuture, ContextLayer, ContextService};
pub use self::plain::{PlainLayer, PlainService};

#[allow(unused_imports, reason = "named by the docs")]
use crate::cell::ContextCell;
