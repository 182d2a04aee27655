//! Tasks, cancelled futures, tokens, and programs that are killed.

use crate::common::*;
use crate::server::Database;
use stackholm::{ContextExt, Var};
use stackholm_revision::postgres::{Error, Tracked, Transaction};
use stackholm_revision::{Revision, TokenSecret, here};
use std::future::poll_fn;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::{Barrier, Mutex};
use tokio::task::yield_now;
use tokio_postgres::SimpleQueryMessage;

/// On one connection each: no row is waited for that both would insert.
#[tokio::test]
async fn two_tasks_with_transactions_of_their_own_under_one_revision_both_commit() {
    let (database, db) = or_skip!(posts().await);
    let (both_wrote, database) = (Arc::new(Barrier::new(2)), database.clone());
    let revision = user("ada")
        .wrap(async {
            let task = |id: i32| {
                let (database, both_wrote) = (database.clone(), both_wrote.clone());
                stackholm::tokio::spawn(async move {
                    let mut db = Tracked::new(database.connect().await);
                    let mut tx = db.transaction().await.unwrap();
                    tx.execute(&insert(id), &[]).await.unwrap();
                    both_wrote.wait().await;
                    tx.execute(&insert(id + 1), &[]).await.unwrap();
                    both_wrote.wait().await;
                    tx.commit().await.unwrap();
                })
            };
            let (one, two) = tokio::join!(task(10), task(20));
            one.and(two).unwrap();
            here().unwrap().revision
        })
        .await;
    assert_eq!(db.history().in_revision(revision).entries().await.unwrap().len(), 4);
    assert_eq!(count(&db, "stackholm.revision_part").await, 2);
}

#[tokio::test]
async fn a_transaction_that_is_moved_into_a_task_is_attributed_by_that_task() {
    let (_database, mut db) = or_skip!(posts().await);
    let moved = async move {
        let mut tx = db.transaction().await.unwrap();
        user("ada").wrap(tx.execute(&insert(1), &[])).await.unwrap();
        tx.execute(&insert(2), &[]).await.unwrap();
        let detached = tx.savepoint().await.unwrap();
        let refused = async move { bare(detached).await }.detached().await;
        assert!(matches!(refused, Err(Error::OutsideBlock { .. })));
        tx.commit().await.unwrap();
        db
    };
    let grace = user("grace").wrap(moved);
    let db = tokio::spawn(grace).await.unwrap();
    assert_eq!(actors(&db).await, [named("ada"), named("grace")]);
}

async fn bare(mut tx: Transaction<'_>) -> Outcome {
    tx.execute(&insert(3), &[]).await.map(drop)
}

