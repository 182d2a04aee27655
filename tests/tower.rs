//! The layers of tower, driven by hand: what the synchronous part of `call`, the future and each
//! frame of the response body see, on which base, and that nothing is left.
#![cfg(feature = "tower")]

#[path = "common/futures.rs"]
mod common;

use common::{
    Count, Counted, Record, Task, Witness, finish, finish_elsewhere, pause, poll, three_ways,
};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use stackholm::tower::{AdmitLayer, Base, BaseOnly, ContextLayer, PlainLayer, RequestContext};
use stackholm::{Checkpoint, Context, ContextCell, ContextExt, InContext, Reason, Source, Var};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};
use tower::{Layer, Service, service_fn};

static N: Var<u32> = Var::new("n");
static M: Var<u32> = Var::new("m");
static HELD: Var<Counted> = Var::new("held");
static ON_STACK: Var<u32> = Var::new("on_stack").stays_on_stack();
static IN_CHECKPOINT: Var<u32> = Var::new("in_checkpoint").stays_in_checkpoint();

/// A request whose number is in its path.
fn request(n: u32) -> Request<Nothing> {
    Request::builder().uri(format!("/{n}")).body(Empty::new()).unwrap()
}

fn number<Q>(request: &Request<Q>) -> u32 {
    request.uri().path()[1..].parse().unwrap()
}

/// Takes the binding from the request.
fn of_request<Q>(request: &Request<Q>, base: Context) -> Context {
    base.with(&N, number(request))
}

type Nothing = Empty<&'static [u8]>;

/// The layer under test, on the empty base.
fn layer() -> ContextLayer<fn(&Request<Nothing>, Context) -> Context> {
    ContextLayer::new(of_request::<Nothing>)
}

/// What `N` and `M` are here.
fn both() -> (Option<u32>, Option<u32>) {
    (N.try_get().ok(), M.try_get().ok())
}

/// A body of so many frames and a trailer, each saying what `see` saw when it was made. Says how
/// much is left.
struct Saying<F> {
    see: F,
    left: u64,
    trailers: Option<HeaderMap>,
    _witness: Option<Witness>,
}

impl<F: FnMut() -> u32> Saying<F> {
    fn new(left: u64, see: F) -> Self {
        Saying { see, left, trailers: None, _witness: None }
    }
}

