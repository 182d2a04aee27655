//! What the documents of `revy` promise, sentence by sentence, on a real database.
//!
//! Where this crate deviates, and why:
//!
//! - **A revision for the outermost block**, not one for each save: what belongs together is one
//!   thing to look at and to take back. A save outside of every block is none (see the next).
//! - **Outside of every block a write is refused**, or nobody's if the table was tracked so; there
//!   it is silently not tracked. A block that is forgotten should be noticed.
//! - **Attribution at the statement**, not at the assignment to a field: there is no object whose
//!   fields could be watched. Who wants a field to be the system's writes it in a block of the
//!   system.
//! - **What is not tracked leaves a gap on record**, with a reason that must be given.
//! - **`enable` and `disable` act on the innermost block**; there, enabling in a callee takes the
//!   mark of its caller away.
//! - **A cascade keeps the actor who asked for it**; there it is the system's. Its reason is the
//!   deletion's in both.
//! - **The database's own cascades are seen**, so there are no handlers to be declared in their
//!   place.
//! - **A snapshot goes back from the present row**, so a row is whole that is older than its
//!   tracking; there it has only what was changed under tracking.
//! - **False and empty text are values**; there they count as unset.

mod common;

use common::{Outcome, actors, count, memory, number, posts, revision, story, user, write};
use stackholm_revision::sqlite::Conflict;
use stackholm_revision::{
    Actor, Op, Revision, Who, disable, enable, is_tracking, set_actor, set_description, set_system,
};

/// "Simply wrap your code in a context block to enable automatic tracking. Changes made in this
/// block will be tracked automatically. Saving the instance will create a new revision."
#[test]
fn changes_in_a_block_are_tracked_and_make_a_revision() {
    let mut db = posts();
    Revision::new().system().description("Detected by the system.").run(|| {
        write(&mut db, "INSERT INTO post VALUES (1, 'cheap pills', 0)").unwrap();
        write(&mut db, "UPDATE post SET spam = 1").unwrap();
    });
    let entries = db.history().entries().unwrap();
    assert_eq!(entries[0].description.as_deref(), Some("Detected by the system."));
    assert_eq!((entries.len(), entries[0].actor.clone()), (2, Who::System));
    assert_eq!(entries[0].revision, entries[1].revision);
}

/// "Actors can be instances of any model, e.g., user, organization, system, etc."
#[test]
fn an_actor_is_of_any_type_and_chosen_inside_the_block() {
    struct Organization(u32);
    impl Actor for Organization {
        fn kind(&self) -> &str {
            "organization"
        }
        fn id(&self) -> String {
            self.0.to_string()
        }
    }
    let view = |db: &mut common::Db, organization: Option<u32>, id: i64| {
        Revision::new().run(|| {
            match organization {
                Some(number) => set_actor(Organization(number)).unwrap(),
                None => set_actor(("user", "ada")).unwrap(),
            }
            write(db, &format!("INSERT INTO post VALUES ({id}, 'x', 0)")).unwrap();
        });
    };
    let mut db = posts();
    view(&mut db, Some(7), 1);
    view(&mut db, None, 2);
    let who: Vec<_> = actors(&db).iter().map(ToString::to_string).collect();
    assert_eq!(who, ["organization 7", "user ada"]);
    assert_eq!(db.history().by(Organization(7)).entries().unwrap().len(), 1);
}

/// "Revy supports collaborative systems, allowing multiple actors in a single revision. The actor
/// is the system in this block. The actor here is `request.user` again."
#[test]
fn several_actors_work_in_one_revision_and_each_block_has_its_own() {
    let mut db = memory("CREATE TABLE invoice(id INTEGER PRIMARY KEY, amount, local_amount)");
    db.track("invoice").unwrap();
    user("ada")
        .run(|| -> Outcome {
            set_description("the header of the commit").unwrap();
            let mut tx = db.transaction()?;
            tx.execute("INSERT INTO invoice VALUES (1, 20, NULL)", [])?;
            Revision::new()
                .system()
                .because("Corrected by the system.")
                .run(|| tx.execute("UPDATE invoice SET local_amount = 60", []))?;
            tx.execute("UPDATE invoice SET amount = 21", [])?;
            tx.commit()
        })
        .unwrap();
    assert_eq!(
        story(&db)[1..],
        [
            "~invoice 1 local_amount:null>60 by the system (Corrected by the system.)",
            "~invoice 1 amount:20>21 by user ada",
        ]
    );
    assert_eq!(count(&db, "revision_part"), 1);
}

