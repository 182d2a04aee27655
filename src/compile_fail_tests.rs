//! What must not compile, each beside a twin that does. Doc tests; `tests/messages.rs` checks the
//! codes and texts.
//!
//! Each item is one case: the program that is refused, what its message says, the nearest program
//! that is not.

/// A guard does not go to another thread.
///
/// ```compile_fail,E0277
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let guard = X.enter(1);
/// std::thread::spawn(move || drop(guard));
/// ```
/// Says: `*mut ()` cannot be sent between threads safely
/// Says: within the type `stackholm::entered::GuardsStayOnTheirThread`
///
/// ```
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// std::thread::spawn(move || drop(X.enter(1)));
/// ```
pub struct GuardIsNotSend;

/// Nor is it lent to one.
///
/// ```compile_fail,E0277
/// let guard = stackholm::Checkpoint::enter();
/// std::thread::scope(|scope| { scope.spawn(|| println!("{guard:?}")); });
/// ```
/// Says: `*mut ()` cannot be shared between threads safely
///
/// ```
/// let guard = stackholm::Checkpoint::enter();
/// std::thread::scope(|scope| { scope.spawn(|| println!("no guard")); });
/// drop(guard);
/// ```
pub struct GuardIsNotSync;

/// A future that holds a guard over an await does not go to another thread.
///
/// ```compile_fail
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// fn spawn(_: impl Future<Output = ()> + Send) {}
/// spawn(async {
///     let _guard = X.enter(1);
///     std::future::ready(()).await;
/// });
/// ```
/// Says: future cannot be sent between threads safely
/// Says: which is not `Send`
///
/// ```
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// fn spawn(_: impl Future<Output = ()> + Send) {}
/// spawn(X.scope(1, async {
///     std::future::ready(()).await;
/// }));
/// ```
pub struct GuardOverAnAwait;

/// A guard cannot be built.
///
/// ```compile_fail,E0451
/// let guard = stackholm::Entered { serial: unreachable!(), stays: unreachable!() };
/// ```
/// Says: of struct `Entered` are private
///
/// ```
/// let guard: stackholm::Entered = stackholm::Checkpoint::enter();
/// ```
pub struct GuardCannotBeBuilt;

/// Nor made by the function that the library has for it.
///
/// ```compile_fail,E0624
/// let guard = stackholm::Entered::new(1);
/// ```
/// Says: associated function `new` is private
///
/// ```
/// let guard = stackholm::Scope::new().enter();
/// ```
pub struct GuardCannotBeMade;

/// Nor cloned.
///
/// ```compile_fail,E0599
/// let guard = stackholm::Checkpoint::enter();
/// let copy = guard.clone();
/// ```
/// Says: no method named `clone` found for struct `Entered`
///
/// ```
/// let guard = stackholm::Checkpoint::enter();
/// let context = stackholm::Context::current().clone();
/// ```
pub struct GuardCannotBeCloned;

/// A guard that is not kept is noticed.
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// X.enter(1);
/// ```
/// Says: unused `Entered` that must be used
/// Says: the checkpoint is left when this is dropped; bind it to a name
///
/// ```
/// #![deny(unused_must_use)]
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let _guard = X.enter(1);
/// ```
pub struct GuardMustBeKept;

/// A scope that is not entered is noticed.
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// stackholm::Scope::new().set(&X, 1);
/// ```
/// Says: nothing is bound before the scope is entered
///
/// ```
/// #![deny(unused_must_use)]
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// stackholm::Scope::new().set(&X, 1).run(|| ());
/// ```
pub struct ScopeMustBeEntered;

/// A prepared checkpoint that is not entered is noticed.
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// stackholm::Checkpoint::prepare();
/// ```
/// Says: nothing is bound before it is entered
///
/// ```
/// #![deny(unused_must_use)]
/// stackholm::Checkpoint::prepare().run(|| ());
/// ```
pub struct PreparedMustBeEntered;

