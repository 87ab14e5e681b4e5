//! The changes a batch has accepted so far, laid over the engine's state: later transactions of the same batch are judged
//! by what the earlier ones did, although nothing has been applied yet.

use super::{View, Write, prefix_end};
use crate::{Change, Expectation, StoreFault, Table, checksum};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Accepted changes over a view. One row holds its last state, so the batch made of it names each row once.
pub(super) struct Overlay {
    view: Box<dyn View>,
    rows: BTreeMap<(Table, Bytes), Option<Bytes>>,
}

impl Overlay {
    pub(super) fn new(view: Box<dyn View>) -> Self {
        Self { view, rows: BTreeMap::new() }
    }

    /// The first expectation that does not hold, if any.
    pub(super) fn first_unmet(&self, expectations: &[Expectation]) -> Result<Option<usize>, StoreFault> {
        for (i, expectation) in expectations.iter().enumerate() {
            if !self.holds(expectation)? {
                return Ok(Some(i));
            }
        }
        Ok(None)
    }

    fn holds(&self, expectation: &Expectation) -> Result<bool, StoreFault> {
        Ok(match expectation {
            Expectation::Absent(table, key) => self.get(*table, key)?.is_none(),
            Expectation::Present(table, key) => self.get(*table, key)?.is_some(),
            Expectation::Equals(table, key, value) => self.get(*table, key)?.is_some_and(|found| found == value),
            Expectation::EmptyPrefix(table, prefix) => self.is_empty(*table, prefix)?,
        })
    }

    fn get(&self, table: Table, key: &Bytes) -> Result<Option<Bytes>, StoreFault> {
        let stored = match self.rows.get(&(table, key.clone())) {
            Some(row) => row.clone(),
            None => self.view.get(table, key)?,
        };
        stored.map(|stored| checksum::verify_bytes(table, key, stored)).transpose()
    }

    fn is_empty(&self, table: Table, prefix: &Bytes) -> Result<bool, StoreFault> {
        let end = prefix_end(prefix).map_or(Bound::Unbounded, |end| Bound::Excluded((table, Bytes::from(end))));
        let mine = self.rows.range((Bound::Included((table, prefix.clone())), end));
        if mine.take_while(|((t, _), _)| *t == table).any(|(_, row)| row.is_some()) {
            return Ok(false);
        }
        let mut empty = true;
        self.view.scan(table, prefix, None, &mut |key, _| {
            // Whatever the overlay knows of this key can only be its removal: the case of a put returned above.
            empty = self.rows.contains_key(&(table, Bytes::copy_from_slice(key)));
            empty
        })?;
        Ok(empty)
    }

    /// Accepts the changes of a transaction whose expectations hold.
    pub(super) fn accept(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Put(table, key, value) => {
                    let stored = checksum::protect(table, &key, &value);
                    self.rows.insert((table, key), Some(stored));
                }
                Change::Delete(table, key) => {
                    self.rows.insert((table, key), None);
                }
            }
        }
    }

    /// The batch to apply.
    pub(super) fn into_batch(self) -> Vec<Write> {
        self.rows.into_iter().map(|((table, key), row)| (table, key, row)).collect()
    }
}
