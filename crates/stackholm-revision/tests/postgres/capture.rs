//! What is seen, and with what in it.

use crate::common::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use stackholm_revision::postgres::{Error, Tracked, Transaction};
use stackholm_revision::{Op, Revision, Value};
use tokio_postgres::types::ToSql;

#[tokio::test]
async fn a_bulk_update_leaves_a_delta_for_each_row_in_one_statement() {
    let (_database, mut db) = or_skip!(posts().await);
    let rows = "INSERT INTO post SELECT n, 'title', 0 FROM generate_series(1, 10000) n";
    Revision::untracked("import").wrap(write(&mut db, rows)).await.unwrap();
    let sql = "UPDATE post SET title = title || id";
    assert_eq!(user("ada").wrap(write(&mut db, sql)).await.unwrap(), 10_000);
    assert_eq!(count(&db, "stackholm.revision_delta").await, 10_000);
    let statements = "SELECT count(DISTINCT statement) FROM stackholm.revision_delta";
    assert_eq!(number(&db, statements).await, 1);
    assert_eq!(count(&db, "stackholm.revision_frame").await, 2, "the gap's and the update's");
    let wrong = "stackholm.revision_delta WHERE new <> \
        jsonb_build_object('title', 'title' || (key ->> 0)) OR old <> '{\"title\": \"title\"}'";
    assert_eq!(count(&db, wrong).await, 0);
}

#[tokio::test]
async fn upserts_selects_merges_copies_and_truncations_are_seen_with_old_and_new() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        tx.execute_batch("INSERT INTO post VALUES (1, 'a', 0), (2, 'b', 0)").await.unwrap();
        let statements = [
            "INSERT INTO post VALUES (1, 'A', 0), (3, 'c', 0) \
             ON CONFLICT (id) DO UPDATE SET title = excluded.title",
            "INSERT INTO post VALUES (1, 'ignored', 0) ON CONFLICT DO NOTHING",
            "INSERT INTO post SELECT id + 10, title, spam FROM post WHERE id = 1",
            "WITH x AS (SELECT 11 AS id) UPDATE post SET spam = 2 FROM x WHERE post.id = x.id",
            "WITH gone AS (DELETE FROM post WHERE id = 3 RETURNING *) \
             INSERT INTO post SELECT 4, title, spam FROM gone",
            "MERGE INTO post USING (VALUES (4, 'd'), (5, 'e')) AS v(id, title) ON post.id = v.id \
             WHEN MATCHED THEN UPDATE SET title = v.title \
             WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.title, 0)",
        ];
        for sql in statements {
            tx.execute(sql, &[]).await.unwrap();
        }
        copy(&mut tx, "6\tf\t0\n7\t\\N\t0\n").await;
        tx.execute("DELETE FROM post WHERE id > 1", &[]).await.unwrap();
        tx.execute("TRUNCATE post", &[]).await.unwrap();
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    let mut story = story(&db).await;
    // Within one statement, inserts and updates have no order among themselves.
    story[2..4].sort();
    story[6..8].sort();
    story[8..10].sort();
    assert_eq!(
        story,
        [
            "+post 1 id:·>1 spam:·>0 title:·>a by user ada",
            "+post 2 id:·>2 spam:·>0 title:·>b by user ada",
            "+post 3 id:·>3 spam:·>0 title:·>c by user ada",
            "~post 1 title:a>A by user ada",
            "+post 11 id:·>11 spam:·>0 title:·>A by user ada",
            "~post 11 spam:0>2 by user ada",
            "+post 4 id:·>4 spam:·>0 title:·>c by user ada",
            "-post 3 id:3>· spam:0>· title:c>· by user ada",
            "+post 5 id:·>5 spam:·>0 title:·>e by user ada",
            "~post 4 title:c>d by user ada",
            "+post 6 id:·>6 spam:·>0 title:·>f by user ada",
            "+post 7 id:·>7 spam:·>0 title:·>null by user ada",
            "-post 2 id:2>· spam:0>· title:b>· by user ada",
            "-post 11 id:11>· spam:2>· title:A>· by user ada",
            "-post 4 id:4>· spam:0>· title:d>· by user ada",
            "-post 5 id:5>· spam:0>· title:e>· by user ada",
            "-post 6 id:6>· spam:0>· title:f>· by user ada",
            "-post 7 id:7>· spam:0>· title:null>· by user ada",
            "-post 1 id:1>· spam:0>· title:A>· by user ada",
        ]
    );
}

