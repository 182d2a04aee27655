//! What is seen, and with what in it.

mod common;

use common::{Outcome, actors, count, memory, number, posts, revision, story, user, write};
use proptest::prelude::*;
use stackholm_revision::sqlite::{Error, Tracked};
use stackholm_revision::{Op, Revision, Row, Value};

#[test]
fn upserts_replaces_selects_and_truncating_deletes_are_seen_with_old_and_new() {
    let mut db = posts();
    user("ada").run(|| {
        write(&mut db, "INSERT INTO post VALUES (1, 'a', 0), (2, 'b', 0)").unwrap();
        let upsert = "INSERT INTO post VALUES (1, 'A', 0) ON CONFLICT DO UPDATE SET title = 'A'";
        write(&mut db, upsert).unwrap();
        write(&mut db, "REPLACE INTO post VALUES (2, 'B', 1)").unwrap();
        write(&mut db, "INSERT INTO post SELECT id + 10, title, spam FROM post WHERE id = 1")
            .unwrap();
        write(&mut db, "INSERT OR IGNORE INTO post VALUES (1, 'ignored', 0)").unwrap();
        write(
            &mut db,
            "WITH x AS (SELECT 11 AS id) UPDATE post SET spam = 2 FROM x WHERE post.id = x.id",
        )
        .unwrap();
        write(&mut db, "DELETE FROM post").unwrap();
    });
    assert_eq!(
        story(&db),
        [
            "+post 1 id:·>1 spam:·>0 title:·>a by user ada",
            "+post 2 id:·>2 spam:·>0 title:·>b by user ada",
            "~post 1 title:a>A by user ada",
            "-post 2 id:2>· spam:0>· title:b>· by user ada",
            "+post 2 id:·>2 spam:·>1 title:·>B by user ada",
            "+post 11 id:·>11 spam:·>0 title:·>A by user ada",
            "~post 11 spam:0>2 by user ada",
            "-post 1 id:1>· spam:0>· title:A>· by user ada",
            "-post 2 id:2>· spam:1>· title:B>· by user ada",
            "-post 11 id:11>· spam:2>· title:A>· by user ada",
        ]
    );
}

/// Switched on later, it would not take effect in statements that are prepared already.
#[test]
fn replace_is_seen_because_recursive_triggers_are_on_from_the_beginning() {
    let db = posts();
    assert_eq!(number(&db, "PRAGMA recursive_triggers"), 1);
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    conn.pragma_update(None, "recursive_triggers", false).unwrap();
    assert_eq!(number(&Tracked::new(conn).unwrap(), "PRAGMA recursive_triggers"), 1);
}

#[test]
fn a_cascade_over_three_tables_is_seen_as_caused_with_the_deletions_reason() {
    let mut db = memory(
        "CREATE TABLE owner(id INTEGER PRIMARY KEY);
         CREATE TABLE post(id INTEGER PRIMARY KEY, owner REFERENCES owner ON DELETE CASCADE);
         CREATE TABLE note(id INTEGER PRIMARY KEY, post REFERENCES post ON DELETE CASCADE,
             seen REFERENCES owner ON DELETE SET NULL);",
    );
    for table in ["owner", "post", "note"] {
        db.track(table).unwrap();
    }
    user("ada").because("asked for").run(|| {
        let fill = "INSERT INTO owner VALUES (1), (2); INSERT INTO post VALUES (10, 1);
                    INSERT INTO note VALUES (100, 10, 2), (101, NULL, 1);";
        db.write(|tx| tx.execute_batch(fill)).unwrap();
        Revision::new().deletion_because("the owner is gone").run(|| {
            assert_eq!(write(&mut db, "DELETE FROM owner WHERE id = 1").unwrap(), 1);
        });
        write(&mut db, "DELETE FROM owner").unwrap();
    });
    assert_eq!(
        story(&db)[5..],
        [
            "~note 101 seen:1>null caused by user ada (the owner is gone)",
            "-note 100 id:100>· post:10>· seen:2>· caused by user ada (the owner is gone)",
            "-post 10 id:10>· owner:1>· caused by user ada (the owner is gone)",
            "-owner 1 id:1>· by user ada (asked for)",
            "-owner 2 id:2>· by user ada (asked for)",
        ]
    );
}

