//! One round of each way of capture on SQLite in memory, a statement that updates ten thousand
//! rows: nanoseconds a row, one line each. `rivals/run` repeats it and takes the medians.

use rusqlite::Connection;
use rusqlite::hooks::{Action, PreUpdateCase};
use rusqlite::session::Session;
use rusqlite::types::ValueRef;
use stackholm_revision::Revision;
use stackholm_revision::sqlite::Tracked;
use std::sync::{Arc, Mutex};
use std::time::Instant;

const TABLE: &str =
    "CREATE TABLE post(id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INT, d REAL, e INT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
    INSERT INTO post SELECT i, 'title ' || i, 'a body of some words', i, i / 8.0, 0 FROM n;";
const BULK: &str = "UPDATE post SET c = c + 1";

fn memory() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(TABLE).unwrap();
    conn
}

fn time(name: &str, work: impl FnOnce()) {
    let begun = Instant::now();
    work();
    println!("{name} {:.0}", begun.elapsed().as_nanos() as f64 / 10_000.0);
}

/// A changeset for the statement, kept with an actor when it is committed.
fn session() {
    let conn = memory();
    conn.execute_batch("CREATE TABLE log(actor TEXT, changes BLOB)").unwrap();
    time("session", || {
        let tx = conn.unchecked_transaction().unwrap();
        let mut session = Session::new(&tx).unwrap();
        session.attach::<&str>(Some("post")).unwrap();
        tx.execute(BULK, []).unwrap();
        let mut changes = Vec::new();
        session.changeset_strm(&mut changes).unwrap();
        drop(session);
        assert!(changes.len() > 100_000);
        tx.execute("INSERT INTO log VALUES ('user 7', ?1)", [&changes]).unwrap();
        tx.commit().unwrap();
    });
}

/// A buffer of changed columns, written as rows when it is committed.
fn preupdate() {
    let mut conn = memory();
    conn.execute_batch(
        "CREATE TABLE log(id INTEGER PRIMARY KEY, frame INT, \"key\" INT, old TEXT, new TEXT);
         CREATE INDEX log_key ON log(\"key\"); CREATE INDEX log_frame ON log(frame)",
    )
    .unwrap();
    type Seen = Vec<(i64, String, String)>;
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let buffer = seen.clone();
    let hook = move |_: Action, _: &str, table: &str, case: &PreUpdateCase| {
        let PreUpdateCase::Update { old_value_accessor: old, new_value_accessor: new } = case else {
            return;
        };
        if table != "post" {
            return;
        }
        let (mut before, mut after) = (String::from("{"), String::from("{"));
        for (at, name) in ["id", "a", "b", "c", "d", "e"].into_iter().enumerate() {
            let at = at as i32;
            let (old, new) = (old.get_old_column_value(at), new.get_new_column_value(at));
            let (old, new) = (old.unwrap(), new.unwrap());
            if old != new {
                let shown = |value: ValueRef<'_>| match value {
                    ValueRef::Integer(number) => number.to_string(),
                    other => format!("{other:?}"),
                };
                before += &format!("\"{name}\":{}", shown(old));
                after += &format!("\"{name}\":{}", shown(new));
            }
        }
        let key = old.get_old_row_id();
        buffer.lock().unwrap().push((key, before + "}", after + "}"));
    };
    conn.preupdate_hook(Some(hook)).unwrap();
    time("preupdate-hook", || {
        let tx = conn.unchecked_transaction().unwrap();
        tx.execute(BULK, []).unwrap();
        let mut insert =
            tx.prepare("INSERT INTO log(frame, \"key\", old, new) VALUES (1, ?1, ?2, ?3)").unwrap();
        for row in seen.lock().unwrap().drain(..) {
            insert.execute(row).unwrap();
        }
        drop(insert);
        tx.commit().unwrap();
    });
}

fn ours() {
    let mut db = Tracked::new(memory()).unwrap();
    db.install().unwrap();
    db.track("post").unwrap();
    let user = Revision::new().actor(("user", 7));
    time("ours-bulk", || {
        user.run(|| db.write(|tx| tx.execute(BULK, [])).map(drop).unwrap());
    });
    // As the one that has no bulk statement: a transaction for each row.
    time("ours-one-by-one", || {
        for id in 1..=10_000_i64 {
            let sql = "UPDATE post SET c = c + 1 WHERE id = ?1";
            user.run(|| db.write(|tx| tx.execute(sql, [id])).map(drop).unwrap());
        }
    });
}

fn main() {
    let conn = memory();
    time("untracked", || _ = conn.execute(BULK, []).unwrap());
    session();
    preupdate();
    ours();
}
