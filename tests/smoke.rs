use stackholm::*;
use std::sync::Arc;
static A: Var<u64> = Var::new("a");
static B: Var<Arc<u64>> = Var::new("b");
static TX: Var<Arc<u64>> = Var::new("tx").stays_on_stack();

#[test]
fn basics() {
    let b = Arc::new(0);
    for _ in 0..3 {
        let g = A.enter(1);
        assert_eq!(A.get(), 1);
        let g2 = Checkpoint::enter();
        B.set(b.clone()).unwrap();
        A.set(2).unwrap();
        TX.set(b.clone()).unwrap();
        let c = Context::current();
        assert_eq!(c.len(), 2);
        B.set(b.clone()).unwrap();
        assert_eq!(Arc::strong_count(&b), 4);
        for i in 0..1000 { A.set(i).unwrap(); let _c = Context::current(); B.set(b.clone()).unwrap(); let _d = Context::current(); }
        assert_eq!(A.get(), 999);
        assert!(A.pop().unwrap());
        assert_eq!(A.get(), 1);
        drop(g2);
        assert_eq!(A.get(), 1);
        c.run(|| { assert_eq!(A.get(), 2); assert!(TX.try_get().is_err()); A.set(5).unwrap(); });
        drop(g);
        assert!(!A.is_bound());
        drop(c);
        assert_eq!(Arc::strong_count(&b), 1);
    }
}
#[test]
fn deep() {
    let v = Arc::new(5);
    let mut c = Context::empty();
    for i in 0..1_000_000u64 { c = c.with(&A, i).with(&B, v.clone()); }
    assert!(Arc::strong_count(&v) < 200, "{}", Arc::strong_count(&v));
    drop(c);
    assert_eq!(Arc::strong_count(&v), 1);
    let mut guards = vec![];
    for i in 0..1_000_000u64 { guards.push(A.enter(i)); }
    let _c = Context::current();
    while let Some(g) = guards.pop() { drop(g) }
    static C: Var<Context> = Var::new("c");
    let mut c = Context::empty();
    for _ in 0..1_000_000u64 { c = Context::empty().with(&C, c); }
    drop(c);
}