impl<F: FnMut() -> u32 + Unpin> Body for Saying<F> {
    type Data = VecDeque<u8>;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, io::Error>>> {
        if self.left == 0 {
            let said = (self.see)();
            let trailers = self.trailers.take().map(|mut trailers| {
                trailers.insert("seen", said.into());
                Frame::trailers(trailers)
            });
            return Poll::Ready(trailers.map(Ok));
        }
        self.left -= 1;
        let said = u8::try_from((self.see)()).unwrap();
        Poll::Ready(Some(Ok(Frame::data([said].into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn next<B: Body + Unpin>(body: &mut B) -> Option<Result<Frame<B::Data>, B::Error>> {
    match Pin::new(body).poll_frame(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(frame) => frame,
        Poll::Pending => panic!("is never pending"),
    }
}

/// The bytes of the frames that are left.
fn bytes<B: Body<Data = VecDeque<u8>, Error = io::Error> + Unpin>(body: &mut B) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(frame) = next(body) {
        bytes.extend(frame.unwrap().into_data().unwrap_or_default());
    }
    bytes
}

type Answer<F> = Ready<Result<Response<Saying<F>>, Infallible>>;

fn answer<F: FnMut() -> u32>(body: Saying<F>) -> Answer<F> {
    ready(Ok(Response::new(body)))
}

// What the request sees.

#[test]
fn the_synchronous_part_the_future_and_each_frame_see_the_request() {
    three_ways(|| {
        let mut service = layer().layer(service_fn(|request: Request<_>| {
            assert_eq!(N.get(), number(&request), "the synchronous part");
            async move {
                for _ in 0..3 {
                    assert_eq!(N.get(), number(&request), "the future");
                    pause().await;
                }
                Ok::<_, Infallible>(Response::new(Saying::new(3, || N.get())))
            }
        }));
        for n in [7, 8] {
            let mut response = finish(service.call(request(n))).unwrap();
            assert_eq!(bytes(response.body_mut()), [n as u8; 3]);
            assert!(!N.is_bound());
        }
    });
}

#[test]
fn a_request_goes_on_whichever_thread_polls_it() {
    let mut service = layer().layer(service_fn(async |request: Request<_>| {
        for _ in 0..3 {
            assert_eq!(N.get(), number(&request));
            pause().await;
        }
        Ok::<_, Infallible>(Response::new(Saying::new(2, || N.get())))
    }));
    let (response, polls) = finish_elsewhere(Box::pin(service.call(request(5))));
    assert_eq!(polls, 4);
    let mut body = response.unwrap().into_body();
    let frames =
        std::thread::spawn(move || (next(&mut body).unwrap().unwrap().into_data().unwrap(), body));
    let (first, mut body) = frames.join().unwrap();
    assert_eq!((first, bytes(&mut body)), ([5].into(), vec![5]));
}

#[test]
fn requests_that_take_turns_never_see_each_other() {
    three_ways(|| {
        let mut service = layer().layer(service_fn(async |request: Request<_>| {
            M.set(number(&request) * 10).unwrap();
            for _ in 0..3 {
                pause().await;
                assert_eq!(both(), (Some(number(&request)), Some(number(&request) * 10)));
            }
            Ok::<_, Infallible>(Response::new(Saying::new(3, || N.get() + M.get())))
        }));
        let mut requests: Vec<_> = (0..5).map(|n| Box::pin(service.call(request(n)))).collect();
        let mut bodies = Vec::new();
        while bodies.len() < 5 {
            for (n, request) in requests.iter_mut().enumerate() {
                if let Poll::Ready(response) = poll(request) {
                    bodies.push((n, response.unwrap().into_body()));
                }
            }
        }
        for frame in 0..3 {
            for (n, body) in bodies.iter_mut().rev() {
                let said = next(body).unwrap().unwrap().into_data().unwrap();
                assert_eq!(said, [*n as u8 * 11], "frame {frame}");
            }
        }
    });
}

#[test]
fn the_body_of_the_request_is_read_in_the_context_of_the_request() {
    let layer = ContextLayer::new(|request: &Request<Saying<fn() -> u32>>, base| {
        base.with(&N, number(request))
    });
    let mut service = layer.layer(service_fn(async |mut request: Request<_>| {
        let read = bytes(request.body_mut());
        Ok::<_, Infallible>(Response::new(read))
    }));
    let request =
        Request::builder().uri("/9").body(Saying::new(4, (|| N.get()) as fn() -> u32)).unwrap();
    assert_eq!(finish(service.call(request)).unwrap().body().get_ref(), &[9; 4]);
}

#[test]
fn requests_and_futures_are_dropped_in_the_context_of_the_request() {
    let record = Record::default();
    let witness = || record.witness(&N);
    let layer = ContextLayer::new(|_: &Request<(Witness, bool)>, base| base.with(&N, 3));
    let mut service = layer.layer(service_fn(|request: Request<(Witness, bool)>| {
        let (witness, at_once) = request.into_body();
        let kept = if at_once { None } else { Some(witness) };
        async move {
            pause().await;
            drop(kept);
            Ok::<_, Infallible>(Response::new(()))
        }
    }));
    let dropped_in_call = service.call(Request::new((witness(), true)));
    assert_eq!(record.take(), [Some(3)], "in the synchronous part");
    drop(dropped_in_call);
    drop(service.call(Request::new((witness(), false))));
    assert_eq!(record.take(), [Some(3)], "never polled");
    let mut begun = Box::pin(service.call(Request::new((witness(), false))));
    assert!(poll(&mut begun).is_pending());
    N.sync_scope(8, || drop(begun));
    assert_eq!(record.take(), [Some(3)], "cancelled");
}

// The response body.

#[test]
fn a_body_sees_what_the_service_set_but_no_scope_that_ended() {
    static INNER: Var<u32> = Var::new("inner");
    three_ways(|| {
        let mut service = layer().layer(service_fn(|_: Request<_>| {
            M.set(40).unwrap();
            INNER.scope(2, async {
                assert_eq!(INNER.get(), 2);
                Ok::<_, Infallible>(Response::new(Saying::new(2, || {
                    assert_eq!(INNER.source(), Source::Missing(Reason::Unbound));
                    N.get() + M.get()
                })))
            })
        }));
        let mut response = finish(service.call(request(1))).unwrap();
        assert_eq!(bytes(response.body_mut()), [41, 41]);
    });
}

#[test]
fn a_body_that_is_wrapped_inside_keeps_the_inner_scope() {
    let mut service = layer().layer(service_fn(|_: Request<_>| {
        M.scope(2, async {
            let body = Saying::new(2, || N.get() + M.get()).in_current_context();
            Ok::<_, Infallible>(Response::new(body))
        })
    }));
    let mut response = finish(service.call(request(1))).unwrap();
    assert_eq!(bytes(response.body_mut()), [3, 3]);
}

#[test]
fn what_a_frame_sets_is_seen_by_the_next_one_only() {
    three_ways(|| {
        let mut service = layer().layer(service_fn(|_: Request<_>| {
            answer(Saying::new(4, || {
                N.set(N.get() + 1).unwrap();
                N.get()
            }))
        }));
        let (mut first, mut second) = (
            finish(service.call(request(10))).unwrap(),
            finish(service.call(request(20))).unwrap(),
        );
        assert!(next(first.body_mut()).is_some());
        assert_eq!(bytes(second.body_mut()), [21, 22, 23, 24]);
        assert_eq!(bytes(first.body_mut()), [12, 13, 14]);
        assert!(!N.is_bound());
    });
}

#[test]
fn size_hints_the_end_and_trailers_survive() {
    let trailers = HeaderMap::from_iter([("kept".parse().unwrap(), "yes".parse().unwrap())]);
    let mut service = layer().layer(service_fn(|_: Request<_>| {
        let mut body = Saying::new(2, || N.get());
        body.trailers = Some(trailers.clone());
        answer(body)
    }));
    let mut body = finish(service.call(request(6))).unwrap().into_body();
    for left in [2, 1] {
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(left), false));
        assert_eq!(next(&mut body).unwrap().unwrap().into_data().unwrap(), [6]);
    }
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), false));
    let trailers = next(&mut body).unwrap().unwrap().into_trailers().unwrap();
    assert_eq!((&trailers["kept"], &trailers["seen"]), (&"yes".parse().unwrap(), &6.into()));
    assert!(body.is_end_stream() && next(&mut body).is_none());
}

