//! The same on a PostgreSQL server.

mod attribution;
mod capture;
mod common;
mod server;
