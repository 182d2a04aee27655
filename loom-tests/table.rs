//! All models by name.

use crate::support::Model;
use crate::{again, bundles, cells, counts, ends, handover, runtime, shorten, tasks};

macro_rules! table {
    ($($file:ident: $($model:ident)+;)+) => {
        /// Every model there is.
        pub(crate) const MODELS: &[Model] = &[$($(Model::all(stringify!($model), $file::$model),)+)+];
    };
}

table! {
    counts: capture_against_leave last_counts_at_once last_counts_of_a_chain cloned_on_two_threads captured_twice
        plain_value_left_while_known_weakly upgrade_against_last_drop upgrade_against_leave;
    handover: source_goes_on receiver_changes_its_own prepared_for_two;
    shorten: values_against_structure shortened_while_others_hold_the_old_chain digest_above_a_shared_frame
        whole_on_a_stack plain_value_held_beside_its_stack;
    again: entered_again_while_read entered_again_while_known_weakly entered_again_while_held handed_over_once_more
        entered_on_what_lies_there_now entered_on_two_stacks;
    bundles: several_left_while_read several_left_on_what_was_inherited several_left_in_a_read several_shortened_while_left
        several_kept_one_by_one several_below_a_whole_index several_known_weakly_while_left stack_dropped_while_read
        future_dropped_while_read;
    cells: first_use_on_two_threads first_uses_of_two_variables guards_of_two_threads global_swapped_while_read base_swapped_while_read;
    ends: thread_ends_with_frames_entered value_releases_a_context;
    tasks: polled_here_then_there woken_before_swapped_out cancelled_while_polled;
    runtime: tasks_migrate_and_see_their_own a_task_is_cancelled_while_it_is_polled
        a_task_that_panics_leaves_the_worker_and_the_task_it_spawned_as_they_were;
}

pub(crate) fn model(name: &str) -> Model {
    *MODELS.iter().find(|model| model.name == name).expect("every model is in the table")
}

#[test]
fn every_model_passes_with_blocks_kept_for_reuse_too() {
    for model in MODELS {
        println!("{}, with blocks kept:", model.name);
        model.check_reusing();
    }
}
