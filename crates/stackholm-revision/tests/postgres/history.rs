//! Snapshots, the way back, and schemas that change.

use crate::common::*;
use stackholm_revision::postgres::{Conflict, Error, History, Reverted, Tracked, Why};
use stackholm_revision::{Op, Revision, RevisionKey, Row, Value};
use std::time::{Duration, SystemTime};

fn get(row: Option<Row>, column: &str) -> Option<Value> {
    row.and_then(|row| row.get(column).cloned())
}

async fn reverted(db: &mut Db, of: RevisionKey, conflict: Conflict) -> Outcome<Reverted> {
    let block = user("grace").because("a mistake");
    block.wrap(db.write(async |tx| tx.revert(of, conflict).await)).await
}

pub(crate) async fn revert(db: &mut Db, of: RevisionKey) -> Outcome<Reverted> {
    reverted(db, of, Conflict::Stop).await
}

const SHOWN: &str = "SELECT id::text || title || spam FROM post ORDER BY id";

#[tokio::test]
async fn a_snapshot_of_a_row_that_is_older_than_its_tracking_is_whole() {
    let sql = "CREATE TABLE post(id int PRIMARY KEY, title text, body text);
               INSERT INTO post VALUES (1, 'old', 'never touched')";
    let (_database, mut db) = or_skip!(tables(sql).await);
    let first = revision(&mut db, "ada", "UPDATE post SET title = 'new'").await;
    let second = revision(&mut db, "ada", "UPDATE post SET title = 'newer'").await;
    let third = revision(&mut db, "ada", "DELETE FROM post").await;
    let fourth = revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'again', NULL)").await;
    let title = |row: Outcome<Option<Row>>| get(row.unwrap(), "title");
    let history = db.history();
    assert_eq!(title(history.before("post", 1, first).await), Some("old".into()));
    assert_eq!(title(history.at("post", 1, first).await), Some("new".into()));
    assert_eq!(title(history.at("post", 1, second).await), Some("newer".into()));
    assert_eq!(history.at("post", 1, third).await.unwrap(), None, "it did not exist");
    assert_eq!(title(history.at("post", 1, fourth).await), Some("again".into()));
    let body = get(history.before("post", 1, first).await.unwrap(), "body");
    assert_eq!(body, Some("never touched".into()));
    let unknown = "0".repeat(32).parse().unwrap();
    assert!(matches!(history.at("post", 1, unknown).await, Err(Error::NoRevision(_))));
    assert!(matches!(history.after("nothing", 1, 0).await, Err(Error::NotTracked { .. })));
}

#[tokio::test]
async fn a_row_is_followed_under_the_keys_that_it_had_before() {
    let sql = "CREATE TABLE t(id int PRIMARY KEY, a text)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    let made = revision(&mut db, "ada", "INSERT INTO t VALUES (1, 'x'), (2, 'y')").await;
    let moved = revision(&mut db, "ada", "UPDATE t SET id = 9 WHERE id = 1").await;
    revision(&mut db, "ada", "UPDATE t SET a = 'z' WHERE id = 9").await;
    revision(&mut db, "ada", "UPDATE t SET id = 1 WHERE id = 2").await;
    assert_eq!(
        story(&db).await[2..],
        ["~t 1 -> 9 id:1>9 by user ada", "~t 9 a:x>z by user ada", "~t 2 -> 1 id:2>1 by user ada"]
    );
    let history = db.history();
    let of = history.clone().of("t", 9).await.unwrap();
    let ops: Vec<_> = of.iter().map(|entry| entry.op).collect();
    assert_eq!(ops, [Op::Update, Op::Update, Op::Insert]);
    // The row that is 9 now was 1 when it was made; the one that is 1 now was 2.
    assert_eq!(get(history.at("t", 9, made).await.unwrap(), "a"), Some("x".into()));
    assert_eq!(get(history.at("t", 9, made).await.unwrap(), "id"), Some(1.into()));
    assert_eq!(get(history.at("t", 1, made).await.unwrap(), "a"), Some("y".into()));
    assert_eq!(get(history.at("t", 9, moved).await.unwrap(), "a"), Some("x".into()));
}

