//! Companions are registered while other threads hop. The test needs a process of its own, since a
//! companion stays registered.
#![cfg(feature = "companions")]

use stackholm::Hop;
use stackholm::companion::{Carried, Companion, NotRegistered, register};
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

thread_local! {
    static ENTERED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static NAMES_UNTIL_IT_REGISTERS: Cell<u32> = const { Cell::new(0) };
}

struct Numbered(usize, &'static str);

static ALL: [Numbered; 9] = [
    Numbered(0, "a"),
    Numbered(1, "b"),
    Numbered(2, "c"),
    Numbered(3, "d"),
    Numbered(4, "e"),
    Numbered(5, "f"),
    Numbered(6, "g"),
    Numbered(7, "h"),
    Numbered(8, "i"),
];

struct Entered(usize);

impl Companion for Numbered {
    fn name(&self) -> &'static str {
        match NAMES_UNTIL_IT_REGISTERS.get() {
            0 => {}
            1 => {
                NAMES_UNTIL_IT_REGISTERS.set(0);
                assert_eq!(register(&ALL[8]), Err(NotRegistered::TooMany));
            }
            more => NAMES_UNTIL_IT_REGISTERS.set(more - 1),
        }
        self.1
    }

    fn capture(&self) -> Option<Box<dyn Carried>> {
        Some(Box::new(Entered(self.0)))
    }

    fn without(&self, work: &mut dyn FnMut()) {
        work();
    }
}

impl Carried for Entered {
    fn within(&self, work: &mut dyn FnMut()) {
        ENTERED.with_borrow_mut(|entered| entered.push(self.0));
        work();
        assert_eq!(ENTERED.with_borrow_mut(Vec::pop), Some(self.0));
    }
}

/// How many companions a hop from here enters; they are the first ones, in order.
fn entered() -> usize {
    let entered = Hop::current().run(|| ENTERED.with_borrow(Clone::clone));
    assert!(entered.iter().copied().eq(0..entered.len()), "{entered:?}");
    entered.len()
}

#[test]
fn hops_that_run_while_companions_are_registered_take_the_first_ones_along_each_whole() {
    assert_eq!(entered(), 0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let hops = || {
            let mut before = 0;
            while !done.load(Relaxed) {
                let now = entered();
                assert!(now >= before, "what is registered stays");
                before = now;
            }
            // The end of the scope orders what comes last.
            entered()
        };
        let threads = [(); 3].map(|()| scope.spawn(hops));
        let on_the_way = Hop::current();
        for companion in &ALL[..8] {
            register(companion).unwrap();
            thread::yield_now();
        }
        done.store(true, Relaxed);
        for thread in threads {
            assert!(thread.join().unwrap() <= 8);
        }
        // A hop that was on its way is as it was.
        assert_eq!(on_the_way.run(|| ENTERED.with_borrow(Vec::len)), 0);
    });
    assert_eq!(entered(), 8);
    assert_eq!(register(&ALL[8]), Err(NotRegistered::TooMany));
    assert_eq!(register(&ALL[3]), Err(NotRegistered::AlreadyThere));
    // A name may be asked of whatever the program does: here it registers too.
    for asked in 1..=4 {
        NAMES_UNTIL_IT_REGISTERS.set(asked);
        assert_eq!(register(&ALL[3]), Err(NotRegistered::AlreadyThere));
        assert_eq!(NAMES_UNTIL_IT_REGISTERS.get(), 0, "it was asked so often");
    }
    assert_eq!(entered(), 8);
}