#[test]
fn a_row_that_a_key_of_its_own_table_takes_along_is_caused_and_others_are_not() {
    let mut db =
        memory("CREATE TABLE node(id INTEGER PRIMARY KEY, up REFERENCES node ON DELETE CASCADE)");
    db.track("node").unwrap();
    user("ada").run(|| {
        let fill = "INSERT INTO node VALUES (1, NULL), (2, 1), (3, 2), (4, NULL), (5, NULL)";
        write(&mut db, fill).unwrap();
        write(&mut db, "DELETE FROM node WHERE id IN (1, 4)").unwrap();
        write(&mut db, "DELETE FROM node").unwrap();
    });
    let caused: Vec<_> = story(&db)[5..]
        .iter()
        .map(|line| (line[..7].to_owned(), line.contains("caused")))
        .collect();
    let expected = [("-node 3", true), ("-node 2", true), ("-node 1", false), ("-node 4", false)];
    assert_eq!(caused[..4], expected.map(|(line, caused)| (line.to_owned(), caused)));
    assert_eq!(caused[4], ("-node 5".to_owned(), false));
}

#[test]
fn what_a_trigger_of_the_program_writes_is_seen_and_caused() {
    let mut db = memory(
        "CREATE TABLE post(id INTEGER PRIMARY KEY, title);
         CREATE TABLE word(post INTEGER PRIMARY KEY, words);
         CREATE TRIGGER count AFTER UPDATE ON post BEGIN
             INSERT OR REPLACE INTO word VALUES (new.id, length(new.title)); END;",
    );
    db.track("post").unwrap();
    db.track("word").unwrap();
    user("ada").run(|| {
        write(&mut db, "INSERT INTO post VALUES (1, '')").unwrap();
        write(&mut db, "UPDATE post SET title = 'four'").unwrap();
    });
    assert_eq!(
        story(&db)[1..],
        ["~post 1 title:>four by user ada", "+word 1 post:·>1 words:·>4 caused by user ada",]
    );
}

#[test]
fn what_a_trigger_does_to_the_same_row_comes_after_the_change_that_fired_it() {
    let mut db = memory(
        "CREATE TABLE post(id INTEGER PRIMARY KEY, title, n DEFAULT 0);
         CREATE TRIGGER made AFTER INSERT ON post BEGIN
             UPDATE post SET n = 1 WHERE id = new.id; END;
         CREATE TRIGGER touched AFTER UPDATE OF title ON post BEGIN
             UPDATE post SET n = n + 1 WHERE id = new.id; END;
         CREATE TRIGGER gone AFTER DELETE ON post BEGIN
             INSERT INTO post(id, title) SELECT old.id + 1, 'x' WHERE old.id < 2; END;",
    );
    db.track("post").unwrap();
    user("ada").run(|| {
        write(&mut db, "INSERT INTO post(title) VALUES ('a')").unwrap();
        write(&mut db, "UPDATE post SET title = 'b'").unwrap();
        write(&mut db, "DELETE FROM post").unwrap();
    });
    assert_eq!(
        story(&db),
        [
            "+post 1 id:·>1 n:·>0 title:·>a by user ada",
            "~post 1 n:0>1 by user ada",
            "~post 1 title:a>b by user ada",
            "~post 1 n:1>2 by user ada",
            "-post 1 id:1>· n:2>· title:b>· by user ada",
            "+post 2 id:·>2 n:·>0 title:·>x by user ada",
            "~post 2 n:0>1 by user ada",
        ]
    );
}

#[test]
fn an_update_that_changes_nothing_leaves_no_row_anywhere() {
    let mut db = posts();
    revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'a', 0)");
    user("grace").run(|| {
        write(&mut db, "UPDATE post SET title = 'a', spam = 0").unwrap();
        write(&mut db, "UPDATE post SET title = 'b' WHERE id = 9").unwrap();
        db.write(|tx| {
            tx.savepoint()?.execute("UPDATE post SET title = 'b'", [])?;
            tx.execute("DELETE FROM post WHERE id = 9", [])
        })
        .unwrap();
    });
    for table in ["revision_delta", "revision_frame", "revision_part"] {
        assert_eq!(count(&db, table), 1, "{table}");
    }
}

