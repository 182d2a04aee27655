//! One row and many of a statement are kept in two ways, which come to the same; and what an older
//! version made is brought up to date.

use crate::common::*;
use crate::server::Database;
use stackholm_revision::Revision;
use stackholm_revision::postgres::{Error, Tracked};

/// How many triggers of ours a table has.
async fn triggers(db: &Db, table: &str) -> i64 {
    let ours = "pg_trigger WHERE tgname LIKE '!stackholm%' AND tgrelid";
    count(db, &format!("{ours} = '{table}'::regclass")).await
}

#[tokio::test]
async fn a_row_alone_is_kept_as_many_are() {
    let sql = "CREATE TYPE mood AS ENUM ('well', 'ill');
        CREATE TABLE t(id int PRIMARY KEY, a text, n numeric, r float8, b bytea, z timestamptz,
            m mood, span interval, secret text, seen int, twice int GENERATED ALWAYS AS (id * 2)
            STORED)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    db.track("t").redact(&["secret"]).except(&["seen"]).await.unwrap();
    let statements = [
        "INSERT INTO t SELECT n, 'a', 1.0, '-0', '\\x00', '2026-01-02 03:04:05+00', 'ill',
            '1 day', 's', 0 FROM generate_series(1, 3) n WHERE n IN (ids)",
        "UPDATE t SET a = 'b', n = 1.00, r = 0, b = NULL, z = 'infinity', m = 'well',
            span = '2 days', secret = 'other', seen = 1 WHERE id IN (ids)",
        "UPDATE t SET seen = 2, a = a WHERE id IN (ids)",
        "UPDATE t SET r = 'NaN', a = NULL WHERE id IN (ids)",
        "UPDATE t SET id = id + 10 WHERE id IN (ids)",
        "UPDATE t SET id = id - 10, a = 'c' WHERE id - 10 IN (ids)",
        "DELETE FROM t WHERE id IN (ids)",
        "UPDATE t SET a = 'nobody' WHERE id IN (ids)",
    ];
    let mut deltas = Vec::new();
    for ids in ["1", "2, 3"] {
        for sql in statements {
            revision(&mut db, "ada", &sql.replace("ids", ids)).await;
        }
    }
    for n in 1..=3 {
        let sql = format!(
            "SELECT concat_ws(' ', op, moved_to IS NULL, caused, old - 'id', new - 'id')
             FROM stackholm.revision_delta WHERE (\"key\" ->> 0)::int % 10 = {n} ORDER BY id"
        );
        deltas.push(texts(&db, &sql).await);
    }
    assert_eq!(deltas[0].len(), 6, "{:?}", deltas[0]);
    assert_eq!((&deltas[0], &deltas[0]), (&deltas[1], &deltas[2]));
    assert_eq!(
        deltas[0][1..5],
        [
            "u t f {\"a\": \"a\", \"b\": {\"blob\": \"00\"}, \"m\": \"ill\", \"n\": \"1.0\", \
             \"r\": {\"real\": \"-0\"}, \"z\": \"2026-01-02T03:04:05Z\", \"span\": \"1 day\", \
             \"secret\": {\"redacted\": true}} {\"a\": \"b\", \"b\": null, \"m\": \"well\", \
             \"n\": \"1.00\", \"r\": {\"real\": \"0\"}, \"z\": \"infinity\", \
             \"span\": \"2 days\", \"secret\": {\"redacted\": true}}",
            "u t f {\"a\": \"b\", \"r\": {\"real\": \"0\"}} \
             {\"a\": null, \"r\": {\"real\": \"NaN\"}}",
            "u f f {} {}",
            "u f f {\"a\": null} {\"a\": \"c\"}",
        ]
    );
}

#[tokio::test]
async fn the_first_of_many_rows_need_not_change() {
    let (_database, mut db) = or_skip!(posts().await);
    revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'a', 0), (2, 'a', 0)").await;
    write(&mut db, "UPDATE post SET spam = 0").await.unwrap();
    let second = "UPDATE post SET spam = id - 1";
    assert!(matches!(write(&mut db, second).await, Err(Error::OutsideBlock { .. })));
    Revision::untracked("a try").wrap(write(&mut db, second)).await.unwrap();
    revision(&mut db, "ada", "UPDATE post SET spam = 3 * id - 3").await;
    assert_eq!(story(&db).await[2..], ["?post  by nobody (a try)", "~post 2 spam:1>3 by user ada"]);
}

/// Whether the triggers of ours run for each row or for each statement.
async fn kinds(db: &Db) -> Vec<String> {
    let sql = "SELECT DISTINCT CASE tgtype & 1 WHEN 1 THEN 'row' ELSE 'statement' END
        FROM pg_trigger WHERE tgname LIKE '!stackholm%' AND tgname <> '!stackholm_TRUNCATE'";
    texts(db, sql).await
}

#[tokio::test]
async fn a_program_chooses_whether_rows_are_seen_one_by_one_and_the_same_is_recorded() {
    let mut stories = Vec::new();
    for by_row in [false, true] {
        let (_database, mut db) = or_skip!(posts().await);
        if by_row {
            db.track("post").by_row().await.unwrap();
        }
        assert_eq!(kinds(&db).await, [if by_row { "row" } else { "statement" }]);
        for sql in [
            "INSERT INTO post VALUES (1, 'a', 0), (2, 'b', 0)",
            "UPDATE post SET spam = id - 1",
            "UPDATE post SET id = id + 10 WHERE id = 2",
            "INSERT INTO post VALUES (1, 'c', 1) ON CONFLICT (id) DO UPDATE SET title = 'd'",
            "DELETE FROM post WHERE id = 1",
            "TRUNCATE post",
        ] {
            revision(&mut db, "ada", sql).await;
        }
        whole(&db).await;
        stories.push(story(&db).await);
        // As it is already: nothing is locked for it.
        db.client().batch_execute("SET lock_timeout = '1ms'").await.unwrap();
        let again = db.track("post");
        if by_row { again.by_row() } else { again }.await.unwrap();
        // And back: options replace those that were there.
        db.track("post").await.unwrap();
        assert_eq!(kinds(&db).await, ["statement"]);
    }
    assert_eq!((stories[0].len(), &stories[0]), (7, &stories[1]));
}