/// "Revy monitors changes at both the object and attribute levels, storing them in a tabular format
/// for straightforward querying and analysis."
#[test]
fn history_is_a_table_that_plain_sql_can_ask() {
    let mut db = posts();
    revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'a', 0)");
    revision(&mut db, "grace", "UPDATE post SET spam = 1, title = 'b'");
    let attributes = "SELECT count(*) FROM revision_history, json_each(new) \
                      WHERE actor_kind = 'user' AND actor_id = 'grace' AND op = 'u'";
    assert_eq!(number(&db, attributes), 2);
    assert_eq!(number(&db, "SELECT count(*) FROM revision_history WHERE op = 'i'"), 1);
}

/// "The account has been closed at the owner's request." and "Deleted because the owner's account
/// has been closed.": the row that was asked for and those that go with it have reasons of their
/// own.
#[test]
fn a_deletion_and_what_goes_with_it_have_reasons_of_their_own() {
    let mut db = memory(
        "CREATE TABLE user(id INTEGER PRIMARY KEY);
         CREATE TABLE post(id INTEGER PRIMARY KEY, author REFERENCES user ON DELETE CASCADE);
         CREATE TABLE vote(id INTEGER PRIMARY KEY, by REFERENCES user ON DELETE SET NULL);
         CREATE TABLE task(id INTEGER PRIMARY KEY,
             of DEFAULT 2 REFERENCES user ON DELETE SET DEFAULT);
         INSERT INTO user VALUES (1), (2); INSERT INTO post VALUES (10, 1);
         INSERT INTO vote VALUES (20, 1); INSERT INTO task VALUES (30, 1)",
    );
    for table in ["user", "post", "vote", "task"] {
        db.track(table).unwrap();
    }
    user("ada").because("closed").deletion_because("the owner's was closed").run(|| {
        write(&mut db, "DELETE FROM user WHERE id = 1").unwrap();
    });
    let mut story = story(&db);
    story.sort();
    assert_eq!(
        story,
        [
            "-post 10 author:1>· id:10>· caused by user ada (the owner's was closed)",
            "-user 1 id:1>· by user ada (closed)",
            "~task 30 of:1>2 caused by user ada (the owner's was closed)",
            "~vote 20 by:1>null caused by user ada (the owner's was closed)",
        ]
    );
}

/// "If no active context exists or if the current context is disabled during deletion, the
/// corresponding Django handler will be used as a fallback": untracked, the database cascades all
/// the same. Without a block it is refused, which is the deviation.
#[test]
fn an_untracked_deletion_cascades_and_leaves_no_change_but_gaps() {
    let mut db = memory(
        "CREATE TABLE user(id INTEGER PRIMARY KEY);
         CREATE TABLE post(id INTEGER PRIMARY KEY, author REFERENCES user ON DELETE CASCADE);
         INSERT INTO user VALUES (1); INSERT INTO post VALUES (10, 1)",
    );
    db.track("user").unwrap();
    db.track("post").unwrap();
    assert!(write(&mut db, "DELETE FROM user").is_err());
    Revision::untracked("purge").run(|| write(&mut db, "DELETE FROM user")).unwrap();
    assert_eq!((count(&db, "post"), count(&db, "revision_delta")), (0, 0));
    assert_eq!(story(&db), ["?user  by nobody (purge)", "?post  by nobody (purge)"]);
}

