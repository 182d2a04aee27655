//! What a thread has of its own, outside models: the standard library's thread-locals.

/// A thread-local that needs no destructor and so answers at any time of a thread's life.
macro_rules! thread_slot {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;) => {
        ::std::thread_local! { $(#[$meta])* $vis static $name: $type = const { $init }; }
    };
}
pub(crate) use thread_slot;

/// A function that makes a thread call another one when it ends, with a slot of the thread if one
/// is named. It says whether the thread will.
///
/// What is armed while the thread is ending, by a destructor that runs after the first call, makes
/// it call once more: twelve times in all, each by a thread-local of its own, since one that was
/// destroyed is not made again.
macro_rules! at_thread_end {
    (fn $arm:ident($slot:ident) => $end:ident) => {
        // The slot needs no destructor, so it is there.
        $crate::sys::at_thread_end! { fn $arm() => || $slot.try_with($end).unwrap_or(()) }
    };
    (fn $arm:ident() => $end:expr) => {
        $crate::sys::at_thread_end! { fn $arm() => $end, C1 C2 C3 C4 C5 C6 C7 C8 C9 C10 C11 C12 }
    };
    (fn $arm:ident() => $end:expr, $($call:ident)*) => {
        #[cold]
        fn $arm() -> bool {
            struct AtEnd;
            impl Drop for AtEnd {
                fn drop(&mut self) {
                    ($end)();
                }
            }
            ::std::thread_local! { $(static $call: AtEnd = const { AtEnd };)* }
            [$(&$call),*].into_iter().any(|call| call.try_with(|_| ()).is_ok())
        }
    };
}
pub(crate) use at_thread_end;
