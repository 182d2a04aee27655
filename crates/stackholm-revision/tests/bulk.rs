//! A bulk statement, in a process of its own: its memory is measured.

mod common;

use common::{File, count, number, user, write};
use stackholm_revision::Revision;
use std::io::Write;

#[test]
fn a_bulk_update_leaves_a_delta_for_each_row_and_gathers_nothing_in_memory() {
    let file = File::new();
    let mut db = file.open("CREATE TABLE post(id INTEGER PRIMARY KEY, title, spam)");
    db.connection().execute_batch("PRAGMA cache_size = -512").unwrap();
    db.track("post").unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
                INSERT INTO post SELECT i, printf('%*c', 2000, 'x'), 0 FROM n";
    Revision::untracked("import").run(|| write(&mut db, rows)).unwrap();
    let before = peak();
    let changed = user("ada").run(|| write(&mut db, "UPDATE post SET title = title || 'y'"));
    assert_eq!(changed.unwrap(), 10_000);
    assert_eq!(count(&db, "revision_delta"), 10_000);
    assert_eq!(number(&db, "SELECT count(DISTINCT statement) FROM revision_delta"), 1);
    assert_eq!(count(&db, "revision_frame"), 2, "that of the gap and that of the update");
    let written = number(&db, "SELECT sum(length(old) + length(new)) / 1024 FROM revision_delta");
    assert!(written > 39_000, "{written} KiB");
    match before.zip(peak()) {
        Some((before, after)) => {
            assert!(after - before < 8_000, "{} KiB more", after - before);
        }
        // Past the capture of the test harness.
        None => std::io::stdout()
            .write_all(b"SKIPPED: the system does not say how much memory the process had\n")
            .unwrap(),
    }
}

/// The most memory that the process ever had, in KiB.
fn peak() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
