//! Question: what does a tracked write cost on PostgreSQL beside triggers that were written by hand
//! for the table, which keep the same columns in the same tables and indexes, for one constant
//! actor? By row, as most are written; and by statement, which can be done by hand only if keys
//! never change: such a trigger pairs the rows before and after by their key.
//!
//! Ours is measured twice: by statement, which is the rule, and by row, which a program asks for.
//!
//! A statement that updates ten thousand rows; a statement for each row, a hundred in a
//! transaction, with commits that wait for the disk. On a server of its own, over its socket. The
//! rivals take turns within each round; the ratio is of the medians. Where other programs take
//! the processors away for whole transactions, that of the fastest tenth says more. Statements and
//! bytes are counted.

#[path = "../examples/shop/server.rs"]
mod server;

use server::Server;
use stackholm_revision::Revision;
use stackholm_revision::postgres::{Error, Tracked, Transaction};
use std::time::Instant;
use tokio_postgres::{Client, Config, NoTls};

const TABLE: &str = "CREATE TABLE post(id int PRIMARY KEY, a text, b text, c int, d float8, e int);
    INSERT INTO post SELECT n, 'title ' || n, 'a body of some words', n, n / 8.0, 0
        FROM generate_series(1, 10000) n;";

/// What a person would write who knows the table.
const LOG: &str = r#"
    CREATE TABLE log(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, frame bigint NOT NULL,
        statement bigint NOT NULL, caused boolean NOT NULL, "table" integer NOT NULL,
        "key" jsonb NOT NULL, moved_to jsonb, op "char" NOT NULL, old jsonb, new jsonb);
    CREATE INDEX log_key ON log("table", "key");
    CREATE INDEX log_moved ON log("table", moved_to) WHERE moved_to IS NOT NULL;
    CREATE INDEX log_frame ON log(frame);"#;

const BY_STATEMENT: &str = r#"
    CREATE FUNCTION by_hand() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO log(frame, statement, caused, "table", "key", op, old, new)
        SELECT 1, 1, false, 1, jsonb_build_array(o.id), 'u',
            CASE WHEN o.a IS DISTINCT FROM n.a THEN jsonb_build_object('a', o.a) ELSE '{}' END ||
            CASE WHEN o.b IS DISTINCT FROM n.b THEN jsonb_build_object('b', o.b) ELSE '{}' END ||
            CASE WHEN o.c IS DISTINCT FROM n.c THEN jsonb_build_object('c', o.c) ELSE '{}' END ||
            CASE WHEN o.d IS DISTINCT FROM n.d THEN jsonb_build_object('d', o.d) ELSE '{}' END ||
            CASE WHEN o.e IS DISTINCT FROM n.e THEN jsonb_build_object('e', o.e) ELSE '{}' END,
            CASE WHEN o.a IS DISTINCT FROM n.a THEN jsonb_build_object('a', n.a) ELSE '{}' END ||
            CASE WHEN o.b IS DISTINCT FROM n.b THEN jsonb_build_object('b', n.b) ELSE '{}' END ||
            CASE WHEN o.c IS DISTINCT FROM n.c THEN jsonb_build_object('c', n.c) ELSE '{}' END ||
            CASE WHEN o.d IS DISTINCT FROM n.d THEN jsonb_build_object('d', n.d) ELSE '{}' END ||
            CASE WHEN o.e IS DISTINCT FROM n.e THEN jsonb_build_object('e', n.e) ELSE '{}' END
        FROM old_rows o JOIN new_rows n USING (id)
        WHERE (o.a, o.b, o.c, o.d, o.e) IS DISTINCT FROM (n.a, n.b, n.c, n.d, n.e);
        RETURN NULL;
    END $$;
    CREATE TRIGGER by_hand AFTER UPDATE ON post
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION by_hand();"#;