/// What an application makes ambient of its own should not be carried: it says so, and is told.
#[tokio::test]
async fn a_transaction_variable_that_stays_on_its_stack_says_so_in_a_task() {
    static TX: Var<Arc<Mutex<u32>>> = Var::new("transaction").stays_on_stack();
    TX.scope(Arc::default(), async {
        let spawned = stackholm::tokio::spawn(async { TX.try_get().unwrap_err() }).await.unwrap();
        let said = spawned.to_string();
        assert!(said.contains("`transaction`") && said.contains("tasks.rs"), "{said}");
        assert!(said.contains("its reach does not carry it here"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn tasks_that_carry_the_context_write_into_its_revision_and_others_do_not() {
    let (_database, db) = or_skip!(posts().await);
    let db = Arc::new(Mutex::new(db));
    let add = |id: i32| {
        let db = db.clone();
        async move { write(&mut *db.lock().await, &insert(id)).await }
    };
    let work = async {
        tokio::spawn(add(1).in_current_context()).await.unwrap().unwrap();
        stackholm::tokio::spawn(add(2)).await.unwrap().unwrap();
        let runtime = tokio::runtime::Handle::current();
        let (future, again) = (add(3), runtime.clone());
        let blocking = move || again.block_on(future).unwrap();
        stackholm::tokio::spawn_blocking(blocking).await.unwrap();
        let (future, again) = (add(4), runtime.clone());
        let thread = stackholm::thread::spawn(move || again.block_on(future).unwrap());
        tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
        let bare = tokio::spawn(add(5)).await.unwrap();
        assert!(matches!(bare, Err(Error::OutsideBlock { .. })));
    };
    user("ada").wrap(work).await;
    let db = db.lock().await;
    assert_eq!(actors(&db).await, vec![named("ada"); 4]);
    let revisions = "SELECT count(DISTINCT revision) FROM stackholm.revision_part";
    assert_eq!(number(&db, revisions).await, 1);
}

#[tokio::test]
async fn an_untracked_task_is_untracked_alone() {
    let (_database, db) = or_skip!(posts().await);
    let db = Arc::new(Mutex::new(db));
    let add = async |id: i32| write(&mut *db.lock().await, &insert(id)).await.unwrap();
    user("ada")
        .wrap(async {
            let silent = Revision::untracked("import").wrap(async {
                yield_now().await;
                add(1).await;
                add(2).await;
            });
            let heard = async {
                add(3).await;
                yield_now().await;
                add(4).await;
            };
            tokio::join!(silent, heard);
            add(5).await;
        })
        .await;
    let keys = "SELECT \"key\" ->> 0 FROM stackholm.revision_delta ORDER BY \"key\"";
    assert_eq!(texts(&*db.lock().await, keys).await, ["3", "4", "5"]);
}

/// Polls a future so often, waiting for each wake-up; says whether it was ready.
async fn polls<F: Future>(mut future: Pin<&mut F>, n: usize) -> bool {
    let mut done = 0;
    let polled = poll_fn(|context| {
        done += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if done == n => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    });
    polled.await
}

/// Everything that a transaction awaits, so that each await is where a future may be dropped.
async fn program(db: &mut Db, id: i32) {
    let mut tx = db.transaction().await.unwrap();
    tx.execute(&insert(id), &[]).await.unwrap();
    let mut savepoint = tx.savepoint().await.unwrap();
    user("grace")
        .wrap(async {
            savepoint.execute(&insert(id + 1), &[]).await.unwrap();
            savepoint.query("SELECT * FROM post", &[]).await.unwrap();
        })
        .await;
    savepoint.execute_batch(&insert(id + 2)).await.unwrap();
    savepoint.commit().await.unwrap();
    let mut undone = tx.savepoint().await.unwrap();
    user("grace").wrap(undone.execute(&insert(id + 3), &[])).await.unwrap();
    undone.rollback().await.unwrap();
    tx.execute(&insert(id + 3), &[]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_future_cancelled_at_any_poll_leaves_no_open_transaction_and_no_actor() {
    let (_database, mut db) = or_skip!(posts().await);
    let (mut n, mut done) = (0, false);
    while !done {
        n += 1;
        let id = 100 * n as i32;
        {
            let mut future = pin!(user("ada").wrap(program(&mut db, id)));
            done = polls(future.as_mut(), n).await;
        }
        assert!(here().is_none());
        // The next use of the connection finds no transaction of the one that was cancelled.
        let open = "SELECT transaction_timestamp() <> statement_timestamp()";
        let said = db.client().simple_query(open).await.unwrap();
        let is_row = |said: &SimpleQueryMessage| match said {
            SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
            _ => false,
        };
        assert!(!said.iter().any(is_row), "poll {n}");
        let bare = write(&mut db, &insert(id + 4)).await;
        assert!(matches!(bare, Err(Error::OutsideBlock { .. })), "poll {n}");
        user("kay").wrap(write(&mut db, &insert(id + 5))).await.unwrap();
        let last = db.history().limit(1).entries().await.unwrap().remove(0);
        assert_eq!(last.actor, named("kay"));
    }
    assert!(n > 12, "each await was cancelled once: {n}");
    // Whatever was committed is whole, and each change is its own actor's.
    let wrong = "SELECT count(*) FROM stackholm.revision_history WHERE actor_id <> \
        (ARRAY['ada', 'grace', 'ada', 'ada', '', 'kay'])[(\"key\" ->> 0)::int % 100 + 1]";
    assert_eq!(number(&db, wrong).await, 0);
    let halves = "SELECT count(*) FROM (SELECT count(*) AS n FROM post WHERE id % 100 < 4 \
                  GROUP BY id / 100) AS of WHERE n <> 4";
    assert_eq!(number(&db, halves).await, 0);
    assert_eq!(count(&db, "post WHERE id % 100 = 5").await, n as i64);
    whole(&db).await;
}

/// The transaction goes on after one of its futures was dropped: what was under way counts as not
/// told, and what was sent is executed in the name in which it was sent.
#[tokio::test]
async fn a_statement_that_is_cancelled_leaves_no_wrong_actor_in_its_transaction() {
    let (_database, mut db) = or_skip!(posts().await);
    for n in 1..6 {
        let id = 100 * n as i32;
        let mut tx = db.transaction().await.unwrap();
        user("ada").wrap(tx.execute(&insert(id), &[])).await.unwrap();
        {
            // The first time it is prepared as well.
            let sql = "INSERT INTO post VALUES ($1, 'b', 0)";
            let work = async {
                tx.execute(sql, &[&(id + 1)]).await.unwrap();
            };
            let mut future = pin!(user("grace").wrap(work));
            polls(future.as_mut(), n).await;
        }
        user("ada").wrap(tx.execute(&insert(id + 2), &[])).await.unwrap();
        tx.commit().await.unwrap();
    }
    let wrong = "SELECT count(*) FROM stackholm.revision_history WHERE actor_id <> \
        (ARRAY['ada', 'grace', 'ada'])[(\"key\" ->> 0)::int % 100 + 1]";
    assert_eq!(number(&db, wrong).await, 0);
    assert_eq!(count(&db, "post WHERE id % 100 <> 1").await, 10);
    whole(&db).await;
}

const SECRET: [u8; 32] = [9; 32];

/// This program once more, with one test, which finds the database by the environment.
fn child(test: &str, database: &Database) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let (folder, name) = database.parts();
    child.args(["--exact", test, "--nocapture"]).stderr(Stdio::null());
    child.env("STACKHOLM_REVISION_FOLDER", folder).env("STACKHOLM_REVISION_DATABASE", name);
    child
}

/// The database of the program that started this one, if it was started by [`child`].
fn given() -> Option<Database> {
    let folder = PathBuf::from(std::env::var_os("STACKHOLM_REVISION_FOLDER")?);
    Some(Database::named(&folder, &std::env::var("STACKHOLM_REVISION_DATABASE").ok()?))
}

#[tokio::test]
async fn a_token_takes_revision_and_actor_through_a_queue_into_another_process() {
    let (database, mut db) = or_skip!(posts().await);
    let secret = TokenSecret::new(SECRET);
    let work = async {
        write(&mut db, &insert(1)).await.unwrap();
        let token = Revision::token(&secret).unwrap();
        // The queue is the other's standard input.
        let mut child = child("tasks::the_other_process_of_the_queue", &database);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{token}").unwrap();
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
        (here().unwrap().revision, ended.await.unwrap())
    };
    let block = user("ada").because("asked \"for\"").description("import");
    let (revision, queue) = block.wrap(work).await;
    assert!(queue.success());
    let entries = db.history().in_revision(revision).entries().await.unwrap();
    let said: Vec<_> = entries.iter().map(|e| (e.actor.to_string(), e.because.clone())).collect();
    assert_eq!(said, vec![("user ada".to_owned(), Some("asked \"for\"".to_owned())); 2]);
    assert_eq!(entries[0].key, 2.into());
    assert_eq!(entries[0].description.as_deref(), Some("import"));
}

/// Does nothing unless the test above starts it in a process of its own.
#[tokio::test]
async fn the_other_process_of_the_queue() {
    let Some(database) = given() else { return };
    let mut token = String::new();
    std::io::stdin().read_line(&mut token).unwrap();
    let mut db = Tracked::new(database.connect().await);
    assert!(matches!(write(&mut db, &insert(2)).await, Err(Error::OutsideBlock { .. })));
    let resumed = Revision::resume(&TokenSecret::new(SECRET), token.trim()).unwrap();
    resumed.wrap(write(&mut db, &insert(2))).await.unwrap();
}

const ACCOUNTS: i32 = 8;

#[tokio::test]
async fn history_and_tables_agree_after_the_program_was_killed_in_the_middle_of_transactions() {
    let account = "CREATE TABLE account(id int PRIMARY KEY, balance bigint NOT NULL);
                   INSERT INTO account SELECT n, 0 FROM generate_series(1, 8) n";
    let (database, db) = or_skip!(tables(account).await);
    let mut after = 0;
    // Killed after some of its commits, each time somewhere else in the next one.
    for kill_after in [1, 7, 40, 150, 400] {
        let mut child = child("tasks::the_program_that_is_killed", &database);
        let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let committed = lines.filter(|line| line.as_ref().unwrap() == "committed");
        let seen = committed.take(kill_after).count();
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!((seen, status.success()), (kill_after, false), "it was killed while it wrote");
        after += seen as i64;
        gone(&db).await;
        agrees(&db, after).await;
    }
}

/// Waits until the server has noticed that nobody is there.
async fn gone(db: &Db) {
    let others = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                  AND backend_type = 'client backend'";
    while count(db, others).await > 0 {
        yield_now().await;
    }
}

/// Each balance is the sum of its changes, each transaction is whole, and at least so many are
/// there.
async fn agrees(db: &Db, transactions: i64) {
    let different = "SELECT count(*) FROM account a WHERE balance <> (
        SELECT coalesce(sum((new ->> 'balance')::bigint - (old ->> 'balance')::bigint), 0)
        FROM stackholm.revision_history WHERE \"table\" = 'account'
            AND \"key\" = jsonb_build_array(a.id))";
    assert_eq!(number(db, different).await, 0);
    assert_eq!(number(db, "SELECT sum(balance)::bigint FROM account").await, 0);
    let halves = "SELECT count(*) FROM (SELECT count(*) AS n FROM stackholm.revision_history \
                  GROUP BY revision) AS of WHERE n <> 4";
    assert_eq!(number(db, halves).await, 0);
    let wrong = "SELECT count(*) FROM stackholm.revision_history WHERE actor_id <> \
                 CASE WHEN (new ->> 'balance')::bigint < (old ->> 'balance')::bigint \
                 THEN 'payer' ELSE 'payee' END";
    assert_eq!(number(db, wrong).await, 0);
    let there = "SELECT count(DISTINCT revision) FROM stackholm.revision_history";
    assert!(number(db, there).await >= transactions);
    whole(db).await;
}

/// Does nothing unless the test above starts it in a process of its own: moves money about in a
/// thousand transactions of several actors and savepoints.
#[tokio::test]
async fn the_program_that_is_killed() {
    let Some(database) = given() else { return };
    let mut db = Tracked::new(database.connect().await);
    let give = "UPDATE account SET balance = balance + $1 WHERE id = $2";
    for n in 0..1000 {
        let work = async {
            let mut tx = db.transaction().await.unwrap();
            for half in 0..2 {
                let (from, to) = ((n + half) % ACCOUNTS + 1, (n + half + 3) % ACCOUNTS + 1);
                tx.execute(give, &[&-5_i64, &from]).await.unwrap();
                let mut savepoint = tx.savepoint().await.unwrap();
                user("payee").wrap(savepoint.execute(give, &[&5_i64, &to])).await.unwrap();
                savepoint.commit().await.unwrap();
            }
            tx.commit().await.unwrap();
        };
        user("payer").wrap(work).await;
        // Past the capture of the test harness.
        let mut out = std::io::stdout();
        writeln!(out, "committed").and_then(|()| out.flush()).unwrap();
    }
    loop {
        std::thread::park();
    }
}
