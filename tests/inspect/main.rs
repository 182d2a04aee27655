//! The view into a running process.
//!
//! What is noted is the process's; so each test has variables of its own, and looks for their names
//! and for the places where it opens its stacks.
#![cfg(feature = "inspect")]

#[path = "../common/alone.rs"]
mod alone;
mod left;
#[cfg(not(miri))]
mod output;
mod stacks;

use alone::is_alone;
use stackholm::Var;
use stackholm::inspect::{Look, Outlived, StackView, View};
use std::panic::Location;

/// What outlives its stack of one variable.
fn outlived<'v, T: Send + Sync>(view: &'v View, var: &Var<T>) -> Vec<&'v Outlived> {
    view.outlived().iter().filter(|outlived| outlived.name() == var.name()).collect()
}

/// How many bindings of one variable outlive their stack.
fn number<T: Send + Sync>(var: &Var<T>) -> usize {
    outlived(&Look::new().limit(0).look(), var).len()
}

/// The stacks that were opened in a line of that file.
fn opened_in(file: &str, line: u32) -> Vec<StackView> {
    let view = Look::new().limit(usize::MAX).look();
    let is_it = |stack: &&StackView| {
        stack.opened_at().is_some_and(|place| place.file() == file && place.line() == line)
    };
    view.stacks().iter().filter(is_it).cloned().collect()
}

#[track_caller]
fn here() -> u32 {
    Location::caller().line()
}