const BY_ROW: &str = r#"
    CREATE FUNCTION by_hand() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO log(frame, statement, caused, "table", "key", moved_to, op, old, new)
        VALUES (1, 1, false, 1, jsonb_build_array(OLD.id),
        CASE WHEN OLD.id <> NEW.id THEN jsonb_build_array(NEW.id) END, 'u',
        CASE WHEN OLD.a IS DISTINCT FROM NEW.a THEN jsonb_build_object('a', OLD.a) ELSE '{}' END ||
        CASE WHEN OLD.b IS DISTINCT FROM NEW.b THEN jsonb_build_object('b', OLD.b) ELSE '{}' END ||
        CASE WHEN OLD.c IS DISTINCT FROM NEW.c THEN jsonb_build_object('c', OLD.c) ELSE '{}' END ||
        CASE WHEN OLD.d IS DISTINCT FROM NEW.d THEN jsonb_build_object('d', OLD.d) ELSE '{}' END ||
        CASE WHEN OLD.e IS DISTINCT FROM NEW.e THEN jsonb_build_object('e', OLD.e) ELSE '{}' END,
        CASE WHEN OLD.a IS DISTINCT FROM NEW.a THEN jsonb_build_object('a', NEW.a) ELSE '{}' END ||
        CASE WHEN OLD.b IS DISTINCT FROM NEW.b THEN jsonb_build_object('b', NEW.b) ELSE '{}' END ||
        CASE WHEN OLD.c IS DISTINCT FROM NEW.c THEN jsonb_build_object('c', NEW.c) ELSE '{}' END ||
        CASE WHEN OLD.d IS DISTINCT FROM NEW.d THEN jsonb_build_object('d', NEW.d) ELSE '{}' END ||
        CASE WHEN OLD.e IS DISTINCT FROM NEW.e THEN jsonb_build_object('e', NEW.e) ELSE '{}' END);
        RETURN NULL;
    END $$;
    CREATE TRIGGER by_hand AFTER UPDATE ON post FOR EACH ROW
        WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION by_hand();"#;

async fn connect(server: &Server, database: &str) -> Client {
    let mut config = Config::new();
    config.host_path(&server.folder).user("postgres").dbname(database);
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A database for each rival, with its table: untracked, by row, by statement; and ours, by
/// statement and by row.
struct Rivals {
    others: Vec<Client>,
    ours: Vec<Tracked<Client>>,
}

impl Rivals {
    async fn new(server: &Server, name: &str) -> Self {
        let postgres = connect(server, "postgres").await;
        let (mut others, mut ours) = (Vec::new(), Vec::new());
        for (rival, triggers) in [
            ("none", ""),
            ("row", BY_ROW),
            ("statement", BY_STATEMENT),
            ("ours", ""),
            ("ours_by_row", ""),
        ] {
            let database = format!("{name}_{rival}");
            postgres.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
            let client = connect(server, &database).await;
            client.batch_execute(TABLE).await.unwrap();
            client.batch_execute(LOG).await.unwrap();
            client.batch_execute(triggers).await.unwrap();
            if rival.starts_with("ours") {
                let mut db = Tracked::new(client);
                db.install().await.unwrap();
                let track = db.track("post");
                if rival == "ours" { track } else { track.by_row() }.await.unwrap();
                ours.push(db);
            } else {
                others.push(client);
            }
        }
        Rivals { others, ours }
    }
}

/// What so many of a hundred rounds stay below.
fn quantile(percent: usize, mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() * percent / 100]
}

/// Nanoseconds for one of `n`.
async fn time(n: u32, work: impl Future<Output = ()>) -> f64 {
    let begun = Instant::now();
    work.await;
    begun.elapsed().as_nanos() as f64 / f64::from(n)
}

fn report(what: &str, rounds: &[Round], bar: f64) {
    println!("{what}");
    for (percent, name) in [(50, "medians"), (10, "fastest tenth")] {
        let time = |n: usize| quantile(percent, rounds.iter().map(|r| r[n]).collect());
        one_line(name, [0, 1, 2, 3, 4].map(time), bar);
    }
}

fn one_line(name: &str, [none, row, statement, ours, ours_by_row]: Round, bar: f64) {
    println!(
        "  {name}, nanoseconds a row: untracked {none:.0}, by hand by row {row:.0}, by hand by \
         statement {statement:.0}, ours {ours:.0}, ours by row {ours_by_row:.0}"
    );
    let verdict = |ratio: f64| if ratio <= bar { "within" } else { "ABOVE" };
    println!(
        "    ours / by row: {:.2}, {} {bar}; ours / by statement: {:.2}, {} {bar}; \
         ours / untracked: {:.1}; ours by row / by row: {:.2}",
        ours / row,
        verdict(ours / row),
        ours / statement,
        verdict(ours / statement),
        ours / none,
        ours_by_row / row
    );
}

/// What each rival took: untracked, by row, by statement, ours, ours by row.
type Round = [f64; 5];

fn user() -> Revision {
    Revision::new().actor(("user", 7)).because("benchmark")
}

const BULK: &str = "UPDATE post SET c = c + 1";

async fn bulk(rivals: &mut Rivals, statement: &str, rounds: usize) -> Vec<Round> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let Rivals { others, ours } = rivals;
        let plain = async |client: &Client| client.batch_execute(statement).await.unwrap();
        let [by_statement, by_row] = &mut ours[..] else { unreachable!() };
        let ours = async |db: &mut Tracked<Client>| {
            let write = db.write(async |tx| tx.execute(statement, &[]).await);
            _ = user().wrap(write).await.unwrap();
        };
        times.push([
            time(10_000, plain(&others[0])).await,
            time(10_000, plain(&others[1])).await,
            time(10_000, plain(&others[2])).await,
            time(10_000, ours(by_statement)).await,
            time(10_000, ours(by_row)).await,
        ]);
        // What a round leaves behind is not to slow the next one down.
        for client in others.iter().chain([by_statement.client(), by_row.client()]) {
            client.batch_execute("VACUUM post").await.unwrap();
        }
    }
    times
}

