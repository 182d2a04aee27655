//! Foreign ambient values that our hops take along: the current span of a tracer, a hub of errors.
//!
//! A hop stores what was captured beside its context, which stays one pointer. Each poll, drop or
//! job runs inside all of it, one companion inside the next: so each is left, and in reverse order.

#[cfg(feature = "companions")]
mod with {
    use crate::misuse::{Misuse, report};
    use crate::sys::{Arc, OnceLock, caught};
    use std::fmt;
    use std::panic::{RefUnwindSafe, UnwindSafe};

    /// A foreign ambient value that hops take along, once it is [registered](register).
    ///
    /// # Examples
    /// A thread-local of another crate:
    /// ```
    /// use stackholm::companion::{Carried, Companion, register};
    /// use std::cell::Cell;
    ///
    /// thread_local! { static LOCALE: Cell<&'static str> = const { Cell::new("en") }; }
    ///
    /// struct Locale;
    /// struct Was(&'static str);
    ///
    /// impl Companion for Locale {
    ///     fn name(&self) -> &'static str {
    ///         "locale"
    ///     }
    ///     fn capture(&self) -> Option<Box<dyn Carried>> {
    ///         Some(Box::new(Was(LOCALE.get())))
    ///     }
    ///     fn without(&self, work: &mut dyn FnMut()) {
    ///         Was("en").within(work);
    ///     }
    /// }
    ///
    /// impl Carried for Was {
    ///     fn within(&self, work: &mut dyn FnMut()) {
    ///         struct Back(&'static str);
    ///         impl Drop for Back {
    ///             fn drop(&mut self) {
    ///                 LOCALE.set(self.0);
    ///             }
    ///         }
    ///         let _back = Back(LOCALE.replace(self.0));
    ///         work();
    ///     }
    /// }
    ///
    /// register(&Locale).unwrap();
    /// LOCALE.set("de");
    /// assert_eq!(stackholm::thread::spawn(|| LOCALE.get()).join().unwrap(), "de");
    /// assert_eq!(stackholm::thread::spawn_detached(|| LOCALE.get()).join().unwrap(), "en");
    /// ```
    pub trait Companion: Sync {
        /// The name of the companion. No other companion may have it.
        fn name(&self) -> &'static str;

        /// Captures what is current here, to be entered elsewhere. `None` says that nothing is;
        /// then [`without`](Self::without) is called on the other side.
        ///
        /// Called at each hop, on the side that hands over. If it panics, nothing is carried and
        /// [`on_misuse`](crate::on_misuse) is told.
        fn capture(&self) -> Option<Box<dyn Carried>>;

        /// Calls `work` with nothing current.
        fn without(&self, work: &mut dyn FnMut());
    }

    /// What a companion has captured.
    pub trait Carried: Send + Sync {
        /// Calls `work` with that current, and puts back what was, also if it panics. Called around
        /// each poll, each drop and so on, by one thread after the other or by several at once.
        fn within(&self, work: &mut dyn FnMut());
    }

    /// How many companions can be registered.
    const MOST: usize = 8;

    static REGISTERED: [OnceLock<&'static dyn Companion>; MOST] = [const { OnceLock::new() }; MOST];

    /// Why a companion was not registered; nothing has changed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub enum NotRegistered {
        /// There is one with that name.
        AlreadyThere,
        /// There are as many as there can be.
        TooMany,
    }

    impl fmt::Display for NotRegistered {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                NotRegistered::AlreadyThere => "a companion with that name is registered",
                NotRegistered::TooMany => "as many companions are registered as there can be",
            })
        }
    }

    impl std::error::Error for NotRegistered {}

    /// From now on each hop takes `companion` along, in the whole process, for good. A hop that was
    /// captured before does not have it.
    ///
    /// # Errors
    /// If a companion with that name is registered, or eight others are.
    pub fn register(companion: &'static dyn Companion) -> Result<(), NotRegistered> {
        let name = companion.name();
        for place in &REGISTERED {
            // Places are filled in order, and of two who come for one place the second looks at what
            // the first has put there. Nothing is held while a name is asked for: that is foreign code.
            if place.get().is_none() && place.set(companion).is_ok() {
                return Ok(());
            }
            if place.get().is_some_and(|known| known.name() == name) {
                return Err(NotRegistered::AlreadyThere);
            }
        }
        Err(NotRegistered::TooMany)
    }

    fn registered() -> impl Iterator<Item = &'static dyn Companion> {
        REGISTERED.iter().map_while(|place| place.get().copied())
    }

    enum Part {
        Carried(Box<dyn Carried>),
        Nothing(&'static dyn Companion),
    }

    impl Part {
        fn within(&self, work: &mut dyn FnMut()) {
            match self {
                Part::Carried(carried) => carried.within(work),
                Part::Nothing(companion) => companion.without(work),
            }
        }
    }

    /// What one hop takes along of all companions; nothing if there are none.
    #[derive(Clone)]
    pub(crate) struct Load(Option<Arc<[Part]>>);

    /// What was captured is only entered, and `Carried::within` says what it does on a panic.
    impl UnwindSafe for Load {}

    /// As above.
    impl RefUnwindSafe for Load {}

    impl Load {
        /// Leaves all companions as they are on the other side.
        pub(crate) const UNTOUCHED: Load = Load(None);

        /// What is current here.
        #[inline]
        pub(crate) fn here() -> Load {
            if REGISTERED[0].get().is_none() { Load(None) } else { Load::of(capture) }
        }

        /// Nothing, wherever it goes.
        #[inline]
        pub(crate) fn nothing() -> Load {
            if REGISTERED[0].get().is_none() { Load(None) } else { Load::of(Part::Nothing) }
        }

        #[cold]
        #[inline(never)]
        fn of(part: fn(&'static dyn Companion) -> Part) -> Load {
            Load(Some(registered().map(part).collect()))
        }

        pub(crate) fn is_some(&self) -> bool {
            self.0.is_some()
        }

        /// Calls `f` within all that is carried, the first one outermost.
        pub(crate) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
            let Some(parts) = &self.0 else { return f() };
            let (mut f, mut result) = (Some(f), None);
            within(parts, &mut || {
                if let Some(f) = f.take() {
                    result = Some(f());
                }
            });
            match (result, f) {
                (Some(result), _) => result,
                // A companion did not call its work. That is a fault of the companion, and the work
                // has to be done all the same.
                (None, Some(f)) => f(),
                (None, None) => panic!("a companion has caught a panic of its work"),
            }
        }
    }

    fn within(parts: &[Part], work: &mut dyn FnMut()) {
        match parts.split_first() {
            Some((first, rest)) => first.within(&mut || within(rest, work)),
            None => work(),
        }
    }

    fn capture(companion: &'static dyn Companion) -> Part {
        match caught(|| companion.capture()) {
            Some(Some(carried)) => Part::Carried(carried),
            Some(None) => Part::Nothing(companion),
            None => {
                report(Misuse::CompanionPanicked);
                Part::Nothing(companion)
            }
        }
    }
}

#[cfg(not(feature = "companions"))]
mod with {
    /// What one hop takes along: without the feature nothing.
    #[derive(Clone)]
    pub(crate) struct Load;

    impl Load {
        pub(crate) const UNTOUCHED: Load = Load;

        #[inline(always)]
        pub(crate) fn here() -> Load {
            Load
        }

        #[inline(always)]
        pub(crate) fn nothing() -> Load {
            Load
        }
    }
}

pub(crate) use with::Load;
#[cfg(feature = "companions")]
pub use with::{Carried, Companion, NotRegistered, register};
