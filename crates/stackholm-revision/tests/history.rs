//! Snapshots, the way back, and schemas that change.

mod common;

use common::{File, Outcome, count, memory, number, open, posts, revision, story, user, write};
use stackholm_revision::sqlite::{Conflict, Error, History, Reverted, Tracked, Why};
use stackholm_revision::{Op, Revision, RevisionKey, Row, Value};

fn get(row: Option<Row>, column: &str) -> Option<Value> {
    row.and_then(|row| row.get(column).cloned())
}

fn revert(db: &mut Tracked, of: RevisionKey, conflict: Conflict) -> Outcome<Reverted> {
    user("grace").because("a mistake").run(|| db.write(|tx| tx.revert(of, conflict)))
}

fn rows(db: &Tracked, sql: &str) -> Vec<String> {
    let mut statement = db.connection().prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_snapshot_of_a_row_that_is_older_than_its_tracking_is_whole() {
    let mut db = memory(
        "CREATE TABLE post(id INTEGER PRIMARY KEY, title, body);
         INSERT INTO post VALUES (1, 'old', 'never touched')",
    );
    db.track("post").unwrap();
    let first = revision(&mut db, "ada", "UPDATE post SET title = 'new'");
    let second = revision(&mut db, "ada", "UPDATE post SET title = 'newer'");
    let third = revision(&mut db, "ada", "DELETE FROM post");
    let fourth = revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'again', NULL)");
    let title = |row: Outcome<Option<Row>>| get(row.unwrap(), "title");
    let history = db.history();
    assert_eq!(title(history.before("post", 1, first)), Some("old".into()));
    assert_eq!(title(history.at("post", 1, first)), Some("new".into()));
    assert_eq!(title(history.at("post", 1, second)), Some("newer".into()));
    assert_eq!(history.at("post", 1, third).unwrap(), None, "it did not exist");
    assert_eq!(title(history.at("post", 1, fourth)), Some("again".into()));
    let body = get(history.before("post", 1, first).unwrap(), "body");
    assert_eq!(body, Some("never touched".into()));
    let unknown = "0".repeat(32).parse().unwrap();
    assert!(matches!(history.at("post", 1, unknown), Err(Error::NoRevision(_))));
}

#[test]
fn a_row_is_followed_under_the_keys_that_it_had_before() {
    let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    db.track("t").unwrap();
    let made = revision(&mut db, "ada", "INSERT INTO t VALUES (1, 'x'), (2, 'y')");
    let moved = revision(&mut db, "ada", "UPDATE t SET id = 9 WHERE id = 1");
    revision(&mut db, "ada", "UPDATE t SET a = 'z' WHERE id = 9");
    revision(&mut db, "ada", "UPDATE t SET id = 1 WHERE id = 2");
    assert_eq!(
        story(&db)[2..],
        ["~t 1 -> 9 id:1>9 by user ada", "~t 9 a:x>z by user ada", "~t 2 -> 1 id:2>1 by user ada"]
    );
    let history = db.history();
    let ops: Vec<_> = history.clone().of("t", 9).unwrap().iter().map(|e| e.op).collect();
    assert_eq!(ops, [Op::Update, Op::Update, Op::Insert]);
    // The row that is 9 now was 1 when it was made; the one that is 1 now was 2.
    assert_eq!(get(history.at("t", 9, made).unwrap(), "a"), Some("x".into()));
    assert_eq!(get(history.at("t", 9, made).unwrap(), "id"), Some(1.into()));
    assert_eq!(get(history.at("t", 1, made).unwrap(), "a"), Some("y".into()));
    assert_eq!(get(history.at("t", 9, moved).unwrap(), "a"), Some("x".into()));
}

#[test]
fn keys_that_are_exchanged_in_one_statement_can_be_followed_and_reverted() {
    let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    db.track("t").unwrap();
    let made = revision(&mut db, "ada", "INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')");
    let shifted = revision(&mut db, "ada", "UPDATE t SET id = -id");
    assert_eq!(get(db.history().at("t", -3, made).unwrap(), "id"), Some(3.into()));
    revert(&mut db, shifted, Conflict::Stop).unwrap();
    assert_eq!(rows(&db, "SELECT id || a FROM t ORDER BY id"), ["1x", "2y", "3z"]);
}

const SHOP: &str = "
    CREATE TABLE owner(id INTEGER PRIMARY KEY, name);
    CREATE TABLE post(id INTEGER PRIMARY KEY, owner NOT NULL REFERENCES owner ON DELETE CASCADE);
    CREATE TABLE note(id INTEGER PRIMARY KEY, post NOT NULL REFERENCES post ON DELETE CASCADE,
        text);
    CREATE TABLE node(id INTEGER PRIMARY KEY, up REFERENCES node);";

