//! What `revy` promises of its contexts, on the small tracker of `examples/revision`.

#[path = "../examples/revision/model.rs"]
mod model;
#[path = "../examples/revision/tracker.rs"]
mod tracker;

use futures_util::future::join;
use model::{Record, Table};
use stackholm::{Checkpoint, Context, ContextExt, Scope, Var};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::task::yield_now;
use tracker::{
    Block, Journal, Kind, disable, enable, keeping, record, set_actor, set_revision_description,
};

/// Calls `f` with a journal of its own; gives what each revision holds, in the words of people.
fn tracked(f: impl FnOnce()) -> Vec<String> {
    let journal = Arc::<Journal>::default();
    keeping(&journal, f);
    assert!(Context::current().is_empty(), "nothing is left");
    written(&journal)
}

fn written(journal: &Journal) -> Vec<String> {
    journal.revisions().iter().map(ToString::to_string).collect()
}

fn change(what: &str) {
    record(tracker::is_active().then(|| Kind::Object.delta(what.into())));
}

#[test]
fn changes_in_a_block_are_tracked_with_its_actor_and_description() {
    let revisions = tracked(|| {
        Block::new().system().revision_description("why").run(|| change("a"));
    });
    assert_eq!(revisions, ["revision 1: why\n  a by the system"]);
}

#[test]
fn changes_are_tracked_at_the_level_of_objects_and_of_attributes() {
    let table = Table::default();
    let revisions = tracked(|| {
        Block::new().actor("ada").run(|| {
            let mut comment = Record::new("comment");
            comment.set("text", "hi");
            comment.set("text", "hi");
            comment.save(&table);
        });
    });
    assert_eq!(revisions, ["revision 1\n  comment created by ada\n    comment.text = hi by ada"]);
    assert_eq!(table.get("comment").unwrap().get("text"), "hi");
}

#[test]
fn an_actor_is_of_any_type_and_may_be_set_inside_the_block() {
    struct Organization(u32);
    impl std::fmt::Display for Organization {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "organization {}", self.0)
        }
    }
    let revisions = tracked(|| {
        Block::new().run(|| {
            change("a");
            set_actor(Organization(7)).unwrap();
            change("b");
            set_actor("ada").unwrap();
            change("c");
        });
    });
    assert_eq!(
        revisions,
        ["revision 1\n  a by nobody in particular\n  b by organization 7\n  c by ada"]
    );
}

#[test]
fn an_actor_set_in_a_callee_with_a_block_of_its_own_is_not_the_callers() {
    let revisions = tracked(|| {
        Block::new().actor("ada").run(|| {
            Block::new().run(|| set_actor("grace").unwrap());
            change("a");
        });
    });
    assert_eq!(revisions, ["revision 1\n  a by ada"]);
}

#[test]
fn several_actors_work_in_one_revision_and_each_block_has_its_own() {
    let revisions = tracked(|| {
        Block::new().actor("ada").run(|| {
            set_revision_description("all").unwrap();
            change("a");
            Block::new().system().description(Kind::Object, "corrected").run(|| change("b"));
            change("c");
        });
    });
    assert_eq!(
        revisions,
        ["revision 1: all\n  a by ada\n  b by the system: corrected\n  c by ada"]
    );
}

#[test]
fn the_system_is_an_actor_and_not_the_absence_of_one() {
    let revisions = tracked(|| {
        Block::new().run(|| change("a"));
        Block::new().system().run(|| change("b"));
    });
    assert_eq!(
        revisions,
        ["revision 1\n  a by nobody in particular", "revision 2\n  b by the system"]
    );
}

#[test]
fn descriptions_of_each_kind_nest_and_do_not_mix() {
    let delta = |kind: Kind| kind.delta(String::new()).description;
    tracked(|| {
        let outer = Block::new()
            .description(Kind::Object, "object")
            .description(Kind::Deletion, "deletion");
        outer.run(|| {
            Block::new().description(Kind::Object, "inner").run(|| {
                assert_eq!(delta(Kind::Object).as_deref(), Some("inner"));
                assert_eq!(delta(Kind::Deletion).as_deref(), Some("deletion"));
                assert_eq!(delta(Kind::Attribute), None);
            });
            assert_eq!(delta(Kind::Object).as_deref(), Some("object"));
        });
    });
}

