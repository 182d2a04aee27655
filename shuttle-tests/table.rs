//! All scenarios by name, and how one is run with a site weakened.

use crate::support::Scenario;
use crate::{batches, cells, ends, handover, programs, reentry, tasks, weak};
use stackholm::proof::{Site, weakened};
use std::process::Command;

macro_rules! table {
    ($($file:ident: $($scenario:ident $schedules:literal)+;)+) => {
        /// Every scenario there is.
        pub(crate) const SCENARIOS: &[Scenario] = &[$($(
            Scenario { name: stringify!($scenario), run: $file::$scenario, schedules: $schedules },
        )+)+];
    };
}

table! {
    handover: many_threads_on_one_base 2000 a_checkpoint_changed_often 1000 contexts_that_grow_from_hand_to_hand 1000
        large_contexts_that_grow 1000 prepared_for_many 2000;
    reentry: scopes_entered_again 2000;
    batches: scopes_of_several 2000 stacks_dropped_with_their_scopes 2000;
    weak: weak_contexts_against_last_drops 2000;
    cells: values_swapped_while_read 2000 many_variables_first_used_at_once 1000
        guards_dropped_on_the_stacks_of_others 1000;
    ends: threads_end_with_frames_entered 2000 values_that_keep_contexts 1000;
    programs: random_programs 2000;
    tasks: a_hundred_tasks_on_a_pool 1000 cancels_against_polls 1000 wrapped_futures_that_migrate 1000;
}

pub(crate) fn scenario(name: &str) -> Scenario {
    *SCENARIOS
        .iter()
        .find(|scenario| scenario.name == name)
        .expect("every scenario is in the table")
}

const PAIR: &str = "STACKHOLM_WEAKEN";

/// Whether this process is a control: a scenario with a site weakened.
pub(crate) fn is_control() -> bool {
    std::env::var_os(PAIR).is_some()
}

/// What starts a control: with at most 4 GiB of addresses, where a shell can set such a limit. A list
/// of frames that lie in a circle would otherwise take all the memory of the machine.
const LIMITED: &str = r#"ulimit -v 4194304; exec "$0" "$@""#;

/// Whether a scenario fails if a site is weakened. In a process of its own: what a count too few
/// does to the memory of a process that goes on is nobody's business here.
pub(crate) fn fails(site: Site, scenario: &str) -> bool {
    let mut child = Command::new("sh");
    child
        .args(["-c", LIMITED])
        .arg(std::env::current_exe().expect("the test is a program"))
        .args(["--exact", "table::one_site_in_one_scenario"])
        .env(PAIR, format!("{site:?} {scenario}"));
    child
        .env_remove("STACKHOLM_SCHEDULE")
        .env_remove("STACKHOLM_SCHEDULES")
        .env_remove("SHUTTLE_RANDOM_SEED");
    !child.output().expect("the test can be run once more").status.success()
}

#[test]
fn one_site_in_one_scenario() {
    let Ok(pair) = std::env::var(PAIR) else { return };
    let (site, name) = pair.split_once(' ').expect("a site and a scenario");
    let site = *Site::ALL.iter().find(|known| format!("{known:?}") == site).expect("a site");
    weakened(site, || scenario(name).check());
}

/// Which scenario notices which site: `cargo test … -- --ignored --nocapture each_site`.
#[test]
#[ignore = "prints a table, takes minutes"]
fn each_site_in_each_scenario() {
    for scenario in SCENARIOS {
        let noticed: Vec<_> =
            Site::ALL.iter().filter(|site| fails(**site, scenario.name)).collect();
        println!("{}: {noticed:?}", scenario.name);
    }
}
