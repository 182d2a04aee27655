//! The same shop on PostgreSQL. Nobody here is told who acts.

use crate::books::Books;
use crate::shop::STOCK;
use crate::{CUSTOMERS, Outcome, server, show};
use stackholm_revision::postgres::{Conflict, Tracked};
use stackholm_revision::{Revision, Who, here};
use tokio_postgres::{Client, Config, NoTls};

const TABLES: &str = "
    CREATE SCHEMA shop;
    CREATE TABLE shop.customer(id int PRIMARY KEY, name text NOT NULL, mail text);
    CREATE TABLE shop.item(id int PRIMARY KEY, name text NOT NULL, price int NOT NULL,
        stock int NOT NULL CHECK (stock >= 0));
    CREATE TABLE shop.orders(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer int NOT NULL REFERENCES shop.customer, state text NOT NULL);
    CREATE TABLE shop.line(orders int NOT NULL REFERENCES shop.orders ON DELETE CASCADE,
        item int NOT NULL REFERENCES shop.item, count int NOT NULL, PRIMARY KEY (orders, item));
    CREATE TABLE shop.booking(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        orders int NOT NULL REFERENCES shop.orders ON DELETE CASCADE, account text NOT NULL,
        amount int NOT NULL);";

const ITEMS: &str = "
    INSERT INTO customer VALUES (1, 'ada', 'ada@example.org'), (2, 'grace', 'grace@example.org'),
        (3, 'kay', 'kay@example.org');
    INSERT INTO item VALUES (1, 'abacus', 12, 100), (2, 'slide rule', 30, 100),
        (3, 'punched card', 1, 100), (4, 'core memory', 250, 100)";

type Shop = Tracked<Client>;

async fn open(config: &Config) -> Outcome<Shop> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("the connection was lost: {error}");
        }
    });
    client.batch_execute("SET search_path = shop").await?;
    Ok(Tracked::new(client))
}

/// Makes the shop. What is there when it opens is not worth a history; that there is none is on
/// record.
async fn stock_up(shop: &mut Shop) -> Outcome {
    let made = shop.client().batch_execute(TABLES).await;
    made.map_err(|error| format!("is there a shop already? drop its schema, `shop`: {error}"))?;
    shop.install().await?;
    shop.track("customer").redact(&["mail"]).await?;
    for table in ["item", "orders", "line", "booking"] {
        shop.track(table).await?;
    }
    let fill = shop.write(async |tx| tx.execute_batch(ITEMS).await);
    Ok(Revision::untracked("opening stock").wrap(fill).await?)
}

/// Orders some of an item. The goods leave the stock, and the system books what they cost.
async fn order(shop: &mut Shop, customer: i32, item: i32, count: i32) -> Outcome {
    let mut tx = shop.transaction().await?;
    let sql = "INSERT INTO orders(customer, state) VALUES ($1, 'open') RETURNING id";
    let order = tx.query_row(sql, &[&customer]).await?.ok_or("the order has no number")?;
    let order: i32 = order.get(0);
    tx.execute("INSERT INTO line VALUES ($1, $2, $3)", &[&order, &item, &count]).await?;
    tx.execute("UPDATE item SET stock = stock - $2 WHERE id = $1", &[&item, &count]).await?;
    let bill = "INSERT INTO booking(orders, account, amount)
        SELECT orders, account, sign * price * count FROM line JOIN item ON item.id = line.item,
            (VALUES ('sales', -1), ('customer', 1)) AS sides(account, sign) WHERE orders = $1";
    Revision::new().system().because("booked").wrap(tx.execute(bill, &[&order])).await?;
    Ok(tx.commit().await?)
}