#[test]
fn a_hint_without_an_upper_bound_and_an_error_survive() {
    struct Broken;
    impl Body for Broken {
        type Data = &'static [u8];
        type Error = String;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut TaskContext<'_>,
        ) -> Poll<Option<Result<Frame<&'static [u8]>, String>>> {
            Poll::Ready(Some(Err(format!("broken in {}", N.get()))))
        }

        fn size_hint(&self) -> SizeHint {
            let mut hint = SizeHint::new();
            hint.set_lower(17);
            hint
        }
    }
    let mut service =
        layer().layer(service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new(Broken))));
    let mut body = finish(service.call(request(4))).unwrap().into_body();
    assert_eq!((body.size_hint().lower(), body.size_hint().upper()), (17, None));
    assert_eq!(next(&mut body).unwrap().unwrap_err(), "broken in 4");
}

#[test]
fn bodies_of_other_crates_are_bodies_still() {
    let full = Full::new(&b"abc"[..]).in_context(Context::empty().with(&N, 1));
    assert_eq!(full.size_hint().exact(), Some(3));
    let frames = futures_util::stream::poll_fn(|_| {
        Poll::Ready(Some(Ok::<_, Infallible>(Frame::data(VecDeque::from([N.get() as u8])))))
    });
    let frames = StreamBody::new(futures_util::StreamExt::take(frames, 2))
        .in_context(Context::empty().with(&N, 1));
    let mapped = frames.map_frame(|frame| frame.map_data(|_| VecDeque::from([N.is_bound() as u8])));
    let collected = finish(mapped.collect()).unwrap().to_bytes();
    assert_eq!(collected, [0, 0][..], "what is around a wrapper is outside of it");
    assert_eq!(finish(full.collect()).unwrap().to_bytes(), "abc");
}

