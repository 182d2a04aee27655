//! The standard library: markers, and what `catch_unwind` asks.

use crate::each_wrapper;
use stackholm::{Checkpoint, ContextExt, InContext, Var, embed::Stack};
use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};

static N: Var<u32> = Var::new("n");

fn is_everything<
    T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + std::fmt::Debug + 'static,
>() {
}

#[test]
fn a_wrapper_of_a_plain_value_is_all_that_the_value_is() {
    each_wrapper!(is_everything of u8);
    is_everything::<Stack>();
}

#[test]
fn a_wrapper_crosses_catch_unwind_by_value_and_by_reference() {
    let job = N.sync_scope(1, || (0..3).map(|n| n + N.get()).in_current_context());
    let mut job = catch_unwind(move || job).unwrap();
    assert_eq!(job.next(), Some(1));
    let job = &job;
    assert_eq!(catch_unwind(|| job.size_hint()).unwrap(), (2, Some(2)));
}

#[test]
fn a_wrapper_of_what_may_not_move_may_not_move() {
    trait Says {
        const UNPIN: bool = false;
    }
    struct Is<T>(std::marker::PhantomData<T>);
    impl<T> Says for Is<T> {}
    impl<T: Unpin> Is<T> {
        const UNPIN: bool = true;
    }
    const {
        assert!(
            !Is::<InContext<PhantomPinned>>::UNPIN
                && !Is::<InContext<PhantomPinned, Checkpoint>>::UNPIN
        );
        assert!(Is::<InContext<u8, Checkpoint>>::UNPIN);
    }
}

#[test]
fn a_wrapper_by_default_has_nobodys_context_or_a_checkpoint_of_its_own() {
    #[derive(Default)]
    struct Looks;
    let seen = |_: &mut Looks| N.try_get().ok();
    N.sync_scope(1, || {
        assert_eq!(InContext::<Looks>::default().on_stack_mut(seen), None);
        assert_eq!(InContext::<Looks, Checkpoint>::default().on_stack_mut(seen), Some(1));
    });
}
