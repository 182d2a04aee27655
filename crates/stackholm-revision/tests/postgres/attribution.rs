//! In whose name, and why: blocks, savepoints and transactions.

use crate::common::*;
use stackholm::{Scope, Var};
use stackholm_revision::postgres::{Conflict, Error, Tracked, Transaction};
use stackholm_revision::{
    NoBlock, Revision, Who, disable, enable, here, is_tracking, set_actor, set_description,
    set_reason, set_system,
};
use std::panic::AssertUnwindSafe;

#[tokio::test]
async fn two_actors_alternate_a_thousand_times_within_one_transaction() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        let sql = "INSERT INTO post VALUES ($1, 'a', 0)";
        for id in 0..1000_i32 {
            tx.execute(sql, &[&(2 * id)]).await.unwrap();
            user("grace").wrap(tx.execute(sql, &[&(2 * id + 1)])).await.unwrap();
        }
        tx.execute("UPDATE post SET spam = 1", &[]).await.unwrap();
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    let wrong = "SELECT count(*) FROM stackholm.revision_history WHERE op = 'i' AND \
        actor_id <> CASE (\"key\" ->> 0)::int % 2 WHEN 1 THEN 'grace' ELSE 'ada' END";
    assert_eq!(number(&db, wrong).await, 0);
    assert_eq!(count(&db, "stackholm.revision_delta").await, 4000);
    assert_eq!(count(&db, "stackholm.revision_frame").await, 2001);
    assert_eq!(count(&db, "stackholm.revision_part").await, 1);
}

/// Counted in the log of the server.
#[tokio::test]
async fn reads_send_nothing_and_writes_in_one_frame_send_it_once() {
    let (database, mut db) = or_skip!(posts().await);
    revision(&mut db, "ada", &insert(1)).await;
    db.client().batch_execute("SET log_statement = 'all'").await.unwrap();
    let before = database.statements();
    let sent = |expected: usize| assert_eq!(database.statements() - before, expected);
    user("grace")
        .wrap(async {
            let mut tx = db.transaction().await.unwrap();
            // Beginning is one message of two statements.
            sent(1);
            for _ in 0..1000 {
                tx.query("SELECT title FROM post", &[]).await.unwrap();
            }
            sent(1 + 1000);
            for n in 0..1000_i32 {
                tx.execute("UPDATE post SET spam = $1", &[&(n + 1)]).await.unwrap();
            }
            sent(1 + 1000 + 1 + 1000);
            Revision::new().system().wrap(tx.query("SELECT 1", &[])).await.unwrap();
            // What was told would not be true of a function that the read calls.
            sent(1 + 1000 + 1 + 1000 + 2);
            tx.commit().await.unwrap();
            sent(1 + 1000 + 1 + 1000 + 2 + 1);
        })
        .await;
    assert_eq!(count(&db, "stackholm.revision_frame").await, 2);
}

#[tokio::test]
async fn blocks_that_say_the_same_share_a_frame() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        for id in 0..50 {
            let block = Revision::new().system().because("nightly");
            block.wrap(tx.execute(&insert(id), &[])).await.unwrap();
        }
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(count(&db, "stackholm.revision_frame").await, 1);
}

#[tokio::test]
async fn a_savepoint_that_is_rolled_back_after_the_actor_changed_in_it_leaves_the_outer_actor() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        tx.execute(&insert(1), &[]).await.unwrap();
        let mut savepoint = tx.savepoint().await.unwrap();
        user("grace").wrap(savepoint.execute(&insert(2), &[])).await.unwrap();
        savepoint.rollback().await.unwrap();
        tx.execute(&insert(3), &[]).await.unwrap();
        let mut savepoint = tx.savepoint().await.unwrap();
        user("grace").wrap(savepoint.execute(&insert(4), &[])).await.unwrap();
        drop(savepoint);
        // The frame that was told last is gone with the savepoint.
        user("grace").wrap(tx.execute(&insert(5), &[])).await.unwrap();
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(actors(&db).await, [named("ada"), named("ada"), named("grace")]);
    whole(&db).await;
}

#[tokio::test]
async fn the_first_change_may_be_in_a_savepoint_that_is_rolled_back() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        let mut savepoint = tx.savepoint().await.unwrap();
        savepoint.execute(&insert(1), &[]).await.unwrap();
        drop(savepoint);
        tx.execute(&insert(2), &[]).await.unwrap();
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(story(&db).await, ["+post 2 id:·>2 spam:·>0 title:·>a by user ada"]);
    assert_eq!(count(&db, "stackholm.revision_part").await, 1);
    whole(&db).await;
}

