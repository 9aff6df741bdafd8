//! What a schedule comes to: a rate for each step, as a worker reads it.

/// The rows of a compiled schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Finite and never negative.
    pub rates: Vec<f32>,
    /// As many as there are rates, where the schedule moves the momentum.
    pub momenta: Option<Vec<f32>>,
}

/// Rows in one block of bytes.
const BLOCK: usize = 4096;

impl Table {
    /// The bytes of its file, block by block: little-endian `f32`, row by row, the momentum behind the rate where it moves.
    ///
    /// ```
    /// use sweep::schedule::Table;
    /// let table = Table { rates: vec![1.0, 2.0], momenta: None };
    /// assert_eq!(table.blocks().collect::<Vec<_>>().concat(), [0, 0, 128, 63, 0, 0, 0, 64]);
    /// ```
    pub fn blocks(&self) -> impl Iterator<Item = Vec<u8>> {
        self.rates.chunks(BLOCK).enumerate().map(|(block, rates)| match &self.momenta {
            None => rates.iter().flat_map(|rate| rate.to_le_bytes()).collect(),
            Some(momenta) => {
                let momenta = &momenta[block * BLOCK..];
                let rows = rates.iter().zip(momenta).flat_map(|(rate, momentum)| [rate, momentum]);
                rows.flat_map(|value| value.to_le_bytes()).collect()
            }
        })
    }
}
