//! Two versions of a report held against each other, number by number.

use serde::Serialize;

/// A number, or a word beside it, that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Of the written text, from 1.
    pub line: usize,
    /// With what stands around it.
    pub written: String,
    pub computed: String,
}

/// Words that are shown around a difference.
const AROUND: usize = 4;
/// What is longer is cut: a path of a chart is a single line.
const MAX_SHOWN: usize = 160;

/// Where the written text differs from the computed one, in the order of the written.
#[must_use]
pub fn differences(written: &str, computed: &str) -> Vec<Difference> {
    if written == computed {
        return Vec::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (tokens(written), tokens(computed));
    let lines: Vec<usize> = old
        .iter()
        .scan(1, |line, token| {
            let here = *line;
            *line += token.matches('\n').count();
            Some(here)
        })
        .collect();
    let diff = similar::capture_diff_slices(similar::Algorithm::Myers, &old, &new);
    let mut differences = Vec::new();
    for operation in diff.iter().filter(|operation| operation.tag() != similar::DiffTag::Equal) {
        let (its, mine) = (operation.old_range(), operation.new_range());
        let line = lines.get(its.start).or(lines.last()).copied().unwrap_or(1);
        differences.push(Difference { line, written: around(&old, its), computed: around(&new, mine) });
    }
    differences
}

/// Numbers, and everything between them.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let (mut start, mut was_number) = (0, false);
    let mut previous = ' ';
    for (index, character) in text.char_indices() {
        let is_number = character.is_ascii_digit() || was_number && (character == '.' || character == ',');
        // Words and marks are tokens of their own, so that what differs is short.
        let ends =
            is_number != was_number || !is_number && character == ' ' && previous != ' ' || character == '\n';
        if ends && index > start {
            tokens.push(&text[start..index]);
            start = index;
        }
        (was_number, previous) = (is_number, character);
    }
    tokens.push(&text[start..]);
    tokens
}

fn around(tokens: &[&str], range: std::ops::Range<usize>) -> String {
    if range.is_empty() {
        return String::new();
    }
    let text = tokens[range.start.saturating_sub(AROUND)..(range.end + AROUND).min(tokens.len())].concat();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_that_differs_is_found() {
        for (written, computed, expected) in [
            ("a 1.5 b\nc 2 d\n", "a 1.5 b\nc 2 d\n", vec![]),
            ("a 1.5 b\nc 2 d\n", "a 1.5 b\nc 3 d\n", vec![(2, "2", "3")]),
            ("x 1,234 y", "x 1,235 y", vec![(1, "1,234", "1,235")]),
            ("as good", "not good", vec![(1, "as", "not")]),
            ("1 2 3", "1 3", vec![(1, "2", "")]),
        ] {
            let found = differences(written, computed);
            assert_eq!(found.len(), expected.len(), "{written}");
            for (found, (line, its, mine)) in found.iter().zip(expected) {
                assert_eq!(found.line, line);
                assert!(found.written.contains(its) && found.computed.contains(mine), "{found:?}");
            }
        }
    }
}