fn shop() -> Tracked {
    let mut db = memory(SHOP);
    for table in ["owner", "post", "note", "node"] {
        db.track(table).unwrap();
    }
    let fill = "INSERT INTO owner VALUES (1, 'ada'); INSERT INTO post VALUES (10, 1), (11, 1);
                INSERT INTO note VALUES (100, 10, 'a'), (101, 11, 'b');
                INSERT INTO node VALUES (1, NULL), (2, 1), (3, 2)";
    user("ada").run(|| db.write(|tx| tx.execute_batch(fill))).unwrap();
    db
}

fn everything(db: &Tracked) -> Vec<String> {
    rows(
        db,
        "SELECT 'owner ' || id || name FROM owner \
         UNION ALL SELECT 'post ' || id || owner FROM post \
         UNION ALL SELECT 'note ' || id || post || text FROM note \
         UNION ALL SELECT 'node ' || id || ifnull(up, '') FROM node",
    )
}

#[test]
fn a_reverted_deletion_brings_all_children_back_and_its_revert_is_the_present() {
    let mut db = shop();
    let before = everything(&db);
    let gone = revision(&mut db, "ada", "DELETE FROM owner");
    assert_eq!(everything(&db).len(), 3);
    let back = revert(&mut db, gone, Conflict::Stop).unwrap();
    assert_eq!(everything(&db), before);
    assert_eq!(back.rows.len(), 5);
    assert!(back.conflicts.is_empty());
    let entry = &db.history().of("note", 100).unwrap()[0];
    assert_eq!((entry.revision, entry.reverts), (back.revision, Some(gone)));
    assert_eq!(
        (entry.actor.to_string(), entry.because.as_deref()),
        ("user grace".into(), Some("a mistake"))
    );
    revert(&mut db, back.revision, Conflict::Stop).unwrap();
    assert_eq!(everything(&db).len(), 3);
}

/// The rows of one statement come in any order; the keys are looked at when all are back.
#[test]
fn rows_that_refer_to_their_own_table_come_back_whatever_their_order_was() {
    let mut db = shop();
    let before = everything(&db);
    let gone = revision(&mut db, "ada", "DELETE FROM node");
    revert(&mut db, gone, Conflict::Stop).unwrap();
    assert_eq!(everything(&db), before);
    assert_eq!(number(&db, "PRAGMA defer_foreign_keys"), 0);
}

#[test]
fn a_later_change_stops_a_revert_which_changes_nothing_and_names_the_rows() {
    let mut db = posts();
    let made =
        revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'a', 0), (2, 'b', 0), (3, 'c', 0)");
    let sweep = revision(&mut db, "ada", "UPDATE post SET spam = 1, title = 'spam'");
    revision(&mut db, "kay", "UPDATE post SET spam = 2 WHERE id = 2");
    revision(&mut db, "kay", "DELETE FROM post WHERE id = 3");
    let before = (rows(&db, "SELECT id || title || spam FROM post"), count(&db, "revision_part"));
    let Err(Error::Conflicts(conflicts)) = revert(&mut db, sweep, Conflict::Stop) else {
        panic!("it was reverted")
    };
    let named: Vec<_> = conflicts.iter().map(|c| (c.key.clone(), c.why.clone())).collect();
    assert_eq!(named, [(3.into(), Why::Gone), (2.into(), Why::Changed(vec!["spam".into()]))]);
    let after = (rows(&db, "SELECT id || title || spam FROM post"), count(&db, "revision_part"));
    assert_eq!(before, after);

    let report = revert(&mut db, sweep, Conflict::Skip).unwrap();
    assert_eq!(report.rows, [("post".into(), 1.into(), Op::Update)]);
    assert_eq!(report.conflicts, conflicts);
    assert_eq!(rows(&db, "SELECT id || title || spam FROM post"), ["1a0", "2spam2"]);

    let report = revert(&mut db, sweep, Conflict::Overwrite).unwrap();
    assert_eq!(report.rows.len(), 2);
    assert_eq!(report.conflicts.len(), 3, "each is reported, overwritten or not");
    assert_eq!(rows(&db, "SELECT id || title || spam FROM post"), ["1a0", "2b0"]);

    revert(&mut db, made, Conflict::Overwrite).unwrap();
    assert_eq!(count(&db, "post"), 0);
}

