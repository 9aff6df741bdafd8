//! How amounts and names are written, as regular expressions for editors (those of ECMA-262). What [`super::scalar`] and
//! [`super::units`] read has these forms; how much it may be is for them to say.

/// A form of text.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) pattern: &'static str,
    pub(super) examples: &'static [&'static str],
}

/// Digits with underscores between them, a point, an exponent; no leading zero.
macro_rules! number {
    () => {
        r"(?!0\d)(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?"
    };
}
/// Digits and a point.
macro_rules! decimal {
    () => {
        r"(?:\d+\.?\d*|\.\d+)"
    };
}
macro_rules! time {
    () => {
        concat!(decimal!(), r"\s*(?:s|sec|seconds?|min|minutes?|h|hours?|d|days?)")
    };
}
/// The whole of a text, with an amount above 0.
macro_rules! above_0 {
    ($($form:expr),+) => {
        concat!(r"^\s*\+?(?=[^a-zA-Z%]*[1-9])(?:", $($form),+, r")\s*$")
    };
}
macro_rules! from_0 {
    ($($form:expr),+) => {
        concat!(r"^\s*\+?(?:", $($form),+, r")\s*$")
    };
}

/// What YAML takes for text although it is meant as a number, such as `1_000` and, in YAML 1.1, `1e-3`.
pub(super) const NUMBER: &str = concat!(r"^\s*[+-]?", number!(), r"\s*$");
pub(super) const NOT_BLANK: &str = r"\S";

pub(super) static SHARE: Form = Form { pattern: above_0!(number!(), r"\s*%"), examples: &["10%"] };
pub(super) static SHARE_FROM_0: Form = Form { pattern: from_0!(number!(), r"\s*%"), examples: &["5%"] };
pub(super) static EPOCHS: Form =
    Form { pattern: above_0!(number!(), r"\s*epochs?"), examples: &["4 epochs"] };
pub(super) static STEPS: Form =
    Form { pattern: above_0!(number!(), r"\s*steps?"), examples: &["3000 steps"] };
/// Of training.
pub(super) static LENGTH: Form =
    Form { pattern: above_0!(number!(), r"\s*(?:steps?|epochs?)"), examples: &["8 epochs", "3000 steps"] };
/// Of a trial's budget.
pub(super) static SPAN: Form =
    Form { pattern: above_0!(number!(), r"\s*(?:%|steps?)"), examples: &["25%", "500 steps"] };
pub(super) static PART: Form = Form {
    pattern: above_0!(number!(), r"\s*(?:%|steps?|epochs?)"),
    examples: &["50%", "500 steps", "2 epochs"],
};
pub(super) static BUDGET: Form = Form {
    pattern: above_0!(
        number!(),
        r"\s*(?:%|steps?|epochs?)|",
        time!(),
        r"|",
        r"\$\s*\+?",
        number!(),
        r"|",
        number!(),
        r"\s*(?:usd|USD)"
    ),
    examples: &["50%", "500 steps", "2 epochs", "10 min", "$0.50"],
};
/// A part, or a time.
pub(super) static PERIOD: Form = Form {
    pattern: above_0!(number!(), r"\s*(?:%|steps?|epochs?)|", time!()),
    examples: &["10%", "500 steps", "1 epoch", "5 min"],
};
pub(super) static MARGIN: Form = Form {
    pattern: concat!(r"^\s*(?=[^a-zA-Z%]*[1-9])", decimal!(), r"\s*(?:pp|%)?\s*$"),
    examples: &["0.5pp", "1%", "0.02"],
};
pub(super) static TIME: Form = Form { pattern: above_0!(time!()), examples: &["30 s", "10 min", "2 h"] };
pub(super) static TIME_FROM_0: Form = Form { pattern: from_0!(time!()), examples: &["1 s", "5 min"] };
pub(super) static MEMORY: Form =
    Form { pattern: from_0!(decimal!(), r"\s*(?:B|[kK]B|KiB|[MGT]i?B)"), examples: &["512 MiB", "2 GB"] };
/// What commands do not take for another way to name a sweep.
pub(super) static SWEEP_NAME: Form =
    Form { pattern: r"^\s*(?!(?:last|[0-9-]+)\s*$)\S", examples: &["resnet8-fashion"] };
/// Of a program's metric.
pub(super) static METRIC_NAME: Form =
    Form { pattern: r"^[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*$", examples: &["test/accuracy"] };

/// Shares of a budget as the keys of a mapping.
pub(super) const SHARE_KEY: &str = above_0!(decimal!(), r"(?:[eE][+-]?\d+)?\s*%");
pub(super) const SHARE_KEY_FROM_0: &str = from_0!(decimal!(), r"(?:[eE][+-]?\d+)?\s*%");
/// Names of a program's parameters, of variables, and of a model's inputs.
pub(super) const PARAMETER: &str = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$";
pub(super) const VARIABLE: &str = r"^(?!SWEEP_)[A-Za-z_][A-Za-z0-9_]{0,99}$";
pub(super) const ANY: &str = r"";
