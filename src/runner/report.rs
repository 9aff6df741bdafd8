//! What a program says of itself: one JSON object per line.

use serde_json::{Map, Value};

/// The longest name of a metric, in bytes.
const MAX_NAME: usize = 100;
/// The most metrics of one line.
const MAX_METRICS: usize = 1000;
/// How much of a bad line is quoted, in characters.
const QUOTED: usize = 80;

/// One line of a program.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Report {
    /// `{"step": 10, "train/loss": 0.5}`: metrics at a step; none where a value is `null`, which is not finite.
    Values { step: u64, values: Vec<(String, Option<f64>)> },
    /// `{"start": 500}`: it goes on from its own checkpoint. Only as the first line.
    Start(u64),
    /// `{"checkpoint": 500}`: its state after this many steps is safe.
    Checkpoint(u64),
    /// `{"diverged": 37}`: going on is no use.
    Diverged(u64),
    /// `{"note": "…"}`: something that people should know.
    Note(String),
}

impl Report {
    /// Reads a line of a trial of this many steps.
    ///
    /// # Errors
    /// What is wrong, with the line's start.
    pub(super) fn read(line: &[u8], steps: u64) -> Result<Self, String> {
        let wrong = |why: String| {
            let start: String = String::from_utf8_lossy(line).trim_end().chars().take(QUOTED).collect();
            format!("the program reported `{}`, {why}", start.escape_debug())
        };
        let object = serde_json::from_slice::<Map<String, Value>>(line).map_err(|error| {
            // Python's `json` writes these unasked.
            let bare = |word: &[u8]| line.windows(word.len()).any(|part| part == word);
            match bare(b"NaN") || bare(b"Infinity") {
                true => wrong("where a value that is not finite is to be `null`".to_owned()),
                false => wrong(format!("which is no JSON object in one line: {error}")),
            }
        })?;
        Self::understand(object, steps).map_err(wrong)
    }

    fn understand(mut object: Map<String, Value>, steps: u64) -> Result<Self, String> {
        let number = |key: &str, value: &Value| match value.as_u64() {
            Some(step) if step <= steps => Ok(step),
            _ => Err(format!("where `{key}` is not a whole number from 0 to {steps}")),
        };
        if let Some(step) = object.remove("step") {
            let step = number("step", &step)?;
            return Ok(Self::Values { step, values: values(object)? });
        }
        let mut entries = object.into_iter();
        match (entries.next(), entries.next()) {
            (Some((key, value)), None) => match (key.as_str(), value) {
                ("start", value) => Ok(Self::Start(number(&key, &value)?)),
                ("checkpoint", value) => Ok(Self::Checkpoint(number(&key, &value)?)),
                ("diverged", value) => Ok(Self::Diverged(number(&key, &value)?)),
                ("note", Value::String(text)) => Ok(Self::Note(text)),
                ("note", _) => Err("where `note` is not a text".to_owned()),
                _ => Err("which lacks `step`".to_owned()),
            },
            _ => Err("which lacks `step`".to_owned()),
        }
    }
}

fn values(object: Map<String, Value>) -> Result<Vec<(String, Option<f64>)>, String> {
    if object.len() > MAX_METRICS {
        return Err(format!("which holds {} metrics, more than {MAX_METRICS}", object.len()));
    }
    let value = |(name, value): (String, Value)| {
        if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
            return Err(format!("where the name of a metric is not 1 to {MAX_NAME} bytes of printable text"));
        }
        match value {
            Value::Null => Ok((name, None)),
            Value::Number(number) => Ok((name, number.as_f64().filter(|value| value.is_finite()))),
            _ => Err(format!("where `{name}` is neither a number nor `null`")),
        }
    };
    object.into_iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Report, String> {
        Report::read(line.as_bytes(), 300)
    }

    #[test]
    fn lines_are_understood() {
        let values =
            vec![("a".to_owned(), Some(2.0)), ("b/c".to_owned(), None), ("d".to_owned(), Some(-0.5))];
        assert_eq!(
            read("{\"step\": 10, \"a\": 2, \"d\": -5e-1, \"b/c\": null}\n"),
            Ok(Report::Values { step: 10, values })
        );
        assert_eq!(read(r#"{"step": 300}"#), Ok(Report::Values { step: 300, values: vec![] }));
        let start = ("start".to_owned(), Some(1.0));
        assert_eq!(
            read(r#"{"step": 0, "start": 1}"#),
            Ok(Report::Values { step: 0, values: vec![start] }),
            "beside a step it is a metric"
        );
        assert_eq!(read(r#"{"start": 300}"#), Ok(Report::Start(300)));
        assert_eq!(read(r#"{"checkpoint": 1}"#), Ok(Report::Checkpoint(1)));
        assert_eq!(read(r#"{"diverged": 0}"#), Ok(Report::Diverged(0)));
        assert_eq!(read(r#"{"note": "ä"}"#), Ok(Report::Note("ä".into())));
    }

    #[test]
    fn what_is_wrong_is_said_with_the_start_of_the_line() {
        for (line, why) in [
            ("Epoch 1\u{1b}[0m", "reported `Epoch 1\\u{1b}[0m`, which is no JSON object"),
            ("", "reported ``, which is no JSON object"),
            ("[1]", "which is no JSON object"),
            (r#"{"step": 1, "loss": NaN}"#, "not finite is to be `null`"),
            (r#"{"step": 1, "loss": -Infinity}"#, "not finite is to be `null`"),
            (r#"{"step": 301}"#, "`step` is not a whole number from 0 to 300"),
            (r#"{"step": -1}"#, "`step` is not a whole number"),
            (r#"{"step": 1.5}"#, "`step` is not a whole number"),
            (r#"{"step": "1"}"#, "`step` is not a whole number"),
            (r#"{"step": 1, "a": "x"}"#, "`a` is neither a number nor `null`"),
            (r#"{"step": 1, "a": true}"#, "`a` is neither"),
            (r#"{"step": 1, "": 1}"#, "the name of a metric"),
            ("{\"step\": 1, \"a\\u0007\": 1}", "the name of a metric"),
            (r#"{"loss": 1}"#, "which lacks `step`"),
            (r#"{"start": 1, "note": "x"}"#, "which lacks `step`"),
            ("{}", "which lacks `step`"),
            (r#"{"start": 301}"#, "`start` is not a whole number from 0 to 300"),
            (r#"{"note": 1}"#, "`note` is not a text"),
        ] {
            let problem = read(line).unwrap_err();
            assert!(problem.contains(why), "{line}: {problem}");
        }
        let many: String = (0..1001).map(|number| format!(", \"m{number}\": 1")).collect();
        assert!(read(&format!("{{\"step\": 1{many}}}")).unwrap_err().contains("1001 metrics"));
        assert!(Report::read(b"{\"note\": \"\xff\"}", 1).unwrap_err().contains("no JSON object"));
    }
}
