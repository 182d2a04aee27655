//! The operations of a random program. Every number is taken modulo what there is; `inside` says
//! how many of the operations that follow are done inside.

use arbitrary::Arbitrary;

/// How a block is entered and left by one call.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Block {
    SyncScope,
    Checkpoint,
    Around,
    Scope,
    Context,
    WrapFn,
}

/// How a thread is started.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Start {
    Plain,
    Carrying,
    Detached,
}

/// How a future gets its stack.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Wrapping {
    InContext,
    InCurrent,
    Detached,
    Var,
    Scope,
    Checkpoint,
    Prepared,
}

/// A change of the innermost checkpoint.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Change {
    Set,
    Unset,
    Pop,
    Reset,
}

/// One step of a program.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Op {
    Enter {
        var: u8,
    },
    EnterHolding {
        var: u8,
        context: u8,
    },
    EnterMany {
        var: u8,
        times: u8,
    },
    Scope {
        bindings: u8,
        var: u8,
    },
    Checkpoint,
    Prepared {
        var: u8,
        other: u8,
        inside: u8,
    },
    Leave {
        guard: u8,
    },
    LeaveLast,
    Forget {
        guard: u8,
    },
    Change {
        change: Change,
        var: u8,
    },
    Set {
        var: u8,
    },
    SetMany {
        var: u8,
        other: u8,
        times: u8,
    },
    Read {
        var: u8,
        inside: u8,
    },
    Run {
        block: Block,
        var: u8,
        context: u8,
        inside: u8,
        panics: bool,
    },
    Capture,
    CloneContext {
        context: u8,
    },
    DropContext {
        context: u8,
    },
    With {
        context: u8,
        var: u8,
    },
    WithMany {
        context: u8,
        var: u8,
        times: u8,
    },
    Without {
        context: u8,
        var: u8,
    },
    EnterContext {
        context: u8,
    },
    Compare {
        one: u8,
        other: u8,
    },
    Downgrade {
        context: u8,
    },
    Upgrade {
        weak: u8,
    },
    DropWeak {
        weak: u8,
    },
    NewStack {
        context: u8,
    },
    RunStack {
        task: u8,
        inside: u8,
        panics: bool,
    },
    ChangeStack {
        task: u8,
        change: Change,
        var: u8,
    },
    NestStack {
        task: u8,
        var: u8,
    },
    CaptureTask {
        task: u8,
    },
    Wrap {
        wrapping: Wrapping,
        var: u8,
        context: u8,
        last: u8,
    },
    Poll {
        task: u8,
        inside: u8,
        panics: bool,
    },
    Thread {
        start: Start,
        context: u8,
        inside: u8,
    },
    RunOnThread {
        task: u8,
        inside: u8,
    },
    DropTask {
        task: u8,
    },
    NewVar {
        reach: u8,
        gap: u8,
    },
    DropVar {
        var: u8,
    },
    SetGlobal {
        var: u8,
    },
    ClearGlobal {
        var: u8,
    },
    CheckAll,
    /// A value that leaves the innermost guard that there is, as it ends.
    EnterLeaving {
        var: u8,
    },
    /// A context that has outgrown its variables by one is entered.
    EnterOutgrown {
        var: u8,
        more: u8,
    },
    /// Scopes of several, each on a stack that begins with the last one.
    Generations {
        var: u8,
        times: u8,
    },
    /// Two variables that meet in the index are set, and one is let go.
    Collide {
        change: Change,
    },
    /// A stack ends while its values enter more.
    EndBusy {
        var: u8,
    },
    /// Two features meet on one stack.
    Meet {
        one: u8,
        other: u8,
    },
}
