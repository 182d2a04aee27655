//! Scopes of jobs: each job gets the context of where it is spawned.

use crate::envelope::Envelope;
use crate::hop::Hop;
use ::rayon::BroadcastContext;

/// As [`rayon::scope`](::rayon::scope): the closure runs in the context of the caller, each job of
/// the scope in the one of where *it* is spawned.
///
/// # Examples
/// ```
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let mut seen = (None, None);
/// USER.sync_scope("ada", || {
///     stackholm::rayon::scope(|scope| {
///         scope.spawn(|_| seen.0 = USER.try_get().ok());
///         USER.sync_scope("grace", || scope.spawn(|_| seen.1 = USER.try_get().ok()));
///     })
/// });
/// assert_eq!(seen, (Some("ada"), Some("grace")));
/// ```
#[track_caller]
pub fn scope<'scope, F, R>(f: F) -> R
where
    F: FnOnce(Scope<'_, 'scope>) -> R + Send,
    R: Send,
{
    let f = Envelope::new(f);
    ::rayon::scope(move |scope| f.open(|f| f(Scope(scope))))
}

/// As [`rayon::scope_fifo`](::rayon::scope_fifo); see [`scope`].
#[track_caller]
pub fn scope_fifo<'scope, F, R>(f: F) -> R
where
    F: FnOnce(ScopeFifo<'_, 'scope>) -> R + Send,
    R: Send,
{
    let f = Envelope::new(f);
    ::rayon::scope_fifo(move |scope| f.open(|f| f(ScopeFifo(scope))))
}

/// As [`rayon::in_place_scope`](::rayon::in_place_scope): the closure stays on this thread and on
/// this stack, each job gets the context of where it is spawned.
pub fn in_place_scope<'scope, F, R>(f: F) -> R
where
    F: FnOnce(Scope<'_, 'scope>) -> R,
{
    ::rayon::in_place_scope(|scope| f(Scope(scope)))
}

/// As [`rayon::in_place_scope_fifo`](::rayon::in_place_scope_fifo); see [`in_place_scope`].
pub fn in_place_scope_fifo<'scope, F, R>(f: F) -> R
where
    F: FnOnce(ScopeFifo<'_, 'scope>) -> R,
{
    ::rayon::in_place_scope_fifo(|scope| f(ScopeFifo(scope)))
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $scope:ident $spawn:ident $spawn_detached:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $scope<'a, 'scope>(&'a ::rayon::$scope<'scope>);

            impl<'scope> $scope<'_, 'scope> {
                /// Spawns a job in the context of the caller.
                #[track_caller]
                pub fn $spawn<F>(&self, job: F)
                where
                    F: FnOnce($scope<'_, 'scope>) + Send + 'scope,
                {
                    let job = Envelope::new(job);
                    self.0.$spawn(move |scope| job.open(|job| job($scope(scope))));
                }

                /// Spawns a job in the empty context.
                pub fn $spawn_detached<F>(&self, job: F)
                where
                    F: FnOnce($scope<'_, 'scope>) + Send + 'scope,
                {
                    let job = Envelope::detached(job);
                    self.0.$spawn(move |scope| job.open(|job| job($scope(scope))));
                }

                /// Spawns a job on each thread, in the context of the caller.
                #[track_caller]
                pub fn spawn_broadcast<F>(&self, job: F)
                where
                    F: Fn($scope<'_, 'scope>, BroadcastContext<'_>) + Send + Sync + 'scope,
                {
                    self.spawn_broadcast_in(Hop::current(), job);
                }

                /// Spawns a job on each thread, in the empty context.
                pub fn spawn_broadcast_detached<F>(&self, job: F)
                where
                    F: Fn($scope<'_, 'scope>, BroadcastContext<'_>) + Send + Sync + 'scope,
                {
                    self.spawn_broadcast_in(Hop::empty(), job);
                }

                fn spawn_broadcast_in<F>(&self, hop: Hop, job: F)
                where
                    F: Fn($scope<'_, 'scope>, BroadcastContext<'_>) + Send + Sync + 'scope,
                {
                    self.0.spawn_broadcast(move |scope, thread| {
                        hop.run(|| job($scope(scope), thread));
                    });
                }
            }
        )*
    };
}

scopes! {
    /// A scope to spawn jobs in; see [`scope`].
    Scope spawn spawn_detached;
    /// A scope to spawn jobs in, first come first served; see [`scope_fifo`].
    ScopeFifo spawn_fifo spawn_fifo_detached;
}
