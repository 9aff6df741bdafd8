//! A formula of one's own over t, T and z.
//!
//! The language is exmex's: numbers such as `1e-3`, + − * / ^, parentheses, `PI`, `E`, and functions such as `cos`, `exp`, `ln`, `sqrt`,
//! `abs`, `floor`, `min(a, b)`, `max(a, b)`.

use std::{fmt, sync::Arc};

use exmex::{Express, FlatEx, FloatOpsFactory, MatchLiteral, literal_matcher_from_pattern};

// exmex's own numbers have no exponent.
literal_matcher_from_pattern!(Number, r"^([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?");

type Read = FlatEx<f64, FloatOpsFactory<f64>, Number>;

/// The longest formula, in bytes.
pub const MAX_FORMULA: usize = 1000;

/// A formula that was read.
#[derive(Clone)]
pub struct Formula {
    text: String,
    read: Arc<Read>,
    /// For each of its variables, in exmex's order, which of t, T and z it is.
    variables: Vec<usize>,
}

const VARIABLES: [&str; 3] = ["t", "T", "z"];

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    ///
    /// ```
    /// use sweep::schedule::expr::Formula;
    /// let cosine = Formula::read("(1 + cos(PI * z)) / 2").unwrap();
    /// assert_eq!(cosine.value(0, 100), 1.0);
    /// assert!((cosine.value(50, 100) - 0.5).abs() < 1e-15);
    /// assert!(Formula::read("1 - x").unwrap_err().contains("`x`"));
    /// ```
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_FORMULA {
            return Err(format!("it is longer than {MAX_FORMULA} bytes"));
        }
        let read = Read::parse(text).map_err(|error| error.msg().to_owned())?;
        let place = |name: &String| {
            VARIABLES
                .iter()
                .position(|known| known == name)
                .ok_or_else(|| format!("`{name}` means nothing here"))
        };
        let variables = read.var_names().iter().map(place).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), read: Arc::new(read), variables })
    }

    /// The value at step t of T, z = t/T; not a number where the formula has none.
    #[must_use]
    pub fn value(&self, step: u64, total: u64) -> f64 {
        let all = [step as f64, total as f64, if step < total { step as f64 / total as f64 } else { 1.0 }];
        let mut values = [0.0; 3];
        for (value, variable) in values.iter_mut().zip(&self.variables) {
            *value = all[*variable];
        }
        self.read.eval(&values[..self.variables.len()]).unwrap_or(f64::NAN)
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Formula({:?})", self.text)
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Formula {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
