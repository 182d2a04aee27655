//! For tests that may find nothing to look at: they say so where it is seen, and fail where it must
//! not happen.

use std::io::Write;

/// Says that something was not tested, past the test harness, which keeps what a test prints to
/// itself; `.ci/run` counts it as a step that was skipped. With `CI=true` it is a failure.
pub(crate) fn skipped(what: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "NOT TESTED: {what}");
    // In one piece, as other tests write too.
    std::io::stderr()
        .write_all(format!("SKIPPED: {what}\n").as_bytes())
        .expect("a place to say it");
}
