//! A test in a process of its own, for what is the process's.

#[path = "this_program.rs"]
mod this_program;

/// Whether this is a process of its own for the test of that name; if not, runs one.
pub(crate) fn is_alone(test: &str) -> bool {
    const CHILD: &str = "STACKHOLM_ALONE";
    if cfg!(miri) {
        // It starts no process.
        return false;
    }
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let status =
        this_program::this_program().args(["--exact", test]).env(CHILD, "1").status().unwrap();
    assert!(status.success());
    false
}