#[test]
fn a_body_is_dropped_in_its_context() {
    let record = Record::default();
    let mut service = layer().layer(service_fn(|_: Request<_>| {
        let mut body = Saying::new(9, || N.get());
        body._witness = Some(record.witness(&N));
        answer(body)
    }));
    let mut response = finish(service.call(request(2))).unwrap();
    assert!(next(response.body_mut()).is_some());
    N.sync_scope(8, || drop(response));
    assert_eq!(record.take(), [Some(2)]);
}

// Reach.

#[test]
fn short_reach_goes_on_in_the_future_and_ends_with_it() {
    three_ways(|| {
        let count = Count::default();
        static TX: Var<Counted> = Var::new("tx").stays_on_stack();
        let tx = count.clone();
        let mut service = layer().layer(service_fn(move |_: Request<_>| {
            TX.set(tx.value()).unwrap();
            ON_STACK.set(1).unwrap();
            IN_CHECKPOINT.set(2).unwrap();
            async {
                pause().await;
                assert!(TX.is_bound());
                assert_eq!((ON_STACK.get(), IN_CHECKPOINT.get()), (1, 2));
                Checkpoint::run(|| {
                    assert_eq!(ON_STACK.get(), 1);
                    assert!(!IN_CHECKPOINT.is_bound());
                });
                Ok::<_, Infallible>(Response::new(Saying::new(1, || {
                    let missing = |var: &Var<u32>| {
                        matches!(var.try_get().unwrap_err().reason(), Reason::NotCarried(_))
                    };
                    assert!(missing(&ON_STACK) && missing(&IN_CHECKPOINT) && !TX.is_bound());
                    N.get()
                })))
            }
        }));
        let mut future = Box::pin(service.call(request(3)));
        assert!(poll(&mut future).is_pending());
        assert_eq!(count.alive(), 1);
        let Poll::Ready(Ok(mut response)) = poll(&mut future) else { panic!("is ready") };
        drop(future);
        assert_eq!(count.alive(), 0, "the body keeps it not");
        assert_eq!(bytes(response.body_mut()), [3]);
    });
}

#[test]
fn short_reach_of_the_caller_is_never_carried_in() {
    let see = || async {
        Ok::<_, Infallible>((N.try_get().ok(), ON_STACK.is_bound(), IN_CHECKPOINT.is_bound()))
    };
    Checkpoint::run(|| {
        N.set(1).unwrap();
        ON_STACK.set(1).unwrap();
        IN_CHECKPOINT.set(1).unwrap();
        let layer = || PlainLayer::new(|_: &(), base| base);
        for carried in [
            finish(layer().on_caller().layer(service_fn(|()| see())).call(())),
            finish(layer().on_current().layer(service_fn(|()| see())).call(())),
        ] {
            assert_eq!(carried, Ok((Some(1), false, false)));
        }
        let detached = finish(layer().layer(service_fn(|()| see())).call(()));
        assert_eq!(detached, Ok((None, false, false)));
    });
}

// The base.

/// Answers with what `N` and `M` are.
fn seeing() -> impl Service<(), Response = (Option<u32>, Option<u32>), Error = Infallible> {
    service_fn(async |()| Ok(both()))
}

fn call<S: Service<(), Error = Infallible>>(service: &mut S) -> S::Response {
    finish(service.call(())).unwrap()
}

#[test]
fn each_base_gives_what_it_says_wherever_the_service_is_called_and_polled() {
    let layer = || PlainLayer::new(|_: &(), base| base.with(&M, 5));
    let cell = Arc::new(ContextCell::new());
    let (mut detached, mut current, mut caller, mut swapped) = N.sync_scope(1, || {
        (
            layer().layer(seeing()),
            layer().on_current().layer(seeing()),
            layer().on_caller().layer(seeing()),
            layer().on(Arc::clone(&cell)).layer(seeing()),
        )
    });
    let at_call = |n| {
        N.sync_scope(n, || {
            let seen = (
                call(&mut detached).0,
                call(&mut current).0,
                call(&mut caller).0,
                call(&mut swapped).0,
            );
            let later = caller.call(());
            assert_eq!(
                N.sync_scope(99, || finish(later)),
                Ok((Some(n), Some(5))),
                "captured at the call"
            );
            assert!(!M.is_bound());
            seen
        })
    };
    let mut at_call = at_call;
    assert_eq!(at_call(2), (None, Some(1), Some(2), None));
    cell.store(Context::empty().with(&N, 30));
    assert_eq!(at_call(3), (None, Some(1), Some(3), Some(30)));
    cell.store(Context::empty().with(&N, 40));
    assert_eq!(at_call(4), (None, Some(1), Some(4), Some(40)));
}

