//! The oracle: what a stack shows, as plain maps, one for each checkpoint.
//!
//! Each value has two tokens. While somebody has its `Must`, it is seen from somewhere, so it must
//! be alive. While somebody has its `May`, it lies on a chain that a context, a stack or a read
//! keeps, so it may be alive. When nobody has either, it must have been dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

/// A value that must be alive, with the context that it owns.
pub(crate) struct Must {
    pub(crate) _context: Option<Rc<Snapshot>>,
}

/// A value that may be alive, with all that the context that it owns may keep.
pub(crate) struct May {
    pub(crate) _chain: Option<Rc<Chain>>,
}

/// A point in the life of a stack. A change that is undone may lead back to the point before it or
/// to one that only looks the same; both are one point here, and a weak context of it may be there
/// while anybody has either.
pub(crate) struct Point;

/// What a context that holds this may keep.
pub(crate) struct Chain {
    _value: Option<Rc<May>>,
    point: Rc<Point>,
    parent: Option<Rc<Chain>>,
}

impl Chain {
    pub(crate) fn on(parent: &Option<Rc<Chain>>, value: Option<Rc<May>>) -> Option<Rc<Chain>> {
        Self::at(Rc::new(Point), parent, value)
    }

    fn at(
        point: Rc<Point>,
        parent: &Option<Rc<Chain>>,
        value: Option<Rc<May>>,
    ) -> Option<Rc<Chain>> {
        Some(Rc::new(Chain { _value: value, point, parent: parent.clone() }))
    }

    pub(crate) fn point(&self) -> Weak<Point> {
        Rc::downgrade(&self.point)
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut chain) = next.and_then(|next| Rc::try_unwrap(next).ok()) {
            next = chain.parent.take();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Everywhere,
    Stack,
    Checkpoint,
}

/// A binding or a mask.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) name: String,
    /// When its variable was first used.
    pub(crate) rank: u32,
    pub(crate) reach: Reach,
    pub(crate) line: u32,
    /// `None`: a mask.
    pub(crate) number: Option<u64>,
    /// What makes two of them one: the value, but each binding of short reach is one for itself;
    /// masks are all alike.
    pub(crate) identity: Option<u64>,
}

/// What a variable leads to, and in which checkpoint of this stack that was made; `None`: it was
/// inherited.
#[derive(Clone)]
pub(crate) struct Sight {
    pub(crate) bound: Rc<Bound>,
    pub(crate) must: Option<Rc<Must>>,
    pub(crate) layer: Option<u64>,
}

pub(crate) type Shown = BTreeMap<usize, Sight>;

/// What is seen of a variable; the numbers are lines, the first of a binding is its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Bound(u64, u32),
    Masked(u32),
    NotCarried(u32),
    Absent,
}

/// A context.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) shown: Shown,
    pub(crate) chain: Option<Rc<Chain>>,
}

impl Snapshot {
    pub(crate) fn see(&self, var: usize) -> Seen {
        self.shown.get(&var).map_or(Seen::Absent, Sight::carried)
    }

    pub(crate) fn with(&self, var: usize, sight: Sight, may: Option<Rc<May>>) -> Snapshot {
        let mut shown = self.shown.clone();
        shown.insert(var, sight.inherited());
        Snapshot { shown, chain: Chain::on(&self.chain, may) }
    }

    /// What a stack that begins with this context, or has entered it, keeps before anything changes
    /// there. What is captured then is this context itself, so both are one point.
    fn chain_to_stand_on(&self) -> Option<Rc<Chain>> {
        // On an empty one, the drop of a value may set something and reset it, of which no more is
        // seen than a new point.
        self.chain.clone().or_else(|| Chain::on(&None, None))
    }

    /// Which binding of each variable it shows.
    pub(crate) fn shows(&self) -> BTreeMap<usize, Option<u64>> {
        let bound =
            self.shown.iter().filter(|(_, sight)| matches!(sight.carried(), Seen::Bound(..)));
        bound.map(|(var, sight)| (*var, sight.bound.identity)).collect()
    }
}

impl Sight {
    fn inherited(&self) -> Sight {
        let must = self.must.clone().filter(|_| self.bound.reach == Reach::Everywhere);
        Sight { bound: self.bound.clone(), must, layer: None }
    }