/// Customers order at once, each on a connection of his own.
async fn trade(config: &Config) -> Outcome {
    let mut tasks = tokio::task::JoinSet::new();
    for (number, name) in (1..).zip(CUSTOMERS) {
        let config = config.clone();
        let orders = async move {
            let mut shop = open(&config).await?;
            for n in 0..3 {
                order(&mut shop, number, (number + n) % 4 + 1, n + 1).await?;
            }
            Outcome::Ok(())
        };
        tasks.spawn(Revision::new().actor(("customer", name)).description("orders").wrap(orders));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn check(shop: &Shop) -> Outcome<Books> {
    let number =
        async |sql: &str| -> Outcome<i64> { Ok(shop.client().query_one(sql, &[]).await?.get(0)) };
    Ok(Books {
        accounts: number("SELECT coalesce(sum(amount), 0) FROM booking").await?,
        bills: number(
            "SELECT (SELECT coalesce(sum(price * count), 0) FROM line JOIN item ON item = item.id)
                - (SELECT coalesce(sum(amount), 0) FROM booking WHERE account = 'customer')",
        )
        .await?,
        goods: number(&format!(
            "SELECT sum(abs(stock - {STOCK} + coalesce((SELECT sum(count) FROM line
                WHERE item = item.id), 0)))::bigint FROM item"
        ))
        .await?,
        history: number(&format!(
            "SELECT sum(abs(stock - {STOCK} - coalesce((SELECT
                sum((new ->> 'stock')::int - (old ->> 'stock')::int)
                FROM stackholm.revision_history WHERE \"table\" = 'shop.item'
                    AND \"key\" = jsonb_build_array(item.id)), 0)))::bigint FROM item"
        ))
        .await?,
    })
}

/// Meant to remove what is unpaid and to put its goods back; it asks for the wrong state.
async fn remove_unpaid(shop: &mut Shop) -> Outcome {
    let remove = shop.write(async |tx| {
        let back = "UPDATE item SET stock = stock + line.count FROM line, orders
            WHERE line.item = item.id AND line.orders = orders.id AND orders.state = 'open'";
        tx.execute(back, &[]).await?;
        tx.execute("DELETE FROM orders WHERE state <> 'open'", &[]).await
    });
    let block = Revision::new().because("not paid").deletion_because("went with its order");
    block.wrap(remove).await?;
    Ok(())
}

async fn story(shop: &mut Shop) -> Outcome {
    let paid = "UPDATE orders SET state = 'paid' WHERE id IN (1, 2, 3, 5)";
    let clerk = Revision::new().actor(("clerk", "edsger"));
    let pay = shop.write(async |tx| tx.execute(paid, &[]).await);
    clerk.clone().because("money came in").wrap(pay).await?;
    println!("{}", check(shop).await?);

    println!("\n== a nightly job removes orders that were never paid; it has a fault");
    let job = Revision::new().actor(("job", "nightly")).description("unpaid orders");
    let sweep = job
        .wrap(async {
            remove_unpaid(shop).await?;
            Outcome::Ok(here().ok_or("the job has a block")?.revision)
        })
        .await?;
    show::changes(&shop.history().in_revision(sweep).limit(6).entries().await?);
    println!("{}", check(shop).await?);

    println!("\n== a clerk takes it back");
    let revert = shop.write(async |tx| tx.revert(sweep, Conflict::Stop).await);
    let report = clerk.because("paid orders were gone").wrap(revert).await?;
    println!("{} rows are as they were, {} conflicts", report.rows.len(), report.conflicts.len());
    let books = check(shop).await?;
    println!("{books}");
    if !books.balance() {
        return Err("the books do not balance".into());
    }

    println!("\n== the history of order 2, newest first");
    show::changes(&shop.history().of("orders", 2).await?);
    println!("\n== what the system did, newest first");
    show::changes(&shop.history().by_who(&Who::System).limit(4).entries().await?);
    println!("\n== what is known of item 1, the gap included");
    show::changes(&shop.history().of("item", 1).await?);
    Ok(())
}

/// In the database of this URL, or on a server that is started and ended here.
pub(crate) async fn run(url: Option<String>) -> Outcome {
    let mut _server = None;
    let config = match url {
        Some(url) => url.parse()?,
        None => {
            let server = _server.insert(server::start()?);
            let mut config = Config::new();
            config.host_path(&server.folder).user("postgres").dbname("postgres");
            config
        }
    };
    let mut shop = open(&config).await?;
    stock_up(&mut shop).await?;
    println!("== {} customers order at once, on PostgreSQL", CUSTOMERS.len());
    trade(&config).await?;
    story(&mut shop).await
}