/// A wrapped future that is not awaited is noticed.
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// X.scope(1, async {});
/// ```
/// Says: futures and streams do nothing unless polled
///
/// ```
/// #![deny(unused_must_use)]
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let _job = async { X.scope(1, async {}).await };
/// ```
pub struct FutureMustBePolled;

/// A value that cannot go to another thread is refused.
///
/// ```compile_fail,E0277
/// use std::rc::Rc;
/// static X: stackholm::Var<Rc<u32>> = stackholm::Var::new("x");
/// ```
/// Says: `Rc<u32>` cannot be sent between threads safely
///
/// ```
/// use std::sync::Arc;
/// static X: stackholm::Var<Arc<u32>> = stackholm::Var::new("x");
/// ```
pub struct ValueIsSend;

/// A value that cannot be lent to another thread is refused.
///
/// ```compile_fail,E0277
/// use std::cell::Cell;
/// static X: stackholm::Var<Cell<u32>> = stackholm::Var::new("x");
/// ```
/// Says: `Cell<u32>` cannot be shared between threads safely
///
/// ```
/// use std::sync::Mutex;
/// static X: stackholm::Var<Mutex<u32>> = stackholm::Var::new("x");
/// ```
pub struct ValueIsSync;

/// Also of a variable that is made at run time.
///
/// ```compile_fail,E0599
/// let x = stackholm::Var::<std::cell::RefCell<u32>>::named("x");
/// ```
/// Says: `RefCell<u32>: Sync`
///
/// ```
/// let x = stackholm::Var::<std::sync::RwLock<u32>>::named("x");
/// ```
pub struct ValueMadeAtRunTimeIsSync;

/// A value that borrows from the caller is refused.
///
/// ```compile_fail,E0597
/// static X: stackholm::Var<&str> = stackholm::Var::new("x");
/// let text = String::from("here");
/// X.sync_scope(&text, || ());
/// ```
/// Says: `text` does not live long enough
///
/// ```
/// static X: stackholm::Var<String> = stackholm::Var::new("x");
/// let text = String::from("here");
/// X.sync_scope(text, || ());
/// ```
pub struct ValueDoesNotBorrow;

/// A borrow does not outlive the context that it is from.
///
/// ```compile_fail,E0505
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let context = stackholm::Context::empty().with(&X, 1);
/// let x = context.get(&X);
/// drop(context);
/// println!("{x:?}");
/// ```
/// Says: cannot move out of `context` because it is borrowed
///
/// ```
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let context = stackholm::Context::empty().with(&X, 1);
/// let x = context.get(&X);
/// println!("{x:?}");
/// drop(context);
/// ```
pub struct BorrowEndsBeforeItsContext;

/// Nor is it taken out of one that goes.
///
/// ```compile_fail,E0716
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let x = stackholm::Context::current().get(&X);
/// println!("{x:?}");
/// ```
/// Says: temporary value dropped while borrowed
///
/// ```
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let x = stackholm::Context::current().get(&X).copied();
/// println!("{x:?}");
/// ```
pub struct BorrowOfATemporary;

/// A binding that is listed does not outlive its context either.
///
/// ```compile_fail,E0505
/// let context = stackholm::Context::current();
/// let binding = context.iter().next();
/// drop(context);
/// println!("{binding:?}");
/// ```
/// Says: cannot move out of `context` because it is borrowed
///
/// ```
/// let context = stackholm::Context::current();
/// let binding = context.iter().next();
/// println!("{binding:?}");
/// ```
pub struct BindingEndsBeforeItsContext;

/// A borrow does not leave the closure that it was lent to.
///
/// ```compile_fail
/// static X: stackholm::Var<String> = stackholm::Var::with_default("x", String::new);
/// let x: &String = X.with(|x| x);
/// ```
/// Says: lifetime may not live long enough
///
/// ```
/// static X: stackholm::Var<String> = stackholm::Var::with_default("x", String::new);
/// let x: String = X.with(|x| x.clone());
/// ```
pub struct BorrowStaysInItsClosure;