#[test]
fn a_revision_is_made_by_the_first_change_and_shared_by_the_whole_block() {
    let journal = Arc::<Journal>::default();
    keeping(&journal, || {
        Block::new().run(|| {
            assert_eq!(written(&journal).len(), 0, "none yet");
            Block::new().actor("ada").run(|| change("first, two blocks in"));
            assert_eq!(written(&journal).len(), 1);
            change("then outside");
            Block::new().run(|| change("then in another one"));
        });
    });
    let [revision] = &journal.revisions()[..] else { panic!("one revision") };
    assert_eq!(revision.deltas().len(), 3);
    assert_eq!(revision.deltas()[0].actor, "ada");
}

#[test]
fn a_block_without_a_change_makes_no_revision() {
    assert!(tracked(|| Block::new().actor("ada").run(|| {})).is_empty());
}

#[test]
fn blocks_one_after_the_other_have_a_revision_each_even_if_it_is_one_block() {
    let block = Block::new().actor("ada");
    let revisions = tracked(|| {
        block.run(|| change("a"));
        block.run(|| block.run(|| change("b")));
    });
    assert_eq!(revisions, ["revision 1\n  a by ada", "revision 2\n  b by ada"]);
}

#[test]
fn a_deletion_that_cascades_is_tracked_with_a_reason_of_its_own() {
    let table = Table::default();
    let mut post = Record::new("post");
    post.set("owner", "ada");
    post.save(&table);
    Record::new("ada").save(&table);
    let revisions = tracked(|| {
        Block::new()
            .system()
            .description(Kind::Object, "asked for")
            .description(Kind::Deletion, "owner is gone")
            .run(|| table.delete("ada"));
    });
    let expected = "revision 1\n  post deleted with ada by the system: owner is gone\
                    \n  ada deleted by the system: asked for";
    assert_eq!(revisions, [expected]);
    assert!(table.get("ada").is_none() && table.get("post").is_none());
}

#[test]
fn without_a_context_or_in_a_disabled_one_the_plain_deletion_is_the_fallback() {
    let table = Table::default();
    let fill = || {
        let mut post = Record::new("post");
        post.set("owner", "ada");
        post.save(&table);
        Record::new("ada").save(&table);
    };
    let revisions = tracked(|| {
        fill();
        table.delete("ada");
        assert!(table.get("ada").is_none() && table.get("post").is_none());
        fill();
        Block::new().actor("ada").disabled().run(|| table.delete("ada"));
        assert!(table.get("ada").is_none() && table.get("post").is_none());
    });
    assert!(revisions.is_empty());
    assert!(table.snapshot("ada").is_none(), "the tracking one was not asked");
}

#[test]
fn a_tracked_deletion_can_be_rolled_back_from_its_snapshot() {
    let table = Table::default();
    let mut post = Record::new("post");
    post.set("title", "contexts");
    post.save(&table);
    tracked(|| Block::new().run(|| table.delete("post")));
    table.snapshot("post").unwrap().save(&table);
    assert_eq!(table.get("post").unwrap().get("title"), "contexts");
}

#[test]
fn tracking_is_disabled_and_enabled_inside_a_block() {
    let revisions = tracked(|| {
        Block::new().actor("ada").run(|| {
            change("a");
            disable().unwrap();
            assert!(!tracker::is_active());
            change("b");
            Block::new().run(|| change("c, in a block inside"));
            enable().unwrap();
            change("d");
        });
    });
    assert_eq!(revisions, ["revision 1\n  a by ada\n  d by ada"]);
}

#[test]
fn a_disabled_block_ends_and_tracking_goes_on() {
    let revisions = tracked(|| {
        Block::new().actor("ada").run(|| {
            let panicked = || Block::new().disabled().run(|| panic!("on purpose"));
            assert!(catch_unwind(AssertUnwindSafe(panicked)).is_err());
            Block::new().disabled().run(|| {
                change("a");
                enable().unwrap();
                change("b, enabled in it");
            });
            change("c");
        });
    });
    assert_eq!(revisions, ["revision 1\n  b, enabled in it by ada\n  c by ada"]);
}

#[test]
fn disabling_in_a_block_ends_with_it() {
    tracked(|| {
        Block::new().run(|| {
            Block::new().run(|| disable().unwrap());
            assert!(tracker::is_active());
        });
        assert!(!tracker::is_active());
    });
}

