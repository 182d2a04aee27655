//! 64 tasks of 64 actors on 4 connections write through every kind of hop: each change is in the
//! name of the task that made it. Some are cancelled at every poll that they have; some carry
//! nothing.

use crate::common::*;
use crate::server::Database;
use stackholm::ContextExt;
use stackholm_revision::Revision;
use stackholm_revision::postgres::{Error, Tracked};
use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::yield_now;

const TASKS: i64 = 64;
const CONNECTIONS: usize = 4;
/// Rows that are written.
const WRITES: u64 = 100_000;
/// Statements in one transaction, and rows of each.
const BATCH: u64 = 20;
const ROWS: u64 = 5;

const TABLE: &str = "CREATE TABLE cell(id bigint PRIMARY KEY, task bigint NOT NULL, n bigint)";

struct Pool {
    connections: Vec<Mutex<Db>>,
    next: AtomicU64,
    refused: AtomicU64,
}

impl Pool {
    async fn new(database: &Database) -> Arc<Pool> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(Mutex::new(Tracked::new(database.connect().await)));
        }
        Arc::new(Pool { connections, next: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    /// A transaction on whatever connection is next: writes the task's number in several rows,
    /// which no other transaction writes at the same time.
    async fn write(&self, task: i64) -> Result<(), Error> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let at = number as usize % CONNECTIONS;
        let mut db = self.connections[at].lock().await;
        let from = (number / CONNECTIONS as u64 % 16 * CONNECTIONS as u64 + at as u64) * 1000;
        let sql = "INSERT INTO cell SELECT n, $2, $3 \
                   FROM generate_series($1::bigint, $1::bigint + $4::bigint - 1) n \
                   ON CONFLICT (id) DO UPDATE SET task = $2, n = $3";
        db.write(async |tx| {
            for n in 0..BATCH {
                let (id, serial) = ((from + n * ROWS) as i64, number as i64);
                tx.execute(sql, &[&id, &task, &serial, &(ROWS as i64)]).await?;
            }
            Ok(())
        })
        .await
    }

    /// The same from work that was handed nothing.
    async fn write_bare(&self) {
        match self.write(-1).await {
            Err(Error::OutsideBlock { .. }) => self.refused.fetch_add(1, Ordering::Relaxed),
            other => panic!("a write without a block: {other:?}"),
        };
    }
}

/// One batch through one kind of hop.
async fn hop(pool: Arc<Pool>, task: i64, kind: u64) {
    let again = pool.clone();
    let future = async move {
        yield_now().await;
        again.write(task).await.unwrap();
    };
    let runtime = Handle::current();
    match kind {
        0 => future.await,
        1 => stackholm::tokio::spawn(future).await.unwrap(),
        2 => tokio::spawn(future.in_current_context()).await.unwrap(),
        3 => {
            let blocking = move || runtime.block_on(future);
            stackholm::tokio::spawn_blocking(blocking).await.unwrap();
        }
        4 => {
            let thread = stackholm::thread::spawn(move || runtime.block_on(future));
            stackholm::tokio::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
        }
        5 => {
            let join = move || {
                stackholm::rayon::join(|| runtime.block_on(future), std::thread::yield_now).0
            };
            stackholm::tokio::spawn_blocking(join).await.unwrap();
        }
        6 => {
            // In the name of somebody else for a while; nothing of it is left.
            let other = Revision::new().actor(("task", 1000 + task));
            let inner = pool.clone();
            other.wrap(async move { inner.write(1000 + task).await.unwrap() }).await;
        }
        _ => {
            // Handed nothing, and so refused.
            let bare = pool.clone();
            tokio::spawn(async move { bare.write_bare().await }).await.unwrap();
            future.await;
        }
    }
}

/// A transaction that is dropped at its n-th poll; whoever has the connection next is attributed
/// as himself.
async fn cancelled(pool: &Pool, task: i64, n: u64) {
    let mut db = pool.connections[n as usize % CONNECTIONS].lock().await;
    let sql = "INSERT INTO cell VALUES ($1, $2, 0) ON CONFLICT (id) DO UPDATE SET task = $2, \
               n = cell.n + 1";
    let other = 1000 + task;
    {
        let mut work = pin!(Revision::new().actor(("task", other)).wrap(async {
            let mut tx = db.transaction().await?;
            tx.execute(sql, &[&(2_000_000 + task), &other]).await?;
            let mut savepoint = tx.savepoint().await?;
            savepoint.execute(sql, &[&(2_000_000 + task), &other]).await?;
            savepoint.commit().await?;
            tx.commit().await
        }));
        let mut polls = 0;
        let polled = std::future::poll_fn(|context| {
            polls += 1;
            match work.as_mut().poll(context) {
                std::task::Poll::Pending if polls <= n % 8 => std::task::Poll::Pending,
                _ => std::task::Poll::Ready(()),
            }
        });
        polled.await;
    }
    let next = async |tx: &mut stackholm_revision::postgres::Transaction<'_>| {
        tx.execute(sql, &[&(1_000_000 + task), &task]).await
    };
    db.write(next).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_change_of_64_tasks_is_in_the_name_of_the_task_that_made_it() {
    let (database, db) = or_skip!(tables(TABLE).await);
    let pool = Pool::new(&database).await;
    let hops = WRITES / (BATCH * ROWS) / TASKS as u64 + 1;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let pool = pool.clone();
            let work = async move {
                for n in 0..hops {
                    hop(pool.clone(), task, (n + task as u64) % 8).await;
                    cancelled(&pool, task, n).await;
                }
            };
            tokio::spawn(Revision::new().actor(("task", task)).wrap(work))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let written = count(&db, "stackholm.revision_delta").await;
    let wrong = count(
        &db,
        "stackholm.revision_history WHERE actor_kind IS DISTINCT FROM 'task' OR \
         (new ->> 'task' IS NOT NULL AND new ->> 'task' <> actor_id)",
    )
    .await;
    let by = "SELECT count(DISTINCT actor_id) FROM stackholm.revision_history";
    let (by, refused) = (number(&db, by).await, pool.refused.load(Ordering::Relaxed));
    let line = format!("{written} changes by {by} actors, {refused} refused, {wrong} wrong\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    assert_eq!(wrong, 0);
    assert!(written as u64 >= WRITES, "{written}");
    assert_eq!(by, 2 * TASKS);
    assert!(refused >= hops * TASKS as u64 / 8 - TASKS as u64);
    whole(&db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_that_do_not_carry_their_block_are_nobody_where_that_is_allowed() {
    let (database, mut db) = or_skip!(tables(TABLE).await);
    db.track("cell").or_nobody().await.unwrap();
    let pool = Pool::new(&database).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let pool = pool.clone();
            let work = async move {
                for _ in 0..2 {
                    let bare = pool.clone();
                    tokio::spawn(async move { bare.write(-1).await.unwrap() }).await.unwrap();
                    pool.write(task).await.unwrap();
                }
            };
            tokio::spawn(user(&task.to_string()).wrap(work))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let wrong = "stackholm.revision_history WHERE new ->> 'task' IS NOT NULL AND \
        CASE new ->> 'task' WHEN '-1' THEN actor <> 'nobody' \
        ELSE actor_id IS DISTINCT FROM new ->> 'task' END";
    assert_eq!(count(&db, wrong).await, 0);
    assert!(count(&db, "stackholm.revision_history WHERE actor = 'nobody'").await > 1000);
}
