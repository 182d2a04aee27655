//! The work, as races between all systems: one race for each column of a table.

use crate::system::{Ask, System, bind, bound, read, value};
use crate::systems;
use stackholm_benches::race::{Batch, Race};
use stackholm_benches::table::{Cell, Table};
use stackholm_benches::work::poll;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

/// How long one column takes; with eleven systems and batches of 20 us that is some thousand
/// rounds.
const COLUMN: Duration = Duration::from_millis(700);

/// Everybody who does one piece of work at one size.
pub struct Column {
    race: Race<'static>,
    asked: Vec<(&'static str, &'static str, Result<(), &'static str>)>,
}

impl Column {
    pub fn new() -> Self {
        Column { race: Race::new(), asked: Vec::new() }
    }

    /// A system, if it offers all that is asked.
    pub fn add<S: System>(&mut self, asks: &[Ask], run: impl FnMut(&mut Batch) + 'static) {
        let offers = asks.iter().try_for_each(|ask| S::offers(*ask));
        self.asked.push((S::NAME, S::LEAVES_OUT, offers));
        if offers.is_ok() {
            self.race.runner(S::NAME, run);
        }
    }

    /// A runner that is no system.
    pub fn also(
        &mut self,
        name: &'static str,
        why: &'static str,
        run: impl FnMut(&mut Batch) + 'static,
    ) {
        self.also_if(name, why, None, run);
    }

    /// The same, unless something is said against it.
    pub fn also_if(
        &mut self,
        name: &'static str,
        why: &'static str,
        refused: Option<&'static str>,
        run: impl FnMut(&mut Batch) + 'static,
    ) {
        self.asked.push((name, why, refused.map_or(Ok(()), Err)));
        if refused.is_none() {
            self.race.runner(name, run);
        }
    }

