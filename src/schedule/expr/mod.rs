//! A formula of one's own over t, T and z.
//!
//! It is read as mathematics and Python read it: `-z^2` is −(z²), `2^3^2` is 2^(3²), `**` is `^`. There are numbers such as
//! `1e-3`, + − * / ^, parentheses, comparisons (1 where they hold, else 0), `pi`, `e`, and the functions of [`FUNCTIONS`].

mod parse;

use std::{fmt, sync::Arc};

use parse::Node;
pub use parse::{FUNCTIONS, Function};

/// The longest formula, in bytes.
pub const MAX_FORMULA: usize = 1000;

/// A formula that was read.
#[derive(Clone)]
pub struct Formula {
    text: String,
    root: Arc<Node>,
}

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    ///
    /// ```
    /// use sweep::schedule::expr::Formula;
    /// let cosine = Formula::read("(1 + cos(pi * z)) / 2").unwrap();
    /// assert_eq!(cosine.value(0, 100), 1.0);
    /// assert!((cosine.value(50, 100) - 0.5).abs() < 1e-15);
    /// assert_eq!(Formula::read("-z^2 + 1").unwrap().value(50, 100), 0.75);
    /// assert!(Formula::read("1 - x").unwrap_err().contains("`x`"));
    /// ```
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_FORMULA {
            return Err(format!("it is longer than {MAX_FORMULA} bytes"));
        }
        Ok(Self { text: text.to_owned(), root: Arc::new(parse::parse(text)?) })
    }

    /// The value at step t of T, z = t/T; not a number where the formula has none.
    #[must_use]
    pub fn value(&self, step: u64, total: u64) -> f64 {
        // Where warm-up has taken all steps this is the end of one.
        let (step, total) = if total == 0 { (1, 1) } else { (step, total) };
        let z = if step < total { step as f64 / total as f64 } else { 1.0 };
        self.root.value(&[step as f64, total as f64, z])
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