/// A row before and after are paired by their order in what the server keeps of the statement. It
/// is another one than that of the keys: the rows are written in disorder before.
#[tokio::test]
async fn keys_that_are_exchanged_in_one_statement_can_be_followed_and_reverted() {
    let sql = "CREATE TABLE t(id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, a text)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    let fill = "INSERT INTO t SELECT n * 37 % 101, 'x' || n * 37 % 101 \
                FROM generate_series(1, 100) n; UPDATE t SET a = a || '.' WHERE id % 3 = 0";
    let made = revision(&mut db, "ada", fill).await;
    let before = texts(&db, "SELECT id || a FROM t ORDER BY id").await;
    let exchanged = revision(&mut db, "ada", "UPDATE t SET id = 101 - id, a = a || '!'").await;
    let wrong = "t JOIN stackholm.revision_delta d ON moved_to = jsonb_build_array(t.id) \
        WHERE new ->> 'a' <> t.a OR (old ->> 'a') || '!' <> t.a OR key <> jsonb_build_array(101 - t.id)";
    assert_eq!((count(&db, wrong).await, count(&db, "t").await), (0, 100));
    assert_eq!(get(db.history().at("t", 99, made).await.unwrap(), "id"), Some(2.into()));
    // One by one, they would meet under one key, and nobody could tell which is which.
    let Err(Error::Conflicts(conflicts)) = revert(&mut db, exchanged).await else {
        panic!("it was reverted")
    };
    assert!(matches!(&conflicts[0].why, Why::Refused(said) if said.contains("more than one row")));
    let turned = revision(&mut db, "ada", "UPDATE t SET id = id - 101, a = left(a, -1)").await;
    revert(&mut db, turned).await.unwrap();
    revision(&mut db, "ada", "UPDATE t SET id = 101 - id, a = left(a, -1)").await;
    assert_eq!(texts(&db, "SELECT id || a FROM t ORDER BY id").await, before);
}

const SHOP: &str = "
    CREATE TABLE owner(id int PRIMARY KEY, name text);
    CREATE TABLE post(id int PRIMARY KEY, owner int NOT NULL REFERENCES owner ON DELETE CASCADE);
    CREATE TABLE note(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        post int NOT NULL REFERENCES post ON DELETE CASCADE, text text);
    CREATE TABLE node(id int PRIMARY KEY, up int REFERENCES node);";

const EVERYTHING: &str = "SELECT 'owner ' || id || name FROM owner \
    UNION ALL SELECT 'post ' || id || owner FROM post \
    UNION ALL SELECT 'note ' || id || post || text FROM note \
    UNION ALL SELECT 'node ' || id || coalesce(up, 0) FROM node ORDER BY 1";

async fn shop() -> Option<(crate::server::Database, Db)> {
    let (database, mut db) = tables(SHOP).await?;
    let fill = "INSERT INTO owner VALUES (1, 'ada'); INSERT INTO post VALUES (10, 1), (11, 1);
                INSERT INTO note(post, text) VALUES (10, 'a'), (11, 'b');
                INSERT INTO node VALUES (1, NULL), (2, 1), (3, 2), (4, 3)";
    revision(&mut db, "ada", fill).await;
    Some((database, db))
}

#[tokio::test]
async fn a_reverted_deletion_brings_all_children_back_and_its_revert_is_the_present() {
    let (_database, mut db) = or_skip!(shop().await);
    let before = texts(&db, EVERYTHING).await;
    let gone = revision(&mut db, "ada", "DELETE FROM owner").await;
    assert_eq!(texts(&db, EVERYTHING).await.len(), 4);
    let back = revert(&mut db, gone).await.unwrap();
    assert_eq!(texts(&db, EVERYTHING).await, before);
    assert_eq!((back.rows.len(), back.conflicts.len()), (5, 0));
    let entry = &db.history().of("note", 1).await.unwrap()[0];
    assert_eq!((entry.revision, entry.reverts), (back.revision, Some(gone)));
    let said = (entry.actor.to_string(), entry.because.as_deref());
    assert_eq!(said, ("user grace".into(), Some("a mistake")));
    revert(&mut db, back.revision).await.unwrap();
    assert_eq!(texts(&db, EVERYTHING).await.len(), 4);
}

