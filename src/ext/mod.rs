//! Integrations: one file for each crate, behind the feature of its name.

#[cfg(feature = "tokio")]
pub mod tokio;