async fn copy(tx: &mut Transaction<'_>, rows: &'static str) {
    let sink = tx.copy_in::<bytes::Bytes>("COPY post FROM STDIN").await.unwrap();
    let mut sink = std::pin::pin!(sink);
    use futures_sink::Sink;
    std::future::poll_fn(|context| sink.as_mut().poll_ready(context)).await.unwrap();
    sink.as_mut().start_send(bytes::Bytes::from_static(rows.as_bytes())).unwrap();
    // Data that arrive in another block are of the block in which the statement began.
    let finish = sink.as_mut().finish();
    assert_eq!(user("grace").wrap(finish).await.unwrap(), 2);
}

#[tokio::test]
async fn a_cascade_over_three_tables_is_seen_as_caused_with_the_deletions_reason() {
    let sql = "CREATE TABLE owner(id int PRIMARY KEY);
         CREATE TABLE post(id int PRIMARY KEY, owner int REFERENCES owner ON DELETE CASCADE);
         CREATE TABLE note(id int PRIMARY KEY, post int REFERENCES post ON DELETE CASCADE,
             seen int REFERENCES owner ON DELETE SET NULL);";
    let (_database, mut db) = or_skip!(tables(sql).await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        let fill = "INSERT INTO owner VALUES (1), (2); INSERT INTO post VALUES (10, 1);
                    INSERT INTO note VALUES (100, 10, 2), (101, NULL, 1), (102, 10, 1);";
        tx.execute_batch(fill).await.unwrap();
        let block = Revision::new().deletion_because("the owner is gone");
        let delete = tx.execute("DELETE FROM owner WHERE id = 1", &[]);
        assert_eq!(block.wrap(delete).await.unwrap(), 1);
        tx.execute("DELETE FROM owner", &[]).await.unwrap();
        tx.commit().await.unwrap();
    };
    user("ada").because("asked for").wrap(work).await;
    let story = story(&db).await;
    assert_eq!(
        story[6..],
        [
            "-owner 1 id:1>· by user ada (asked for)",
            "-post 10 id:10>· owner:1>· caused by user ada (the owner is gone)",
            "~note 101 seen:1>null caused by user ada (the owner is gone)",
            "~note 102 seen:1>null caused by user ada (the owner is gone)",
            "-note 100 id:100>· post:10>· seen:2>· caused by user ada (the owner is gone)",
            "-note 102 id:102>· post:10>· seen:null>· caused by user ada (the owner is gone)",
            "-owner 2 id:2>· by user ada (asked for)",
        ]
    );
}

#[tokio::test]
async fn a_row_that_a_key_of_its_own_table_takes_along_is_caused_and_others_are_not() {
    let sql = "CREATE TABLE node(id int PRIMARY KEY, up int REFERENCES node ON DELETE CASCADE)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    revision(&mut db, "ada", "INSERT INTO node VALUES (1, NULL), (2, 1), (3, 2), (4, NULL)").await;
    revision(&mut db, "ada", "DELETE FROM node WHERE id IN (1, 4)").await;
    let story = story(&db).await;
    let caused: Vec<_> = story[4..].iter().map(|l| (&l[..7], l.contains("caused"))).collect();
    assert_eq!(
        caused,
        [("-node 1", false), ("-node 4", false), ("-node 2", true), ("-node 3", true)]
    );
}