/// Keys are looked at after each statement, so a row waits for the one that it refers to.
#[tokio::test]
async fn rows_that_refer_to_their_own_table_come_back_whatever_their_order_was() {
    let (_database, mut db) = or_skip!(shop().await);
    let before = texts(&db, EVERYTHING).await;
    let gone = revision(&mut db, "ada", "DELETE FROM node").await;
    revert(&mut db, gone).await.unwrap();
    assert_eq!(texts(&db, EVERYTHING).await, before);
}

#[tokio::test]
async fn a_later_change_stops_a_revert_which_changes_nothing_and_names_the_rows() {
    let (_database, mut db) = or_skip!(posts().await);
    let fill = "INSERT INTO post VALUES (1, 'a', 0), (2, 'b', 0), (3, 'c', 0)";
    let made = revision(&mut db, "ada", fill).await;
    let sweep = revision(&mut db, "ada", "UPDATE post SET spam = 1, title = 'spam'").await;
    revision(&mut db, "kay", "UPDATE post SET spam = 2 WHERE id = 2").await;
    revision(&mut db, "kay", "DELETE FROM post WHERE id = 3").await;
    let before = (texts(&db, SHOWN).await, count(&db, "stackholm.revision_part").await);
    let Err(Error::Conflicts(conflicts)) = revert(&mut db, sweep).await else {
        panic!("it was reverted")
    };
    let named: Vec<_> = conflicts.iter().map(|c| (c.key.clone(), c.why.clone())).collect();
    assert_eq!(named, [(3.into(), Why::Gone), (2.into(), Why::Changed(vec!["spam".into()]))]);
    let after = (texts(&db, SHOWN).await, count(&db, "stackholm.revision_part").await);
    assert_eq!(before, after);

    let report = reverted(&mut db, sweep, Conflict::Skip).await.unwrap();
    assert_eq!(report.rows, [("post".into(), 1.into(), Op::Update)]);
    assert_eq!(report.conflicts, conflicts);
    assert_eq!(texts(&db, SHOWN).await, ["1a0", "2spam2"]);

    let report = reverted(&mut db, sweep, Conflict::Overwrite).await.unwrap();
    assert_eq!(report.rows.len(), 2);
    assert_eq!(report.conflicts.len(), 3, "each is reported, overwritten or not");
    assert_eq!(texts(&db, SHOWN).await, ["1a0", "2b0"]);

    reverted(&mut db, made, Conflict::Overwrite).await.unwrap();
    assert_eq!(count(&db, "post").await, 0);
    whole(&db).await;
}

#[tokio::test]
async fn a_revert_that_would_take_later_rows_along_is_a_conflict() {
    let (_database, mut db) = or_skip!(tables(SHOP).await);
    let made = revision(&mut db, "ada", "INSERT INTO owner VALUES (1, 'ada')").await;
    revision(&mut db, "kay", "INSERT INTO post VALUES (10, 1)").await;
    let Err(Error::Conflicts(conflicts)) = revert(&mut db, made).await else {
        panic!("a row of somebody else is gone")
    };
    assert_eq!(conflicts[0].why, Why::TakesAlong(1));
    let report = reverted(&mut db, made, Conflict::Skip).await.unwrap();
    assert!(report.rows.is_empty());
    assert_eq!((count(&db, "owner").await, count(&db, "post").await), (1, 1));
    reverted(&mut db, made, Conflict::Overwrite).await.unwrap();
    assert_eq!((count(&db, "owner").await, count(&db, "post").await), (0, 0));
}

#[tokio::test]
async fn what_the_database_refuses_is_a_conflict_with_its_words() {
    let sql = "CREATE TABLE t(id int PRIMARY KEY, a text UNIQUE)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    revision(&mut db, "ada", "INSERT INTO t VALUES (1, 'x')").await;
    let gone = revision(&mut db, "ada", "DELETE FROM t").await;
    revision(&mut db, "kay", "INSERT INTO t VALUES (2, 'x')").await;
    let Err(Error::Conflicts(conflicts)) = revert(&mut db, gone).await else {
        panic!("it was reverted")
    };
    assert!(matches!(&conflicts[0].why, Why::Refused(said) if said.contains("unique")));
    revision(&mut db, "kay", "INSERT INTO t VALUES (1, 'y')").await;
    let report = reverted(&mut db, gone, Conflict::Skip).await.unwrap();
    assert_eq!(report.conflicts[0].why, Why::There);
}

