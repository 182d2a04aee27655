//! The steps of the engine and of the shared cell by name: every atomic operation, and every step
//! that keeps a count or a stack right. A model may weaken one of them or leave it out; see
//! `loom-tests/README.md`.
//!
//! A step that is new to the engine or to the cell is added here and nowhere else.

sites! {
    /// One more count of a frame.
    TakeCount,
    /// One count of a frame less.
    GiveCount,
    /// The last count was given; all uses before it are seen.
    LastCount,
    /// A look whether one count is the only one.
    SoleCount,
    /// The stack gives the only `strong` count.
    SoleStrong,
    /// A look whether a frame that the stack leaves is the only one to keep its value.
    SoleValue,
    /// A look whether no weak context knows it.
    SoleWeak,
    /// A weak context takes a `strong` count.
    Upgrade,
    /// A count is given back unless it is the last.
    GiveToOthers,
    /// A look whether a frame is kept by the one above in its block alone.
    AboveStrong,
    /// A look whether its value is kept by the frame alone.
    OnlyValue,
    /// The first count of a value beside its frame's own.
    FirstHold,
    /// The first context of a frame.
    FirstCapture,
    /// A frame that ended on this thread is entered again.
    AgainStrong,
    /// The id of a variable is read.
    PeekId,
    /// The next id is taken.
    NextId,
    /// A variable gets its id.
    FirstUse,
    /// The next block of serial numbers is taken.
    NextBlock,
    /// Step: a clone of a context takes a count.
    CloneTakes,
    /// Step: one more context of a shared frame takes a count.
    CaptureTakes,
    /// Step: of all who give a count only the last one ends the frame.
    LastEnds,
    /// Step: a stack that leaves a frame to its contexts takes its own count of the parent.
    LeaveTakesParent,
    /// Step: a stack that leaves a whole scope to its contexts takes its own count of what is
    /// below.
    LeaveTakesBelow,
    /// Step: a stack that ends leaves its frames to contexts only if there are any.
    LeftToLooks,
    /// Step: a frame that others keep does not end with its stack.
    LeaveLooks,
    /// Step: a frame whose value or memory others keep is not freed with its stack.
    SoleLooks,
    /// Step: frames of one block end together only if nobody else keeps one of them, or its value.
    TogetherLooks,
    /// Step: a scope that ended is entered again only on the frame that it was on.
    AgainLooks,
    /// Step: a scope that was entered again is kept where it was only if nothing else was kept
    /// there since.
    KeepLooks,
    /// Step: a weak context does not rise from the dead.
    UpgradeLooks,
    /// Step: a weak context keeps the memory.
    DowngradeTakes,
    /// Step: a frame with a whole index counts the values it shows.
    WholeHolds,
    /// Step: a frame that hides something counts the values that it shows and its base does not.
    HiderHolds,
    /// Step: it counts its base.
    HiderCounts,
    /// Step: it gives those values back as it ends.
    HiderGives,
    /// Step: a value that was inherited is counted without a look at the cells of its frame.
    HoldLooks,
    /// Step: the frame that takes the place of a checkpoint counts the values it shows.
    CompactionHolds,
    /// Step: it leaves the stack a count of the frame below.
    CompactionTakesBelow,
    /// Step: a value that is prepared counts for each use.
    HeldTakes,
    /// Step: a frame that ends gives back the block of another that it lies in.
    InnerGivesBlock,
    /// Step: a frame that ends gives back its parent.
    EndGivesParent,
    /// Step: a frame that ends gives back the values it counts.
    EndGivesValues,
    /// Step: whether it counts values is asked of what never changes.
    EndAsksShape,
    /// Step: a value whose drop panics does not keep the rest of its list from their ends.
    RestIsDone,
    /// Step: of two first uses of a variable both go on with one id.
    FirstUseAgrees,
    /// Step: a stack is swapped out after the poll.
    SwapsBack,
    /// Step: a thread that ends leaves what it has entered.
    ThreadEnds,
    /// Step: what lies too deep is worked off by the deepest list.
    QueueIsDone,
    /// A reader of a shared cell looks where the newest value is.
    SharedSlot,
    /// It looks once more, with a count of the node.
    SharedConfirm,
    /// It takes a count of the node.
    NodeAcquire,
    /// It gives that back.
    NodeRelease,
    /// A node is free again.
    NodeFree,
    /// A writer takes a free node for itself.
    NodeClaim,
    /// It puts the node in the place of the one before.
    SharedPublish,
    /// The list of nodes is read.
    NodesLoad,
    /// A new node comes on the list.
    NodesPush,
    /// The version of a cell is read.
    VersionLoad,
    /// A look whether it is to rise.
    VersionLook,
    /// The version of a cell rises.
    VersionRaise,
    /// A waiter marks the version that it waits for the end of.
    VersionMark,
    /// The number of a cell is read.
    CellPeek,
    /// The next number of a cell is taken.
    CellNext,
    /// A cell gets its number.
    CellFirst,
    /// Step: a count of a node is good only if the cell leads there still.
    ConfirmLooks,
    /// Step: a value comes in the place of that alone which it was made of.
    ExchangeLooks,
    /// Step: so does a picture of all process-wide values.
    ReplaceLooks,
    /// Step: whoever is given a value has raised the version first.
    ReaderRaises,
    /// Step: the version of a value is that of its node.
    StampOfNode,
    /// Step: a thread keeps a value for its next read only while it is the newest.
    PutBackLooks,
    /// Step: a thread that finds a newer value lets the older ones go.
    MissLetsGo,
    /// Step: a thread that finds newer process-wide values lets go of the older ones.
    MissLetsGoGlobals,
    /// Step: a thread that ends lets go of what it keeps of cells.
    CacheEnds,
    /// Step: who raises a version wakes those who wait for that.
    RaiserWakes,
    /// A scope has a cause.
    CauseIsSet,
    /// Whether it has one.
    CauseIsSeen,
    /// Step: who waits for a cancel looks for one after it has registered.
    WhoWaitsLooks,
    /// How many slots of a board are used, for whoever makes more room.
    BoardUsed,
    /// The first free slot of a board is looked up.
    BoardFree,
    /// The one after it is.
    BoardNext,
    /// A free slot is claimed.
    BoardClaim,
    /// A slot that was never used is claimed.
    BoardFresh,
    /// A word of a record is written.
    BoardWrite,
    /// A record is published.
    BoardPublish,
    /// A record is taken off.
    BoardTakeOff,
    /// The first free slot is looked up by who gives one back.
    BoardFreeLook,
    /// A slot leads to the next free one.
    BoardNextIs,
    /// A slot is given back.
    BoardGiveBack,
    /// A reader looks whether a record is published.
    BoardVersion,
    /// A reader reads a word.
    BoardRead,
    /// A reader looks whether the record is still the same.
    BoardConfirm,
    /// How many slots are used, for a reader.
    BoardUsedLook,
    /// The owner of a slot looks up its version.
    BoardOwn,
    /// A word of one's own record is read.
    BoardWord,
    /// A word of a record is changed.
    BoardSet,
    /// A word of a record is changed if it is another.
    BoardExchange,
    /// Step: two heads of the free list with one index are told apart.
    BoardTellsApart,
    /// What is set once, without the standard library.
    OnceIsSet,
    /// Whether it is set.
    OnceIsSeen,
    /// Whether somebody watches.
    WatchLook,
    /// How many watch is changed.
    WatchTurn,
    /// A look at the counts of a frame that is left while somebody watches.
    SeenCounts,
    /// A record for which there was no room is counted.
    SeenMissed,
    /// How many there were.
    SeenMissedLook,
    /// The next number of a stack or a thread is taken.
    ListedNext,
    /// A place gets a row of the checkpoints that were not left.
    UnclosedPlace,
    /// One more of them.
    UnclosedTimes,
    /// A place is read.
    UnclosedLook,
    /// How often is read.
    UnclosedCount,
    /// A misuse is counted.
    MisuseIs,
    /// How often is read.
    MisuseLook,
}
