//! Names on the left, what there is to say on the right.

use serde::Serialize;

use super::{Look, escape, words};

/// Where text begins, in characters.
const COLUMN: usize = 21;

/// Lines under headings, as wide as a screen.
#[derive(Debug)]
pub struct Sheet {
    text: String,
    /// In characters; only what has no spaces is longer.
    width: usize,
}

impl Sheet {
    #[must_use]
    pub fn new(look: Look) -> Self {
        Self { text: String::new(), width: look.width }
    }

    /// A line that begins a group, with an empty one before it unless it is the first.
    pub fn heading(&mut self, text: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        self.text += &format!("{gap}{}\n", escape(text));
    }

    /// A name with its text, wrapped.
    pub fn add(&mut self, name: &str, text: &str) {
        let wrapped = words::wrap(&escape(text), self.width.saturating_sub(COLUMN));
        let mut name = escape(name);
        for line in wrapped.lines() {
            self.text += &format!("  {name:<18} {line}\n");
            name.clear();
        }
    }

    /// All of it, ending in a line feed.
    #[must_use]
    pub fn text(self) -> String {
        self.text
    }
}

/// How a check of the machine came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    /// Training works, though not as well as it could, or not for long.
    Warning,
    /// Training does not work.
    Problem,
}

/// One check of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub state: State,
    pub found: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// The checks with what to do below each, then how many came out how.
#[must_use]
pub fn checks(checks: &[Check], look: Look) -> String {
    const INDENT: usize = 29;
    let mut text = String::new();
    for check in checks {
        let (word, color) = match check.state {
            State::Ok => ("ok", "32"),
            State::Warning => ("warning", "33"),
            State::Problem => ("problem", "31"),
        };
        // Padded first: the codes for colours have a width of their own.
        let mut word = format!("{word:<8}");
        if look.color {
            word = format!("\u{1b}[{color}m{word}\u{1b}[0m");
        }
        let wrap = |text: &str| words::wrap(&escape(text), look.width.saturating_sub(INDENT));
        let found = wrap(&check.found);
        let advice = check.advice.iter().flat_map(|advice| {
            let wrapped = wrap(&format!("→ {advice}"));
            wrapped.lines().map(str::to_owned).collect::<Vec<_>>()
        });
        let mut lines = found.lines().map(str::to_owned).chain(advice);
        text += &format!("{word} {:<19} {}\n", check.name, lines.next().unwrap_or_default());
        lines.for_each(|line| text += &format!("{:INDENT$}{line}\n", ""));
    }
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    let several = |number, name: &str| match number {
        0 => format!("no {name}s"),
        1 => format!("1 {name}"),
        _ => format!("{number} {name}s"),
    };
    let (problems, warnings) = (count(State::Problem), count(State::Warning));
    text + &format!("\n{}, {}\n", several(problems, "problem"), several(warnings, "warning"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_aligned_and_wrapped() {
        let check = |name, state, found: &str, advice: Option<&str>| Check {
            name,
            state,
            found: found.to_owned(),
            advice: advice.map(str::to_owned),
        };
        let all = [
            check("clock", State::Ok, "2026-11-25", None),
            check("home", State::Problem, "`x\u{1b}` is not there and is long", Some("make it")),
        ];
        let plain = checks(&all, Look { color: false, width: 50, folds: false });
        assert_eq!(
            plain,
            "ok       clock               2026-11-25\n\
             problem  home                `x\\u{1b}` is not\n\
             \u{20}                            there and is long\n\
             \u{20}                            → make it\n\
             \n1 problem, no warnings\n"
        );
        let colored = checks(&all, Look { color: true, width: 50, folds: false });
        assert!(colored.starts_with("\u{1b}[32mok      \u{1b}[0m clock"), "{colored}");
    }
}