#[test]
fn a_revert_that_would_take_later_rows_along_is_a_conflict() {
    let mut db = memory(SHOP);
    for table in ["owner", "post"] {
        db.track(table).unwrap();
    }
    let made = revision(&mut db, "ada", "INSERT INTO owner VALUES (1, 'ada')");
    revision(&mut db, "kay", "INSERT INTO post VALUES (10, 1)");
    let Err(Error::Conflicts(conflicts)) = revert(&mut db, made, Conflict::Stop) else {
        panic!("a row of somebody else is gone")
    };
    assert_eq!(conflicts[0].why, Why::TakesAlong(1));
    let report = revert(&mut db, made, Conflict::Skip).unwrap();
    assert!(report.rows.is_empty());
    assert_eq!((count(&db, "owner"), count(&db, "post")), (1, 1));
    revert(&mut db, made, Conflict::Overwrite).unwrap();
    assert_eq!((count(&db, "owner"), count(&db, "post")), (0, 0));
}

#[test]
fn what_the_database_refuses_is_a_conflict_with_its_words() {
    let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)");
    db.track("t").unwrap();
    revision(&mut db, "ada", "INSERT INTO t VALUES (1, 'x')");
    let gone = revision(&mut db, "ada", "DELETE FROM t");
    revision(&mut db, "kay", "INSERT INTO t VALUES (2, 'x')");
    let Err(Error::Conflicts(conflicts)) = revert(&mut db, gone, Conflict::Stop) else {
        panic!("it was reverted")
    };
    assert!(matches!(&conflicts[0].why, Why::Refused(said) if said.contains("UNIQUE")));
    revision(&mut db, "kay", "INSERT INTO t VALUES (1, 'y')");
    let report = revert(&mut db, gone, Conflict::Skip).unwrap();
    assert_eq!(report.conflicts[0].why, Why::There);
}

#[test]
fn one_row_of_a_revision_is_reverted_and_no_other() {
    let mut db = posts();
    revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'a', 0), (2, 'b', 0)");
    let sweep = user("ada").run(|| {
        write(&mut db, "UPDATE post SET spam = 1").unwrap();
        write(&mut db, "UPDATE post SET id = 7 WHERE id = 2").unwrap();
        stackholm_revision::here().unwrap().revision
    });
    user("grace").run(|| db.write(|tx| tx.revert_row(sweep, "post", 7, Conflict::Stop))).unwrap();
    assert_eq!(rows(&db, "SELECT id || title || spam FROM post"), ["1a1", "2b0"]);
}

#[test]
fn a_revert_outside_of_every_block_or_of_nothing_is_an_error() {
    let mut db = posts();
    let made = revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'a', 0)");
    assert!(matches!(db.write(|tx| tx.revert(made, Conflict::Stop)), Err(Error::NoBlock)));
    let unknown = "0".repeat(32).parse().unwrap();
    assert!(matches!(revert(&mut db, unknown, Conflict::Stop), Err(Error::NoRevision(_))));
}

#[test]
fn blobs_infinities_and_malformed_text_are_reverted_to_the_bit() {
    let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    db.track("t").unwrap();
    let fill = "INSERT INTO t VALUES (1, x'00ff'), (2, 9e999), \
                (3, CAST(x'ff' AS TEXT)), (4, 0.1), (5, 1), (6, 'a' || char(0))";
    revision(&mut db, "ada", fill);
    let all = "SELECT typeof(a) || hex(a) FROM t";
    let before = rows(&db, all);
    let gone = revision(&mut db, "ada", "DELETE FROM t");
    revert(&mut db, gone, Conflict::Stop).unwrap();
    assert_eq!(rows(&db, all), before);
}