#[tokio::test]
async fn a_savepoint_that_is_kept_keeps_what_was_told_in_it() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        let mut outer = tx.savepoint().await.unwrap();
        let mut inner = outer.savepoint().await.unwrap();
        user("grace").wrap(inner.execute(&insert(1), &[])).await.unwrap();
        inner.commit().await.unwrap();
        outer.execute(&insert(2), &[]).await.unwrap();
        outer.commit().await.unwrap();
        tx.execute(&insert(3), &[]).await.unwrap();
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(actors(&db).await, [named("grace"), named("ada"), named("ada")]);
    assert_eq!(count(&db, "stackholm.revision_frame").await, 2);
}

#[tokio::test]
async fn a_second_transaction_goes_on_with_the_revision_of_one_that_was_rolled_back() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        tx.execute(&insert(1), &[]).await.unwrap();
        drop(tx);
        write(&mut db, &insert(2)).await.unwrap();
        assert_eq!(count(&db, "stackholm.revision_part").await, 1);
        assert_eq!(count(&db, "stackholm.revision_delta").await, 1);
        write(&mut db, &insert(3)).await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(count(&db, "stackholm.revision_part").await, 2, "one for each transaction");
    let revisions = "SELECT count(DISTINCT revision) FROM stackholm.revision_part";
    assert_eq!(number(&db, revisions).await, 1);
}

#[tokio::test]
async fn a_panic_an_error_and_a_forgotten_guard_keep_nothing_and_the_connection_goes_on() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let panics = user("grace").wrap(async {
            let mut tx = db.transaction().await.unwrap();
            tx.execute(&insert(1), &[]).await.unwrap();
            panic!("on purpose");
        });
        let mut panics = Box::pin(AssertUnwindSafe(panics));
        let caught = std::future::poll_fn(|context| {
            let polled = || panics.as_mut().poll(context);
            match std::panic::catch_unwind(AssertUnwindSafe(polled)) {
                Ok(polled) => polled.map(|()| false),
                Err(_) => std::task::Poll::Ready(true),
            }
        })
        .await;
        assert!(caught);
        drop(panics);
        assert_eq!(here().unwrap().who, named("ada"));
        let fails: Outcome<()> = db
            .write(async |tx| {
                tx.execute(&insert(2), &[]).await?;
                tx.execute("not a statement", &[]).await.map(drop)
            })
            .await;
        assert!(matches!(fails, Err(Error::Postgres(_))));
        let mut tx = db.transaction().await.unwrap();
        tx.execute(&insert(3), &[]).await.unwrap();
        std::mem::forget(tx);
        let mut tx = db.transaction().await.unwrap();
        tx.execute(&insert(4), &[]).await.unwrap();
        let mut savepoint = tx.savepoint().await.unwrap();
        user("grace").wrap(savepoint.execute(&insert(5), &[])).await.unwrap();
        std::mem::forget(savepoint);
        tx.execute(&insert(6), &[]).await.unwrap();
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(actors(&db).await, [named("ada"), named("ada")]);
    assert_eq!(number(&db, "SELECT sum(id * 10) + max(id) FROM post").await, 106);
    whole(&db).await;
}

/// `COMMIT` of a failed transaction rolls back and reports nothing; here it is an error.
#[tokio::test]
async fn a_commit_after_an_error_that_was_swallowed_says_that_nothing_was_kept() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        tx.execute(&insert(1), &[]).await.unwrap();
        assert!(tx.execute(&insert(1), &[]).await.is_err());
        assert!(matches!(tx.execute(&insert(2), &[]).await, Err(Error::RolledBack)));
        assert!(matches!(tx.commit().await, Err(Error::RolledBack)));
        let mut tx = db.transaction().await.unwrap();
        tx.execute(&insert(3), &[]).await.unwrap();
        let mut savepoint = tx.savepoint().await.unwrap();
        assert!(savepoint.execute(&insert(3), &[]).await.is_err());
        assert!(matches!(savepoint.commit().await, Err(Error::RolledBack)));
        tx.execute(&insert(4), &[]).await.unwrap();
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(count(&db, "post").await, 2);
    whole(&db).await;
}