#[test]
fn a_change_of_type_or_of_letters_that_compare_equal_is_a_change() {
    let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b TEXT COLLATE NOCASE)");
    db.track("t").unwrap();
    revision(&mut db, "ada", "INSERT INTO t VALUES (1, 1, 'x')");
    revision(&mut db, "ada", "UPDATE t SET a = 1.0");
    revision(&mut db, "ada", "UPDATE t SET b = 'X'");
    assert_eq!(story(&db)[1..], ["~t 1 a:1>1.0 by user ada", "~t 1 b:x>X by user ada"]);
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0)].prop_map(Value::Integer),
        any::<f64>().prop_filter_map("SQLite has no NaN", |real| {
            (!real.is_nan()).then_some(Value::Real(real))
        }),
        Just(Value::Real(f64::NEG_INFINITY)),
        any::<String>().prop_map(Value::Text),
        Just(Value::Text("a\0b".into())),
        Just(Value::Text(String::new())),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Blob),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_value_comes_back_from_history_to_the_bit(a in any_value(), b in any_value()) {
        let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
        db.track("t").unwrap();
        user("ada").run(|| -> Outcome {
            db.write(|tx| tx.execute("INSERT INTO t VALUES (1, ?1)", [&a]))?;
            db.write(|tx| tx.execute("UPDATE t SET a = ?1", [&b]))?;
            write(&mut db, "DELETE FROM t").map(drop)
        })
        .unwrap();
        let entries = db.history().of("t", 1).unwrap();
        let value = |row: &Row| row.get("a").cloned();
        prop_assert_eq!(value(&entries[0].old), Some(b.clone()));
        prop_assert_eq!(value(&entries[entries.len() - 1].new), Some(a.clone()));
        let (first, changes) = (entries[entries.len() - 1].number, usize::from(a != b));
        prop_assert_eq!(entries.len(), 2 + changes);
        prop_assert_eq!(value(&db.history().after("t", 1, first).unwrap().unwrap()), Some(a));
    }
}

#[test]
fn nan_is_null_and_a_mebibyte_and_malformed_text_come_back() {
    let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    db.track("t").unwrap();
    let large = "ä".repeat(1 << 19);
    user("ada").run(|| {
        db.write(|tx| tx.execute("INSERT INTO t VALUES (1, ?1)", [f64::NAN])).unwrap();
        db.write(|tx| tx.execute("INSERT INTO t VALUES (2, ?1)", [&large])).unwrap();
        write(&mut db, "INSERT INTO t VALUES (3, CAST(x'ff00' AS TEXT))").unwrap();
        write(&mut db, "INSERT INTO t(id) VALUES (4)").unwrap();
    });
    let new = |key: i64| db.history().of("t", key).unwrap()[0].new.get("a").cloned();
    assert_eq!(new(1), Some(Value::Null));
    assert_eq!(new(2), Some(Value::Text(large)));
    assert_eq!(new(3), Some(Value::Malformed(vec![0xff, 0])));
    assert_eq!(new(4), Some(Value::Null), "a column without a value is null, and not absent");
}

#[test]
fn keys_of_two_columns_of_text_and_without_a_rowid_are_tracked() {
    let mut db = memory(
        "CREATE TABLE tag(post INT, name TEXT, PRIMARY KEY (name, post)) WITHOUT ROWID;
         CREATE TABLE word(word TEXT PRIMARY KEY, n INT);",
    );
    db.track("tag").unwrap();
    db.track("word").unwrap();
    revision(&mut db, "ada", "INSERT INTO tag VALUES (1, 'x'), (2, 'x')");
    revision(&mut db, "ada", "DELETE FROM tag WHERE post = 1");
    revision(&mut db, "ada", "INSERT INTO word VALUES ('a\"b', 1)");
    assert_eq!(db.history().of("tag", ("x", 1)).unwrap().len(), 2);
    assert_eq!(db.history().of("tag", ("x", 2)).unwrap().len(), 1);
    let word = &db.history().of("word", "a\"b").unwrap()[0];
    assert_eq!((word.op, word.new.get("n")), (Op::Insert, Some(&Value::Integer(1))));
}

