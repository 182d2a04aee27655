//! Question: what does a tracked write cost beside triggers that were written by hand for the
//! table, which keep the same columns in the same tables and indexes, for one constant actor?
//!
//! In memory, a statement that updates ten thousand rows; in a file, a hundred rows a transaction,
//! a statement each, with the synchronous commits that SQLite does by default. The rivals take
//! turns within each round; the ratio is of the medians. Statements and bytes are counted.

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use stackholm_revision::sqlite::Tracked;
use stackholm_revision::{Revision, is_tracking};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const TABLE: &str =
    "CREATE TABLE post(id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INT, d REAL, e INT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
    INSERT INTO post SELECT i, 'title ' || i, 'a body of some words', i, i / 8.0, 0 FROM n;";

/// What a person would write who knows the table.
const BY_HAND: &str = r#"
    CREATE TABLE log(id INTEGER PRIMARY KEY, frame INT NOT NULL, statement INT NOT NULL,
        caused INT NOT NULL, "table" INT NOT NULL, "key" TEXT NOT NULL, op TEXT NOT NULL,
        old TEXT, new TEXT, moved_to TEXT);
    CREATE INDEX log_key ON log("table", "key");
    CREATE INDEX log_frame ON log(frame);
    CREATE INDEX log_moved ON log("table", moved_to) WHERE moved_to IS NOT NULL;
    CREATE TRIGGER by_hand AFTER UPDATE ON post
    WHEN old.a IS NOT new.a OR old.b IS NOT new.b OR old.c IS NOT new.c OR old.d IS NOT new.d
        OR old.e IS NOT new.e
    BEGIN INSERT INTO log(frame, statement, caused, "table", "key", moved_to, op, old, new) VALUES
        (1, 1, 0, 1, json_array(old.id), NULL, 'u',
        '{' || rtrim(iif(old.a IS new.a, '', '"a":' || json_quote(old.a) || ',')
            || iif(old.b IS new.b, '', '"b":' || json_quote(old.b) || ',')
            || iif(old.c IS new.c, '', '"c":' || json_quote(old.c) || ',')
            || iif(old.d IS new.d, '', '"d":' || json_quote(old.d) || ',')
            || iif(old.e IS new.e, '', '"e":' || json_quote(old.e) || ','), ',') || '}',
        '{' || rtrim(iif(old.a IS new.a, '', '"a":' || json_quote(new.a) || ',')
            || iif(old.b IS new.b, '', '"b":' || json_quote(new.b) || ',')
            || iif(old.c IS new.c, '', '"c":' || json_quote(new.c) || ',')
            || iif(old.d IS new.d, '', '"d":' || json_quote(new.d) || ',')
            || iif(old.e IS new.e, '', '"e":' || json_quote(new.e) || ','), ',') || '}');
    END;"#;

fn tracked(conn: Connection) -> Tracked {
    let mut db = Tracked::new(conn).unwrap();
    db.connection().execute_batch(TABLE).unwrap();
    db.install().unwrap();
    db.track("post").unwrap();
    db
}

fn by_hand(conn: Connection) -> Connection {
    conn.execute_batch(TABLE).unwrap();
    conn.execute_batch(BY_HAND).unwrap();
    conn
}

fn plain(conn: Connection) -> Connection {
    conn.execute_batch(TABLE).unwrap();
    conn
}

