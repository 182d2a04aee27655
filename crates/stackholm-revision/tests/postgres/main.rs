//! The same on a PostgreSQL server, which the tests start and end. Where there is none they say
//! SKIPPED.

mod attribution;
mod capture;
mod common;
mod history;
mod model;
mod server;
mod stress;
mod tasks;
mod ways;
