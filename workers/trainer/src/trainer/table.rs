//! What a schedule says for each step.

/// The rows of a table: a learning rate for each step, and a momentum where the schedule moves it.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    rates: Vec<f32>,
    momenta: Option<Vec<f32>>,
}

impl Table {
    /// One learning rate per step.
    #[must_use]
    pub fn of_rates(rates: Vec<f32>) -> Self {
        Self { rates, momenta: None }
    }

    /// Reads little-endian `f32`, row by row: one column for each of `steps` steps, or two.
    ///
    /// # Errors
    /// The bytes are neither.
    pub fn read(bytes: &[u8], steps: u64) -> Result<Self, String> {
        let chunks = bytes.as_chunks::<4>().0;
        let values: Vec<f32> = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let wanted = usize::try_from(steps).unwrap_or(usize::MAX);
        if bytes.len().is_multiple_of(4) && values.len() == wanted {
            return Ok(Self { rates: values, momenta: None });
        }
        if bytes.len().is_multiple_of(8) && values.len() / 2 == wanted {
            let column = |column: usize| values.iter().skip(column).step_by(2).copied().collect();
            return Ok(Self { rates: column(0), momenta: Some(column(1)) });
        }
        Err(format!("has {} bytes, neither 4 nor 8 for each of {steps} steps", bytes.len()))
    }

    pub(crate) fn rate(&self, step: u64) -> f64 {
        f64::from(self.rates[step as usize])
    }

    pub(crate) fn momentum(&self, step: u64) -> Option<f64> {
        Some(f64::from(self.momenta.as_ref()?[step as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_column_or_two() {
        let bytes: Vec<u8> = [0.1_f32, 0.9, 0.2, 0.8].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(Table::read(&bytes, 4).unwrap(), Table::of_rates(vec![0.1, 0.9, 0.2, 0.8]));
        let two = Table::read(&bytes, 2).unwrap();
        assert_eq!((two.rate(1), two.momentum(0)), (f64::from(0.2_f32), Some(f64::from(0.9_f32))));
        assert!(Table::read(&bytes, 3).unwrap_err().contains("16 bytes"));
        assert!(Table::read(&bytes[..15], 4).is_err());
    }
}
