//! In whose name, and why: blocks, savepoints, transactions, tasks and threads.

mod common;

use common::{
    File, Outcome, actors, count, memory, number, open, posts, revision, story, user, write,
};
use stackholm::{ContextExt, Scope, Var};
use stackholm_revision::sqlite::{Error, Tracked};
use stackholm_revision::{
    NoBlock, Revision, TokenError, TokenSecret, Who, disable, enable, here, is_tracking, set_actor,
    set_description, set_reason, set_system,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use tokio::task::yield_now;

fn insert(id: i64) -> String {
    format!("INSERT INTO post VALUES ({id}, 'a', 0)")
}

fn named(name: &str) -> Who {
    stackholm_revision::Actor::who(&("user", name))
}

#[test]
fn two_actors_alternate_a_thousand_times_within_one_transaction() {
    let mut db = posts();
    user("ada").run(|| {
        let mut tx = db.transaction().unwrap();
        for id in 0..1000 {
            tx.execute(&insert(2 * id), []).unwrap();
            user("grace").run(|| tx.execute(&insert(2 * id + 1), [])).unwrap();
        }
        tx.execute("UPDATE post SET spam = 1", []).unwrap();
        tx.commit().unwrap();
    });
    let wrong = "SELECT count(*) FROM revision_history WHERE op = 'i' AND \
                 actor_id <> iif(\"key\" ->> 0 & 1, 'grace', 'ada')";
    assert_eq!(number(&db, wrong), 0);
    assert_eq!((count(&db, "revision_delta"), count(&db, "revision_frame")), (4000, 2001));
    assert_eq!(count(&db, "revision_part"), 1);
}

#[test]
fn reads_send_nothing_and_writes_in_one_frame_send_it_once() {
    let mut db = posts();
    revision(&mut db, "ada", &insert(1));
    user("grace").run(|| {
        db.write(|tx| -> Outcome {
            let before = total_changes(tx);
            for _ in 0..1000 {
                tx.query_row("SELECT title FROM post", [], |row| row.get::<_, String>(0))?;
            }
            assert_eq!(total_changes(tx), before, "nothing was written");
            for n in 0..1000 {
                tx.execute("UPDATE post SET spam = ?1", [n + 1])?;
            }
            // A part and a frame, then a row and its delta for each.
            assert_eq!(total_changes(tx) - before, 2 + 2000);
            Ok(())
        })
        .unwrap();
    });
    assert_eq!(count(&db, "revision_frame"), 2);
}

#[test]
fn blocks_that_say_the_same_share_a_frame() {
    let mut db = posts();
    user("ada").run(|| {
        db.write(|tx| -> Outcome {
            for id in 0..100 {
                Revision::new().system().because("nightly").run(|| tx.execute(&insert(id), []))?;
            }
            Ok(())
        })
        .unwrap();
    });
    assert_eq!(count(&db, "revision_frame"), 1);
}

fn total_changes(tx: &mut stackholm_revision::sqlite::Transaction<'_>) -> i64 {
    tx.query_row("SELECT total_changes()", [], |row| row.get(0)).unwrap().unwrap()
}

#[test]
fn a_savepoint_that_is_rolled_back_after_the_actor_changed_in_it_leaves_the_outer_actor() {
    let mut db = posts();
    user("ada").run(|| {
        let mut tx = db.transaction().unwrap();
        tx.execute(&insert(1), []).unwrap();
        let mut savepoint = tx.savepoint().unwrap();
        user("grace").run(|| savepoint.execute(&insert(2), [])).unwrap();
        savepoint.rollback().unwrap();
        tx.execute(&insert(3), []).unwrap();
        let mut savepoint = tx.savepoint().unwrap();
        user("grace").run(|| savepoint.execute(&insert(4), [])).unwrap();
        savepoint.rollback().unwrap();
        // The frame that was told last is gone with the savepoint.
        user("grace").run(|| tx.execute(&insert(5), [])).unwrap();
        tx.commit().unwrap();
    });
    assert_eq!(actors(&db), [named("ada"), named("ada"), named("grace")]);
    whole(&db);
}

/// Each delta has its frame, each frame its part, and no part stands alone.
fn whole(db: &Tracked) {
    let lost = "SELECT \
        (SELECT count(*) FROM revision_delta WHERE frame NOT IN (SELECT id FROM revision_frame)) \
        + (SELECT count(*) FROM revision_frame WHERE part NOT IN (SELECT id FROM revision_part)) \
        + (SELECT count(*) FROM revision_part WHERE id NOT IN (SELECT part FROM revision_frame))";
    assert_eq!(number(db, lost), 0);
}

#[test]
fn the_first_change_may_be_in_a_savepoint_that_is_rolled_back() {
    let mut db = posts();
    user("ada").run(|| {
        let mut tx = db.transaction().unwrap();
        let mut savepoint = tx.savepoint().unwrap();
        savepoint.execute(&insert(1), []).unwrap();
        drop(savepoint);
        tx.execute(&insert(2), []).unwrap();
        tx.commit().unwrap();
    });
    assert_eq!(story(&db), ["+post 2 id:·>2 spam:·>0 title:·>a by user ada"]);
    assert_eq!(count(&db, "revision_part"), 1);
    whole(&db);
}

#[test]
fn a_savepoint_that_is_kept_keeps_what_was_told_in_it() {
    let mut db = posts();
    user("ada").run(|| {
        let mut tx = db.transaction().unwrap();
        let mut outer = tx.savepoint().unwrap();
        let mut inner = outer.savepoint().unwrap();
        user("grace").run(|| inner.execute(&insert(1), [])).unwrap();
        inner.commit().unwrap();
        outer.execute(&insert(2), []).unwrap();
        outer.commit().unwrap();
        tx.execute(&insert(3), []).unwrap();
        tx.commit().unwrap();
    });
    assert_eq!(actors(&db), [named("grace"), named("ada"), named("ada")]);
    assert_eq!(count(&db, "revision_frame"), 2);
}

#[test]
fn a_second_transaction_goes_on_with_the_revision_of_one_that_was_rolled_back() {
    let mut db = posts();
    user("ada").run(|| {
        let mut tx = db.transaction().unwrap();
        tx.execute(&insert(1), []).unwrap();
        drop(tx);
        write(&mut db, &insert(2)).unwrap();
    });
    assert_eq!((count(&db, "revision_part"), count(&db, "revision_delta")), (1, 1));
    user("ada").run(|| {
        write(&mut db, &insert(3)).unwrap();
        write(&mut db, &insert(4)).unwrap();
    });
    assert_eq!(count(&db, "revision_part"), 3, "one for each transaction that wrote");
    assert_eq!(number(&db, "SELECT count(DISTINCT revision) FROM revision_part"), 2);
}

#[test]
fn a_panic_an_error_and_a_forgotten_guard_keep_nothing_and_the_connection_goes_on() {
    let mut db = posts();
    user("ada").run(|| {
        let panics = catch_unwind(AssertUnwindSafe(|| {
            user("grace").run(|| {
                let mut tx = db.transaction().unwrap();
                tx.execute(&insert(1), []).unwrap();
                panic!("on purpose");
            })
        }));
        assert!(panics.is_err());
        assert_eq!(here().unwrap().who, named("ada"));
        let fails: Outcome = db.write(|tx| {
            tx.execute(&insert(2), [])?;
            tx.execute("not a statement", []).map(drop)
        });
        assert!(matches!(fails, Err(Error::Sqlite(_))));
        let mut tx = db.transaction().unwrap();
        tx.execute(&insert(3), []).unwrap();
        std::mem::forget(tx);
        let mut tx = db.transaction().unwrap();
        tx.execute(&insert(4), []).unwrap();
        let mut savepoint = tx.savepoint().unwrap();
        user("grace").run(|| savepoint.execute(&insert(5), [])).unwrap();
        std::mem::forget(savepoint);
        tx.execute(&insert(6), []).unwrap();
        tx.commit().unwrap();
    });
    assert_eq!(actors(&db), [named("ada"), named("ada")]);
    assert_eq!(number(&db, "SELECT sum(id * 10) + max(id) FROM post"), 106);
    whole(&db);
}

#[test]
fn a_panic_while_rows_are_read_loses_neither_the_changes_nor_the_gap() {
    let mut db = posts();
    let sql = "INSERT INTO post(title) VALUES ('a') RETURNING id";
    user("ada").run(|| {
        let mut tx = db.transaction().unwrap();
        for block in [Revision::new(), Revision::untracked("import")] {
            let panics = || block.run(|| tx.query::<()>(sql, [], |_| panic!("on purpose")));
            assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        }
        tx.commit().unwrap();
    });
    assert_eq!(count(&db, "post"), 2);
    assert_eq!(
        story(&db),
        ["+post 1 id:·>1 spam:·>null title:·>a by user ada", "?post  by user ada (import)"]
    );
    whole(&db);
}

#[test]
fn a_statement_that_fails_halfway_leaves_what_was_written_before_it() {
    let mut db = memory("CREATE TABLE post(id INTEGER PRIMARY KEY, n INT CHECK (n < 3))");
    db.track("post").unwrap();
    user("ada").run(|| {
        db.write(|tx| -> Outcome {
            tx.execute("INSERT INTO post VALUES (1, 1), (2, 2)", [])?;
            assert!(user("grace").run(|| tx.execute("UPDATE post SET n = n + 1", [])).is_err());
            // This one is told to keep what it has done.
            assert!(
                user("kay").run(|| tx.execute("UPDATE OR FAIL post SET n = n + 1", [])).is_err()
            );
            Ok(())
        })
        .unwrap();
    });
    assert_eq!(actors(&db), [named("ada"), named("ada"), named("kay")]);
    assert_eq!(count(&db, "revision_frame"), 2, "that of the one that left nothing is gone");
    whole(&db);
}

#[test]
fn a_transaction_that_the_database_itself_rolled_back_says_so_and_writes_no_more() {
    let mut db = posts();
    user("ada").run(|| {
        write(&mut db, &insert(1)).unwrap();
        let mut tx = db.transaction().unwrap();
        tx.execute(&insert(2), []).unwrap();
        assert!(tx.execute("INSERT OR ROLLBACK INTO post VALUES (1, 'a', 0)", []).is_err());
        assert!(matches!(tx.execute(&insert(3), []), Err(Error::RolledBack)));
        drop(tx);
        write(&mut db, &insert(4)).unwrap();
    });
    assert_eq!(count(&db, "post"), 2);
    whole(&db);
}

#[test]
fn a_connection_that_served_one_request_never_lends_its_actor_to_the_next() {
    let mut db = posts();
    revision(&mut db, "ada", &insert(1));
    let refused = write(&mut db, &insert(2));
    assert!(matches!(refused, Err(Error::OutsideBlock { table }) if table == "post"));
    // In one transaction, too, that the block has been left is noticed.
    let mut tx = db.transaction().unwrap();
    user("ada").run(|| tx.execute(&insert(3), [])).unwrap();
    assert!(matches!(tx.execute(&insert(4), []), Err(Error::OutsideBlock { .. })));
    tx.commit().unwrap();
    assert_eq!(actors(&db), [named("ada"), named("ada")]);

    db.track("post").unwrap().or_nobody().unwrap();
    let mut tx = db.transaction().unwrap();
    user("ada").run(|| tx.execute(&insert(5), [])).unwrap();
    tx.execute(&insert(6), []).unwrap();
    user("ada").run(|| tx.execute(&insert(7), [])).unwrap();
    tx.commit().unwrap();
    write(&mut db, &insert(8)).unwrap();
    let expected = [named("ada"), Who::Nobody, named("ada"), Who::Nobody];
    assert_eq!(actors(&db)[2..], expected);
    let nobody = "SELECT count(DISTINCT revision) FROM revision_history WHERE actor = 'nobody'";
    assert_eq!(number(&db, nobody), 2, "each transaction is a revision of its own");
    whole(&db);
}

#[test]
fn a_table_that_allows_nobody_does_not_allow_it_for_another_one() {
    let mut db =
        memory("CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(id INTEGER PRIMARY KEY)");
    db.track("a").unwrap().or_nobody().unwrap();
    db.track("b").unwrap();
    let mut tx = db.transaction().unwrap();
    tx.execute("INSERT INTO a VALUES (1)", []).unwrap();
    let refused = tx.execute("INSERT INTO b VALUES (1)", []);
    assert!(matches!(refused, Err(Error::OutsideBlock { table }) if table == "b"));
    tx.commit().unwrap();
    assert_eq!(actors(&db), [Who::Nobody]);
}

#[test]
fn a_statement_past_the_transaction_is_refused() {
    let mut db = posts();
    user("ada").run(|| {
        assert!(db.connection().execute(&insert(1), []).is_err());
        write(&mut db, &insert(2)).unwrap();
        assert!(db.connection().execute("DELETE FROM post", []).is_err());
    });
    db.track("post").unwrap().or_nobody().unwrap();
    assert!(db.connection().execute("DELETE FROM post", []).is_err());
    assert_eq!((count(&db, "post"), count(&db, "revision_delta")), (1, 1));
    user("ada").run(|| {
        db.write(|tx| -> Outcome {
            for sql in ["COMMIT", "rollback to x", " /* */ SAVEPOINT x", "END", "BEGIN"] {
                assert!(matches!(tx.execute(sql, []), Err(Error::Control { .. })), "{sql}");
            }
            Ok(())
        })
        .unwrap();
    });
}

#[test]
fn a_transaction_that_was_begun_past_the_guards_is_left_alone() {
    let mut db = posts();
    db.connection().execute_batch("BEGIN").unwrap();
    assert!(matches!(db.transaction(), Err(Error::AlreadyOpen)));
    assert!(!db.connection().is_autocommit());
    db.connection().execute_batch("COMMIT").unwrap();
    revision(&mut db, "ada", &insert(1));
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    conn.execute_batch("BEGIN").unwrap();
    assert!(matches!(Tracked::new(conn), Err(Error::AlreadyOpen)));
}

#[test]
fn nobody_the_system_and_an_actor_called_system_are_different_on_disk() {
    let mut db = posts();
    Revision::new().run(|| write(&mut db, &insert(1))).unwrap();
    Revision::new().system().run(|| write(&mut db, &insert(2))).unwrap();
    Revision::new().actor(("system", "system")).run(|| write(&mut db, &insert(3))).unwrap();
    let who = actors(&db);
    assert_eq!(who[..2], [Who::Nobody, Who::System]);
    assert_eq!(who[2].to_string(), "system system");
    assert_eq!(number(&db, "SELECT count(DISTINCT actor) FROM revision_frame"), 3);
    for who in who {
        assert_eq!(db.history().by_who(&who).entries().unwrap().len(), 1, "{who}");
    }
}

#[test]
fn reasons_and_descriptions_are_those_of_the_innermost_block() {
    let mut db = posts();
    user("ada").description("sweep").because("spam").run(|| {
        write(&mut db, &insert(1)).unwrap();
        Revision::new().system().because("corrected").run(|| write(&mut db, &insert(2))).unwrap();
        write(&mut db, &insert(3)).unwrap();
        set_description("second half").unwrap();
        set_reason("more spam").unwrap();
        set_system().unwrap();
        write(&mut db, &insert(4)).unwrap();
    });
    let entries = db.history().entries().unwrap();
    let said: Vec<_> = entries
        .iter()
        .rev()
        .map(|e| (e.actor.to_string(), e.because.clone().unwrap(), e.description.clone().unwrap()))
        .collect();
    let expected = [
        ("user ada", "spam", "sweep"),
        ("the system", "corrected", "sweep"),
        ("user ada", "spam", "sweep"),
        ("the system", "more spam", "second half"),
    ];
    assert_eq!(said, expected.map(|(a, b, c)| (a.into(), b.into(), c.into())));
    assert!(entries.windows(2).all(|pair| pair[0].revision == pair[1].revision));
}

#[test]
fn an_untracked_block_leaves_one_gap_for_each_table_and_ends() {
    let mut db =
        memory("CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(id INTEGER PRIMARY KEY)");
    db.track("a").unwrap();
    db.track("b").unwrap();
    let callee = |db: &mut Tracked| {
        Revision::untracked("import").run(|| {
            assert!(!is_tracking());
            db.write(|tx| -> Outcome {
                for id in 10..20 {
                    tx.execute("INSERT INTO a VALUES (?1)", [id])?;
                }
                tx.savepoint()?.execute("INSERT INTO b VALUES (1)", [])?;
                Revision::new().tracked().run(|| tx.execute("INSERT INTO a VALUES (20)", []))?;
                Ok(())
            })
        })
    };
    user("ada").run(|| {
        write(&mut db, "INSERT INTO a VALUES (1)").unwrap();
        callee(&mut db).unwrap();
        write(&mut db, "INSERT INTO a VALUES (2)").unwrap();
        Revision::untracked("nothing comes of it")
            .run(|| write(&mut db, "DELETE FROM a WHERE id = 99"))
            .unwrap();
        disable("from here").unwrap();
        write(&mut db, "INSERT INTO b VALUES (2)").unwrap();
        enable().unwrap();
        write(&mut db, "INSERT INTO b VALUES (3)").unwrap();
    });
    assert_eq!(
        story(&db),
        [
            "+a 1 id:·>1 by user ada",
            "?a  by user ada (import)",
            "+a 20 id:·>20 by user ada",
            "+a 2 id:·>2 by user ada",
            "?b  by user ada (from here)",
            "+b 3 id:·>3 by user ada",
        ],
        "the savepoint was rolled back, and its gap with it"
    );
    assert_eq!(db.history().of("a", 1).unwrap().len(), 2, "the gap is in the history of each row");
}

#[tokio::test]
async fn an_untracked_task_is_untracked_alone() {
    let db = Arc::new(Mutex::new(posts()));
    let add = |id: i64| write(&mut db.lock().unwrap(), &insert(id)).unwrap();
    user("ada")
        .wrap(async {
            let silent = Revision::untracked("import").wrap(async {
                yield_now().await;
                add(1);
                yield_now().await;
                add(2);
            });
            let heard = async {
                add(3);
                yield_now().await;
                add(4);
            };
            tokio::join!(silent, heard);
            add(5);
        })
        .await;
    let ids = "SELECT group_concat(\"key\" ->> 0, '') FROM revision_delta";
    let ids = db.lock().unwrap().connection().query_row(ids, [], |row| row.get::<_, String>(0));
    assert_eq!(ids.unwrap(), "345");
}

#[test]
fn an_actor_set_in_a_callee_with_a_block_of_its_own_is_not_the_callers() {
    let mut db = posts();
    user("ada").run(|| {
        Revision::new().run(|| {
            set_actor(("user", "grace")).unwrap();
            write(&mut db, &insert(1)).unwrap();
        });
        write(&mut db, &insert(2)).unwrap();
        set_actor(("user", "kay")).unwrap();
        write(&mut db, &insert(3)).unwrap();
    });
    assert_eq!(actors(&db), [named("grace"), named("ada"), named("kay")]);
}

#[test]
fn an_actor_is_not_set_outside_of_a_block_nor_through_a_sealed_scope() {
    static SPAN: Var<u32> = Var::new("span");
    assert_eq!(set_actor(("user", "ada")), Err(NoBlock::Outside));
    Scope::new().set(&SPAN, 1).run(|| assert_eq!(set_system(), Err(NoBlock::Outside)));
    user("ada").run(|| {
        let _span = SPAN.enter(1);
        let Err(NoBlock::Sealed(error)) = set_actor(("user", "grace")) else {
            panic!("it was set")
        };
        assert_eq!(error.sealed_at().map(|place| place.file()), Some(file!()));
        assert_eq!(here().unwrap().who, named("ada"));
    });
}

/// SQLite has one writer at a time: each task waits for the other's commit, and never for a row.
#[tokio::test]
async fn two_tasks_with_transactions_of_their_own_under_one_revision_both_commit() {
    let file = File::new();
    let table = "CREATE TABLE IF NOT EXISTS post(id INTEGER PRIMARY KEY, title, spam)";
    let revision = user("ada")
        .wrap(async {
            let task = |id: i64| {
                let mut db = file.open(table);
                db.track("post").unwrap();
                stackholm::tokio::spawn_blocking(move || {
                    let mut tx = db.transaction().unwrap();
                    tx.execute(&insert(id), []).unwrap();
                    tx.execute(&insert(id + 1), []).unwrap();
                    tx.commit().unwrap();
                })
            };
            let (one, two) = tokio::join!(task(10), task(20));
            one.and(two).unwrap();
            here().unwrap().revision
        })
        .await;
    let db = file.open("");
    assert_eq!(db.history().in_revision(revision).entries().unwrap().len(), 4);
    assert_eq!(count(&db, "revision_part"), 2);
}

#[tokio::test]
async fn a_transaction_that_is_moved_into_a_task_is_attributed_by_that_task() {
    let mut db = posts();
    user("ada").run(|| write(&mut db, &insert(1))).unwrap();
    let moved = user("ada").wrap(async move {
        let mut tx = db.transaction().unwrap();
        tx.execute(&insert(2), []).unwrap();
        // A scoped thread borrows it, carries its own block, and gives it back.
        std::thread::scope(|threads| {
            threads.spawn(|| user("grace").run(|| tx.execute(&insert(3), []).unwrap()));
        });
        tx.execute(&insert(4), []).unwrap();
        let bare = std::thread::scope(|threads| {
            threads.spawn(|| tx.execute(&insert(5), [])).join().unwrap()
        });
        assert!(matches!(bare, Err(Error::OutsideBlock { .. })));
        tx.commit().unwrap();
        db
    });
    let db = tokio::spawn(moved).await.unwrap();
    assert_eq!(actors(&db)[1..], [named("ada"), named("grace"), named("ada")]);
}

/// What an application makes ambient of its own should not be carried: it says so, and is told.
#[tokio::test]
async fn a_transaction_variable_that_stays_on_its_stack_says_so_in_a_task() {
    static TX: Var<Arc<Mutex<u32>>> = Var::new("transaction").stays_on_stack();
    TX.scope(Arc::default(), async {
        let spawned = stackholm::tokio::spawn(async { TX.try_get().unwrap_err() }).await.unwrap();
        let said = spawned.to_string();
        assert!(said.contains("`transaction`") && said.contains("attribution.rs"), "{said}");
        assert!(said.contains("its reach does not carry it here"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn tasks_and_threads_that_carry_the_context_write_into_its_revision_and_others_do_not() {
    let db = Arc::new(Mutex::new(posts()));
    let add = {
        let db = db.clone();
        move |id: i64| write(&mut db.lock().unwrap(), &insert(id))
    };
    let work = {
        let add = add.clone();
        async move {
            let [a, b, c, d, e] = std::array::from_fn(|_| add.clone());
            tokio::spawn(async move { a(1).unwrap() }.in_current_context()).await.unwrap();
            stackholm::tokio::spawn_blocking(move || b(2).unwrap()).await.unwrap();
            stackholm::thread::spawn(move || c(3).unwrap()).join().unwrap();
            stackholm::rayon::join(|| d(4).unwrap(), || ());
            tokio::spawn(async move { e(5).unwrap_err() }).await.unwrap();
        }
    };
    user("ada").wrap(work).await;
    let db = db.lock().unwrap();
    assert_eq!(actors(&db), vec![named("ada"); 4]);
    assert_eq!(number(&db, "SELECT count(DISTINCT revision) FROM revision_part"), 1);
}

/// Polls a future n times at most; says whether it was ready.
fn poll(future: impl Future, n: usize) -> bool {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..n).any(|_| matches!(future.as_mut().poll(&mut context), Poll::Ready(_)))
}

#[test]
fn a_future_cancelled_at_any_poll_leaves_no_open_transaction_and_no_actor() {
    let mut db = posts();
    let mut done = false;
    let mut n = 0;
    while !done {
        n += 1;
        let id = 100 * n as i64;
        let future = user("ada").wrap(async {
            let mut tx = db.transaction().unwrap();
            yield_now().await;
            tx.execute(&insert(id), []).unwrap();
            yield_now().await;
            let mut savepoint = tx.savepoint().unwrap();
            user("grace")
                .wrap(async {
                    savepoint.execute(&insert(id + 1), []).unwrap();
                    yield_now().await;
                    savepoint.execute(&insert(id + 2), []).unwrap();
                })
                .await;
            yield_now().await;
            savepoint.commit().unwrap();
            yield_now().await;
            tx.execute(&insert(id + 3), []).unwrap();
            tx.commit().unwrap();
        });
        done = poll(future, n);
        assert!(db.connection().is_autocommit());
        assert!(here().is_none());
        assert!(matches!(write(&mut db, &insert(id + 4)), Err(Error::OutsideBlock { .. })));
        user("kay").run(|| write(&mut db, &insert(id + 5))).unwrap();
        let last = db.history().limit(1).entries().unwrap().remove(0);
        assert_eq!(last.actor, named("kay"));
        whole(&db);
    }
    assert_eq!(n, 6, "each await was cancelled once");
    let names = ["ada", "grace", "grace", "ada", "kay"].map(named);
    assert_eq!(actors(&db)[5..], names);
}

const SECRET: [u8; 32] = [9; 32];

#[test]
fn a_token_takes_revision_and_actor_through_a_queue_into_another_process() {
    let file = File::new();
    let mut db = file.open("CREATE TABLE post(id INTEGER PRIMARY KEY, title, spam)");
    db.track("post").unwrap();
    let secret = TokenSecret::new(SECRET);
    let (revision, queue) = user("ada").because("asked \"for\"").description("import").run(|| {
        write(&mut db, &insert(1)).unwrap();
        let token = Revision::token(&secret).unwrap();
        // The queue is the other's standard input.
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process_of_the_queue", "--nocapture"])
            .env("STACKHOLM_REVISION_QUEUE", file.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        use std::io::Write as _;
        writeln!(child.stdin.take().unwrap(), "{token}").unwrap();
        (here().unwrap().revision, child.wait().unwrap())
    });
    assert!(queue.success());
    let entries = db.history().in_revision(revision).entries().unwrap();
    let said: Vec<_> = entries.iter().map(|e| (e.actor.to_string(), e.because.clone())).collect();
    assert_eq!(said, vec![("user ada".to_owned(), Some("asked \"for\"".to_owned())); 2]);
    assert_eq!(entries[0].key, 2.into());
    assert_eq!(entries[0].description.as_deref(), Some("import"));
}

/// Does nothing unless the test above starts it in a process of its own.
#[test]
fn the_other_process_of_the_queue() {
    let Some(path) = std::env::var_os("STACKHOLM_REVISION_QUEUE") else { return };
    let mut token = String::new();
    std::io::stdin().read_line(&mut token).unwrap();
    let mut db = open(path.as_ref(), "");
    db.track("post").unwrap();
    assert!(matches!(write(&mut db, &insert(2)), Err(Error::OutsideBlock { .. })));
    let resumed = Revision::resume(&TokenSecret::new(SECRET), token.trim()).unwrap();
    resumed.run(|| write(&mut db, &insert(2))).unwrap();
}

#[test]
fn a_token_that_is_tampered_with_too_long_or_of_nobody_knows_what_is_an_error() {
    let secret = TokenSecret::new(SECRET);
    assert_eq!(Revision::token(&secret), Err(TokenError::NoBlock));
    let token = user("ada").run(|| Revision::token(&secret)).unwrap();
    let resume = |text: &str| Revision::resume(&secret, text).map(drop);
    assert_eq!(resume(&token), Ok(()));
    let forged = token.replacen(&token[40..44], "0000", 1);
    assert_eq!(resume(&forged), Err(TokenError::Forged));
    assert_eq!(resume("not hexadecimal"), Err(TokenError::Malformed));
    assert_eq!(resume(""), Err(TokenError::Malformed));
    assert_eq!(resume(&"0".repeat(10_000)), Err(TokenError::TooLong));
    let long = user("ada").because("x".repeat(5000));
    assert_eq!(long.run(|| Revision::token(&secret)), Err(TokenError::TooLong));
    let said = format!("{token:?} {secret:?}");
    assert!(!said.contains(&token[..8]), "neither shows what it holds: {said}");
}