#[tokio::test]
async fn one_row_of_a_revision_is_reverted_and_no_other() {
    let (_database, mut db) = or_skip!(posts().await);
    revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'a', 0), (2, 'b', 0)").await;
    let sql = "UPDATE post SET spam = 1; UPDATE post SET id = 7 WHERE id = 2";
    let sweep = revision(&mut db, "ada", sql).await;
    let one = db.write(async |tx| tx.revert_row(sweep, "public.post", 7, Conflict::Stop).await);
    user("grace").wrap(one).await.unwrap();
    assert_eq!(texts(&db, SHOWN).await, ["1a1", "2b0"]);
}

#[tokio::test]
async fn columns_that_others_add_drop_and_rename_are_followed_and_stop_a_revert_by_name() {
    let sql = "CREATE TABLE t(id int PRIMARY KEY, a text, b text)";
    let (database, mut db) = or_skip!(tables(sql).await);
    let made = revision(&mut db, "ada", "INSERT INTO t VALUES (1, 'a', 'b')").await;
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        tx.execute("UPDATE t SET a = 'a'", &[]).await.unwrap();
        let alter = "DO $$ BEGIN ALTER TABLE t ADD COLUMN c text DEFAULT 'none'; END $$";
        tx.execute(alter, &[]).await.unwrap();
        tx.execute("UPDATE t SET c = 'same transaction'", &[]).await.unwrap();
        let mut savepoint = tx.savepoint().await.unwrap();
        let key = savepoint.execute("ALTER TABLE t DROP CONSTRAINT t_pkey", &[]).await;
        assert!(matches!(key, Err(Error::CannotTrack { why, .. }) if why.contains("primary key")));
        drop(savepoint);
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    // Past us, and by somebody else: nothing is said to this program.
    let other = database.connect().await;
    other.batch_execute("ALTER TABLE t ADD COLUMN d int").await.unwrap();
    revision(&mut db, "ada", "UPDATE t SET d = 1").await;
    let changed = revision(&mut db, "ada", "UPDATE t SET b = 'B'").await;
    other.batch_execute("ALTER TABLE t DROP COLUMN b; ALTER TABLE t RENAME a TO z").await.unwrap();
    let renamed = revision(&mut db, "ada", "UPDATE t SET z = 'Z'").await;
    let stale = db.tables().await.unwrap();
    assert!(stale.is_empty(), "its triggers are out of date, and work");
    assert!(write(&mut db, "UPDATE t SET z = 'nobody'").await.is_err());
    assert_eq!(
        story(&db).await[1..],
        [
            "~t 1 c:none>same transaction by user ada",
            "~t 1 d:null>1 by user ada",
            "~t 1 b:b>B by user ada",
            "~t 1 z:a>Z by user ada",
        ]
    );
    let row = db.history().before("t", 1, changed).await.unwrap().unwrap();
    assert_eq!((row.get("b"), row.get("z")), (Some(&"b".into()), Some(&"a".into())));
    for (revision, name) in [(changed, "b"), (made, "a")] {
        let error = reverted(&mut db, revision, Conflict::Overwrite).await.unwrap_err();
        assert!(matches!(error, Error::Column { column, .. } if column == name));
    }
    revert(&mut db, renamed).await.unwrap();
    db.track("t").await.unwrap();
    assert_eq!(db.tables().await.unwrap(), ["t"]);
    let gone = revision(&mut db, "ada", "INSERT INTO t VALUES (2, 'z'); DELETE FROM t").await;
    revert(&mut db, gone).await.unwrap();
    assert_eq!(texts(&db, "SELECT z FROM t").await, ["a"]);
}

