//! A shop in a file: people and jobs change it at once, and who did what to an order, and why, can
//! be told afterwards. A sweep that goes wrong is taken back.
//!
//! ```sh
//! cargo run -p stackholm-revision --example shop                      # in a file of its own
//! cargo run -p stackholm-revision --example shop -- --file shop.db    # in one that stays
//! cargo run -p stackholm-revision --example shop -- --file shop.db --order 2   # its history
//! cargo run -p stackholm-revision --features postgres --example shop -- --postgres
//!                                          # on a PostgreSQL server that it starts and ends
//! cargo run -p stackholm-revision --features postgres --example shop -- --postgres \
//!     postgres://user@host/database        # on yours, in a schema named `shop`
//! ```

mod books;
#[cfg(feature = "postgres")]
mod pg;
#[cfg(feature = "postgres")]
mod server;
mod shop;
mod show;

use shop::Shop;
use stackholm_revision::sqlite::Conflict;
use stackholm_revision::{Revision, here};
use std::error::Error;
use std::path::{Path, PathBuf};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const CUSTOMERS: [&str; 3] = ["ada", "grace", "kay"];

/// Customers order at once, each on a connection of his own. What their tasks and threads write is
/// theirs, though nobody passes them along; what the books get is the system's.
async fn trade(file: &Path) -> Outcome {
    let mut tasks = tokio::task::JoinSet::new();
    for (number, name) in (1..).zip(CUSTOMERS) {
        let file = file.to_owned();
        let orders = async move {
            for n in 0..3 {
                let file = file.clone();
                let order = move || Shop::open(&file)?.order(number, (number + n) % 4 + 1, n + 1);
                stackholm::tokio::spawn_blocking(order).await??;
            }
            Ok(())
        };
        tasks.spawn(Revision::new().actor(("customer", name)).description("orders").wrap(orders));
    }
    while let Some(done) = tasks.join_next().await {
        let done: Outcome = done?;
        done?;
    }
    Ok(())
}

/// Says which orders were paid; one is corrected by the system in the name of the clerk's revision.
fn pay(file: &Path) -> Outcome {
    let mut shop = Shop::open(file)?;
    Revision::new().actor(("clerk", "edsger")).because("money came in").run(|| {
        for order in [1, 2, 3, 5] {
            shop.pay(order)?;
        }
        Ok(())
    })
}

fn story(file: &Path) -> Outcome {
    let mut shop = Shop::open(file)?;
    println!("\n== a nightly job removes orders that were never paid; it has a fault");
    let sweep =
        Revision::new().actor(("job", "nightly")).description("unpaid orders").run(|| {
            shop.remove_unpaid()?;
            Ok::<_, Box<dyn Error + Send + Sync>>(here().ok_or("the job has a block")?.revision)
        })?;
    show::changes(&shop.history().in_revision(sweep).limit(6).entries()?);
    println!("{}", books::check(&shop)?);

    println!("\n== a clerk takes it back");
    let report = Revision::new()
        .actor(("clerk", "edsger"))
        .because("paid orders were gone")
        .run(|| shop.revert(sweep, Conflict::Stop))?;
    println!("{} rows are as they were, {} conflicts", report.rows.len(), report.conflicts.len());
    let books = books::check(&shop)?;
    println!("{books}");
    if !books.balance() {
        return Err("the books do not balance".into());
    }

    println!("\n== the history of order 2, newest first");
    show::changes(&shop.history().of("orders", 2)?);
    println!("\n== what the system did, newest first");
    show::changes(&shop.history().by_who(&stackholm_revision::Who::System).limit(4).entries()?);
    println!("\n== what is known of item 1, the gap included");
    show::changes(&shop.history().of("item", 1)?);
    Ok(())
}

#[derive(Default)]
struct Options {
    file: Option<PathBuf>,
    order: Option<i64>,
    /// Whether on PostgreSQL, and where.
    postgres: Option<Option<String>>,
}

fn options() -> Outcome<Options> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--file" => options.file = Some(value()?.into()),
            "--order" => options.order = Some(value()?.parse()?),
            "--postgres" => options.postgres = Some(arguments.next()),
            _ => return Err("options: --file PATH, --order NUMBER, --postgres [URL]".into()),
        }
    }
    Ok(options)
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        let name = format!("stackholm-shop-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder)?;
        Ok(Folder(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(feature = "postgres")]
fn on_postgres(url: Option<String>) -> Outcome {
    tokio::runtime::Runtime::new()?.block_on(pg::run(url))
}

#[cfg(not(feature = "postgres"))]
fn on_postgres(_: Option<String>) -> Outcome {
    Err("--postgres needs the feature: cargo run --features postgres".into())
}

fn main() -> Outcome {
    let options = options()?;
    if let Some(url) = options.postgres {
        return on_postgres(url);
    }
    if let (Some(file), Some(order)) = (&options.file, options.order) {
        show::changes(&Shop::open(file)?.history().of("orders", order)?);
        return Ok(());
    }
    let folder = Folder::new()?;
    let file = options.file.unwrap_or_else(|| folder.0.join("shop.db"));
    Shop::open(&file)?.stock_up()?;
    println!("== {} customers order at once, in {}", CUSTOMERS.len(), file.display());
    tokio::runtime::Runtime::new()?.block_on(trade(&file))?;
    pay(&file)?;
    println!("{}", books::check(&Shop::open(&file)?)?);
    story(&file)
}