/// Ten transactions at a time: one ends when the disk says so, which some machines ask every few
/// milliseconds.
async fn one_by_one(rivals: &mut Rivals, rounds: usize) -> Vec<Round> {
    let sql = "UPDATE post SET c = c + 1 WHERE id = $1";
    let by_client = async |client: &mut Client, from: i32| {
        let statement = client.prepare(sql).await.unwrap();
        for hundred in (from..from + 1_000).step_by(100) {
            let tx = client.transaction().await.unwrap();
            for id in hundred..hundred + 100 {
                tx.execute(&statement, &[&id]).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    };
    let by_us = async |db: &mut Tracked<Client>, from: i32| {
        for hundred in (from..from + 1_000).step_by(100) {
            let write = db.write(async |tx| {
                for id in hundred..hundred + 100 {
                    tx.execute(sql, &[&id]).await?;
                }
                Ok::<_, Error>(())
            });
            user().wrap(write).await.unwrap();
        }
    };
    let mut times = Vec::new();
    for n in 0..rounds {
        let from = (n as i32 * 1_000) % 10_000 + 1;
        let Rivals { others, ours } = rivals;
        let [by_statement, by_row] = &mut ours[..] else { unreachable!() };
        times.push([
            time(1_000, by_client(&mut others[0], from)).await,
            time(1_000, by_client(&mut others[1], from)).await,
            time(1_000, by_client(&mut others[2], from)).await,
            time(1_000, by_us(by_statement, from)).await,
            time(1_000, by_us(by_row, from)).await,
        ]);
    }
    times
}

/// How many statements the server has received from clients that log them.
fn statements(server: &Server) -> usize {
    let log = std::fs::read_to_string(server.folder.join("log")).unwrap();
    log.matches(" LOG:  statement: ").count() + log.matches(" LOG:  execute ").count()
}

async fn statements_and_bytes(server: &Server) {
    let mut db = Rivals::new(server, "count").await.ours.remove(0);
    let sql = "UPDATE post SET a = $1, b = $1, c = 1, d = 2.5, e = 3 WHERE id = $2";
    db.client().batch_execute("SET log_statement = 'all'").await.unwrap();
    let saved = async |tx: &mut Transaction<'_>, id: i32| {
        let before = statements(server);
        tx.execute(sql, &[&format!("x{id}"), &id]).await.unwrap();
        statements(server) - before
    };
    let counted = async {
        let mut tx = db.transaction().await.unwrap();
        let first = saved(&mut tx, 1).await;
        let next = saved(&mut tx, 2).await;
        let other = Revision::new().system().wrap(saved(&mut tx, 3)).await;
        tx.commit().await.unwrap();
        (first, next, other)
    };
    let (first, next, other) = user().wrap(counted).await;
    println!(
        "statements for a save of five columns: {first} the first of a transaction, {next} each \
         further one, {other} where the actor changed; each in one trip"
    );
    let size = "SELECT pg_total_relation_size('stackholm.revision_delta')";
    let before: i64 = db.client().query_one(size, &[]).await.unwrap().get(0);
    user().wrap(db.write(async |tx| tx.execute(BULK, &[]).await)).await.unwrap();
    let after: i64 = db.client().query_one(size, &[]).await.unwrap().get(0);
    println!("bytes for a delta of one column, indexes included: {}", (after - before) / 10_000);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo test --benches` only asks whether it runs.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let rounds = if quick { 1 } else { 15 };
    let server = match server::start() {
        Ok(server) => server,
        Err(why) => return println!("SKIPPED: {why}"),
    };
    let mut rivals = Rivals::new(&server, "bulk").await;
    let what = "ten thousand rows a statement, one column";
    report(what, &bulk(&mut rivals, BULK, rounds).await, 1.15);
    let five = "UPDATE post SET a = a || 'x', b = substr(b, 2) || 'y', c = c + 1, d = d + 0.5, \
                e = 1 - e";
    let mut rivals = Rivals::new(&server, "five").await;
    report("the same, five columns", &bulk(&mut rivals, five, rounds).await, 1.15);
    let mut rivals = Rivals::new(&server, "disk").await;
    let synced = connect(&server, "postgres").await;
    synced.batch_execute("ALTER SYSTEM SET fsync = on").await.unwrap();
    synced.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let rows = one_by_one(&mut rivals, rounds * 3).await;
    report("a statement a row, a hundred a transaction, on disk", &rows, 1.05);
    statements_and_bytes(&server).await;
}