#[test]
fn a_column_that_is_added_is_tracked_and_one_that_is_dropped_stops_a_revert_by_name() {
    let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)");
    db.track("t").unwrap();
    let made = revision(&mut db, "ada", "INSERT INTO t VALUES (1, 'a', 'b')");
    user("ada").run(|| {
        db.write(|tx| -> Outcome {
            tx.execute("ALTER TABLE t ADD COLUMN c DEFAULT 'none'", [])?;
            tx.execute("UPDATE t SET c = 'same transaction'", []).map(drop)
        })
        .unwrap();
    });
    // Past the transaction it is found by the next one.
    db.connection().execute_batch("ALTER TABLE t ADD COLUMN d").unwrap();
    revision(&mut db, "ada", "UPDATE t SET d = 1");
    let changed = revision(&mut db, "ada", "UPDATE t SET b = 'B'");
    user("ada").run(|| {
        db.write(|tx| tx.execute_batch("ALTER TABLE t DROP COLUMN b; ALTER TABLE t RENAME a TO z"))
            .unwrap();
    });
    let renamed = revision(&mut db, "ada", "UPDATE t SET z = 'Z'");
    assert_eq!(
        story(&db)[1..],
        [
            "~t 1 c:none>same transaction by user ada",
            "~t 1 d:null>1 by user ada",
            "~t 1 b:b>B by user ada",
            "~t 1 z:a>Z by user ada",
        ]
    );
    let row = db.history().before("t", 1, changed).unwrap().unwrap();
    assert_eq!((row.get("b"), row.get("z")), (Some(&"b".into()), Some(&"a".into())));
    for (revision, name) in [(changed, "b"), (made, "a")] {
        let error = revert(&mut db, revision, Conflict::Overwrite).unwrap_err();
        assert!(matches!(error, Error::Column { column, .. } if column == name));
    }
    revert(&mut db, renamed, Conflict::Stop).unwrap();
}

#[test]
fn a_schema_that_is_changed_and_rolled_back_is_tracked_as_it_is() {
    let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    db.track("t").unwrap();
    user("ada").run(|| {
        let mut tx = db.transaction().unwrap();
        let mut savepoint = tx.savepoint().unwrap();
        savepoint.execute("ALTER TABLE t ADD COLUMN b DEFAULT 1", []).unwrap();
        savepoint.execute("INSERT INTO t VALUES (1, 1, 1)", []).unwrap();
        drop(savepoint);
        tx.execute("INSERT INTO t VALUES (2, 2)", []).unwrap();
        tx.commit().unwrap();
        let mut tx = db.transaction().unwrap();
        tx.execute("ALTER TABLE t ADD COLUMN b DEFAULT 1", []).unwrap();
        drop(tx);
        db.connection().execute_batch("ALTER TABLE t ADD COLUMN c DEFAULT 1").unwrap();
        write(&mut db, "INSERT INTO t VALUES (3, 3, 3)").unwrap();
        db.write(|tx| tx.execute("DROP TABLE t", [])).unwrap();
        assert!(db.tables().is_empty());
    });
    let inserts = &story(&db)[..2];
    assert_eq!(inserts, ["+t 2 a:·>2 id:·>2 by user ada", "+t 3 a:·>3 c:·>3 id:·>3 by user ada"]);
}

#[test]
fn a_table_that_is_dropped_is_tracked_again_when_it_is_back() {
    let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    db.track("t").unwrap();
    user("ada").run(|| {
        let mut tx = db.transaction().unwrap();
        let mut savepoint = tx.savepoint().unwrap();
        savepoint.execute("DROP TABLE t", []).unwrap();
        drop(savepoint);
        tx.execute("INSERT INTO t VALUES (1, 1)", []).unwrap();
        tx.execute("DROP TABLE t", []).unwrap();
        drop(tx);
        write(&mut db, "INSERT INTO t VALUES (2, 2)").unwrap();
        // The way in which SQLite's documents say that a table be changed.
        db.write(|tx| {
            tx.execute_batch(
                "CREATE TABLE new_t(id INTEGER PRIMARY KEY, a TEXT NOT NULL, b);
                 INSERT INTO new_t SELECT id, a, 0 FROM t;
                 DROP TABLE t;
                 ALTER TABLE new_t RENAME TO t;",
            )
        })
        .unwrap();
        write(&mut db, "UPDATE t SET b = 1").unwrap();
    });
    assert_eq!(story(&db), ["+t 2 a:·>2 id:·>2 by user ada", "~t 2 b:0>1 by user ada"]);
}

#[test]
fn what_another_connection_does_to_the_schema_is_followed() {
    let file = File::new();
    let mut db = file.open("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)");
    db.track("t").unwrap();
    revision(&mut db, "ada", "INSERT INTO t VALUES (1, 'a', 'b')");
    let other = rusqlite::Connection::open(file.path()).unwrap();
    other.execute_batch("ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD COLUMN c").unwrap();
    revision(&mut db, "ada", "UPDATE t SET b = 'B', c = 'C'");
    other.execute_batch("DROP TABLE t; CREATE TABLE t(key TEXT PRIMARY KEY)").unwrap();
    revision(&mut db, "ada", "INSERT INTO t VALUES ('x')");
    assert_eq!(story(&db)[1..], ["~t 1 b:b>B c:null>C by user ada", "+t x key:·>x by user ada"]);
    other.execute_batch("DROP TABLE t; CREATE TABLE t(no_key)").unwrap();
    let refused = user("ada").run(|| write(&mut db, "INSERT INTO t VALUES ('x')"));
    assert!(matches!(refused, Err(Error::CannotTrack { .. })), "{refused:?}");
    assert!(user("ada").run(|| write(&mut db, "INSERT INTO t VALUES ('x')")).is_err());
}