#[test]
fn a_base_is_swapped_for_requests_that_come_and_not_for_those_under_way() {
    static CELL: ContextCell = ContextCell::new();
    let count = Count::default();
    let base = |n| Context::empty().with(&M, n).with(&HELD, count.value());
    CELL.store(base(1));
    let mut service = layer().on(&CELL).layer(service_fn(async |_: Request<_>| {
        pause().await;
        Ok::<_, Infallible>(Response::new(Saying::new(1, || M.get())))
    }));
    let mut old = Box::pin(service.call(request(0)));
    assert!(poll(&mut old).is_pending());
    CELL.store(base(2));
    assert_eq!(count.alive(), 2, "a request is under way");
    let mut new = finish(service.call(request(0))).unwrap();
    let Poll::Ready(Ok(mut response)) = poll(&mut old) else { panic!("is ready") };
    assert_eq!((bytes(response.body_mut()), bytes(new.body_mut())), (vec![1], vec![2]));
    drop((old, response));
    assert_eq!(count.alive(), 1, "the last that had the old base is gone");
    drop(new);
    CELL.store(Context::empty());
    assert_eq!(count.alive(), 0);
}

#[test]
fn layers_within_layers_add_to_each_other_if_told_to() {
    let outer = PlainLayer::new(|_: &(), base| base.with(&N, 1));
    let inner = || PlainLayer::new(|_: &(), base| base.with(&M, N.try_get().unwrap_or(0) + 1));
    assert_eq!(call(&mut outer.layer(inner().on_caller().layer(seeing()))), (Some(1), Some(2)));
    assert_eq!(call(&mut outer.layer(inner().layer(seeing()))), (None, Some(1)));
}

#[test]
fn the_binding_function_runs_in_the_base_and_may_read_set_and_unset() {
    let base = Context::empty().with(&N, 4);
    let bind = |_: &(), base: Context| {
        assert_eq!((N.get(), base.get(&N)), (4, Some(&4)));
        M.set(9).unwrap();
        base.without(&N)
    };
    let mut service = PlainLayer::new(bind).on(base).layer(service_fn(async |()| {
        assert!(matches!(N.source(), Source::Missing(Reason::Masked(_))));
        Ok::<_, Infallible>(both())
    }));
    M.sync_scope(1, || assert_eq!(call(&mut service), (None, None)));
}

/// Is ready at once, and says in what.
#[derive(Clone, Default)]
struct Readiness(Arc<Mutex<Vec<Option<u32>>>>);

impl<Q> Service<Q> for Readiness {
    type Response = Response<Full<&'static [u8]>>;
    type Error = &'static str;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.lock().unwrap().push(N.try_get().ok());
        M.set(1).expect("the base is open");
        Poll::Ready(Err("not today"))
    }

    fn call(&mut self, _: Q) -> Self::Future {
        assert!(!M.is_bound(), "what `poll_ready` set is gone");
        ready(Err("not at all"))
    }
}

#[test]
fn readiness_is_asked_in_the_base_and_errors_are_passed_on() {
    let seen = Readiness::default();
    let cx = &mut TaskContext::from_waker(Waker::noop());
    let mut detached = layer().layer(seen.clone());
    let mut based = layer().on(Context::empty().with(&N, 1)).layer(seen.clone());
    let mut caller = layer().on_caller().layer(seen.clone());
    N.sync_scope(7, || {
        assert_eq!(detached.poll_ready(cx), Poll::Ready(Err("not today")));
        assert_eq!(based.poll_ready(cx), Poll::Ready(Err("not today")));
        assert_eq!(caller.poll_ready(cx), Poll::Ready(Err("not today")));
        assert_eq!(finish(based.call(request(3))).unwrap_err(), "not at all");
    });
    assert_eq!(*seen.0.lock().unwrap(), [None, Some(1), Some(7)]);
}

