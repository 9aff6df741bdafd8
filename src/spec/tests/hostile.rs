use proptest::prelude::*;

use crate::spec::{
    MAX_BYTES,
    tests::{kinds::RICH, program::RICH_PROGRAM, *},
};

#[test]
fn hostile_texts_are_refused_in_time() {
    let said = |text: String| read(&text).unwrap_err().to_string();
    assert_eq!(said("#".repeat(MAX_BYTES + 1)), "s.yaml: longer than 1048576 bytes");
    assert_eq!(said("[".repeat(MAX_BYTES)), "s.yaml:1:257: more than 256 brackets are open");
    let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(said(deep), "s.yaml:1:131: nested too deep");
    let values = "- \n".repeat(300_000);
    assert!(said(values).ends_with("more than 200000 values, aliases counted each time"));
    let keys: String = (0..2000).map(|key| format!("k{key}: 1\n")).collect();
    assert_eq!(said(keys), "s.yaml:1001:1: more than 1000 keys in one mapping");
    let shown = said("name: \"\\e[31m\"\n".to_owned() + BASE);
    assert!(shown.contains("`\\u{1b}[31m` cannot be the sweep's name"), "{shown}");
}

#[test]
fn more_trials_than_anyone_waits_for_are_refused() {
    let rates: Vec<String> = (1..=11).map(|rate| format!("0.{rate:02}")).collect();
    let text = with(&format!("parameters: {{learning_rate: [{}]}}", rates.join(", "))) + "seeds: 10_000\n";
    let expected = "s.yaml:1:1: 110000 trials are more than 100000\n\n\
                    hint: 1 budgets × 1 schedules × 11 parameter settings × 10000 seeds";
    assert_eq!(read(&text).unwrap_err().to_string(), expected);
}

const LONGEST: usize = if FULL.len() > RICH.len() { FULL.len() } else { RICH.len() };

proptest! {
    /// Whatever a slip of the hand makes of a spec, the answer is a spec or an error with its place.
    #[test]
    fn mutations_never_panic(
        base in prop::sample::select(vec![FULL, RICH, RICH_PROGRAM]),
        slips in prop::collection::vec((0..LONGEST, 0..4usize, "[-:#&*!|>'\"%@`{}\\[\\],? \n\ta0.é]{0,3}"), 1..6),
    ) {
        let mut text: Vec<char> = base.chars().collect();
        for (at, cut, insert) in slips {
            let at = at.min(text.len());
            let end = (at + cut).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(error) = read(&text) {
            prop_assert!(error.place.is_some(), "{error:?} has no place in:\n{text}");
            prop_assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
        }
    }
}
