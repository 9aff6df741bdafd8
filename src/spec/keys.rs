//! What a spec may hold, as tables. Readers take keys and words from them and [`super::schema`] is made of them, so that
//! neither knows a key that the other does not.

use super::form::Form;

/// What one mapping may hold.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) known: &'static [Key],
    /// Keys with a meaning that nothing gives them yet.
    pub(super) later: &'static [&'static str],
    pub(super) rivals: Rivals,
}

/// Keys of which there is at most one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rivals {
    pub(super) keys: &'static [&'static str],
    /// Whether there has to be one.
    pub(super) needed: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// What it means, in one line.
    pub(super) about: &'static str,
    /// What might stand under a key that has to be there.
    pub(super) example: Option<&'static str>,
    /// What a missing key means, as a spec has it.
    pub(super) default: Option<&'static str>,
}

/// What may stand under a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Text that is not blank.
    Text,
    AnyText,
    /// Text, or a whole number, which stands for its digits.
    Word,
    Form(&'static Form),
    Boolean,
    /// From the first to the second.
    Number(Bound, Bound),
    Whole(i64, u64),
    /// 0 without a unit.
    Zero,
    Choice(&'static [&'static str]),
    Map(&'static Keys),
    /// A mapping with the keys of one of these.
    MapOf(&'static [&'static Keys]),
    /// A mapping from names that the spec chooses.
    Names(&'static Names),
    /// A mapping from shares of the budget, above 0% unless from the start, and these keys beside them.
    Shares {
        of: &'static Kind,
        from_start: bool,
        beside: &'static [Key],
    },
    /// A name, bare or with what it takes, and these keys beside that.
    Named(&'static [Name], &'static [Key]),
    /// A list of so many.
    List(usize, usize, &'static Kind),
    /// A value or a list of up to so many.
    Each(usize, &'static Kind),
    Any(&'static [Kind]),
    /// A kind that stands in several places, by a name.
    Shared(&'static str, &'static Kind),
    /// Refused, in words of its own.
    Refused,
}

/// Where numbers end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    Nowhere,
    /// Here.
    At(f64),
    /// Before they come here.
    Beyond(f64),
}

/// Names that the spec chooses.
#[derive(Debug)]
pub(super) struct Names {
    /// A regular expression.
    pub(super) pattern: &'static str,
    pub(super) least: usize,
    pub(super) most: usize,
    /// Names that have to be among them.
    pub(super) known: &'static [Key],
    pub(super) each: Kind,
}

/// A name that a value may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) under: Under,
}

/// What may stand under a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Under {
    Nothing,
    /// What it may do without where none of the keys has to be there.
    Keys(&'static Keys),
    /// What it cannot do without.
    Value(Kind),
}

pub(super) const ANY_NUMBER: Kind = Kind::Number(Bound::Nowhere, Bound::Nowhere);
pub(super) const FROM_0: Kind = Kind::Number(Bound::At(0.0), Bound::Nowhere);
pub(super) const ABOVE_0: Kind = Kind::Number(Bound::Beyond(0.0), Bound::Nowhere);
pub(super) const FROM_0_TO_1: Kind = Kind::Number(Bound::At(0.0), Bound::At(1.0));
pub(super) const FROM_0_BELOW_1: Kind = Kind::Number(Bound::At(0.0), Bound::Beyond(1.0));
pub(super) const ABOVE_0_TO_1: Kind = Kind::Number(Bound::Beyond(0.0), Bound::At(1.0));
pub(super) const ABOVE_0_BELOW_1: Kind = Kind::Number(Bound::Beyond(0.0), Bound::Beyond(1.0));

/// A key that may be left out.
pub(super) const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, about, example: None, default: None }
}

impl Key {
    /// The key with what it means to leave it out.
    pub(super) const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// The key as one that has to be there, such as this.
    pub(super) const fn needed(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }
}

impl Keys {
    pub(super) const fn of(known: &'static [Key]) -> Self {
        Self { known, later: &[], rivals: Rivals { keys: &[], needed: false } }
    }

    pub(super) const fn later(self, later: &'static [&'static str]) -> Self {
        Self { later, ..self }
    }

    pub(super) const fn at_most_one(self, keys: &'static [&'static str]) -> Self {
        Self { rivals: Rivals { keys, needed: false }, ..self }
    }

    pub(super) const fn exactly_one(self, keys: &'static [&'static str]) -> Self {
        Self { rivals: Rivals { keys, needed: true }, ..self }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.known.iter().any(|key| key.name == name)
    }
}

/// A name that stands alone.
pub(super) const fn bare(name: &'static str, about: &'static str) -> Name {
    Name { name, about, under: Under::Nothing }
}

/// A name that may have options under it.
pub(super) const fn with(name: &'static str, about: &'static str, keys: &'static Keys) -> Name {
    Name { name, about, under: Under::Keys(keys) }
}

/// The words of a choice.
pub(super) const fn words<T: Copy, const N: usize>(choices: [(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut index = 0;
    while index < N {
        words[index] = choices[index].0;
        index += 1;
    }
    words
}

/// The variants of a type, `ALL` of them, each with its `name()`, as a choice.
macro_rules! choices {
    ($type:ty) => {{
        let mut choices = [("", <$type>::ALL[0]); <$type>::ALL.len()];
        let mut index = 0;
        while index < choices.len() {
            choices[index] = (<$type>::ALL[index].name(), <$type>::ALL[index]);
            index += 1;
        }
        choices
    }};
}
pub(super) use choices;
