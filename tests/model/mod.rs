//! A program of random operations, run by the library and by an oracle of plain maps, compared
//! after each one.

#[cfg_attr(
    not(debug_assertions),
    allow(dead_code, reason = "only debug builds tell of their ways")
)]
pub(crate) mod met;
pub(crate) mod op;
mod oracle;
mod roots;
mod run;
mod value;
mod world;

pub(crate) use op::Op;
use oracle::{Chain, Snapshot, Stack, State};
use stackholm::{Checkpoint, Context, embed};
use world::World;

/// How many ways there are to run a program: on an empty stack, in a checkpoint, and on a stack
/// that was handed a context.
pub(crate) const WAYS: u8 = 3;

/// Runs a program in one of the [`WAYS`]. Says how many operations were done.
pub(crate) fn run(program: &[Op], way: u8) -> u64 {
    let before = Context::current();
    let mut world = World::new(program);
    let uid = world.uid();
    world.current = uid;
    value::current_is(uid);
    world.beneath = if way == 1 { vec![] } else { vec![0] };
    let state = if way == 0 { State::NoCheckpoint } else { State::Open };
    let chain = if way == 1 { Chain::on(&None, None) } else { None };
    let mut snapshot = Snapshot { chain, ..Snapshot::default() };
    let mut context = Context::empty();
    if way == 2 {
        for var in 0..3 {
            let (value, token) = world.value(var, None);
            let line = line!() + 1;
            context = context.with(&world.vars[var].handle.clone(), value);
            let sight = world.sight(var, line, Some(&token));
            snapshot = snapshot.with(world.vars[var].uid, sight, Some(token.may));
        }
    }
    world.stacks.insert(uid, Stack::new(uid, state, &snapshot));
    drop(snapshot);
    match way {
        0 => embed::Stack::new().run(|| world.whole()),
        1 => Checkpoint::run(|| world.whole()),
        _ => embed::Stack::on(context).run(|| world.whole()),
    }
    value::forget_guards();
    met::collect();
    world.stacks.clear();
    world.check_end();
    assert!(before.ptr_eq(&Context::current()), "the stack is as before");
    world.done
}