/// The table is tracked by row, because a trigger of the program's runs for each row.
#[tokio::test]
async fn what_a_trigger_does_to_the_same_row_comes_after_the_change_that_fired_it() {
    let sql = format!(
        "{POST}; CREATE TABLE word(post int PRIMARY KEY, words int);
         CREATE FUNCTION after_post() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF TG_OP = 'INSERT' THEN UPDATE post SET spam = 1 WHERE id = NEW.id;
             ELSIF OLD.title <> NEW.title THEN
                 UPDATE post SET spam = spam + 1 WHERE id = NEW.id;
                 INSERT INTO word VALUES (NEW.id, length(NEW.title));
             END IF;
             RETURN NULL; END $$;
         CREATE TRIGGER a AFTER INSERT OR UPDATE ON post FOR EACH ROW EXECUTE FUNCTION after_post()"
    );
    let (_database, mut db) = or_skip!(tables(&sql).await);
    revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'a', 0); UPDATE post SET title = 'bc'")
        .await;
    assert_eq!(
        story(&db).await,
        [
            "+post 1 id:·>1 spam:·>0 title:·>a by user ada",
            "~post 1 spam:0>1 caused by user ada",
            "~post 1 title:a>bc by user ada",
            "~post 1 spam:1>2 caused by user ada",
            "+word 1 post:·>1 words:·>2 caused by user ada",
        ]
    );
}

