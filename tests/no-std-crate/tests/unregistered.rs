//! No slot is registered in this process.

#[test]
fn without_a_slot_a_read_gives_the_default_or_the_error_and_nothing_panics() {
    no_std_crate::counts_misuse();
    no_std_crate::without_a_current_stack();
    no_std_crate::where_there_is_no_slot();
}