#[tokio::test]
async fn a_connection_that_served_one_request_never_lends_its_actor_to_the_next() {
    let (database, mut db) = or_skip!(posts().await);
    revision(&mut db, "ada", &insert(1)).await;
    let refused = write(&mut db, &insert(2)).await;
    assert!(matches!(refused, Err(Error::OutsideBlock { table }) if table == "post"));
    // In one transaction, too, that the block has been left is noticed.
    let mut tx = db.transaction().await.unwrap();
    user("ada").wrap(tx.execute(&insert(3), &[])).await.unwrap();
    let mut savepoint = tx.savepoint().await.unwrap();
    let refused = savepoint.execute(&insert(4), &[]).await;
    assert!(matches!(refused, Err(Error::OutsideBlock { .. })));
    drop(savepoint);
    tx.commit().await.unwrap();
    assert_eq!(actors(&db).await, [named("ada"), named("ada")]);

    db.track("post").or_nobody().await.unwrap();
    let mut tx = db.transaction().await.unwrap();
    user("ada").wrap(tx.execute(&insert(5), &[])).await.unwrap();
    tx.execute(&insert(6), &[]).await.unwrap();
    tx.execute(&insert(7), &[]).await.unwrap();
    user("ada").wrap(tx.execute(&insert(8), &[])).await.unwrap();
    tx.commit().await.unwrap();
    write(&mut db, &insert(9)).await.unwrap();
    // Another program, which knows nothing of this.
    database.connect().await.batch_execute(&insert(10)).await.unwrap();
    let nobody = Who::Nobody;
    let expected =
        [named("ada"), nobody.clone(), nobody.clone(), named("ada"), nobody.clone(), nobody];
    assert_eq!(actors(&db).await[2..], expected);
    let nobody = "SELECT count(DISTINCT revision) FROM stackholm.revision_history \
                  WHERE actor = 'nobody'";
    assert_eq!(number(&db, nobody).await, 3, "each transaction is a revision of its own");
    let newest = db.history().limit(1).entries().await.unwrap().remove(0);
    assert!(newest.at.elapsed().unwrap().as_secs() < 600);
    whole(&db).await;
}

/// One after the other borrows the client of a pool; a guard was forgotten in between.
#[tokio::test]
async fn a_borrowed_client_is_given_back_without_a_transaction_and_without_an_actor() {
    let (database, db) = or_skip!(posts().await);
    let mut client = database.connect().await;
    let mut first = Tracked::new(&mut client);
    user("ada")
        .wrap(async {
            let mut tx = first.transaction().await.unwrap();
            tx.execute(&insert(1), &[]).await.unwrap();
            std::mem::forget(tx);
        })
        .await;
    drop(first);
    assert!(client.batch_execute(&insert(2)).await.is_err(), "it is of no block");
    let mut second = Tracked::new(&mut client);
    let mut tx = second.transaction().await.unwrap();
    assert!(matches!(tx.execute(&insert(3), &[]).await, Err(Error::OutsideBlock { .. })));
    drop(tx);
    user("kay").wrap(second.write(async |tx| tx.execute(&insert(4), &[]).await)).await.unwrap();
    assert_eq!(actors(&db).await, [named("kay")]);
}

#[tokio::test]
async fn a_table_that_allows_nobody_does_not_allow_it_for_another_one() {
    let sql = "CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    db.track("a").or_nobody().await.unwrap();
    let mut tx = db.transaction().await.unwrap();
    tx.execute("INSERT INTO a VALUES (1)", &[]).await.unwrap();
    let mut savepoint = tx.savepoint().await.unwrap();
    let refused = savepoint.execute("INSERT INTO b VALUES (1)", &[]).await;
    assert!(matches!(refused, Err(Error::OutsideBlock { table }) if table == "b"));
    drop(savepoint);
    tx.commit().await.unwrap();
    assert_eq!(actors(&db).await, [Who::Nobody]);
}

#[tokio::test]
async fn a_statement_past_the_transaction_is_refused() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        assert!(db.client().batch_execute(&insert(1)).await.is_err());
        write(&mut db, &insert(2)).await.unwrap();
        assert!(db.client().batch_execute("DELETE FROM post").await.is_err());
        assert!(db.client().batch_execute("TRUNCATE post").await.is_err());
        let mut tx = db.transaction().await.unwrap();
        for sql in ["COMMIT", "rollback to x", " /* */ SAVEPOINT x", "END", "BEGIN", "abort"] {
            let refused = tx.execute(sql, &[]).await;
            assert!(matches!(refused, Err(Error::Control { .. })), "{sql}");
        }
        let refused = tx.execute_batch("DELETE FROM post; COMMIT; DELETE FROM post").await;
        assert!(matches!(refused, Err(Error::Control { word }) if word == "COMMIT"));
        tx.commit().await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(count(&db, "post").await, 1);
    assert_eq!(count(&db, "stackholm.revision_delta").await, 1);
}