#[test]
fn a_redacted_column_cannot_be_brought_back_and_says_so() {
    let mut db = memory("CREATE TABLE u(id INTEGER PRIMARY KEY, mail, name)");
    db.track("u").unwrap().redact(&["mail"]).unwrap();
    let made = revision(&mut db, "ada", "INSERT INTO u VALUES (1, 'm', 'n')");
    let renamed = revision(&mut db, "ada", "UPDATE u SET name = 'N'");
    let gone = revision(&mut db, "ada", "DELETE FROM u");
    let error = revert(&mut db, gone, Conflict::Stop).unwrap_err();
    assert!(matches!(error, Error::Column { column, .. } if column == "mail"));
    revision(&mut db, "ada", "INSERT INTO u VALUES (1, 'm', 'N')");
    revert(&mut db, renamed, Conflict::Stop).unwrap();
    revert(&mut db, made, Conflict::Stop).unwrap();
    assert_eq!(count(&db, "u"), 0);
}

/// `tests/schema-1.sql` is a database as version 1 left it.
#[test]
fn an_older_schema_is_upgraded_in_place_and_its_history_is_read() {
    let file = File::new();
    let conn = rusqlite::Connection::open(file.path()).unwrap();
    conn.execute_batch(include_str!("schema-1.sql")).unwrap();
    drop(conn);
    let mut db = open(&file.path(), "");
    assert_eq!(number(&db, "SELECT version FROM revision_schema"), 2);
    db.track("post").unwrap();
    let old = &db.history().of("post", 1).unwrap()[0];
    assert_eq!((old.op, old.actor.to_string()), (Op::Update, "user ada".into()));
    let old = old.revision;
    revision(&mut db, "grace", "UPDATE post SET id = 2");
    assert_eq!(get(db.history().before("post", 2, old).unwrap(), "title"), Some("before".into()));
    let again = open(&file.path(), "");
    assert_eq!(number(&again, "SELECT count(*) FROM revision_schema"), 1);
    db.connection().execute_batch("UPDATE revision_schema SET version = 9").unwrap();
    let mut later = Tracked::new(rusqlite::Connection::open(file.path()).unwrap()).unwrap();
    assert!(matches!(later.install(), Err(Error::LaterSchema { found: 9 })));
}

#[test]
fn history_is_read_on_any_connection_and_narrowed_down() {
    let file = File::new();
    let mut db = file.open("CREATE TABLE post(id INTEGER PRIMARY KEY, title, spam)");
    db.track("post").unwrap();
    let start = std::time::SystemTime::now();
    let first = revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'a', 0)");
    revision(&mut db, "grace", "UPDATE post SET spam = 1");
    let conn = rusqlite::Connection::open(file.path()).unwrap();
    let history = History::on(&conn);
    let number = |history: History<'_>| history.entries().unwrap().len();
    assert_eq!(number(history.clone()), 2);
    assert_eq!(number(history.clone().limit(1)), 1);
    assert_eq!(number(history.clone().by(("user", "ada"))), 1);
    assert_eq!(number(history.clone().in_revision(first)), 1);
    assert_eq!(number(history.clone().table("POST")), 2);
    assert_eq!(number(history.clone().table("other")), 0);
    let millisecond = std::time::Duration::from_millis(1);
    assert_eq!(number(history.clone().since(start - millisecond)), 2);
    assert_eq!(number(history.clone().since(start + 1_000_000 * millisecond)), 0);
    assert_eq!(get(history.at("post", 1, first).unwrap(), "spam"), Some(0.into()));
}

#[test]
fn other_connections_are_neither_disturbed_nor_tracked() {
    let file = File::new();
    let mut db = file.open("CREATE TABLE post(id INTEGER PRIMARY KEY, title, spam)");
    db.track("post").unwrap();
    let other = rusqlite::Connection::open(file.path()).unwrap();
    other.execute_batch("INSERT INTO post VALUES (1, 'a', 0)").unwrap();
    Revision::new().system().run(|| write(&mut db, "UPDATE post SET spam = 1")).unwrap();
    assert_eq!(story(&db), ["~post 1 spam:0>1 by the system"]);
}
