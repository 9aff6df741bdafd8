//! Text in a number of columns, and colour on it.

use crate::report::Look;

/// How many columns a text takes, at most: some scripts take two for each character.
pub(super) fn breadth(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(character: char) -> usize {
    match character {
        '\u{1100}'..='\u{115f}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' => 2,
        '\u{2e80}'..='\u{a4cf}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}' => 2,
        '\u{f900}'..='\u{faff}' | '\u{fe10}'..='\u{fe6f}' | '\u{ff00}'..='\u{ffe6}' => 2,
        '\u{231a}'..='\u{23ff}' | '\u{16fe0}'..='\u{1b2ff}' | '\u{1f000}'.. => 2,
        _ => 1,
    }
}

/// The text, or its beginning and an ellipsis.
pub(super) fn fit(text: &str, room: usize) -> String {
    if breadth(text) <= room {
        return text.to_owned();
    }
    let mut used = 0;
    let kept = text.chars().take_while(|character| {
        used += width(*character);
        used < room
    });
    kept.collect::<String>() + if room > 0 { "…" } else { "" }
}

/// The text in lines, broken between words; a word wider than a line is cut.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').map(|word| fit(word, room)) {
        match lines.last_mut().filter(|line| breadth(line) + 1 + breadth(&word) <= room) {
            Some(line) => *line += &format!(" {word}"),
            None => lines.push(word),
        }
    }
    lines
}

/// Puts colour on text, if the screen is for it.
#[derive(Clone, Copy)]
pub(super) struct Pen {
    pub(super) look: Look,
}

/// How things are painted that are no series.
pub(super) const BOLD: &str = "1";
pub(super) const FAINT: &str = "2";

impl Pen {
    pub(super) fn paint(self, text: &str, code: &str) -> String {
        let text = if self.look.color { text } else { return text.to_owned() };
        if text.trim().is_empty() { text.to_owned() } else { format!("\x1b[{code}m{text}\x1b[0m") }
    }
}
