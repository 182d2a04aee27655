//! What crosses to another process, from whom it is taken, and to whom it is sent. Feature `wire`.
//!
//! A [`Wire`] lists the variables that cross, each with its place: a [`header`] of its own, a
//! member of W3C [`baggage`], or the [`trace`] context. **A variable that is not listed does not
//! cross, in either direction.** Two more things are limited:
//!
//! - **In:** a variable is taken from [trusted peers](Peer) only, unless its listing says
//!   [`from_anyone`](Listing::from_anyone). The connection decides who is trusted.
//! - **Out:** the layer for clients sends to [`Hosts`] that are listed, by default to none.
//!
//! Input is compared with the limits before any work is done. For `baggage` they are 8 192 bytes
//! and 64 members in all lines together, well-formed or not. Bad input fails no request and spoils
//! no good input: it is dropped and counted, [by name and reason](Rejected) and never with a value.
//! The repository's `docs/wire.md` lists the inputs that other implementations stumbled over, each
//! with its test.
//!
//! # Examples
//! ```
//! use stackholm::wire::{self, Peer, Text, Token, Wire};
//! use stackholm::{Context, Var};
//! use std::collections::HashMap;
//! use std::sync::LazyLock;
//!
//! static REQUEST: Var<String> = Var::new("request");
//! static TENANT: Var<String> = Var::new("tenant");
//!
//! static WIRE: LazyLock<Wire> = LazyLock::new(|| {
//!     Wire::builder()
//!         .list(wire::header("x-request-id", &REQUEST, Token::<64>).from_anyone())
//!         .list(wire::baggage("tenant", &TENANT, Text))
//!         .build()
//!         .expect("it is right or wrong from the start")
//! });
//!
//! let context = Context::empty().with(&REQUEST, "r-17".into()).with(&TENANT, "acme & co".into());
//! let mut headers: HashMap<String, String> = HashMap::new();
//! WIRE.inject(&context, &mut headers).unwrap();
//! assert_eq!(headers["x-request-id"], "r-17");
//! assert_eq!(headers["baggage"], "tenant=acme%20&%20co");
//!
//! let ours = WIRE.extract(&headers, Peer::Trusted);
//! assert_eq!(ours.context().get(&TENANT).unwrap(), "acme & co");
//! let strange = WIRE.extract(&headers, Peer::Unknown);
//! assert_eq!(strange.context().get(&REQUEST).unwrap(), "r-17");
//! assert_eq!(strange.context().get(&TENANT), None);
//! assert_eq!(strange.rejected()[0].to_string(), "tenant: NotTrusted, 1 times");
//! ```

mod baggage;
mod build;
mod bytes;
mod carrier;
mod codec;
mod encoding;
mod hosts;
mod listing;
mod of_trace;
mod receive;
mod rejected;
mod send;
mod timeout;
#[cfg(feature = "tower")]
mod tower;
mod trace;

pub use self::build::{Building, Refused, Wire};
pub use self::bytes::{Malformed, TooLarge};
pub use self::carrier::{Carried, Carrier, FromFn, ToFn};
#[cfg(feature = "serde_json")]
pub use self::codec::Json;
pub use self::codec::{Bytes, Codec, Text, Token, Unfit};
pub use self::hosts::Hosts;
pub use self::listing::{Listing, Peer, baggage, header};
pub use self::of_trace::{OfTrace, trace};
pub use self::receive::Received;
pub use self::rejected::{Reason, Rejected};
pub use self::send::Sent;
pub use self::timeout::Timeout;
#[cfg(feature = "tower")]
pub use self::tower::{SendFuture, SendLayer, SendService};
pub use self::trace::Trace;
