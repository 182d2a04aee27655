//! 64 tasks of 64 actors on 4 connections write through every kind of hop: each change is in the
//! name of the task that made it. Some are cancelled at every poll that they have; some carry
//! nothing.

mod common;

use common::{File, number, open, user};
use stackholm::ContextExt;
use stackholm_revision::Revision;
use stackholm_revision::sqlite::{Error, Tracked};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use tokio::task::yield_now;

const TASKS: i64 = 64;
const CONNECTIONS: usize = 4;
const WRITES: u64 = 100_000;
/// Statements in one transaction.
const BATCH: u64 = 25;

const TABLE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
    CREATE TABLE IF NOT EXISTS cell(id INTEGER PRIMARY KEY, task INT NOT NULL, n INT NOT NULL)";

struct Pool {
    connections: Vec<Mutex<Tracked>>,
    next: AtomicU64,
    refused: AtomicU64,
}

impl Pool {
    fn new(file: &File) -> Arc<Pool> {
        let connection = |_| {
            let mut db = open(&file.path(), TABLE);
            db.track("cell").unwrap();
            Mutex::new(db)
        };
        let connections = (0..CONNECTIONS).map(connection).collect();
        Arc::new(Pool { connections, next: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A transaction on whatever connection is next: writes the task's number in several rows.
    fn write(&self, task: i64) -> Result<(), Error> {
        let number = self.number();
        let at = number as usize % CONNECTIONS;
        let mut db = self.connections[at].lock().unwrap_or_else(|error| error.into_inner());
        db.write(|tx| {
            for n in 0..BATCH {
                let sql = "INSERT INTO cell VALUES (?1, ?2, ?3) \
                           ON CONFLICT DO UPDATE SET task = ?2, n = ?3";
                tx.execute(sql, ((number * 7 % 1000 * 100 + n) as i64, task, number as i64))?;
            }
            Ok(())
        })
    }

    /// The same from work that was handed nothing.
    fn write_bare(&self) {
        match self.write(-1) {
            Err(Error::OutsideBlock { .. }) => self.refused.fetch_add(1, Ordering::Relaxed),
            other => panic!("a write without a block: {other:?}"),
        };
    }
}

/// One batch through one kind of hop.
async fn hop(pool: Arc<Pool>, task: i64, kind: u64) {
    let again = pool.clone();
    let write = move || again.write(task).unwrap();
    let later = write.clone();
    let future = async move {
        yield_now().await;
        later();
    };
    match kind {
        0 => write(),
        1 => stackholm::tokio::spawn(future).await.unwrap(),
        2 => tokio::spawn(future.in_current_context()).await.unwrap(),
        3 => stackholm::tokio::spawn_blocking(write).await.unwrap(),
        4 => {
            let thread = stackholm::thread::spawn(write);
            stackholm::tokio::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
        }
        5 => {
            let join = move || stackholm::rayon::join(write, yield_to_others).0;
            stackholm::tokio::spawn_blocking(join).await.unwrap();
        }
        6 => {
            // In the name of somebody else for a while; nothing of it is left.
            let other = Revision::new().actor(("task", 1000 + task));
            let (inner, number) = (pool.clone(), 1000 + task);
            other.wrap(async move { inner.write(number).unwrap() }).await;
        }
        _ => {
            // Handed nothing, and so refused.
            let bare = pool.clone();
            tokio::spawn(async move { bare.write_bare() }).await.unwrap();
            write();
        }
    }
}

fn yield_to_others() {
    std::thread::yield_now();
}

#[test]
fn every_change_of_64_tasks_is_in_the_name_of_the_task_that_made_it() {
    let file = File::new();
    let pool = Pool::new(&file);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .unwrap();
    let hops = WRITES / BATCH / TASKS as u64 + 1;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let pool = pool.clone();
            let work = async move {
                for n in 0..hops {
                    hop(pool.clone(), task, (n + task as u64) % 8).await;
                    cancelled(&pool, task, n);
                }
            };
            runtime.spawn(Revision::new().actor(("task", task)).wrap(work))
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    let db = open(&file.path(), "");
    let written = number(&db, "SELECT count(*) FROM revision_delta");
    let wrong = "SELECT count(*) FROM revision_history WHERE actor_kind <> 'task' OR \
                 (new ->> 'task' IS NOT NULL AND new ->> 'task' <> actor_id)";
    let nobody = number(&db, "SELECT count(*) FROM revision_history WHERE actor <> 'named'");
    let by = number(&db, "SELECT count(DISTINCT actor_id) FROM revision_history");
    let refused = pool.refused.load(Ordering::Relaxed);
    println!("{written} changes by {by} actors, {refused} refused, {} wrong", number(&db, wrong));
    assert_eq!((number(&db, wrong), nobody), (0, 0));
    assert!(written as u64 >= WRITES, "{written}");
    assert_eq!(by, 2 * TASKS);
    assert!(refused >= hops * TASKS as u64 / 8);
    let lost =
        "SELECT count(*) FROM revision_delta WHERE frame NOT IN (SELECT id FROM revision_frame)";
    assert_eq!(number(&db, lost), 0);
}

/// A transaction over awaits, dropped after its n-th poll; whoever has the connection next is
/// attributed as himself. It is polled here and not by the runtime: a transaction that waits for
/// its turn would keep all other connections from writing.
fn cancelled(pool: &Pool, task: i64, n: u64) {
    let mut db = pool.connections[n as usize % CONNECTIONS].lock().unwrap();
    let sql = "INSERT INTO cell VALUES (?1, ?2, 0) ON CONFLICT DO UPDATE SET task = ?2, n = n + 1";
    {
        let other = 1000 + task;
        let mut work = pin!(Revision::new().actor(("task", other)).wrap(async {
            let mut tx = db.transaction().unwrap();
            yield_now().await;
            tx.execute(sql, (2_000_000 + task, other)).unwrap();
            yield_now().await;
            let mut savepoint = tx.savepoint().unwrap();
            savepoint.execute(sql, (2_000_000 + task, other)).unwrap();
            yield_now().await;
            savepoint.commit().unwrap();
            tx.commit().unwrap();
        }));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..n % 4 + 1 {
            if work.as_mut().poll(&mut context).is_ready() {
                break;
            }
        }
    }
    assert!(db.connection().is_autocommit());
    db.write(|tx| tx.execute(sql, (1_000_000 + task, task))).unwrap();
}

#[test]
fn tasks_that_do_not_carry_their_block_are_nobody_where_that_is_allowed() {
    let file = File::new();
    let pool = Pool::new(&file);
    for db in &pool.connections {
        db.lock().unwrap().track("cell").unwrap().or_nobody().unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let pool = pool.clone();
            let work = async move {
                for _ in 0..4 {
                    let bare = pool.clone();
                    tokio::spawn(async move { bare.write(-1).unwrap() }).await.unwrap();
                    pool.write(task).unwrap();
                }
            };
            runtime.spawn(user(&task.to_string()).wrap(work))
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    let db = open(&file.path(), "");
    let wrong = "SELECT count(*) FROM revision_history WHERE new ->> 'task' IS NOT NULL AND \
                 iif(new ->> 'task' = -1, actor <> 'nobody', actor_id IS NOT new ->> 'task')";
    assert_eq!(number(&db, wrong), 0);
    assert!(number(&db, "SELECT count(*) FROM revision_history WHERE actor = 'nobody'") > 1000);
}