/// A statement that the program prepared may be anything: even one that ends the transaction lends
/// nobody's name.
#[tokio::test]
async fn a_prepared_statement_is_attributed_whatever_it_does() {
    let (_database, mut db) = or_skip!(posts().await);
    let sql = "INSERT INTO post VALUES ($1, 'a', 0)";
    let insert = db.client().prepare(sql).await.unwrap();
    let commit = db.client().prepare("COMMIT").await.unwrap();
    let mut tx = db.transaction().await.unwrap();
    user("ada").wrap(tx.execute(&insert, &[&1_i32])).await.unwrap();
    user("grace").wrap(tx.query(&insert, &[&2_i32])).await.unwrap();
    user("grace").wrap(tx.execute(&commit, &[])).await.unwrap();
    assert!(user("grace").wrap(tx.execute(&insert, &[&3_i32])).await.is_err());
    drop(tx);
    assert_eq!(actors(&db).await, [named("ada"), named("grace")]);
}

#[tokio::test]
async fn a_function_that_writes_is_attributed_or_refused_and_never_anothers() {
    let sql = format!(
        "{POST}; CREATE FUNCTION add(int) RETURNS int LANGUAGE sql AS \
         'INSERT INTO post VALUES ($1, ''f'', 0) RETURNING id'"
    );
    let (_database, mut db) = or_skip!(tables(&sql).await);
    let mut tx = db.transaction().await.unwrap();
    let mut savepoint = tx.savepoint().await.unwrap();
    let refused = user("ada").wrap(savepoint.query("SELECT add(1)", &[])).await;
    assert!(matches!(refused, Err(Error::TakenForRead { table }) if table == "post"));
    drop(savepoint);
    user("ada").wrap(tx.execute("SELECT add(2)", &[])).await.unwrap();
    // Something was told, and so each statement sees to it that it is true.
    user("grace").wrap(tx.query("SELECT add(3)", &[])).await.unwrap();
    let rows = user("kay").wrap(tx.call("SELECT add(4)", &[])).await.unwrap();
    assert_eq!(rows[0].get::<_, i32>(0), 4);
    let mut savepoint = tx.savepoint().await.unwrap();
    let refused = savepoint.query("SELECT add(5)", &[]).await;
    assert!(matches!(refused, Err(Error::OutsideBlock { .. })));
    drop(savepoint);
    tx.commit().await.unwrap();
    assert_eq!(actors(&db).await, [named("ada"), named("grace"), named("kay")]);
}

#[tokio::test]
async fn what_a_deferred_trigger_writes_is_of_the_block_around_the_commit() {
    let sql = format!(
        "{POST}; CREATE TABLE other(id int PRIMARY KEY);
         CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO post VALUES (NEW.id, 'late', 0); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER later AFTER INSERT ON other DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION later()"
    );
    let (_database, mut db) = or_skip!(tables(&sql).await);
    let mut tx = db.transaction().await.unwrap();
    user("ada").wrap(tx.execute("INSERT INTO other VALUES (1)", &[])).await.unwrap();
    user("grace").wrap(tx.commit()).await.unwrap();
    let mut tx = db.transaction().await.unwrap();
    user("ada").wrap(tx.execute("INSERT INTO other VALUES (2)", &[])).await.unwrap();
    assert!(matches!(tx.commit().await, Err(Error::OutsideBlock { .. })));
    assert_eq!(
        story(&db).await,
        [
            "+other 1 id:·>1 by user ada",
            "+post 1 id:·>1 spam:·>0 title:·>late caused by user grace",
        ]
    );
}

#[tokio::test]
async fn a_transaction_that_was_begun_past_the_guards_is_left_alone() {
    let (_database, mut db) = or_skip!(posts().await);
    db.client()
        .batch_execute("CREATE TABLE t(a int); BEGIN; INSERT INTO t VALUES (1)")
        .await
        .unwrap();
    assert!(matches!(db.transaction().await, Err(Error::AlreadyOpen)));
    db.client().batch_execute("COMMIT").await.unwrap();
    assert_eq!(count(&db, "t").await, 1);
    revision(&mut db, "ada", &insert(1)).await;
}

