//! All models by name.

use crate::support::Model;
use crate::{
    batches, board, cancel, cells, combine, counts, drops, ends, globals, handover, hidden, once,
    reach, reentry, runtime, shared, shorten, tasks,
};

macro_rules! table {
    ($($file:ident { $($model:ident $orders:literal,)+ })+) => {
        /// Every model there is, with the least number of orders that it must run in.
        pub(crate) const MODELS: &[Model] = &[$($(Model::new(stringify!($model), $orders, $file::$model),)+)+];
    };
}

table! {
    board {
        record_read_while_another_takes_its_place 507,
        record_read_while_its_owner_publishes_the_next_there 438,
        stack_read_late_in_the_record_of_the_next 50,
        idle_stack_read_while_its_owner_goes_on 9,
        slot_goes_from_one_owner_to_the_next 8,
        slots_claimed_while_others_come_back 70,
    }
    once {
        set_by_two_while_read 187,
    }
    counts {
        capture_against_leave 2,
        last_counts_at_once 2,
        last_counts_of_a_chain 9,
        cloned_on_two_threads 7,
        captured_twice 5,
        plain_value_left_while_known_weakly 76,
        upgrade_against_last_drop 39,
        upgrade_against_leave 41,
    }
    handover {
        source_goes_on 2,
        receiver_changes_its_own 8,
        prepared_for_two 228,
    }
    shorten {
        values_against_structure 4,
        shortened_while_others_hold_the_old_chain 8,
        compaction_above_a_shared_frame 59,
        whole_on_a_stack 8,
        plain_value_held_beside_its_stack 5,
    }
    reentry {
        entered_again_while_read 5,
        entered_again_while_known_weakly 44,
        entered_again_while_held 5,
        handed_over_once_more 342,
        entered_on_what_lies_there_now 8,
        entered_on_two_stacks 5,
    }
    batches {
        several_left_while_read 5,
        several_left_on_what_was_inherited 5,
        several_left_in_a_read 16,
        several_shortened_while_left 48,
        several_kept_one_by_one 6,
        several_below_a_whole_index 4,
        several_known_weakly_while_left 39,
        stack_dropped_while_read 6,
        future_dropped_while_read 10,
    }
    cells {
        first_use_on_two_threads 129,
        first_uses_of_two_variables 13,
        guards_of_two_threads 129,
        base_swapped_while_read 31,
    }
    ends {
        thread_ends_with_frames_entered 6,
        value_releases_a_context 5,
    }
    tasks {
        polled_here_then_there 1579,
        woken_before_swapped_out 3,
        cancelled_while_polled 5,
    }
    runtime {
        tasks_migrate_and_see_their_own 43,
        a_task_is_cancelled_while_it_is_polled 49,
        a_task_that_panics_leaves_the_worker_and_the_task_it_spawned_as_they_were 2585,
    }
    reach {
        short_reach_left_while_captured 9,
        short_reach_below_a_compaction 95,
        whole_context_over_what_others_leave 220,
        whole_stack_over_what_others_leave 220,
    }
    hidden {
        above_a_hider_while_both_are_left 1,
        hider_on_what_was_inherited 1,
        hider_derived_while_the_hidden_one_goes 1,
        masked_while_the_hidden_one_goes 1,
        base_captured_after_its_hider 1,
        base_captured_before_its_hider 1,
        several_that_hide_left_while_read 1,
        set_anew_while_private 1,
        set_anew_while_known 1,
        hider_above_short_reach 1,
        hider_derived_while_its_source_is_left 1,
        hider_derived_while_its_source_is_captured 1,
    }
    combine {
        made_at_once_while_its_sources_go 4,
        laid_on_top_while_its_sources_go 46,
        patch_applied_while_another_goes 1,
    }
    globals {
        global_swapped_while_read 252,
        globals_set_together_while_read 98,
        globals_updated_by_two 209,
        global_first_set_by_two 387,
    }
    shared {
        shared_version_seen_while_stored 1558,
        shared_node_used_again_while_missed 758,
        shared_updated_by_two 3258,
        shared_stored_by_two 1207,
        shared_counted_last_by_a_reader 454,
        shared_thread_ends 968,
        shared_told_by_a_reader 8911,
        shared_waited_for 12,
        shared_put_back 1,
        shared_first_used_by_two 3596,
    }
    cancel {
        cancelled_while_somebody_asks 2,
        two_cancel_while_somebody_asks 764,
        cancelled_while_a_callback_registers 68,
        cancelled_while_a_callback_is_stopped 9,
        cancelled_while_somebody_begins_to_wait 11,
    }
    drops {
        value_enters_as_it_ends 2,
        value_leaves_as_it_ends 9,
        value_sets_as_it_ends 2,
        value_panics_as_it_ends 2,
    }
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
