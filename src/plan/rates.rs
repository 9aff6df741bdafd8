//! Compiled learning-rate tables with their names.

use std::{ops::Deref, sync::Arc};

use crate::schedule::Table;

/// The learning rate of each step, the momentum where it moves, and their name. Clones share all.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    table: Arc<Table>,
    name: Arc<str>,
}

impl Rates {
    /// The bytes of its file, block by block; see [`Table::blocks`].
    pub fn blocks(&self) -> impl Iterator<Item = Vec<u8>> {
        self.table.blocks()
    }

    /// BLAKE3 of its bytes, in hexadecimal: equal tables have equal names.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hashes its bytes without holding all of them.
    pub(super) fn hash_into(&self, hasher: &mut blake3::Hasher) {
        self.table.blocks().for_each(|block| {
            hasher.update(&block);
        });
    }
}

impl Deref for Rates {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.table.rates
    }
}

impl From<Table> for Rates {
    fn from(table: Table) -> Self {
        let mut hasher = blake3::Hasher::new();
        for block in table.blocks() {
            hasher.update(&block);
        }
        Self { table: Arc::new(table), name: hasher.finalize().to_hex().as_str().into() }
    }
}

impl<const N: usize> From<[f32; N]> for Rates {
    fn from(rates: [f32; N]) -> Self {
        Table { rates: rates.to_vec(), momenta: None }.into()
    }
}