#[test]
fn where_no_context_is_active_nothing_is_tracked_and_nothing_can_be_set() {
    assert_eq!(set_actor("ada").unwrap_err().sealed_at(), None);
    assert_eq!(disable().unwrap_err().sealed_at(), None);
    let revisions = tracked(|| {
        assert!(set_actor("ada").is_err());
        assert!(set_revision_description("why").is_err());
        assert!(disable().is_err() && enable().is_err());
        assert!(!tracker::is_active() && tracker::revision().is_none());
        change("a");
    });
    assert!(revisions.is_empty());
}

/// A scope of other code between the block and the call is sealed; a block in it is open again.
#[test]
fn a_scope_of_other_code_does_not_let_the_actor_be_changed_through_it() {
    static SPAN: Var<u32> = Var::new("span");
    let revisions = tracked(|| {
        Block::new().actor("ada").run(|| {
            let _span = SPAN.enter(1);
            let error = set_actor("grace").unwrap_err();
            assert_eq!(error.sealed_at().map(|place| place.file()), Some(file!()));
            Scope::new().run(|| change("a"));
            Block::new().run(|| {
                set_actor("grace").unwrap();
                change("b");
            });
        });
    });
    assert_eq!(revisions, ["revision 1\n  a by ada\n  b by grace"]);
}

#[tokio::test]
async fn asynchronous_work_is_tracked_and_requests_that_take_turns_do_not_mix() {
    let journal = Arc::<Journal>::default();
    let request = |actor: &'static str| {
        keeping(&journal, || {
            Block::new()
                .actor(actor)
                .wrap(async move {
                    change("a");
                    yield_now().await;
                    let corrected = Block::new().system().wrap(async {
                        yield_now().await;
                        change("b");
                    });
                    corrected.await;
                    set_actor(format!("{actor} in person")).unwrap();
                    yield_now().await;
                    change("c");
                })
                .in_current_context()
        })
    };
    join(request("ada"), request("grace")).await;
    assert_eq!(
        written(&journal),
        ["ada", "grace"]
            .iter()
            .zip(1..)
            .map(|(who, number)| format!(
                "revision {number}\n  a by {who}\n  b by the system\n  c by {who} in person"
            ))
            .collect::<Vec<_>>()
    );
    assert!(!tracker::is_active());
}

#[tokio::test]
async fn a_disabled_block_of_asynchronous_work_disables_nothing_else() {
    let journal = Arc::<Journal>::default();
    let block = keeping(&journal, || {
        Block::new()
            .actor("ada")
            .wrap(async {
                let silent = Block::new().disabled().wrap(async {
                    change("a");
                    yield_now().await;
                    change("b");
                });
                let heard = async {
                    change("c");
                    yield_now().await;
                    change("d");
                };
                join(silent, heard).await;
                change("e");
            })
            .in_current_context()
    });
    block.await;
    assert_eq!(written(&journal), ["revision 1\n  c by ada\n  d by ada\n  e by ada"]);
}

#[tokio::test]
async fn tasks_and_threads_that_carry_the_context_write_into_its_revision() {
    let journal = Arc::<Journal>::default();
    let block = keeping(&journal, || {
        Block::new()
            .actor("ada")
            .wrap(async {
                tokio::spawn(async { change("in a task") }.in_current_context()).await.unwrap();
                stackholm::thread::spawn(|| change("on a thread")).join().unwrap();
                tokio::spawn(async { change("in a task that does not") }).await.unwrap();
                set_actor("grace").unwrap();
                change("here");
            })
            .in_current_context()
    });
    block.await;
    assert_eq!(
        written(&journal),
        ["revision 1\n  in a task by ada\n  on a thread by ada\n  here by grace"]
    );
}

/// The decorator: each call has a revision of its own, unless it is made in a block.
#[test]
fn a_whole_function_may_be_a_block() {
    let decorated = |what: &str| {
        Block::new().run(|| {
            set_actor("ada").unwrap();
            change(what);
        })
    };
    let revisions = tracked(|| {
        decorated("a");
        Block::new().run(|| {
            decorated("b");
            decorated("c");
        });
    });
    assert_eq!(revisions, ["revision 1\n  a by ada", "revision 2\n  b by ada\n  c by ada"]);
}

#[test]
fn entering_a_block_copies_nothing_of_what_it_inherits() {
    let journal = Arc::<Journal>::default();
    keeping(&journal, || {
        let held = Arc::strong_count(&journal);
        Block::new().run(|| {
            Block::new().run(|| Checkpoint::run(|| assert_eq!(Arc::strong_count(&journal), held)))
        });
    });
    assert_eq!(Arc::strong_count(&journal), 1);
}