/// A plan is kept as long as the connection, and made for as many rows as there were at first.
#[tokio::test]
async fn ten_thousand_rows_are_not_compared_each_with_each_and_their_plan_is_not_translated() {
    let sql = "CREATE TABLE post(id int PRIMARY KEY, title text, spam int, body text, price float8,
               weight float8)";
    let (database, mut db) = or_skip!(tables(sql).await);
    let rows = "INSERT INTO post SELECT n, 'a', 0, 'b', 1, 2 FROM generate_series(1, 10000) n";
    Revision::untracked("import").wrap(write(&mut db, rows)).await.unwrap();
    let explain = "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;
        SET auto_explain.log_nested_statements = on; SET auto_explain.log_analyze = on;
        SET auto_explain.log_timing = off";
    for few in [vec![1], vec![1, 2], vec![]] {
        let mut db = Tracked::new(database.connect().await);
        for rows in few {
            revision(
                &mut db,
                "ada",
                &format!("UPDATE post SET spam = 1 - spam WHERE id <= {rows}"),
            )
            .await;
        }
        db.client().batch_execute(explain).await.unwrap();
        revision(&mut db, "ada", "UPDATE post SET spam = spam + 1").await;
        let log = database.log();
        let is_ours = |entry: &&String| entry.contains("\tInsert on revision_delta");
        let plan = log.iter().rfind(is_ours).unwrap_or_else(|| panic!("{log:?}"));
        assert!(plan.contains("rows=10000"), "{plan}");
        assert!(!plan.contains("Rows Removed by Join Filter"), "each with each: {plan}");
        assert!(!plan.contains("JIT"), "{plan}");
    }
}

/// Whether foreign keys take rows of a table along decides which triggers it has.
#[tokio::test]
async fn rows_that_a_later_key_takes_along_are_caused() {
    let sql = "CREATE TABLE owner(id int PRIMARY KEY); CREATE TABLE post(id int PRIMARY KEY,
               owner int)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    assert_eq!(triggers(&db, "post").await, 4);
    let rows = "INSERT INTO owner VALUES (1), (2), (3); INSERT INTO post SELECT id, id FROM owner";
    revision(&mut db, "ada", rows).await;
    let key = "ALTER TABLE post ADD CONSTRAINT its FOREIGN KEY (owner) REFERENCES owner
               ON DELETE CASCADE";
    revision(&mut db, "ada", key).await;
    assert_eq!((triggers(&db, "post").await, triggers(&db, "owner").await), (7, 4));
    revision(&mut db, "ada", "DELETE FROM owner WHERE id = 1").await;
    // Another program's changes are seen to when the table is tracked again.
    db.client().batch_execute("ALTER TABLE post DROP CONSTRAINT its").await.unwrap();
    db.track("post").await.unwrap();
    assert_eq!(triggers(&db, "post").await, 4);
    revision(&mut db, "ada", "DELETE FROM post WHERE id = 2").await;
    db.client().batch_execute(key).await.unwrap();
    db.track("post").await.unwrap();
    revision(&mut db, "ada", "DELETE FROM owner WHERE id = 3").await;
    assert_eq!(
        story(&db).await[6..],
        [
            "-owner 1 id:1>· by user ada",
            "-post 1 id:1>· owner:1>· caused by user ada",
            "-post 2 id:2>· owner:2>· by user ada",
            "-owner 3 id:3>· by user ada",
            "-post 3 id:3>· owner:3>· caused by user ada",
        ]
    );
}

#[tokio::test]
async fn what_the_first_version_made_is_brought_up_to_date_in_place() {
    let database = or_skip!(Database::new().await);
    let mut db = Tracked::new(database.connect().await);
    db.client().batch_execute(include_str!("schema-1.sql")).await.unwrap();
    assert_eq!(triggers(&db, "post").await, 7, "of the first version");
    for _ in 0..2 {
        db.install().await.unwrap();
        assert_eq!(triggers(&db, "post").await, 4, "of this one");
    }
    assert_eq!(db.tables().await.unwrap(), ["post"]);
    revision(&mut db, "grace", "UPDATE post SET mail = 'm', seen = 1 WHERE id = 2").await;
    write(&mut db, "DELETE FROM post WHERE id = 2").await.unwrap();
    assert_eq!(
        story(&db).await,
        [
            "+post 1 id:·>1 mail:·>(redacted) title:·>a by nobody",
            "+post 2 id:·>2 mail:·>(redacted) title:·>b by nobody",
            "~post 1 title:a>A by user ada (long ago)",
            "~post 2 mail:(redacted)>(redacted) by user grace",
            "-post 2 id:2>· mail:(redacted)>· title:b>· by nobody",
        ]
    );
    whole(&db).await;
    // What it would make is what it made.
    db.client().batch_execute("SET lock_timeout = '1ms'").await.unwrap();
    db.track("post").except(&["seen"]).redact(&["mail"]).or_nobody().await.unwrap();
}
