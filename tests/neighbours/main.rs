//! What the neighbours ask of what they are given, and that a wrapper has it: one file for each.
//! Most of it is said by the compiler; where a neighbour is not among the dependencies, its bounds
//! are written out.
#![cfg(all(feature = "axum", feature = "futures-io", feature = "hyper", feature = "tower"))]

mod axum;
mod futures;
mod hyper;
mod reqwest;
mod standard;
mod tokio;
mod tonic;
mod tower;
mod tower_http;

use http_body_util::Full;
use stackholm::{Bind, InContext};

type Bytes = ::hyper::body::Bytes;

/// A body that was handed a context, and one that is bound at its first frame.
type Handed = InContext<Full<Bytes>>;
type Scoped = InContext<Full<Bytes>, Bind<'static, u32>>;

/// Calls a check with each kind of wrapper around a type.
macro_rules! each_wrapper {
    ($check:ident of $of:ty) => {
        $check::<stackholm::InContext<$of>>();
        $check::<stackholm::InContext<$of, stackholm::Bind<'static, u32>>>();
        $check::<stackholm::InContext<$of, stackholm::Scope<((), stackholm::Bind<'static, u32>)>>>(
        );
        $check::<stackholm::InContext<$of, stackholm::Checkpoint>>();
        $check::<stackholm::InContext<$of, stackholm::Prepared<'static>>>();
    };
}
use each_wrapper;