/// The same where rows are seen one by one.
#[tokio::test]
async fn columns_are_followed_in_a_table_that_is_seen_by_row() {
    let sql = "CREATE TABLE t(id int PRIMARY KEY, up int REFERENCES t ON DELETE CASCADE)";
    let (database, mut db) = or_skip!(tables(sql).await);
    revision(&mut db, "ada", "INSERT INTO t VALUES (1)").await;
    let other = database.connect().await;
    other.batch_execute("ALTER TABLE t ADD COLUMN c text").await.unwrap();
    let sql = "UPDATE t SET c = 'c'; INSERT INTO t VALUES (2, 1, 'd'); DELETE FROM t WHERE id = 1";
    revision(&mut db, "ada", sql).await;
    assert_eq!(
        story(&db).await[1..],
        [
            "~t 1 c:null>c by user ada",
            "+t 2 c:·>d id:·>2 up:·>1 by user ada",
            "-t 1 c:c>· id:1>· up:null>· by user ada",
            "-t 2 c:d>· id:2>· up:1>· caused by user ada",
        ]
    );
}

#[tokio::test]
async fn a_table_that_is_dropped_is_tracked_again_when_it_is_back() {
    let sql = "CREATE TABLE t(id int PRIMARY KEY, a int)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        let mut savepoint = tx.savepoint().await.unwrap();
        savepoint.execute("DROP TABLE t", &[]).await.unwrap();
        drop(savepoint);
        tx.execute("INSERT INTO t VALUES (1, 1)", &[]).await.unwrap();
        tx.execute("DROP TABLE t", &[]).await.unwrap();
        drop(tx);
        write(&mut db, "INSERT INTO t VALUES (2, 2)").await.unwrap();
        let mut tx = db.transaction().await.unwrap();
        let anew = "CREATE TABLE new_t(id int PRIMARY KEY, a text NOT NULL, b int);
                    INSERT INTO new_t SELECT id, a::text, 0 FROM t;
                    DROP TABLE t; ALTER TABLE new_t RENAME TO t;";
        tx.execute_batch(anew).await.unwrap();
        tx.execute("UPDATE t SET b = 1", &[]).await.unwrap();
        tx.commit().await.unwrap();
        write(&mut db, "DROP TABLE t").await.unwrap();
    };
    user("ada").wrap(work).await;
    assert!(db.tables().await.unwrap().is_empty());
    assert_eq!(story(&db).await, ["+t 2 a:·>2 id:·>2 by user ada", "~t 2 b:0>1 by user ada"]);
    let first = db.history().entries().await.unwrap().pop().unwrap();
    assert_eq!(db.history().at("t", 2, first.revision).await.unwrap(), None, "as far as is known");
}

#[tokio::test]
async fn a_trigger_that_is_made_later_has_the_rows_seen_one_by_one() {
    let (_database, mut db) = or_skip!(posts().await);
    let trigger = "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE post SET spam = 1 WHERE id = NEW.id; RETURN NULL; END $$;
        CREATE TRIGGER more AFTER INSERT ON post FOR EACH ROW EXECUTE FUNCTION more()";
    revision(&mut db, "ada", trigger).await;
    revision(&mut db, "ada", &insert(1)).await;
    assert_eq!(
        story(&db).await,
        ["+post 1 id:·>1 spam:·>0 title:·>a by user ada", "~post 1 spam:0>1 caused by user ada"]
    );
}

#[tokio::test]
async fn a_table_that_is_not_tracked_any_more_keeps_its_history() {
    let (_database, mut db) = or_skip!(posts().await);
    let made = revision(&mut db, "ada", &insert(1)).await;
    db.untrack("public.post").await.unwrap();
    write(&mut db, "UPDATE post SET spam = 1").await.unwrap();
    assert_eq!(db.history().of("post", 1).await.unwrap().len(), 1);
    assert!(matches!(revert(&mut db, made).await, Err(Error::NotTracked { .. })));
    db.track("post").await.unwrap();
    revision(&mut db, "ada", "UPDATE post SET spam = 2").await;
    assert_eq!(db.history().of("post", 1).await.unwrap().len(), 2);
}