#[test]
fn a_base_of_ones_own_is_asked_once_for_each_request() {
    #[derive(Clone, Default)]
    struct Counting(Arc<Mutex<u32>>);
    impl Base for Counting {
        fn context(&self) -> Context {
            let mut asked = self.0.lock().unwrap();
            *asked += 1;
            Context::empty().with(&N, *asked)
        }
    }
    let mut service = PlainLayer::new(|_: &(), base| base).on(Counting::default()).layer(seeing());
    for n in 1..5 {
        assert_eq!(call(&mut service).0, Some(n));
    }
}

#[test]
fn a_base_of_ones_own_is_asked_once_however_often_the_service_is_asked_whether_it_is_ready() {
    #[derive(Clone, Default)]
    struct Numbered(Arc<Mutex<u32>>);
    impl Base for Numbered {
        fn context(&self) -> Context {
            let mut next = self.0.lock().unwrap();
            *next += 1;
            Context::empty().with(&N, *next)
        }
    }
    /// Ready when it has been asked three times.
    #[derive(Clone, Default)]
    struct Slow(u32);
    impl Service<()> for Slow {
        type Response = u32;
        type Error = Infallible;
        type Future = Ready<Result<u32, Infallible>>;

        fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
            assert!(!N.is_bound(), "readiness belongs to no request");
            self.0 += 1;
            if self.0.is_multiple_of(3) { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn call(&mut self, _: ()) -> Self::Future {
            ready(Ok(N.get()))
        }
    }
    let mut service = PlainLayer::new(|_: &(), base| base)
        .on(Arc::new(Numbered::default()))
        .layer(Slow::default());
    let cx = &mut TaskContext::from_waker(Waker::noop());
    for n in 1..4 {
        while N.sync_scope(9, || service.poll_ready(cx)).is_pending() {}
        assert_eq!(finish(service.call(())), Ok(n));
    }
}

// Nothing is left.

/// Binds a counted value to each request.
fn counting(count: &Count) -> PlainLayer<impl Fn(&Request<()>, Context) -> Context + Clone> {
    let count = count.clone();
    PlainLayer::new(move |_: &Request<()>, base| base.with(&HELD, count.value()).with(&N, 1))
}

#[test]
fn wherever_a_request_ends_its_values_end() {
    three_ways(|| {
        let count = Count::default();
        let values = count.clone();
        let layer = ContextLayer::new(move |request: &Request<Empty<_>>, base: Context| {
            base.with(&HELD, values.value()).with(&N, number(request))
        });
        let mut service = layer.layer(service_fn(async |_: Request<Nothing>| {
            assert!(HELD.is_bound());
            pause().await;
            Ok::<_, Infallible>(Response::new(Saying::new(3, || HELD.with(|_| N.get()))))
        }));
        drop(service.call(request(1)));
        assert_eq!(count.alive(), 0, "never polled");
        let mut begun = Box::pin(service.call(request(1)));
        assert!(poll(&mut begun).is_pending());
        assert_eq!(count.alive(), 1);
        drop(begun);
        assert_eq!(count.alive(), 0, "cancelled");
        drop(finish(service.call(request(1))));
        assert_eq!(count.alive(), 0, "the body never asked for");
        let mut response = finish(service.call(request(1))).unwrap();
        assert!(next(response.body_mut()).is_some());
        assert_eq!(count.alive(), 1);
        drop(response);
        assert_eq!(count.alive(), 0, "a body of which the half was read");
        let mut response = finish(service.call(request(1))).unwrap();
        assert_eq!(bytes(response.body_mut()), [1; 3]);
        drop(response);
        assert_eq!(count.alive(), 0, "read to the end");
    });
}

#[test]
fn a_panic_in_any_part_leaves_the_thread_as_it_was_and_nothing_alive() {
    three_ways(|| {
        let count = Count::default();
        let mut in_call = counting(&count)
            .layer(service_fn(|_| -> Ready<Result<(), Infallible>> { panic!("call") }));
        let mut in_poll = counting(&count)
            .layer(service_fn(async |_| -> Result<(), Infallible> { panic!("poll") }));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(in_call.call(Request::new(()))))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| finish(in_poll.call(Request::new(()))))).is_err());
        assert_eq!(count.alive(), 0);

        let values = count.clone();
        let layer =
            ContextLayer::new(move |_: &Request<()>, base| base.with(&HELD, values.value()));
        let mut in_frame = layer.layer(service_fn(|_| answer(Saying::new(3, || panic!("frame")))));
        let mut body = finish(in_frame.call(Request::new(()))).unwrap().into_body();
        assert!(catch_unwind(AssertUnwindSafe(|| next(&mut body))).is_err());
        assert!(!HELD.is_bound());
        drop(body);
        let mut in_bind = PlainLayer::new(|_: &(), _| panic!("bind")).layer(seeing());
        assert!(catch_unwind(AssertUnwindSafe(|| call(&mut in_bind))).is_err());
        assert_eq!(count.alive(), 0);
    });
}

