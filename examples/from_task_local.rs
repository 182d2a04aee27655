//! Coming from `tokio::task_local!`: one program, written once, on task-locals and on variables.
//! Both print the same; what task-locals cannot do comes after.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use stackholm::{Checkpoint, Var};
use std::error::Error;
use std::io::{self, Write};
use tokio::task::yield_now;

/// The program, with keys declared in one of the two ways.
macro_rules! program {
    ($name:ident, $($keys:tt)*) => {
        mod $name {
            use super::*;

            $($keys)*

            async fn seen() -> String {
                yield_now().await;
                format!("{} {}", tenant(), user())
            }

            /// A handler behind middlewares, each a service of its own.
            trait Service {
                fn call(&self) -> BoxFuture<'static, String>;
            }

            struct Handler;
            struct Tenant<S>(S);
            struct User<S>(S);

            impl Service for Handler {
                fn call(&self) -> BoxFuture<'static, String> {
                    seen().boxed()
                }
            }

            impl<S: Service> Service for Tenant<S> {
                fn call(&self) -> BoxFuture<'static, String> {
                    Box::pin(TENANT.scope("acme", self.0.call()))
                }
            }

            impl<S: Service> Service for User<S> {
                fn call(&self) -> BoxFuture<'static, String> {
                    Box::pin(USER.scope("ada", self.0.call()))
                }
            }

            pub(crate) async fn run() -> Vec<String> {
                let jobs = ["ada", "grace"].map(|user| USER.scope(user, seen()));
                let spawned = TENANT.scope("acme", async { tokio::spawn(USER.scope("ada", seen())).await });
                vec![
                    format!("nested: {}", TENANT.scope("acme", USER.scope("ada", seen())).await),
                    format!("boxed: {}", TENANT.scope("acme", USER.scope("ada", seen()).boxed()).boxed().await),
                    format!("shadowed: {}", TENANT.scope("acme", TENANT.scope("umbrella", seen())).await),
                    format!("joined: {}", TENANT.scope("acme", join_all(jobs)).await.join(", ")),
                    format!("middlewares: {}", Tenant(User(Handler)).call().await),
                    format!("the other way round: {}", User(Tenant(Handler)).call().await),
                    format!("spawned bare: {}", spawned.await.expect("it ends")),
                ]
            }
        }
    };
}

program! { task_locals,
    tokio::task_local! {
        static TENANT: &'static str;
        static USER: &'static str;
    }

    fn tenant() -> &'static str {
        TENANT.try_with(|tenant| *tenant).unwrap_or("no tenant")
    }

    fn user() -> &'static str {
        USER.try_with(|user| *user).unwrap_or("nobody")
    }
}

program! { variables,
    pub(crate) static TENANT: Var<&str> = Var::new("tenant");
    pub(crate) static USER: Var<&str> = Var::new("user");

    pub(crate) fn tenant() -> &'static str {
        TENANT.try_get().unwrap_or("no tenant")
    }

    pub(crate) fn user() -> &'static str {
        USER.try_get().unwrap_or("nobody")
    }
}

/// One call hands over all keys, those of libraries too; and a value that is set stays set over
/// awaits.
async fn beyond() -> [String; 2] {
    use variables::{TENANT, USER, tenant, user};
    let request = TENANT.scope(
        "acme",
        USER.scope("ada", async {
            stackholm::tokio::spawn(async { format!("spawned carrying: {} {}", tenant(), user()) })
                .await
        }),
    );
    let session = Checkpoint::wrap(async {
        USER.set("nobody yet").expect("the checkpoint is open");
        yield_now().await;
        USER.set("grace").expect("it still is");
        yield_now().await;
        format!("set on the way: {}", user())
    });
    [request.await.expect("it ends"), session.await]
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (theirs, ours) =
        runtime.block_on(async { (task_locals::run().await, variables::run().await) });
    for (theirs, ours) in theirs.iter().zip(&ours) {
        writeln!(out, "{ours}{}", if ours == theirs { "" } else { " (differs)" })?;
    }
    for line in runtime.block_on(beyond()) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
