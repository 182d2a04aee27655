//! Whether everything that is counted twice comes to the same.

use crate::Outcome;
use crate::shop::{STOCK, Shop};
use std::fmt;

/// By how much each pair of figures differs.
pub(crate) struct Books {
    pub(crate) accounts: i64,
    pub(crate) bills: i64,
    pub(crate) goods: i64,
    pub(crate) history: i64,
}

pub(crate) fn check(shop: &Shop) -> Outcome<Books> {
    Ok(Books {
        accounts: shop.number("SELECT coalesce(sum(amount), 0) FROM booking")?,
        bills: shop.number(
            "SELECT (SELECT coalesce(sum(price * count), 0) FROM line JOIN item ON item = item.id)
                - (SELECT coalesce(sum(amount), 0) FROM booking WHERE account = 'customer')",
        )?,
        goods: shop.number(&format!(
            "SELECT coalesce(sum(abs(stock - {STOCK} + coalesce((SELECT sum(count) FROM line
                WHERE item = item.id), 0))), 0) FROM item"
        ))?,
        history: shop.number(&format!(
            "SELECT coalesce(sum(abs(stock - {STOCK} - coalesce((SELECT
                sum((new ->> 'stock') - (old ->> 'stock')) FROM revision_history
                WHERE \"table\" = 'item' AND \"key\" = '[' || item.id || ']'), 0))), 0) FROM item"
        ))?,
    })
}

impl Books {
    pub(crate) fn balance(&self) -> bool {
        [self.accounts, self.bills, self.goods, self.history] == [0; 4]
    }
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.balance() { "the books balance" } else { "THE BOOKS DO NOT BALANCE" };
        write!(
            f,
            "{verdict}: accounts differ by {}, bills by {}, goods by {}, \
             stock and its history by {}",
            self.accounts, self.bills, self.goods, self.history
        )
    }
}