#[tokio::test]
async fn rows_of_a_partitioned_table_are_seen_whichever_part_is_written() {
    let sql = "CREATE TABLE p(id int PRIMARY KEY, a text) PARTITION BY RANGE (id);";
    let (database, mut db) = or_skip!(tables(sql).await);
    let parts = "CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (100);
                 CREATE TABLE p_high PARTITION OF p FOR VALUES FROM (100) TO (200);";
    database.connect().await.batch_execute(parts).await.unwrap();
    let sql = "INSERT INTO p VALUES (1, 'a'), (150, 'b'); UPDATE p_low SET a = 'c';
               UPDATE p SET id = 101 WHERE id = 1; DELETE FROM p_high WHERE id = 150;";
    revision(&mut db, "ada", sql).await;
    assert!(matches!(db.track("p_low").await, Err(Error::CannotTrack { .. })));
    assert_eq!(
        story(&db).await,
        [
            "+p 1 a:·>a id:·>1 by user ada",
            "+p 150 a:·>b id:·>150 by user ada",
            "~p 1 a:a>c by user ada",
            "-p 1 a:c>· id:1>· by user ada",
            "+p 101 a:·>c id:·>101 by user ada",
            "-p 150 a:b>· id:150>· by user ada",
        ]
    );
    assert_eq!(db.history().of("p", 101).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_update_that_changes_nothing_leaves_no_row_anywhere() {
    let (_database, mut db) = or_skip!(posts().await);
    revision(&mut db, "ada", &insert(1)).await;
    // Not even outside of every block is there anything to refuse.
    write(&mut db, "UPDATE post SET title = 'a', spam = 0").await.unwrap();
    let work = async {
        write(&mut db, "UPDATE post SET title = 'a', spam = 0").await.unwrap();
        write(&mut db, "UPDATE post SET title = 'b' WHERE id = 9").await.unwrap();
        let mut tx = db.transaction().await.unwrap();
        let mut savepoint = tx.savepoint().await.unwrap();
        savepoint.execute("UPDATE post SET title = 'b'", &[]).await.unwrap();
        drop(savepoint);
        tx.execute("DELETE FROM post WHERE id = 9", &[]).await.unwrap();
        tx.commit().await.unwrap();
    };
    user("grace").wrap(work).await;
    for table in ["delta", "frame", "part"] {
        assert_eq!(count(&db, &format!("stackholm.revision_{table}")).await, 1, "{table}");
    }
}

#[tokio::test]
async fn what_compares_equal_and_looks_different_is_a_change() {
    let sql = "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', \
                   deterministic = false);
               CREATE TABLE t(id int PRIMARY KEY, a text COLLATE nocase, b numeric, c float8)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    revision(&mut db, "ada", "INSERT INTO t VALUES (1, 'x', 1.0, '0')").await;
    let before = "SELECT count(*) FROM t WHERE a = 'X' AND b = 1.00 AND c = '-0'";
    assert_eq!(number(&db, before).await, 1, "they compare equal");
    revision(&mut db, "ada", "UPDATE t SET a = 'X', b = 1.00, c = '-0'").await;
    assert_eq!(story(&db).await[1..], ["~t 1 a:x>X b:1.0>1.00 c:0.0>-0.0 by user ada"]);
}

/// Text of any type is in a form that does not depend on how a session shows it.
#[tokio::test]
async fn values_of_each_type_are_kept_whatever_the_session_shows() {
    let sql = "CREATE DOMAIN small AS int CHECK (VALUE < 100);
        CREATE TYPE mood AS ENUM ('well', 'ill');
        CREATE TABLE t(id int PRIMARY KEY, small small, yes bool, mood mood, at timestamptz,
            day date, list text[], json jsonb, uuid uuid, span interval, name varchar(9),
            twice int GENERATED ALWAYS AS (id * 2) STORED)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    let odd = "SET datestyle = 'German'; SET timezone = 'Asia/Tokyo'; SET extra_float_digits = 0";
    db.client().batch_execute(odd).await.unwrap();
    let sql = "INSERT INTO t VALUES (1, 7, true, 'ill', '2026-01-02 03:04:05+00', '2026-02-01',
        '{a,\"b c\"}', '{\"blob\": \"00\"}', '01930000-0000-7000-8000-000000000001', '1 day', 'n')";
    let made = revision(&mut db, "ada", sql).await;
    let gone = revision(&mut db, "ada", "DELETE FROM t").await;
    let row = db.history().at("t", 1, made).await.unwrap().unwrap();
    let text = |name: &str| row.get(name).unwrap().to_string();
    assert_eq!((row.get("small"), row.get("yes")), (Some(&7.into()), Some(&Value::Bool(true))));
    assert_eq!((text("at"), text("day")), ("2026-01-02T03:04:05Z".into(), "2026-02-01".into()));
    assert_eq!((text("list"), text("span")), ("{a,\"b c\"}".into(), "1 day".into()));
    assert_eq!(row.get("json"), Some(&Value::Text("{\"blob\": \"00\"}".into())));
    assert_eq!(row.get("twice"), None, "it follows from the others");
    db.client().batch_execute("SET timezone = 'UTC'").await.unwrap();
    let before = texts(&db, "SELECT t::text FROM t").await;
    assert!(before.is_empty());
    crate::history::revert(&mut db, gone).await.unwrap();
    let now = "SELECT concat_ws(' ', at AT TIME ZONE 'UTC', list, json, mood, twice) FROM t";
    assert_eq!(texts(&db, now).await, ["02.01.2026 03:04:05 {a,\"b c\"} {\"blob\": \"00\"} ill 2"]);
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = any::<String>().prop_map(|text| text.replace('\0', "0"));
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0)].prop_map(Value::Integer),
        any::<f64>().prop_map(|real| Value::Real(if real.is_nan() { f64::NAN } else { real })),
        prop_oneof![Just(f64::NEG_INFINITY), Just(-0.0), Just(5e-324), Just(1e15)]
            .prop_map(Value::Real),
        text.prop_map(Value::Text),
        Just(Value::Text(String::new())),
        any::<bool>().prop_map(Value::Bool),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Blob),
    ]
}

/// The column of a table that takes such values, and the value as a parameter.
fn column(value: &Value) -> (&'static str, Box<dyn ToSql + Sync>) {
    match value {
        Value::Integer(number) => ("i", Box::new(*number)),
        Value::Real(real) => ("r", Box::new(*real)),
        Value::Text(text) => ("s", Box::new(text.clone())),
        Value::Bool(truth) => ("t", Box::new(*truth)),
        Value::Blob(bytes) => ("b", Box::new(bytes.clone())),
        _ => ("s", Box::new(None::<String>)),
    }
}