#[test]
fn a_clone_of_a_service_is_a_service_like_it() {
    let service = layer()
        .layer(service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new(N.get()))));
    let mut clones = [service.clone(), service];
    for (n, service) in (0..).zip(&mut clones) {
        assert_eq!(finish(service.call(request(n))).unwrap().body().get_ref(), &n);
    }
}

#[test]
fn services_futures_and_bodies_change_threads_if_what_they_wrap_does() {
    fn is_task<T: Send + 'static>(value: T) -> T {
        value
    }
    let layer = is_task(layer());
    let mut service = is_task(layer.layer(service_fn(async |_: Request<_>| {
        Ok::<_, Infallible>(Response::new(Full::new(&b""[..])))
    })));
    let task: Task<_> = Box::pin(is_task(service.call(request(1))));
    let body: InContext<Full<_>> = is_task(finish(task).unwrap().into_body());
    assert!(pin!(body).is_end_stream());
}

#[test]
fn nothing_shows_a_value() {
    static SECRET: Var<&str> = Var::new("secret");
    let layer = layer().on(Context::empty().with(&SECRET, "hunter2"));
    let shown = format!("{layer:?} {:?}", layer.layer(()));
    assert!(shown.contains("secret") && !shown.contains("hunter2"), "{shown}");
}

// Requests that are admitted first.

/// Refuses odd numbers, after a pause; binds the number of the others.
async fn even(
    request: Request<Nothing>,
    base: Context,
) -> Result<(Request<Nothing>, Context), Response<Saying<fn() -> u32>>> {
    assert_eq!(
        (N.try_get().ok(), M.try_get().ok()),
        (None, base.get(&M).copied()),
        "it runs in the base"
    );
    N.set(number(&request)).unwrap();
    pause().await;
    assert_eq!(N.get(), number(&request), "its stack is its own over its awaits");
    if number(&request) % 2 == 1 {
        return Err(Response::builder()
            .status(401)
            .body(Saying::<fn() -> u32>::new(1, || N.get()))
            .unwrap());
    }
    let n = number(&request);
    Ok((request, base.with(&N, n * 10)))
}

#[test]
fn a_request_is_admitted_or_refused_after_an_await_and_every_answer_is_written_in_its_context() {
    let called = Arc::new(Mutex::new(Vec::new()));
    let calls = called.clone();
    let service = service_fn(move |request: Request<Nothing>| {
        calls.lock().unwrap().push(both());
        async move {
            pause().await;
            assert_eq!(N.get(), 10 * number(&request));
            N.set(N.get() + 1).unwrap();
            Ok::<_, Infallible>(Response::new(Saying::<fn() -> u32>::new(2, || N.get())))
        }
    });
    let layer = AdmitLayer::new(even).on(Context::empty().with(&M, 7)).answer(
        |response: &mut Response<_>| {
            response.headers_mut().insert("seen", N.get().into());
        },
    );
    let mut service = layer.layer(service);
    N.sync_scope(99, || {
        let (odd, even) = (service.call(request(3)), service.call(request(4)));
        let (mut refused, mut admitted) = (finish(odd).unwrap(), finish(even).unwrap());
        assert_eq!((refused.status().as_u16(), &refused.headers()["seen"]), (401, &3.into()));
        assert_eq!((admitted.status().as_u16(), &admitted.headers()["seen"]), (200, &41.into()));
        assert_eq!((bytes(refused.body_mut()), bytes(admitted.body_mut())), (vec![3], vec![41; 2]));
        assert_eq!(N.get(), 99);
    });
    assert_eq!(
        *called.lock().unwrap(),
        [(Some(40), Some(7))],
        "a request that is refused reaches nobody"
    );
}

