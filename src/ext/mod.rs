//! Integrations: one file for each crate, behind the feature of its name.

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "http-body")]
mod http_body;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "rayon")]
pub mod rayon;
#[cfg(stackholm_nightly)]
pub mod spawn_hook;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(all(feature = "tokio", tokio_unstable))]
pub mod tokio_hooks;
#[cfg(feature = "tokio-util")]
pub mod tokio_util;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "wire")]
pub mod wire;
