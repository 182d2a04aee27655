//! The programs of two pages, as doctests.

#[doc = include_str!(concat!(env!("OUT_DIR"), "/cookbook.md"))]
pub mod cookbook {}

#[doc = include_str!(concat!(env!("OUT_DIR"), "/migrating.md"))]
pub mod migrating {}