/// One program for all values: a transaction each would take its time.
#[tokio::test]
async fn every_value_comes_back_from_history_to_the_bit() {
    let sql = "CREATE TABLE t(id int PRIMARY KEY, i bigint, r float8, s text, t bool, b bytea)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = any_value();
    let mut draw = || strategy.new_tree(&mut runner).unwrap().current();
    let cases: Vec<_> = (0..128).map(|id| (id, draw(), draw())).collect();
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        for (id, a, b) in &cases {
            let ((first, a), (second, b)) = (column(a), column(b));
            let sql = format!("INSERT INTO t(id, {first}) VALUES ($1, $2)");
            tx.execute(&sql, &[id, &*a]).await.unwrap();
            let sql = format!("UPDATE t SET {first} = NULL, {second} = $2 WHERE id = $1");
            let same = format!("UPDATE t SET {second} = $2 WHERE id = $1");
            let sql = if first == second { same } else { sql };
            tx.execute(&sql, &[id, &*b]).await.unwrap();
            tx.execute("DELETE FROM t WHERE id = $1", &[id]).await.unwrap();
        }
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    for (id, a, b) in cases {
        let entries = db.history().of("t", id).await.unwrap();
        let (first, second) = (column(&a).0, column(&b).0);
        assert_eq!(entries.last().unwrap().new.get(first), Some(&a));
        assert_eq!(entries[0].old.get(second), Some(&b));
        assert_eq!(entries.len(), 2 + usize::from(a != b), "{a:?} {b:?}");
        let then = db.history().after("t", id, entries.last().unwrap().number).await.unwrap();
        assert_eq!(then.unwrap().get(first), Some(&a));
    }
}

#[tokio::test]
async fn a_mebibyte_and_more_than_a_hundred_columns_come_back() {
    let columns: String = (0..150).map(|n| format!(", c{n} int DEFAULT {n}")).collect();
    let sql = format!("CREATE TABLE t(id int PRIMARY KEY, a text{columns})");
    let (_database, mut db) = or_skip!(tables(&sql).await);
    let large = "ä".repeat(1 << 19);
    let insert = async |tx: &mut Transaction<'_>| {
        tx.execute("INSERT INTO t(id, a) VALUES (1, $1)", &[&large]).await
    };
    user("ada").wrap(db.write(insert)).await.unwrap();
    let new = &db.history().of("t", 1).await.unwrap()[0].new;
    assert_eq!(new.get("a"), Some(&Value::Text(large)));
    assert_eq!((new.iter().count(), new.get("c149")), (152, Some(&149.into())));
}