#[tokio::test]
async fn nobody_the_system_and_an_actor_called_system_are_different_on_disk() {
    let (_database, mut db) = or_skip!(posts().await);
    Revision::new().wrap(write(&mut db, &insert(1))).await.unwrap();
    Revision::new().system().wrap(write(&mut db, &insert(2))).await.unwrap();
    let odd = Revision::new().actor(("system", "it's \\ \"odd\" ü"));
    odd.wrap(write(&mut db, &insert(3))).await.unwrap();
    let who = actors(&db).await;
    assert_eq!(who[..2], [Who::Nobody, Who::System]);
    assert_eq!(who[2].to_string(), "system it's \\ \"odd\" ü");
    let kinds = "SELECT count(DISTINCT actor) FROM stackholm.revision_frame";
    assert_eq!(number(&db, kinds).await, 3);
    for who in who {
        assert_eq!(db.history().by_who(&who).entries().await.unwrap().len(), 1, "{who}");
    }
    let nul = Revision::new().actor(("user", "a\0b"));
    assert!(matches!(nul.wrap(write(&mut db, &insert(4))).await, Err(Error::Nul)));
}

#[tokio::test]
async fn reasons_and_descriptions_are_those_of_the_innermost_block() {
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        write(&mut db, &insert(1)).await.unwrap();
        let inner = Revision::new().system().because("corrected");
        inner.wrap(write(&mut db, &insert(2))).await.unwrap();
        write(&mut db, &insert(3)).await.unwrap();
        set_description("second half").unwrap();
        set_reason("more spam").unwrap();
        set_system().unwrap();
        write(&mut db, &insert(4)).await.unwrap();
    };
    user("ada").description("sweep").because("spam").wrap(work).await;
    let entries = db.history().entries().await.unwrap();
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

#[tokio::test]
async fn an_untracked_block_leaves_one_gap_for_each_table_and_ends() {
    let sql = "CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY)";
    let (_database, mut db) = or_skip!(tables(sql).await);
    async fn callee(tx: &mut Transaction<'_>) -> Outcome {
        assert!(!is_tracking());
        for id in 10..20_i32 {
            tx.execute("INSERT INTO a VALUES ($1)", &[&id]).await?;
        }
        tx.savepoint().await?.execute("INSERT INTO b VALUES (1)", &[]).await?;
        Revision::new().tracked().wrap(tx.execute("INSERT INTO a VALUES (20)", &[])).await?;
        // The same block again: its gap is on record.
        tx.execute("INSERT INTO a VALUES (21)", &[]).await?;
        Ok(())
    }
    let work = async {
        write(&mut db, "INSERT INTO a VALUES (1)").await.unwrap();
        Revision::untracked("import").wrap(db.write(callee)).await.unwrap();
        write(&mut db, "INSERT INTO a VALUES (2)").await.unwrap();
        let nothing = Revision::untracked("nothing comes of it");
        nothing.wrap(write(&mut db, "DELETE FROM a WHERE id = 99")).await.unwrap();
        disable("from here").unwrap();
        write(&mut db, "INSERT INTO b VALUES (2)").await.unwrap();
        enable().unwrap();
        write(&mut db, "INSERT INTO b VALUES (3)").await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(
        story(&db).await,
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
    let of = db.history().of("a", 1).await.unwrap();
    assert_eq!(of.len(), 2, "the gap is in the history of each row");
}

#[tokio::test]
async fn an_actor_set_in_a_callee_with_a_block_of_its_own_is_not_the_callers() {
    static SPAN: Var<u32> = Var::new("span");
    let (_database, mut db) = or_skip!(posts().await);
    let work = async {
        let callee = async {
            set_actor(("user", "grace")).unwrap();
            write(&mut db, &insert(1)).await.unwrap();
        };
        Revision::new().wrap(callee).await;
        write(&mut db, &insert(2)).await.unwrap();
        set_actor(("user", "kay")).unwrap();
        let sealed = async { set_actor(("user", "grace")) };
        let refused = Scope::new().set(&SPAN, 1).wrap(sealed).await;
        let Err(NoBlock::Sealed(error)) = refused else { panic!("it was set") };
        assert_eq!(error.sealed_at().map(|place| place.file()), Some(file!()));
        write(&mut db, &insert(3)).await.unwrap();
    };
    user("ada").wrap(work).await;
    assert_eq!(actors(&db).await, [named("grace"), named("ada"), named("kay")]);
}

#[tokio::test]
async fn a_revert_outside_of_every_block_or_of_nothing_is_an_error() {
    let (_database, mut db) = or_skip!(posts().await);
    let made = revision(&mut db, "ada", &insert(1)).await;
    let refused = db.write(async |tx| tx.revert(made, Conflict::Stop).await).await;
    assert!(matches!(refused, Err(Error::NoBlock)));
    let unknown = "0".repeat(32).parse().unwrap();
    let refused = db.write(async |tx| tx.revert(unknown, Conflict::Stop).await);
    assert!(matches!(user("ada").wrap(refused).await, Err(Error::NoRevision(_))));
}
