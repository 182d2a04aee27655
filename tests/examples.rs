//! Each example prints what its page promises, on any thread and as often as it is run.

/// For each example: its file as a module, and a test that compares its output.
macro_rules! examples {
    ($($name:ident $path:literal prints $expected:expr;)*) => {
        $(
            #[path = $path]
            #[expect(dead_code, reason = "its `main` is for people")]
            mod $name;
        )*

        mod prints_what_it_promises {
            $(
                #[test]
                fn $name() {
                    for _ in 0..2 {
                        let mut out = Vec::new();
                        super::$name::run(&mut out).expect("it runs");
                        assert_eq!(String::from_utf8(out).expect("it is text"), $expected);
                    }
                    assert!(stackholm::Context::current().is_empty(), "it leaves nothing behind");
                }
            )*
        }
    };
}

examples! {
    checkpoints "../examples/checkpoints.rs" prints "\
1
1
2
1
the variable `a` is not bound here and has no default
the variable `a` cannot be changed: no checkpoint is entered here
";

    own_stack "../examples/own_stack.rs" prints "\
1
1
2
a callee sees that the variable `a` is not bound here and has no default; a callee sees 2
1
the variable `a` is not bound
";

    threads "../examples/threads.rs" prints "\
a plain thread: nobody
a thread that carries: ada
two at once: grace and edsger
a thread changed its own: mallory, here still: ada
a wrapped job: ada
";

    tasks "../examples/tasks.rs" prints "\
ones set 1, sees 1
tens set 10, sees 10
ones set 2, sees 2
tens set 11, sees 11
ones set 3, sees 3
tens set 12, sees 12
after both: the variable `step` is not bound here and has no default
";

    from_task_local "../examples/from_task_local.rs" prints "\
nested: acme ada
boxed: acme ada
shadowed: umbrella nobody
joined: acme ada, acme grace
middlewares: acme ada
the other way round: acme ada
spawned bare: no tenant ada
spawned carrying: acme ada
set on the way: grace
";

    transactions "../examples/transactions.rs" prints "\
1: BEGIN
1: INSERT order (-)
1: SAVEPOINT s1
1: UPDATE lamp (stock)
1: RELEASE s1
1: INSERT reservation (note)
1: COMMIT
2: BEGIN
2: INSERT order (-)
2: SAVEPOINT s1
2: UPDATE chair (stock)
2: ROLLBACK TO s1
2: INSERT waiting (note)
2: COMMIT
3: BEGIN
3: ROLLBACK
refused: None, Some(\"no chair left\"), Err(\"changed my mind\")
after all: false
";

    nested_service "../examples/nested_service.rs" prints "\
1: hello, ada
1: good bye, ada
2: hello, a guest
2: good bye, a guest
between requests: the variable `request_id` is not bound here and has no default
";

    stackful_global "../examples/stackful_global.rs" prints "\
inside: 8, on another thread: 7, after: 7
the archive job asks postgres://archive.example.com
another thread asks postgres://production.example.com
everybody after it asks postgres://production.example.com
10
None
";

    hello_world_extent "../examples/hello_world_extent.rs" prints "\
hello world 1
hello world 3
the variable `x` is not bound here and has no default
";

    handlers "../examples/handlers.rs" prints "\
page of /a
page of /b
page of /c
the framework itself is in a request: false
";

    runtime_variables "../examples/runtime_variables.rs" prints "\
sepia: warm
blur: 5 px
crop: the variable `crop.setting` is not bound here and has no default
bound: sepia.setting, blur.setting
sepia: cold
sepia: the variable `sepia.setting` is not bound here and has no default
bound: 0
";

    revision "../examples/revision/main.rs" prints "\
revision 1: Detected by the system.
  comment 1 created by the system
    comment 1.is_spam = true by the system
revision 2
  post 1 created by organization 7
    post 1.title = contexts by organization 7
    post 1.owner = user ada by organization 7
revision 3: Prices of this week.
  invoice 1 created by user grace
    invoice 1.amount = 20 by user grace
    invoice 1.local_amount = 60 by the system: Corrected by the system.
revision 4
  post 1 deleted with user ada by user ada: The owner's account was closed.
  user ada deleted by user ada: Closed at the owner's request.
revision 5: Rolled back.
  post 1 created by the system
revision 6
  counter updated by a cron job
    counter.n = 3 by a cron job
  counter updated by a cron job
    counter.n = 5 by a cron job
revision 7
  post 1 updated by user ada
    post 1.title = … by user ada
  post 1 updated by user ada
    post 1.title = stacks by user ada
revision 8
  post 1 updated by user grace
    post 1.title = … by user grace
  post 1 updated by user grace
    post 1.title = tries by user grace
";
}