#[tokio::test]
async fn keys_of_two_columns_of_text_and_bytes_are_tracked() {
    let sql = "CREATE TABLE tag(post int, name text, PRIMARY KEY (name, post));
               CREATE TABLE word(\"odd \"\"word\" text PRIMARY KEY, n int);
               CREATE TABLE raw(id bytea PRIMARY KEY, at uuid);
               CREATE SCHEMA shop; CREATE TABLE shop.\"Order\"(id int PRIMARY KEY);";
    let (_database, mut db) = or_skip!(tables(sql).await);
    db.track("shop.\"Order\"").await.unwrap();
    let sql = "INSERT INTO tag VALUES (1, 'x'), (2, 'x'); DELETE FROM tag WHERE post = 1;
               INSERT INTO word VALUES ('a\"b', 1); INSERT INTO raw VALUES ('\\x00ff');
               INSERT INTO shop.\"Order\" VALUES (1)";
    let made = revision(&mut db, "ada", sql).await;
    assert_eq!(db.history().of("tag", ("x", 1)).await.unwrap().len(), 2);
    assert_eq!(db.history().of("tag", ("x", 2)).await.unwrap().len(), 1);
    let word = &db.history().of("word", "a\"b").await.unwrap()[0];
    assert_eq!((word.op, word.new.get("n")), (Op::Insert, Some(&Value::Integer(1))));
    for (table, key) in [("raw", vec![0_u8, 0xff].into()), ("shop.\"Order\"", 1.into())] {
        let there: stackholm_revision::Key = key;
        assert!(db.history().at(table, there, made).await.unwrap().is_some(), "{table}");
    }
    assert_eq!(db.tables().await.unwrap(), ["raw", "tag", "word", "shop.\"Order\""]);
}

#[tokio::test]
async fn what_cannot_be_tracked_is_refused_with_the_reason() {
    let sql = "CREATE TABLE t(id int PRIMARY KEY, a int)";
    let (database, mut db) = or_skip!(tables(sql).await);
    let more = "CREATE TABLE bare(a int); CREATE VIEW v AS SELECT * FROM t;
                CREATE TABLE real(id float8 PRIMARY KEY); CREATE TABLE heir() INHERITS (t);
                CREATE TEMP TABLE own(id int PRIMARY KEY);";
    db.client().batch_execute(more).await.unwrap();
    let why = |error: Error| match error {
        Error::CannotTrack { why, .. } => why,
        other => panic!("{other}"),
    };
    let cases = [
        ("bare", "it has no primary key"),
        ("v", "it is no plain table"),
        ("nothing", "there is no such table"),
        ("stackholm.revision_delta", "it belongs to the history itself"),
        ("real", "`id` is of the key and a floating-point number"),
        ("heir", "it inherits or is inherited from"),
        ("own", "it is temporary"),
    ];
    for (table, expected) in cases {
        assert_eq!(why(db.track(table).await.unwrap_err()), expected);
    }
    db.client().batch_execute("DROP TABLE heir").await.unwrap();
    assert_eq!(why(db.track("t").except(&["x"]).await.unwrap_err()), "it has no column `x`");
    let key = "`id` is of the key and cannot be left out";
    assert_eq!(why(db.track("t").redact(&["id"]).await.unwrap_err()), key);
    // A refusal leaves what was there.
    assert_eq!(db.tables().await.unwrap(), ["t"]);
    assert!(matches!(db.untrack("bare").await, Err(Error::NotTracked { .. })));
    let postgres = crate::server::Database::new().await.unwrap();
    let mut bare = Tracked::new(postgres.connect().await);
    assert!(matches!(bare.track("pg_class").await, Err(Error::NotInstalled)));
    assert!(matches!(bare.history().entries().await, Err(Error::NotInstalled)));
    drop(database);
}

#[tokio::test]
async fn columns_are_left_out_or_redacted_and_no_secret_stands_anywhere() {
    let sql = "CREATE TABLE u(id int PRIMARY KEY, mail text, seen int, name text)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    db.track("u").except(&["seen"]).redact(&["mail"]).await.unwrap();
    let first =
        revision(&mut db, "ada", "INSERT INTO u VALUES (1, 'secret@example.org', 1, 'a')").await;
    revision(&mut db, "ada", "UPDATE u SET seen = 2").await;
    revision(&mut db, "ada", "UPDATE u SET mail = 'other secret', name = 'b'").await;
    revision(&mut db, "ada", "UPDATE u SET name = 'c'").await;
    assert_eq!(
        story(&db).await,
        [
            "+u 1 id:·>1 mail:·>(redacted) name:·>a by user ada",
            "~u 1 mail:(redacted)>(redacted) name:a>b by user ada",
            "~u 1 name:b>c by user ada",
        ]
    );
    let row = db.history().at("u", 1, first).await.unwrap().unwrap();
    assert_eq!((row.get("mail"), row.get("seen")), (Some(&Value::Redacted), None));
    // Under another name it would be told: nothing is written before that has been seen to.
    db.client().batch_execute("ALTER TABLE u RENAME mail TO address").await.unwrap();
    let refused = user("ada").wrap(write(&mut db, "UPDATE u SET address = 'third secret'")).await;
    assert!(matches!(refused, Err(Error::CannotTrack { why, .. }) if why.contains("`mail`")));
    db.track("u").redact(&["address"]).await.unwrap();
    revision(&mut db, "ada", "UPDATE u SET address = 'fourth secret'").await;
    let leaked = "stackholm.revision_delta WHERE old::text LIKE '%secret%' \
                  OR new::text LIKE '%secret%'";
    assert_eq!(count(&db, leaked).await, 0);
    let shown = format!("{db:?}{:?}", db.history().entries().await);
    assert!(!shown.contains("secret"));
}

/// The role that writes has no rights but those on its table, and a schema in its path in which it
/// has made functions and tables of the names that a trigger uses.
#[tokio::test]
async fn a_role_without_rights_on_the_history_writes_it_by_the_triggers_and_not_otherwise() {
    let (database, db) = or_skip!(posts().await);
    let grants = format!(
        "CREATE ROLE writer_{0} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON post TO writer_{0};
         CREATE SCHEMA own AUTHORIZATION writer_{0}",
        database.parts().1
    );
    db.client().batch_execute(&grants).await.unwrap();
    let role = format!("writer_{}", database.parts().1);
    let mut writer = Tracked::new(database.connect_as(&role).await);
    let traps = "SET search_path = own, public, pg_catalog;
        CREATE FUNCTION own.jsonb_build_array(int) RETURNS jsonb LANGUAGE sql AS 'SELECT ''[666]''::jsonb';
        CREATE FUNCTION own.current_setting(text, bool) RETURNS text LANGUAGE sql AS 'SELECT ''9''';
        CREATE FUNCTION own.never(text, text) RETURNS bool LANGUAGE sql AS 'SELECT false';
        CREATE OPERATOR own.= (LEFTARG = text, RIGHTARG = text, FUNCTION = own.never);
        CREATE OPERATOR own.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = own.never);
        CREATE FUNCTION own.never(int, int) RETURNS bool LANGUAGE sql AS 'SELECT false';
        CREATE OPERATOR own.= (LEFTARG = int, RIGHTARG = int, FUNCTION = own.never);
        CREATE OPERATOR own.<> (LEFTARG = int, RIGHTARG = int, FUNCTION = own.never);
        CREATE FUNCTION own.never(bigint, bigint) RETURNS bool LANGUAGE sql AS 'SELECT false';
        CREATE OPERATOR own.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = own.never);
        CREATE OPERATOR own.<> (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = own.never);
        CREATE TEMP TABLE revision_delta(a int)";
    writer.client().batch_execute(traps).await.unwrap();
    let work = async {
        write(&mut writer, &insert(1)).await.unwrap();
        write(&mut writer, "UPDATE post SET title = 'b', spam = 1").await.unwrap();
        write(&mut writer, "DELETE FROM post").await.unwrap();
        write(&mut writer, "CREATE TEMP TABLE own_again(a int)").await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(
        story(&db).await,
        [
            "+post 1 id:·>1 spam:·>0 title:·>a by user ada",
            "~post 1 spam:0>1 title:a>b by user ada",
            "-post 1 id:1>· spam:1>· title:b>· by user ada",
        ]
    );
    for sql in [
        "DELETE FROM stackholm.revision_delta",
        "SELECT * FROM stackholm.revision_history",
        "SELECT stackholm.revision_tell(1, true)",
        "SELECT stackholm.revision_on_1()",
        "ALTER TABLE post DISABLE TRIGGER ALL",
    ] {
        assert!(writer.client().batch_execute(sql).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn rows_of_a_returning_statement_are_tracked() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        let sql = "INSERT INTO post VALUES (1, 'a', 0), (2, 'b', 0) RETURNING id";
        assert_eq!(tx.query(sql, &[]).await.unwrap().len(), 2);
        let sql = "UPDATE post SET title = $1 WHERE id = 1 RETURNING title";
        let row = tx.query_row(sql, &[&"c"]).await.unwrap().unwrap();
        assert_eq!(row.get::<_, &str>(0), "c");
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(story(&db).await.len(), 3);
}
