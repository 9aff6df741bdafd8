//! What is wrong with a spec, and where.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::place;

/// A place in a text; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Why a spec cannot be used.
///
/// `Display` is `sweeps/resnet.yaml:4:12: message` and, where there is a hint, a blank line and `hint: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    pub file: PathBuf,
    /// The value at fault; `None` where the fault is with the file as a whole.
    pub place: Option<Place>,
    pub message: String,
    pub hint: Option<String>,
}

impl SpecError {
    /// An error at a key such as `data.train.labels`, or at the nearest key around it that `text` has.
    pub fn at(file: &Path, text: &str, key_path: &str, message: String, hint: Option<String>) -> Self {
        Self { file: file.to_owned(), place: place::locate(text, key_path), message, hint }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(Place { line, column }) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SpecError {}

/// One step from a value towards a value inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// Which end of a path is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The key that the path ends with.
    Key,
    /// The value that the path leads to; of a block mapping, its first key.
    Value,
}

/// An error whose place is known as a path; finding line and column takes the text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) path: Vec<Segment>,
    pub(super) end: End,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// The other of two places that contradict each other; named after the message.
    pub(super) other: Option<Vec<Segment>>,
}

impl Fault {
    pub(super) fn new(path: &[Segment], message: impl Into<String>) -> Self {
        Self { path: path.to_vec(), end: End::Value, message: message.into(), hint: None, other: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(super) fn at_key(self) -> Self {
        Self { end: End::Key, ..self }
    }

    pub(super) fn other(self, path: &[Segment]) -> Self {
        Self { other: Some(path.to_vec()), ..self }
    }

    pub(super) fn into_error(self, file: &Path, text: &str) -> SpecError {
        let mut message = self.message;
        if let Some(Place { line, column }) =
            self.other.and_then(|path| place::place(text, &path, End::Value))
        {
            message += &format!(", first at line {line} column {column}");
        }
        let place = place::place(text, &self.path, self.end);
        SpecError { file: file.to_owned(), place, message, hint: self.hint }
    }
}

/// A path as specs spell it, such as `schedules[1].uba.phi`.
pub(super) fn spell(path: &[Segment]) -> String {
    let mut spelled = String::new();
    for segment in path {
        match segment {
            Segment::Key(key) if spelled.is_empty() => spelled += &printable(key),
            Segment::Key(key) => spelled += &format!(".{}", printable(key)),
            Segment::Index(index) => spelled += &format!("[{index}]"),
        }
    }
    spelled
}

/// A text from the spec, short enough for a message and without anything that moves a terminal's cursor.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    // Quotes are harmless, and escaped they would not read as typed.
    shown.replace("\\\"", "\"").replace("\\'", "'")
}

/// The candidate that `typed` was probably meant to be.
pub(super) fn nearest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase().replace('-', "_");
    let near = |candidate: &str| {
        if typed == candidate {
            return 1.0;
        }
        if typed.len() >= 3 && candidate.starts_with(&typed) {
            return 0.95;
        }
        let contained = typed.len() >= 3 && (candidate.contains(&typed) || typed.contains(candidate));
        let slip = typed.len() >= 3 && strsim::osa_distance(&typed, candidate) == 1;
        if contained || slip { 0.9 } else { strsim::jaro_winkler(&typed, candidate) }
    };
    let scored = candidates.map(|candidate| (near(candidate), candidate));
    let best = scored.filter(|(score, _)| *score >= 0.85).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, candidate)| candidate)
}

/// Names from elsewhere: as typed, a key that there must be for this to be meant, what is meant.
const ELSEWHERE: [(&str, Option<&str>, &str); 22] = [
    ("betas", Some("beta2"), "`beta1` and `beta2`"),
    ("eps", Some("epsilon"), "`epsilon`"),
    ("lr", None, "`parameters.learning_rate`"),
    ("learning_rate", None, "`parameters.learning_rate`"),
    ("warmup", Some("schedules"), "`training.warmup`"),
    ("eta_min", Some("warmup"), "`training.eta_min`"),
    ("peak", Some("warmup"), "`parameters.learning_rate`"),
    ("pct_start", Some("anneal"), "`up`"),
    ("div_factor", Some("anneal"), "`start`"),
    ("final_div_factor", Some("anneal"), "`end`"),
    ("step_size_up", Some("up"), "`up`"),
    ("step_size_down", Some("down"), "`down`"),
    ("step_size", Some("every"), "`every`"),
    ("T_0", Some("period"), "`period`"),
    ("T_mult", Some("t_mult"), "`t_mult`"),
    // Schedules by other names.
    ("CosineAnnealingWarmRestarts", Some("sgdr"), "`sgdr`"),
    ("CosineAnnealingLR", Some("sgdr"), "`cosine`"),
    ("MultiStepLR", Some("sgdr"), "`step`"),
    ("StepLR", Some("sgdr"), "`step: {every: 30%}`"),
    ("noam", Some("sgdr"), "`inverse_sqrt`"),
    ("trapezoidal", Some("sgdr"), "`wsd`"),
    ("warmup_stable_decay", Some("sgdr"), "`wsd`"),
];

/// What a name from elsewhere means here.
pub(super) fn elsewhere(typed: &str, candidates: &[&str]) -> Option<&'static str> {
    let is_meant = |(name, key, _): &&(&str, Option<&str>, &str)| {
        *name == typed && key.is_none_or(|key| candidates.contains(&key))
    };
    ELSEWHERE.iter().find(is_meant).map(|(_, _, meant)| *meant)
}

/// "did you mean" where something is near, otherwise all there is.
pub(super) fn suggest(typed: &str, what: &str, candidates: &[&str]) -> String {
    if let Some(meant) = elsewhere(typed, candidates) {
        return format!("did you mean {meant}?");
    }
    match nearest(typed, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("{what}: {}", listed(candidates)),
    }
}

/// `` `a`, `b`, `c` ``.
pub(super) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