/// A program asks for its tables at each start; that must not wait for those who write.
#[tokio::test]
async fn tracking_what_is_tracked_waits_for_nobody() {
    let (database, mut db) = or_skip!(posts().await);
    let mut other = Tracked::new(database.connect().await);
    let work = async {
        let mut tx = other.transaction().await.unwrap();
        tx.execute(&insert(1), &[]).await.unwrap();
        db.client().batch_execute("SET lock_timeout = '1ms'").await.unwrap();
        db.install().await.unwrap();
        db.track("post").await.unwrap();
        assert!(matches!(db.track("post").redact(&["title"]).await, Err(Error::Postgres(_))));
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
}

#[tokio::test]
async fn programs_that_install_and_track_at_once_do_it_once() {
    let database = or_skip!(crate::server::Database::new().await);
    database.connect().await.batch_execute(POST).await.unwrap();
    let start = || async {
        let mut db = Tracked::new(database.connect().await);
        db.install().await.unwrap();
        db.track("post").await.unwrap();
        db
    };
    let (mut db, ..) = tokio::join!(start(), start(), start(), start());
    assert_eq!(count(&db, "stackholm.revision_schema").await, 1);
    assert_eq!(count(&db, "stackholm.revision_table").await, 1);
    revision(&mut db, "ada", &insert(1)).await;
    assert_eq!(story(&db).await.len(), 1);
}

#[tokio::test]
async fn functions_of_an_older_version_are_made_anew_and_later_tables_are_left_alone() {
    let (_database, mut db) = or_skip!(posts().await);
    let old = "CREATE OR REPLACE FUNCTION stackholm.revision_key() RETURNS uuid LANGUAGE sql AS
                   'SELECT NULL::uuid';
               UPDATE stackholm.revision_schema SET functions = 'old'";
    db.client().batch_execute(old).await.unwrap();
    db.install().await.unwrap();
    let key = "SELECT stackholm.revision_key()::text";
    assert_eq!(texts(&db, key).await[0].as_bytes()[14], b'7', "a UUID of version 7");
    let later = "UPDATE stackholm.revision_schema SET version = 9, functions = 'later'";
    db.client().batch_execute(later).await.unwrap();
    assert!(matches!(db.install().await, Err(Error::LaterSchema { found: 9 })));
    db.client().batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_redacted_column_cannot_be_brought_back_and_says_so() {
    let sql = "CREATE TABLE u(id int PRIMARY KEY, mail text, name text)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    db.track("u").redact(&["mail"]).await.unwrap();
    let made = revision(&mut db, "ada", "INSERT INTO u VALUES (1, 'm', 'n')").await;
    let renamed = revision(&mut db, "ada", "UPDATE u SET name = 'N'").await;
    let gone = revision(&mut db, "ada", "DELETE FROM u").await;
    let error = revert(&mut db, gone).await.unwrap_err();
    assert!(matches!(error, Error::Column { column, .. } if column == "mail"));
    revision(&mut db, "ada", "INSERT INTO u VALUES (1, 'm', 'N')").await;
    revert(&mut db, renamed).await.unwrap();
    revert(&mut db, made).await.unwrap();
    assert_eq!(count(&db, "u").await, 0);
}

#[tokio::test]
async fn history_is_read_on_any_connection_and_narrowed_down() {
    let (database, mut db) = or_skip!(posts().await);
    let start = SystemTime::now();
    let first = revision(&mut db, "ada", &insert(1)).await;
    revision(&mut db, "grace", "UPDATE post SET spam = 1").await;
    Revision::untracked("import").wrap(write(&mut db, "UPDATE post SET spam = 2")).await.unwrap();
    let client = database.connect().await;
    let history = History::on(&client);
    let number = async |history: History<'_>| history.entries().await.unwrap().len();
    let millisecond = Duration::from_millis(1);
    assert_eq!(number(history.clone()).await, 3);
    assert_eq!(number(history.clone().limit(1)).await, 1);
    assert_eq!(number(history.clone().by(("user", "ada"))).await, 1);
    assert_eq!(number(history.clone().in_revision(first)).await, 1);
    assert_eq!(number(history.clone().table("public.post").by(("user", "grace"))).await, 1);
    assert_eq!(number(history.clone().table("other")).await, 0);
    assert_eq!(number(history.clone().since(start - millisecond)).await, 3);
    assert_eq!(number(history.clone().since(start + 1_000_000 * millisecond)).await, 0);
    assert_eq!(get(history.at("post", 1, first).await.unwrap(), "spam"), Some(0.into()));
}