    /// What a context shows of it.
    pub(crate) fn carried(&self) -> Seen {
        match (self.bound.number, self.bound.reach) {
            (None, _) => Seen::Masked(self.bound.line),
            (Some(number), Reach::Everywhere) => Seen::Bound(number, self.bound.line),
            _ => Seen::NotCarried(self.bound.line),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    NoCheckpoint,
    Open,
    Sealed(u32),
}

struct Layer {
    uid: u64,
    state: State,
    /// What was shown before, if that is not what the layer below shows.
    outside: Option<Shown>,
    shown: Shown,
    chain_outside: Option<Rc<Chain>>,
    /// Values of short reach.
    short: Vec<Rc<May>>,
    undo: Vec<Undo>,
}

/// What a change of a checkpoint would have to put back.
struct Undo {
    var: usize,
    shown: Option<Rc<Bound>>,
    point: Weak<Point>,
}

/// How leaving went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    InOrder,
    WithInner,
    NotHere,
}

/// The checkpoints of one owner, innermost last; the first one is the stack itself.
pub(crate) struct Stack {
    layers: Vec<Layer>,
    chain: Option<Rc<Chain>>,
    /// Whether the work only goes on here: a wrapper made this stack of what was visible where it
    /// began.
    goes_on: bool,
    /// The stack that it was last swapped in over, by its number.
    over: u64,
}

/// The stacks of a program, by their numbers.
pub(crate) type Stacks = BTreeMap<u64, Stack>;

/// What a read keeps until it ends.
pub(crate) struct Kept {
    _chains: Vec<Rc<Chain>>,
    _short: Vec<Rc<May>>,
}

impl Stack {
    pub(crate) fn new(uid: u64, state: State, context: &Snapshot) -> Self {
        let layer = Layer {
            uid,
            state,
            outside: Some(context.shown.clone()),
            shown: context.shown.clone(),
            chain_outside: None,
            short: Vec::new(),
            undo: Vec::new(),
        };
        Stack { layers: vec![layer], chain: context.chain_to_stand_on(), goes_on: false, over: 0 }
    }

    /// A stack on which the work goes on, begun where `context` is visible.
    pub(crate) fn going_on(uid: u64, context: &Snapshot) -> Self {
        Stack { goes_on: true, ..Self::new(uid, State::Open, context) }
    }

    pub(crate) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// It is swapped in.
    pub(crate) fn runs_over(&mut self, over: u64) {
        self.over = over;
    }

    /// Whether a context was entered here, in whose place nothing is left of what was visible
    /// before.
    fn has_entered(&self) -> bool {
        self.layers.iter().skip(1).any(|layer| layer.outside.is_some())
    }

    fn top(&self) -> &Layer {
        self.layers.last().expect("the first one is never left")
    }

    fn top_mut(&mut self) -> &mut Layer {
        self.layers.last_mut().expect("the first one is never left")
    }

    pub(crate) fn depth(&self) -> usize {
        self.layers.len()
    }

    pub(crate) fn has(&self, uid: u64) -> bool {
        self.layers.iter().skip(1).any(|layer| layer.uid == uid)
    }

    pub(crate) fn state(&self) -> State {
        self.top().state
    }

    pub(crate) fn enter(&mut self, uid: u64, state: State) {
        let shown = self.top().shown.clone();
        let chain_outside = self.chain.clone();
        let (short, undo) = (Vec::new(), Vec::new());
        self.layers.push(Layer { uid, state, outside: None, shown, chain_outside, short, undo });
        self.chain = Chain::on(&self.chain, None);
    }

    pub(crate) fn adopt(&mut self, uid: u64, context: &Snapshot) {
        self.enter(uid, State::Open);
        self.top_mut().outside = Some(context.shown.clone());
        self.top_mut().shown = context.shown.clone();
        self.chain = context.chain_to_stand_on();
    }

    pub(crate) fn bind(&mut self, var: usize, sight: Sight, may: Option<Rc<May>>) {
        let layer = Some(self.top().uid);
        let short = sight.bound.reach != Reach::Everywhere;
        self.note(var);
        self.top_mut().shown.insert(var, Sight { layer, ..sight });
        self.chain = Chain::on(&self.chain, may.clone().filter(|_| !short));
        self.top_mut().short.extend(may.filter(|_| short));
    }

    pub(crate) fn leave(&mut self, uid: u64) -> Leaving {
        match self.layers.iter().skip(1).rposition(|layer| layer.uid == uid) {
            None => Leaving::NotHere,
            Some(at) => {
                let leaving =
                    if at + 2 == self.depth() { Leaving::InOrder } else { Leaving::WithInner };
                self.chain = self.layers[at + 1].chain_outside.clone();
                while self.depth() > at + 1 {
                    self.layers.pop();
                }
                leaving
            }
        }
    }

    fn outside_of(&self, uid: u64) -> &Shown {
        let at = self
            .layers
            .iter()
            .rposition(|layer| layer.uid == uid)
            .expect("a binding's checkpoint is there");
        self.layers[at].outside.as_ref().unwrap_or_else(|| &self.layers[at - 1].shown)
    }

    fn next_out(&self, var: usize, sight: &Sight) -> Option<Sight> {
        self.outside_of(sight.layer?).get(&var).cloned()
    }

    /// Before a change of `var`.
    fn note(&mut self, var: usize) {
        let point = self.chain.as_ref().map_or_else(Weak::new, |chain| chain.point());
        let shown = self.top().shown.get(&var).map(|sight| sight.bound.clone());
        self.top_mut().undo.push(Undo { var, shown, point });
    }