    pub fn run(self) -> Vec<(&'static str, &'static str, Cell)> {
        let times = self.race.run(COLUMN);
        let ours = self.asked[0].0;
        let cell = |(name, leaves_out, offers)| match offers {
            Ok(()) => (name, leaves_out, Cell::Time(times.nanos(name), times.ratio(name, ours))),
            Err(why) => (name, leaves_out, Cell::Refused(why)),
        };
        self.asked.into_iter().map(cell).collect()
    }
}

/// One more variable, entered and left.
#[inline(always)]
fn enter<S: System, const N: usize>(state: &S::State) -> u64 {
    S::scope::<N, _>(black_box(state), black_box(value(N)), |state| {
        black_box(state);
        0
    })
}

pub fn entering() -> Table {
    let mut table = Table::new("Enter and leave one more variable, by number bound", "ns");
    macro_rules! at {
        ($($number:literal)*) => {$(
            let mut column = Column::new();
            systems!(|S| column.add::<S>(&[Ask::Bound($number)], |batch| {
                bound::<S>($number, |state| batch.time(0, || enter::<S, $number>(state)));
            }));
            table.column($number.to_string(), column.run());
        )*};
    }
    at!(0 1 4 8 16 32 64 1024);
    table
}

/// One variable bound outermost, then eight others over and over to that depth.
fn deep<S: System>(depth: usize, mut work: impl FnMut(&S::State)) {
    S::begin(&mut |state| {
        S::scope_at(state, 9, &mut |state| bind::<S>(state, depth, 8, &mut work))
    });
}

pub fn nested() -> (Table, Table) {
    let mut entering = Table::new("Enter and leave, by depth of nesting (nine variables)", "ns");
    let mut reading = Table::new("Read the outermost, by depth of nesting (nine variables)", "ns");
    for depth in [1, 10, 100, 1000] {
        let mut column = Column::new();
        systems!(|S| column.add::<S>(&[Ask::Depth(depth)], move |batch| {
            deep::<S>(depth, |state| batch.time(0, || enter::<S, 8>(state)));
        }));
        entering.column(depth.to_string(), column.run());
        let mut column = Column::new();
        systems!(|S| column.add::<S>(&[Ask::Depth(depth), Ask::Read], move |batch| {
            deep::<S>(depth, |state| batch.time(value(9), || read::<S, 9>(state)));
        }));
        reading.column(depth.to_string(), column.run());
    }
    (entering, reading)
}

pub fn reading() -> Table {
    let mut table = Table::new("Read", "ns");
    macro_rules! present {
        ($($header:literal: $number:literal of $bound:literal;)*) => {$(
            let mut column = Column::new();
            systems!(|S| column.add::<S>(&[Ask::Bound($bound), Ask::Read], |batch| {
                bound::<S>($bound, |state| batch.time(value($number), || read::<S, $number>(state)));
            }));
            table.column($header, column.run());
        )*};
    }
    present!("innermost of 8": 7 of 8; "outermost of 8": 0 of 8; "outermost of 64": 0 of 64;);
    let mut column = Column::new();
    systems!(|S| column.add::<S>(&[Ask::Absent], |batch| {
        bound::<S>(8, |state| {
            batch.time(1, || u64::from(S::read::<40>(black_box(state)).is_none()))
        });
    }));
    table.column("absent", column.run());
    let mut column = Column::new();
    systems!(|S| column.add::<S>(&[Ask::Absent], |batch| {
        bound::<S>(8, |state| batch.time(7, || S::read_default(black_box(state))));
    }));
    table.column("default", column.run());
    table
}

/// Drops, where the optimiser does not see that nobody has looked.
#[inline(always)]
pub fn let_go<T>(value: T) -> u64 {
    drop(black_box(value));
    0
}

pub fn capturing() -> Table {
    let mut table = Table::new("Snapshots, at 8 bound", "ns");
    let mut column = Column::new();
    systems!(|S| column.add::<S>(&[], |batch| {
        bound::<S>(8, |state| {
            let settled = S::capture(state, 8);
            batch.time(0, || let_go(S::capture(black_box(state), 8)));
            let_go(settled);
        });
    }));
    table.column("capture + drop", column.run());
    let mut column = Column::new();
    systems!(|S| column.add::<S>(&[Ask::Copy], |batch| {
        bound::<S>(8, |state| {
            let snapshot = S::capture(state, 8);
            batch.time(0, || let_go(S::copy(black_box(&snapshot))));
        });
    }));
    table.column("clone + drop", column.run());
    let mut column = Column::new();
    systems!(|S| column.add::<S>(&[], |batch| {
        bound::<S>(8, |state| {
            batch.time(0, || {
                S::scope::<8, _>(black_box(state), black_box(value(8)), |state| {
                    let_go(S::capture(state, 9))
                })
            });
        });
    }));
    table.column("enter + capture + leave", column.run());
    table
}

/// The first thing that another thread or task does with what it was handed.
fn look<S: System>(state: &S::State) -> u64 {
    read::<S, 3>(state)
}

pub fn handing_over() -> Table {
    let mut table = Table::new("Hand over 8 variables, read one there, and wait for it", "ns");
    let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut column = Column::new();
    systems!(|S| {
        let runtime = runtime();
        column.add::<S>(&[], move |batch| {
            bound::<S>(8, |state| {
                batch.time(value(3), || {
                    let task = runtime.spawn(S::task(state, 8, look::<S>));
                    runtime.block_on(task).expect("no panic")
                });
            });
        });
    });
    table.column("task", column.run());
    let mut column = Column::new();
    systems!(|S| {
        let runtime = runtime();
        column.add::<S>(&[], move |batch| {
            bound::<S>(8, |state| {
                batch.time(value(3), || {
                    let job = runtime.spawn_blocking(S::job(state, 8, look::<S>));
                    runtime.block_on(job).expect("no panic")
                });
            });
        });
    });
    table.column("blocking job", column.run());
    let mut column = Column::new();
    systems!(|S| column.add::<S>(&[], |batch| {
        bound::<S>(8, |state| {
            batch.time(value(3), || {
                std::thread::spawn(S::job(state, 8, look::<S>)).join().expect("no panic")
            });
        });
    }));
    table.column("thread", column.run());
    table
}

pub fn polling() -> Table {
    let mut table = Table::new("Poll a boxed future, by number of variables it was given", "ns");
    for number in [1, 3, 10] {
        let mut column = Column::new();
        systems!(|S| column.add::<S>(&[Ask::Poll], move |batch| {
            bound::<S>(number, |state| {
                let mut future = S::busy(state, number);
                batch.time(1, || poll(future.as_mut()));
            });
        }));
        table.column(number.to_string(), column.run());
    }
    table
}

/// Calls `work` with ten variables bound, each by a scope of its own.
macro_rules! nest {
    ($s:ident, $state:expr, $work:expr;) => { $work($state) };
    ($s:ident, $state:expr, $work:expr; $number:literal $($more:literal)*) => {
        $s::scope::<$number, _>($state, black_box(value($number)), |state| nest!($s, state, $work; $($more)*))
    };
}

fn seven_reads<S: System>(state: &S::State) -> u64 {
    read::<S, 0>(state)
        + read::<S, 2>(state)
        + read::<S, 4>(state)
        + read::<S, 5>(state)
        + read::<S, 6>(state)
        + read::<S, 8>(state)
        + read::<S, 9>(state)
}

fn six_hops<S: System>(state: &S::State) -> u64 {
    let here = seven_reads::<S>(state) + read::<S, 1>(state);
    (0..6).fold(here, |sum, _| {
        let mut task = pin!(S::task(state, 10, seven_reads::<S>));
        match task.as_mut().poll(&mut Task::from_waker(Waker::noop())) {
            Poll::Ready(there) => sum + there,
            Poll::Pending => unreachable!("waits for nothing"),
        }
    })
}

pub fn requests() -> Table {
    let mut table = Table::new("A request", "ns");
    let mut column = Column::new();
    let seven: u64 = [0, 2, 4, 5, 6, 8, 9].into_iter().map(value).sum();
    systems!(|S| column.add::<S>(&[Ask::Read], move |batch| {
        S::begin(&mut |state| {
            batch.time(
                7 * seven + value(1),
                || nest!(S, black_box(state), six_hops::<S>; 0 1 2 3 4 5 6 7 8 9),
            );
        });
    }));
    table.column("10 bound, 50 reads, 6 hops to tasks", column.run());
    table
}
