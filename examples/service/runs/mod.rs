//! What the program does when it is run: verify, compare, cause chaos, and report.

use super::carriers;
use super::client;
use super::oracle;
use super::server;
use super::split;

pub(crate) mod chaos;
pub(crate) mod comparison;
mod figures;
pub(crate) mod looker;
mod memory;
pub(crate) mod options;
mod processor;
pub(crate) mod progress;
pub(crate) mod race;
mod ratio;
pub(crate) mod report;
pub(crate) mod two_processes;
pub(crate) mod verify;
