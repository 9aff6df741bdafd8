//! Text from outside, made harmless for a terminal.

/// The text with control characters, and those that turn the direction of writing, spelled out, such as `\u{1b}`.
#[must_use]
pub fn escape(text: &str) -> String {
    escape_but(text, &[])
}

/// As [`escape`], but for these characters.
pub(super) fn escape_but(text: &str, kept: &[char]) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        let turns =
            matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (character.is_control() || turns) && !kept.contains(&character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}