#[test]
fn the_service_that_said_it_is_ready_is_the_one_that_is_called() {
    /// Is ready once it has been asked; a clone is not.
    struct Ready(bool);
    impl Clone for Ready {
        fn clone(&self) -> Self {
            Ready(false)
        }
    }
    impl Service<Request<Nothing>> for Ready {
        type Response = Response<Saying<fn() -> u32>>;
        type Error = &'static str;
        type Future = std::future::Ready<Result<Self::Response, &'static str>>;

        fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), &'static str>> {
            assert_eq!(both(), (None, None), "readiness belongs to no request");
            self.0 = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Nothing>) -> Self::Future {
            ready(if self.0 {
                Ok(Response::new(Saying::new(0, || 0)))
            } else {
                Err("was not ready")
            })
        }
    }
    let mut service = AdmitLayer::new(even).layer(Ready(false));
    for _ in 0..2 {
        let cx = &mut TaskContext::from_waker(Waker::noop());
        assert!(service.poll_ready(cx).is_ready());
        assert!(finish(service.call(request(2))).is_ok());
    }
}

#[test]
fn wherever_a_request_that_is_to_be_admitted_ends_its_values_end() {
    let count = Count::default();
    let values = count.clone();
    let layer = AdmitLayer::new(move |request: Request<Nothing>, base: Context| {
        let base = base.with(&HELD, values.value()).with(&N, number(&request));
        let again = values.value();
        async move {
            HELD.set(again).unwrap();
            pause().await;
            if number(&request) == 0 {
                Err(Response::new(Saying::<fn() -> u32>::new(1, || 0)))
            } else {
                Ok((request, base))
            }
        }
    });
    let mut service = layer.layer(service_fn(async |_: Request<Nothing>| {
        assert!(HELD.is_bound());
        pause().await;
        Ok::<_, Infallible>(Response::new(Saying::<fn() -> u32>::new(1, || HELD.with(|_| N.get()))))
    }));
    for number in [0, 1] {
        drop(service.call(request(number)));
        assert_eq!(count.alive(), 0, "never polled");
        for polls in 1..3 {
            let mut call = Box::pin(service.call(request(number)));
            for _ in 0..polls {
                let _ = call.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
            }
            drop(call);
            assert_eq!(count.alive(), 0, "polled {polls} times");
        }
        let response = finish(service.call(request(number))).unwrap();
        assert!(count.alive() > 0, "the body has it");
        drop(response);
        assert_eq!(count.alive(), 0);
    }
}

/// A function with a name, for a layer whose type is written down.
#[derive(Clone)]
struct ByPath;

impl<Q> RequestContext<Request<Q>> for ByPath {
    fn of(&self, request: &Request<Q>, base: Context) -> Context {
        of_request(request, base)
    }
}

#[test]
fn a_layer_that_binds_nothing_needs_no_closure_and_gives_each_request_a_stack_of_its_own() {
    const BASE_ONLY: ContextLayer<BaseOnly> = ContextLayer::base_only();
    const BY_PATH: ContextLayer<ByPath> = ContextLayer::of(ByPath);
    let base = Context::empty().with(&M, 7);
    let service = service_fn(async |_: Request<Nothing>| {
        let seen = both();
        N.set(99).expect("the stack of the request is open");
        Ok::<_, Infallible>(Response::new(Full::new(VecDeque::from(
            format!("{seen:?}").into_bytes(),
        ))))
    });
    N.sync_scope(1, || {
        let mut plain = PlainLayer::base_only().on(base.clone()).layer(service);
        let mut http = BASE_ONLY.on(base.clone()).layer(service);
        let mut named = BY_PATH.on(base.clone()).layer(service);
        for _ in 0..2 {
            let body = |response: Response<Full<_>>| response.into_body();
            let seen = finish(plain.call(request(5))).map(body);
            assert_eq!(finish(seen.unwrap().collect()).unwrap().to_bytes(), "(None, Some(7))");
            let seen = finish(http.call(request(5))).unwrap().into_body();
            assert_eq!(finish(seen.collect()).unwrap().to_bytes(), "(None, Some(7))");
            let seen = finish(named.call(request(5))).unwrap().into_body();
            assert_eq!(finish(seen.collect()).unwrap().to_bytes(), "(Some(5), Some(7))");
        }
        assert_eq!(N.get(), 1);
    });
}