/// Nanoseconds for one of `n`.
fn time(n: u32, f: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    f();
    begun.elapsed().as_nanos() as f64 / f64::from(n)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn report(what: &str, rounds: &[[f64; 3]], bar: f64) {
    let [none, hand, ours] = [0, 1, 2].map(|n| median(rounds.iter().map(|r| r[n]).collect()));
    println!("{what}, nanoseconds a row: untracked {none:.0}, by hand {hand:.0}, ours {ours:.0}");
    let ratio = ours / hand;
    let verdict = if ratio <= bar { "within" } else { "ABOVE" };
    println!("  ours / by hand: {ratio:.2}, {verdict} {bar}; ours / untracked: {:.1}", ours / none);
}

const BULK: &str = "UPDATE post SET c = c + 1";

fn bulk(statement: &str, rounds: usize) -> Vec<[f64; 3]> {
    let memory = || Connection::open_in_memory().unwrap();
    let user = Revision::new().actor(("user", 7)).because("benchmark");
    let (none, hand, mut ours) = (plain(memory()), by_hand(memory()), tracked(memory()));
    let round = |_| {
        [
            time(10_000, || _ = none.execute(statement, []).unwrap()),
            time(10_000, || _ = hand.execute(statement, []).unwrap()),
            time(10_000, || {
                user.run(|| ours.write(|tx| tx.execute(statement, [])).map(drop).unwrap());
            }),
        ]
    };
    (0..rounds).map(round).collect()
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn on_disk(rounds: usize) -> Vec<[f64; 3]> {
    let name = format!("stackholm-revision-cost-{}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    std::fs::create_dir(&folder.0).unwrap();
    let file = |name: &str| Connection::open(folder.0.join(name)).unwrap();
    let user = Revision::new().actor(("user", 7)).because("benchmark");
    let (mut none, mut hand, mut ours) =
        (plain(file("none")), by_hand(file("hand")), tracked(file("ours")));
    let sql = "UPDATE post SET c = c + 1 WHERE id = ?1";
    let by_rusqlite = |db: &mut Connection, from: i64| {
        let tx = db.transaction().unwrap();
        for id in from..from + 100 {
            tx.prepare_cached(sql).unwrap().execute([id]).unwrap();
        }
        tx.commit().unwrap();
    };
    let round = |n: usize| {
        let from = (n as i64 * 100) % 9_900 + 1;
        [
            time(100, || by_rusqlite(&mut none, from)),
            time(100, || by_rusqlite(&mut hand, from)),
            time(100, || {
                user.run(|| {
                    let mut tx = ours.transaction().unwrap();
                    for id in from..from + 100 {
                        tx.execute(sql, [id]).unwrap();
                    }
                    tx.commit().unwrap();
                });
            }),
        ]
    };
    (0..rounds).map(round).collect()
}

static STATEMENTS: AtomicUsize = AtomicUsize::new(0);

fn count(event: TraceEvent<'_>) {
    // What a trigger executes is told as a comment.
    if let TraceEvent::Stmt(_, sql) = event
        && !sql.starts_with("--")
    {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
    }
}

fn statements_and_bytes() {
    let mut conn = Connection::open_in_memory().unwrap();
    conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count)).unwrap();
    let mut db = tracked(conn);
    let save = "UPDATE post SET a = ?1, b = ?1, c = 1, d = 2.5, e = 3 WHERE id = ?2";
    let counted = |f: &mut dyn FnMut()| {
        STATEMENTS.store(0, Ordering::Relaxed);
        f();
        STATEMENTS.load(Ordering::Relaxed)
    };
    let (ada, grace) = (Revision::new().actor(("user", 1)), Revision::new().actor(("user", 2)));
    let (mut first, mut next, mut other) = (0, 0, 0);
    let saved = |tx: &mut stackholm_revision::sqlite::Transaction<'_>, id: i64| {
        counted(&mut || _ = tx.execute(save, (format!("x{id}"), id)).unwrap())
    };
    ada.run(|| {
        db.write(|tx| {
            first = saved(tx, 1);
            next = saved(tx, 2);
            other = grace.run(|| saved(tx, 3));
            Ok::<_, stackholm_revision::sqlite::Error>(())
        })
        .unwrap();
    });
    println!(
        "statements for a save of five columns: {first} the first of a transaction, {next} each \
         further one, {other} where the actor changed"
    );
    let pages = |db: &Tracked| -> i64 {
        let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        db.connection().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = pages(&db);
    ada.run(|| db.write(|tx| tx.execute(BULK, [])).map(drop).unwrap());
    println!(
        "bytes for a delta of one column, indexes included: {}",
        (pages(&db) - before) / 10_000
    );
}

fn attribution() {
    const N: u32 = 200_000;
    let user = Revision::new().actor(("user", 7));
    let (mut read, mut block) = (Vec::new(), Vec::new());
    user.run(|| {
        for _ in 0..21 {
            read.push(time(N, || {
                for _ in 0..N {
                    black_box(is_tracking());
                }
            }));
            block.push(time(N, || {
                for _ in 0..N {
                    user.run(|| black_box(is_tracking()));
                }
            }));
        }
    });
    let (read, block) = (median(read), median(block));
    let verdict = if read <= 50.0 { "within" } else { "ABOVE" };
    println!("an actor that is bound is compared for a write: {read:.0} ns, {verdict} 50");
    println!("a block with an actor of its own is entered, looked at and left: {block:.0} ns");
}

fn main() {
    // `cargo test --benches` only asks whether it runs.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let rounds = if quick { 1 } else { 41 };
    report("in memory, ten thousand rows a statement, one column", &bulk(BULK, rounds), 1.15);
    let five =
        "UPDATE post SET a = a || 'x', b = substr(b, 2) || 'y', c = c + 1, d = d + 0.5, e = 1 - e";
    report("the same, five columns", &bulk(five, rounds), 1.15);
    report("on disk, a hundred rows a transaction", &on_disk(rounds * 3), 1.05);
    statements_and_bytes();
    attribution();
}
