//! How the folders of runs are called.

use std::collections::HashSet;

use crate::store::Run;

/// Bytes of one name; file systems allow 255, and a mark may follow.
const MAX_NAME: usize = 120;

/// A folder for each run, such as `uba(phi=1)/50%/learning_rate=0.1/seed=0`, no two alike even where case does not count. Of
/// what file systems refuse nothing is in them; where that makes two alike, the later one's seed is followed by its trial.
#[must_use]
pub fn folders(runs: &[Run]) -> Vec<String> {
    let mut taken = HashSet::new();
    let folder = |run: &Run| {
        let settings: Vec<_> = run.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut names = vec![safe(&run.schedule), safe(&run.budget)];
        if !settings.is_empty() {
            names.push(safe(&settings.join(",")));
        }
        names.push(format!("seed={}", run.seed));
        let mut folder = names.join("/");
        if !taken.insert(folder.to_lowercase()) {
            folder += &format!(" (trial {})", run.trial);
        }
        folder
    };
    runs.iter().map(folder).collect()
}

/// A text as the name of a folder on any file system.
fn safe(text: &str) -> String {
    let plain = |character: char| match character {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        character if character.is_control() => '_',
        character => character,
    };
    let mut name: String = text.chars().map(plain).collect();
    if name.len() > MAX_NAME {
        name.truncate(name.floor_char_boundary(MAX_NAME));
        name.push('…');
    }
    // Windows has no names that end like this, and `..` is another folder.
    if name.is_empty() || name.ends_with(['.', ' ']) {
        name.push('_');
    }
    name
}
