//! The variables of random programs: what can be done with each, by its number.

use crate::support::{Value, any};
use stackholm::{Context, Entered, NotOpen, Var};

/// So many threads run random programs; each has a variable that it alone gives process-wide
/// values.
pub(crate) const THREADS: usize = 3;

static VALUES: [Var<Value>; 5 + THREADS] = [
    Var::new("a"),
    Var::new("b"),
    Var::new("c"),
    Var::new("stack").stays_on_stack(),
    Var::new("checkpoint").stays_in_checkpoint(),
    Var::new("global"),
    Var::new("global"),
    Var::new("global"),
];
static DEFAULTED: Var<usize> = Var::with_default("default", || DEFAULT);
/// Enough for an index of two levels.
static PLAIN: [Var<usize>; 40] = [const { Var::new("plain") }; 40];

const DEFAULT: usize = 7;

pub(crate) const NUMBER: usize = VALUES.len() + 1 + PLAIN.len();

/// How far a binding is seen.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reach {
    Everywhere,
    Stack,
    Checkpoint,
}

/// One of two types, by one name in code that does for both.
macro_rules! either {
    ($variable:expr, $var:ident => $result:expr) => {
        match $variable {
            Variable::Value($var) => $result,
            Variable::Plain($var) => $result,
        }
    };
}

/// What a scope binds, or masks.
pub(crate) enum Item {
    Value(&'static Var<Value>, Value),
    Plain(&'static Var<usize>, usize),
    Mask(Variable),
}

/// Goes on with a scope that has one more item. Each item makes another type of scope.
macro_rules! and {
    ($scope:expr, $item:expr, $more:ident => $result:expr) => {
        match $item {
            Item::Value(var, value) => {
                let $more = $scope.set(var, value);
                $result
            }
            Item::Plain(var, number) => {
                let $more = $scope.set(var, number);
                $result
            }
            Item::Mask(Variable::Value(var)) => {
                let $more = $scope.unset(var);
                $result
            }
            Item::Mask(Variable::Plain(var)) => {
                let $more = $scope.unset(var);
                $result
            }
        }
    };
}
pub(crate) use and;

#[derive(Clone, Copy)]
pub(crate) enum Variable {
    Value(&'static Var<Value>),
    Plain(&'static Var<usize>),
}

/// Any variable, the first ones more often.
pub(crate) fn any_variable() -> usize {
    if any(3) == 0 { any(NUMBER) } else { any(VALUES.len() + 3) }
}

/// Any variable with values that notice what goes wrong with them.
pub(crate) fn any_value() -> usize {
    any(VALUES.len())
}

/// A variable with such values, of full reach, that all threads treat alike.
pub(crate) fn any_common() -> (usize, &'static Var<Value>) {
    let i = any(3);
    (i, &VALUES[i])
}

/// A variable with numbers as values.
pub(crate) fn any_plain() -> (usize, &'static Var<usize>) {
    let i = any(PLAIN.len());
    (VALUES.len() + 1 + i, &PLAIN[i])
}

/// The variable that only that thread gives process-wide values.
pub(crate) fn global_of(thread: usize) -> &'static Var<Value> {
    &VALUES[5 + thread]
}

/// Two variables for the scopes that values enter as they end.
pub(crate) fn busy() -> (&'static Var<usize>, &'static Var<usize>) {
    (&PLAIN[0], &PLAIN[1])
}

pub(crate) fn variable(i: usize) -> Variable {
    match i.checked_sub(VALUES.len()) {
        None => Variable::Value(&VALUES[i]),
        Some(0) => Variable::Plain(&DEFAULTED),
        Some(i) => Variable::Plain(&PLAIN[i - 1]),
    }
}

pub(crate) fn reach(i: usize) -> Reach {
    [Reach::Stack, Reach::Checkpoint].get(i.wrapping_sub(3)).copied().unwrap_or(Reach::Everywhere)
}

/// Which thread gives that variable process-wide values, if one does.
pub(crate) fn owner(i: usize) -> Option<usize> {
    i.checked_sub(5).filter(|thread| *thread < THREADS)
}

pub(crate) fn default(i: usize) -> Option<usize> {
    (i == VALUES.len()).then_some(DEFAULT)
}

impl Variable {
    pub(crate) fn read(self) -> Option<usize> {
        match self {
            Variable::Value(var) => var.try_with(Value::number).ok(),
            Variable::Plain(var) => var.try_get().ok(),
        }
    }

    pub(crate) fn read_in(self, context: &Context) -> Option<usize> {
        match self {
            Variable::Value(var) => context.get(var).map(Value::number),
            Variable::Plain(var) => context.get(var).copied(),
        }
    }

    pub(crate) fn is_bound(self) -> bool {
        either!(self, var => var.is_bound())
    }

    /// How many bindings and masks there are, one further out than the other.
    pub(crate) fn depth(self) -> usize {
        either!(self, var => var.history().len())
    }

    pub(crate) fn enter(self, number: usize, value: impl FnOnce() -> Value) -> Entered {
        match self {
            Variable::Value(var) => var.enter(value()),
            Variable::Plain(var) => var.enter(number),
        }
    }

    pub(crate) fn item(self, number: usize, mask: bool, value: impl FnOnce() -> Value) -> Item {
        match self {
            _ if mask => Item::Mask(self),
            Variable::Value(var) => Item::Value(var, value()),
            Variable::Plain(var) => Item::Plain(var, number),
        }
    }

    /// Says whether the checkpoint was open.
    pub(crate) fn set(self, number: usize, value: impl FnOnce() -> Value) -> bool {
        match self {
            Variable::Value(var) => var.set(value()).is_ok(),
            Variable::Plain(var) => var.set(number).is_ok(),
        }
    }

    pub(crate) fn unset(self) -> Result<(), NotOpen> {
        either!(self, var => var.unset())
    }

    pub(crate) fn reset(self) -> Result<(), NotOpen> {
        either!(self, var => var.reset())
    }

    pub(crate) fn pop(self) -> Result<bool, NotOpen> {
        either!(self, var => var.pop())
    }
}
