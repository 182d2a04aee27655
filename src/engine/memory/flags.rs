//! Three sets of flags in a frame. A flag of one set cannot be asked of another.
//!
//! | set | says | changes |
//! |---|---|---|
//! | [`Traits`] | what the frame is | never, once the frame is built |
//! | [`Lifecycle`] | who may hold it, and what of it has ended | by the stack that owns it, then by whoever releases it |
//! | [`Position`] | how it lies in its block | never |
//!
//! All eight bits of the first two are taken. A ninth trait goes to `Position`, whose number of
//! bytes needs fewer bits than it has; a ninth stage of a life goes beside `gone` in the frame.

use crate::sys::abort;
use core::ops::{BitOr, BitOrAssign};

macro_rules! flags {
    ($(#[$doc:meta])* $name:ident($integer:ty) { $($(#[$flag_doc:meta])* $flag:ident = $bit:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(transparent)]
        pub(in crate::engine) struct $name($integer);

        #[allow(dead_code, reason = "not every set needs each of them")]
        impl $name {
            pub(in crate::engine) const NONE: $name = $name(0);
            $($(#[$flag_doc])* pub(in crate::engine) const $flag: $name = $name($bit);)*

            /// Whether it has at least one of `flags`.
            #[inline]
            pub(in crate::engine) const fn has_any(self, flags: $name) -> bool {
                self.0 & flags.0 != 0
            }

            /// Those that are among `flags` too.
            #[inline]
            pub(in crate::engine) const fn among(self, flags: $name) -> $name {
                $name(self.0 & flags.0)
            }

            /// All but `flags`.
            #[inline]
            pub(in crate::engine) const fn without(self, flags: $name) -> $name {
                $name(self.0 & !flags.0)
            }
        }

        impl BitOr for $name {
            type Output = $name;

            #[inline]
            fn bitor(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }
        }

        impl BitOrAssign for $name {
            #[inline]
            fn bitor_assign(&mut self, other: $name) {
                self.0 |= other.0;
            }
        }
    };
}

flags! {
    /// What a frame is. Set when it is built.
    Traits(u8) {
        /// This frame begins a checkpoint.
        BOUNDARY = 1;
        /// The checkpoint of this frame may not be changed from inside.
        SEALED = 2;
        /// This frame counts no parent: it counts the values that it shows, or a snapshot instead.
        DETACHED = 4;
        /// The name is a counted string.
        OWNED_NAME = 8;
        /// The binding is seen on its own stack only.
        STACK = 16;
        /// The binding is seen in its own checkpoint only.
        CHECKPOINT = 32;
        /// The index leads to no node of another frame; once shared, the frame counts every value
        /// that it shows.
        FULL_INDEX = 64;
        /// The root of the index leads to frames alone, to no further node: `entries` is the number
        /// of its slots.
        SINGLE_NODE = 128;
    }
}

impl Traits {
    /// The binding is not seen everywhere.
    pub(in crate::engine) const SHORT_REACH: Traits = Traits(16 | 32);
}

flags! {
    /// Who may hold a frame, and what of it has ended.
    Lifecycle(u8) {
        /// Others may hold this frame with its parents: `strong` counts.
        SHARED = 1;
        /// Others may hold the value of this frame: `values` counts.
        VALUE_SHARED = 2;
        /// This frame counts the values that it shows.
        HOLDS_VALUES = 4;
        /// Its stack has left the frame, and the value is dropped with that, because it is of short
        /// reach.
        LEFT = 8;
        /// The value ends apart from its frame: when it has been dropped, one `values` count is
        /// released, and the others stay.
        VALUE_ONLY = 16;
        /// The stack has released the last `strong` count, and the count of the parent has passed
        /// to the stack.
        STRONG_GONE = 32;
        /// The last `values` count is gone.
        VALUE_GONE = 64;
        /// Of a head: all frames of its batch end together.
        BATCH_GONE = 128;
    }
}

flags! {
    /// How a frame lies in its block: flags, and a number of bytes below them.
    Position(u32) {
        /// The frame lies in the block of another one, of which it counts the memory.
        MEMBER = 1 << 31;
        /// Other frames lie in the block of this one, the head of the batch.
        HEAD = 1 << 30;
        /// Of a head: none of the frames in its block is of short reach.
        ALL_CARRIED = 1 << 29;
        /// The frame, or one in its block, hides what was visible. One more slot lies below those
        /// of its index, for its base.
        HIDES = 1 << 28;
    }
}

const BYTES: u32 = (1 << 28) - 1;

impl Position {
    /// The most bytes that can be noted.
    pub(in crate::engine) const MOST: usize = BYTES as usize;

    /// So many bytes of the block lie before the frame.
    pub(in crate::engine) fn of(bytes: usize) -> Position {
        match u32::try_from(bytes) {
            Ok(bytes) if bytes <= BYTES => Position(bytes),
            // A panic would unwind in the middle of a change.
            _ => abort(),
        }
    }

    /// As [`of`](Self::of), where the caller knows that it is that small.
    #[inline]
    pub(in crate::engine) fn of_few(bytes: usize) -> Position {
        debug_assert!(bytes <= Position::MOST);
        Position(bytes as u32)
    }

    /// The bytes of the block before the frame; of a member of a batch, those to its head.
    #[inline]
    pub(in crate::engine) const fn bytes(self) -> usize {
        (self.0 & BYTES) as usize
    }

    #[inline]
    pub(in crate::engine) const fn is_member(self) -> bool {
        self.has_any(Position::MEMBER)
    }

    #[inline]
    pub(in crate::engine) const fn is_head(self) -> bool {
        self.has_any(Position::HEAD)
    }

    /// Whether the frame is the head of a batch all of which reaches everywhere.
    #[inline]
    pub(in crate::engine) const fn is_carried_head(self) -> bool {
        let both = Position::HEAD.0 | Position::ALL_CARRIED.0;
        self.0 & both == both
    }
}
