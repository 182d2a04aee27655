//! The ways that debug builds with the standard library have gone, so that tests can tell whether
//! they went there. Nothing in others.
//!
//! No model looks at it, and it decides nothing.

macro_rules! ways {
    ($($(#[doc = $says:literal])+ $name:ident,)+) => {
        #[derive(Clone, Copy)]
        pub(crate) enum Way {
            $($(#[doc = $says])+ $name,)+
        }

        #[cfg(all(debug_assertions, feature = "std"))]
        const NAMES: &[&str] = &[$(stringify!($name),)+];
    };
}

ways! {
    /// A scope that was kept is entered again.
    Again,
    /// No scope was kept.
    NoneAgain,
    /// A scope was kept, but on another frame.
    AgainElsewhere,
    /// A frame that hides something counts its parent all the same.
    HidesNothingKept,
    /// It counts a base further out on its own stack.
    BaseOnTheStack,
    /// It counts a base that was inherited.
    BaseInherited,
    /// It counts nothing but values.
    NoBase,
    /// A value that is set anew ends at once.
    EndsWhenSetAnew,
    /// Contexts know it, and a compaction frame takes its place.
    CompactionWhenSetAnew,
    /// A frame with a whole index is shared.
    WholeShared,
    /// A value of short reach ends apart from its frame, as a compaction frame takes its place or is left.
    ShortEndsApart,
    /// A scope of several that was captured is left at once.
    BatchShared,
    /// A scope of several is shortened, because what it is on is long.
    BatchOutgrown,
    /// The frames of one block end together.
    BlockEndsAsOne,
    /// A read keeps a frame that is left.
    ReadKeeps,
    /// A read keeps more than one.
    ReadKeepsSeveral,
    /// Values that a stack's end ended have entered more.
    StackEndsTwice,
    /// A variable is taken from an index of several levels.
    RemovedBelow,
    /// A weak context rises.
    Rises,
    /// A weak context does not.
    StaysDown,
    /// A stack ends and leaves all it has to contexts.
    LeftToContexts,
    /// A few changes of a context are frames on top of it.
    ChangesOnTop,
    /// Many changes of a context are one frame.
    ChangesAtOnce,
}

#[cfg(all(debug_assertions, feature = "std"))]
std::thread_local! {
    static TIMES: [std::cell::Cell<usize>; NAMES.len()] = const { [const { std::cell::Cell::new(0) }; NAMES.len()] };
}

/// Notes that this thread went that way.
#[inline(always)]
pub(crate) fn reached(way: Way) {
    #[cfg(all(debug_assertions, feature = "std"))]
    TIMES.with(|times| times[way as usize].set(times[way as usize].get() + 1));
    #[cfg(not(all(debug_assertions, feature = "std")))]
    let _ = way;
}

/// How often this thread went each way since it was last asked.
#[cfg(all(debug_assertions, feature = "std"))]
pub fn take_ways() -> Vec<(&'static str, usize)> {
    TIMES.with(|times| NAMES.iter().zip(times).map(|(name, times)| (*name, times.take())).collect())
}
