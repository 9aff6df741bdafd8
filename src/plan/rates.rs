//! Compiled learning-rate tables.

use std::{ops::Deref, sync::Arc};

/// The learning rate of each step, and its name. Clones share both.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    rates: Arc<[f32]>,
    name: Arc<str>,
}

impl Rates {
    /// Little-endian `f32`, one per step.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.rates.iter().flat_map(|rate| rate.to_le_bytes()).collect()
    }

    /// BLAKE3 of its bytes, in hexadecimal: equal tables have equal names.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hashes its bytes without holding all of them.
    pub(super) fn hash_into(&self, hasher: &mut blake3::Hasher) {
        hash_into(&self.rates, hasher);
    }
}

fn hash_into(rates: &[f32], hasher: &mut blake3::Hasher) {
    for part in rates.chunks(4096) {
        let bytes: Vec<u8> = part.iter().flat_map(|rate| rate.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
}

impl Deref for Rates {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.rates
    }
}

impl From<Vec<f32>> for Rates {
    fn from(rates: Vec<f32>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hash_into(&rates, &mut hasher);
        Self { rates: rates.into(), name: hasher.finalize().to_hex().as_str().into() }
    }
}

impl<const N: usize> From<[f32; N]> for Rates {
    fn from(rates: [f32; N]) -> Self {
        rates.to_vec().into()
    }
}