/// A stack is not changed while what it shows is borrowed.
///
/// ```compile_fail,E0502
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let mut stack = stackholm::embed::Stack::inherit();
/// let x = stack.get(&X);
/// stack.unset(&X).unwrap();
/// println!("{x:?}");
/// ```
/// Says: cannot borrow `stack` as mutable because it is also borrowed as immutable
///
/// ```
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let mut stack = stackholm::embed::Stack::inherit();
/// let x = stack.get(&X).copied();
/// stack.unset(&X).unwrap();
/// println!("{x:?}");
/// ```
pub struct BorrowOfAStack;

/// A prepared checkpoint does not outlive the variables that it binds.
///
/// ```compile_fail,E0597
/// let prepared = {
///     let x = stackholm::Var::<u32>::named("x");
///     stackholm::Checkpoint::prepare().set(&x, 1)
/// };
/// prepared.run(|| ());
/// ```
/// Says: `x` does not live long enough
///
/// ```
/// let x = stackholm::Var::<u32>::named("x");
/// let prepared = stackholm::Checkpoint::prepare().set(&x, 1);
/// prepared.run(|| ());
/// ```
pub struct PreparedBorrowsItsVariables;

/// Only values that can be printed are allowed to be shown.
///
/// ```compile_fail,E0277
/// struct Opaque;
/// static X: stackholm::Var<Opaque> = stackholm::Var::new("x").shown();
/// ```
/// Says: `Opaque` doesn't implement `Debug`
///
/// ```
/// #[derive(Debug)]
/// struct Opaque;
/// static X: stackholm::Var<Opaque> = stackholm::Var::new("x").shown();
/// ```
pub struct ShownNeedsDebug;

/// A test that watches a closure refuses one that gives a future: nothing of it would have run.
///
/// ```compile_fail,E0282
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let test = stackholm::testing::assert_nothing_left(async || X.scope(1, async {}).await);
/// ```
/// Says: type parameter `AFutureNeedsTheAsyncForm`
///
/// ```
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let test = stackholm::testing::assert_nothing_left_async(async || X.scope(1, async {}).await);
/// ```
pub struct NothingLeftOfAFuture;

/// So does the one that watches a variable.
///
/// ```compile_fail,E0282
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let test = stackholm::testing::assert_seen(&X, || Box::pin(async { X.get() }));
/// ```
/// Says: type parameter `AFutureNeedsTheAsyncForm`
///
/// ```
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let test = stackholm::testing::assert_seen_async(&X, || Box::pin(async { X.get() }));
/// ```
pub struct SeenByAFuture;

/// A group takes variables and nothing else.
///
/// ```compile_fail,E0277
/// let other = stackholm::Context::current().only(&[&"user"]);
/// ```
/// Says: the trait `AnyVar` is not implemented for
///
/// ```
/// static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let other = stackholm::Context::current().only(&[&USER]);
/// ```
pub struct GroupsAreOfVariables;

/// A default is not kept beyond a variable that was made at run time.
///
/// ```compile_fail,E0597
/// let kept = {
///     let x = stackholm::Var::<u32>::named("x");
///     x.keep()
/// };
/// println!("{kept:?}");
/// ```
/// Says: `x` does not live long enough
///
/// ```
/// static X: stackholm::Var<u32> = stackholm::Var::new("x");
/// let kept = X.keep();
/// println!("{kept:?}");
/// ```
pub struct KeptBorrowsItsVariable;

/// Nor is a change of its process-wide value.
///
/// ```compile_fail,E0515
/// stackholm::set_globals(|globals| {
///     let x = stackholm::Var::<u32>::named("x");
///     globals.set(&x, 1)
/// });
/// ```
/// Says: cannot return value referencing local variable `x`
///
/// ```
/// let x = stackholm::Var::<u32>::named("x");
/// stackholm::set_globals(|globals| globals.set(&x, 1));
/// assert_eq!(x.get(), 1);
/// ```
pub struct GlobalsEditBorrowsItsVariables;