/// "Reconstructs model instances from object deltas. It is ready to be saved again, with the same
/// ID if you don't change it."
#[test]
fn a_deleted_row_is_reconstructed_and_saved_again_under_its_key() {
    let mut db = posts();
    revision(&mut db, "ada", "INSERT INTO post VALUES (1, 'contexts', 0)");
    let gone = revision(&mut db, "ada", "DELETE FROM post");
    let entry = &db.history().of("post", 1).unwrap()[0];
    assert_eq!((entry.op, entry.old.get("title")), (Op::Delete, Some(&"contexts".into())));
    let snapshot = db.history().before("post", 1, gone).unwrap().unwrap();
    assert_eq!(snapshot, entry.old);
    user("grace").run(|| db.write(|tx| tx.revert(gone, Conflict::Stop))).unwrap();
    assert_eq!(count(&db, "post WHERE id = 1 AND title = 'contexts'"), 1);
}

/// "Tracking can be disabled and re-enabled as needed. Context is disabled in this block. Here
/// context is re-enabled."
#[test]
fn tracking_is_disabled_and_enabled_inside_a_block_and_for_a_block() {
    let mut db = posts();
    let mut insert = |id: i64| {
        write(&mut db, &format!("INSERT INTO post VALUES ({id}, 'x', 0)")).unwrap();
    };
    user("a task").run(|| {
        disable("on purpose").unwrap();
        insert(1);
        Revision::new().run(|| insert(2));
        enable().unwrap();
        insert(3);
        Revision::untracked("as disabled").run(|| {
            insert(4);
            Revision::new().run(|| enable().unwrap());
            assert!(!is_tracking(), "a callee does not enable its caller's block");
        });
        insert(5);
    });
    let keys = "SELECT sum(\"key\" ->> 0) FROM revision_delta";
    assert_eq!(number(&db, keys), 3 + 5);
}

/// "`@Context()`": a whole function is a block; called in another one, it shares that one's
/// revision.
#[test]
fn a_whole_function_may_be_a_block() {
    let mut db = posts();
    let mut decorated = |id: i64| {
        Revision::new().run(|| {
            set_system().unwrap();
            write(&mut db, &format!("INSERT INTO post VALUES ({id}, 'x', 0)")).unwrap();
        })
    };
    decorated(1);
    Revision::new().run(|| {
        decorated(2);
        decorated(3);
    });
    let revisions: Vec<_> =
        db.history().entries().unwrap().iter().rev().map(|entry| entry.revision).collect();
    assert!(revisions[0] != revisions[1] && revisions[1] == revisions[2]);
}

/// "Compatible with both synchronous and asynchronous workflows."
#[tokio::test]
async fn asynchronous_work_is_tracked_and_requests_that_take_turns_do_not_mix() {
    let db = std::sync::Mutex::new(posts());
    let request = |name: &'static str, id: i64| {
        let change = |id: i64| {
            write(&mut db.lock().unwrap(), &format!("INSERT INTO post VALUES ({id}, 'x', 0)"))
                .unwrap();
        };
        user(name).wrap(async move {
            change(id);
            tokio::task::yield_now().await;
            Revision::new()
                .system()
                .wrap(async {
                    tokio::task::yield_now().await;
                    change(id + 1);
                })
                .await;
            change(id + 2);
        })
    };
    tokio::join!(request("ada", 10), request("grace", 20));
    let who = "SELECT group_concat(\"key\" ->> 0 || ' ' || ifnull(actor_id, actor)) FROM \
               (SELECT * FROM revision_history ORDER BY \"key\")";
    let who: String = db.lock().unwrap().connection().query_row(who, [], |row| row.get(0)).unwrap();
    assert_eq!(who, "10 ada,11 system,12 ada,20 grace,21 system,22 grace");
}

/// False and the empty text are values of their own, and null is another one.
#[test]
fn false_and_empty_text_are_values_and_not_absence() {
    let mut db = posts();
    revision(&mut db, "ada", "INSERT INTO post VALUES (1, NULL, NULL)");
    revision(&mut db, "ada", "UPDATE post SET title = '', spam = FALSE");
    let entry = &db.history().entries().unwrap()[0];
    let changes: Vec<_> =
        entry.changes().iter().map(|c| (c.column.to_owned(), c.new.cloned())).collect();
    assert_eq!(changes, [("spam".into(), Some(0.into())), ("title".into(), Some("".into()))]);
}
