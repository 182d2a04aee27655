//! Integrations: one module for each crate, behind the feature of its name; `wire`, which serves no
//! single crate; and two hooks behind flags of the whole build.

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "http-body")]
mod http_body;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "imbl")]
pub mod imbl;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "log-mdc")]
pub mod log_mdc;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "rayon")]
pub mod rayon;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "slog")]
pub mod slog;
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
#[cfg(feature = "tracing")]
pub mod tracing;
#[cfg(feature = "tracing-subscriber")]
pub mod tracing_subscriber;
#[cfg(feature = "wire")]
pub mod wire;
