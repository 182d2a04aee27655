//! The slots are registered by a projection, in the middle of the crate's own work.

mod per_thread;

use per_thread::find;
use stackholm::fields::{Field, Fields, Project};
use stackholm::{Context, Var};

struct Registers;

impl Project<u8> for Registers {
    fn put(value: &u8, field: Field<'_>) {
        // SAFETY: each thread is given its own slot, until the slot's drop begins.
        unsafe { no_std_crate::register(find) };
        field.u64((*value).into());
    }
}

#[test]
fn fields_are_rendered_after_a_projection_has_registered_the_first_slot() {
    static FIRST: Var<u8> = Var::new("first").logged_by::<Registers>();
    static NEXT: Var<u8> = Var::new("next").logged();
    let context = Context::empty().with(&FIRST, 1);
    assert_eq!(context.fields().to_string(), "first=1");
    NEXT.sync_scope(2, || assert_eq!(Fields::current().to_string(), "next=2"));
}