    /// The last point of this checkpoint at which the same was shown as now.
    fn same_before(&self) -> Option<Rc<Point>> {
        let mut differ = BTreeSet::new();
        let now = |var| self.top().shown.get(&var).map(|sight| Rc::as_ptr(&sight.bound));
        self.top().undo.iter().rev().find_map(|undo| {
            if now(undo.var) == undo.shown.as_ref().map(Rc::as_ptr) {
                differ.remove(&undo.var);
            } else {
                differ.insert(undo.var);
            }
            if differ.is_empty() { undo.point.upgrade() } else { None }
        })
    }

    fn lead(&mut self, var: usize, to: Option<Sight>) {
        self.note(var);
        match to {
            Some(sight) => self.top_mut().shown.insert(var, sight),
            None => self.top_mut().shown.remove(&var),
        };
        let point = self.same_before().unwrap_or_else(|| Rc::new(Point));
        self.chain = Chain::at(point, &self.chain, None);
    }

    pub(crate) fn pop(&mut self, var: usize) -> bool {
        let Some(nearest) = self.top().shown.get(&var).cloned() else { return false };
        self.lead(var, self.next_out(var, &nearest));
        true
    }

    pub(crate) fn reset(&mut self, var: usize) {
        self.lead(var, self.outside_of(self.top().uid).get(&var).cloned());
    }

    fn look(&self, sight: &Sight) -> Seen {
        let here = match sight.bound.reach {
            Reach::Everywhere => true,
            Reach::Stack => sight.layer.is_some(),
            Reach::Checkpoint => sight.layer == Some(self.top().uid),
        };
        match sight.bound.number {
            None => Seen::Masked(sight.bound.line),
            Some(number) if here => Seen::Bound(number, sight.bound.line),
            Some(_) => Seen::NotCarried(sight.bound.line),
        }
    }

    pub(crate) fn see(&self, var: usize) -> Seen {
        self.top().shown.get(&var).map_or(Seen::Absent, |sight| self.look(sight))
    }

    /// What it leads to, innermost first.
    fn history(&self, var: usize) -> impl Iterator<Item = Sight> {
        let nearest = self.top().shown.get(&var).cloned();
        std::iter::successors(nearest, move |sight| self.next_out(var, sight))
    }

    pub(crate) fn capture(&self) -> Snapshot {
        let shown = self.top().shown.iter().map(|(var, sight)| (*var, sight.inherited())).collect();
        Snapshot { shown, chain: self.chain.clone() }
    }

    /// All that a read which begins now may keep.
    pub(crate) fn kept(&self) -> Kept {
        let chains = self
            .layers
            .iter()
            .filter_map(|layer| layer.chain_outside.clone())
            .chain(self.chain.clone());
        let short = self.layers.iter().flat_map(|layer| layer.short.iter().cloned());
        Kept { _chains: chains.collect(), _short: short.collect() }
    }
}

/// Where a binding that `at` leads to reaches it as one that stays on its stack: on the stack that
/// it was made on, or where the work goes on from a stack that sees the very same binding.
fn reached<'a>(stacks: &'a Stacks, at: u64, var: usize, sight: &'a Sight) -> Option<&'a Sight> {
    match (sight.bound.reach, sight.layer) {
        (Reach::Stack, Some(_)) => return Some(sight),
        (Reach::Stack, None) => {}
        _ => return None,
    }
    let stack = stacks.get(&at).filter(|stack| stack.goes_on && !stack.has_entered())?;
    let beneath = stacks.get(&stack.over)?.top().shown.get(&var)?;
    if Rc::ptr_eq(&beneath.bound, &sight.bound) {
        reached(stacks, stack.over, var, beneath)
    } else {
        None
    }
}

fn look(stacks: &Stacks, at: u64, var: usize, sight: &Sight) -> Seen {
    match (stacks[&at].look(sight), sight.bound.number) {
        (Seen::NotCarried(line), Some(number)) if reached(stacks, at, var, sight).is_some() => {
            Seen::Bound(number, line)
        }
        (seen, _) => seen,
    }
}

/// What is seen of a variable while the stack `at` is current, and whether it is seen through that
/// stack.
pub(crate) fn see(stacks: &Stacks, at: u64, var: usize) -> (Seen, bool) {
    let Some(sight) = stacks[&at].top().shown.get(&var) else { return (Seen::Absent, false) };
    let seen = look(stacks, at, var, sight);
    (seen, seen != stacks[&at].look(sight))
}

/// All that a variable leads to while the stack `at` is current.
pub(crate) fn history(stacks: &Stacks, at: u64, var: usize) -> Vec<Seen> {
    stacks[&at].history(var).map(|sight| look(stacks, at, var, &sight)).collect()
}

/// What is seen of a variable while the stack `at` is current stays alive.
pub(crate) fn must(stacks: &Stacks, at: u64, var: usize) -> Option<Rc<Must>> {
    let sight = stacks[&at].top().shown.get(&var)?;
    match look(stacks, at, var, sight) {
        Seen::Bound(..) => reached(stacks, at, var, sight).unwrap_or(sight).must.clone(),
        _ => None,
    }
}