#[test]
fn what_cannot_be_tracked_is_refused_with_the_reason() {
    let mut db = memory(
        "CREATE TABLE bare(a); CREATE TABLE t(id INTEGER PRIMARY KEY, a);
         CREATE VIEW v AS SELECT * FROM t;",
    );
    let why = |error: Error| match error {
        Error::CannotTrack { why, .. } => why,
        other => panic!("{other}"),
    };
    let cases = [
        ("bare", "it has no primary key"),
        ("v", "it is no plain table"),
        ("nothing", "there is no such table"),
        ("revision_delta", "it belongs to the history itself"),
    ];
    for (table, expected) in cases {
        assert_eq!(why(db.track(table).unwrap_err()), expected);
    }
    let except =
        |db: &mut Tracked, column| why(db.track("t").unwrap().except(&[column]).unwrap_err());
    assert_eq!(except(&mut db, "x"), "it has no column `x`");
    assert_eq!(except(&mut db, "id"), "`id` is of the key and cannot be left out");
    let mut bare = Tracked::new(rusqlite::Connection::open_in_memory().unwrap()).unwrap();
    assert!(matches!(bare.track("t").unwrap_err(), Error::NotInstalled));
}

#[test]
fn columns_are_left_out_or_redacted_and_no_secret_stands_anywhere() {
    let mut db = memory("CREATE TABLE u(id INTEGER PRIMARY KEY, mail, seen, name)");
    db.track("u").unwrap().except(&["seen"]).unwrap().redact(&["mail"]).unwrap();
    revision(&mut db, "ada", "INSERT INTO u VALUES (1, 'secret@example.org', 1, 'a')");
    revision(&mut db, "ada", "UPDATE u SET seen = 2");
    revision(&mut db, "ada", "UPDATE u SET mail = 'other secret', name = 'b'");
    revision(&mut db, "ada", "UPDATE u SET name = 'c'");
    assert_eq!(
        story(&db),
        [
            "+u 1 id:·>1 mail:·>(redacted) name:·>a by user ada",
            "~u 1 mail:(redacted)>(redacted) name:a>b by user ada",
            "~u 1 name:b>c by user ada",
        ]
    );
    let first = db.history().entries().unwrap()[2].revision;
    let row = db.history().at("u", 1, first).unwrap().unwrap();
    assert_eq!((row.get("mail"), row.get("seen")), (Some(&Value::Redacted), None));
    let leaked =
        "SELECT count(*) FROM revision_delta WHERE old LIKE '%secret%' OR new LIKE '%secret%'";
    assert_eq!(number(&db, leaked), 0);
    assert!(!format!("{db:?}{:?}", db.history().entries()).contains("secret"));
}

#[test]
fn the_programs_own_rowid_of_the_last_insert_is_not_disturbed() {
    let mut db = posts();
    user("ada").run(|| {
        db.write(|tx| {
            tx.execute("INSERT INTO post VALUES (41, 'a', 0)", [])?;
            // Another actor: a frame is written in between.
            user("grace").run(|| {
                tx.execute("INSERT INTO post VALUES (last_insert_rowid() + 1, 'b', 0)", [])
            })?;
            assert_eq!(tx.last_insert_rowid(), 42);
            Ok::<_, Error>(())
        })
        .unwrap();
    });
    assert_eq!(count(&db, "post WHERE id = 42"), 1);
    assert_eq!(actors(&db).len(), 2);
}

#[test]
fn rows_of_a_returning_statement_are_tracked() {
    let mut db = posts();
    user("ada").run(|| {
        db.write(|tx| {
            let sql = "INSERT INTO post(title) VALUES ('a'), ('b') RETURNING id";
            let ids: Vec<i64> = tx.query(sql, [], |row| row.get(0))?;
            assert_eq!(ids, [1, 2]);
            let sql = "UPDATE post SET title = 'c' WHERE id = 1 RETURNING title";
            assert_eq!(tx.query_row(sql, [], |row| row.get(0))?, Some("c".to_owned()));
            Ok::<_, Error>(())
        })
        .unwrap();
    });
    assert_eq!(story(&db).len(), 3);
}
