//! From text to [`Node`], with bounds on everything that a hostile text could grow.

use std::{cell::RefCell, fmt, path::Path};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    MAX_BYTES,
    error::{Place, SpecError, printable},
};

/// Values in one document, repeated aliases counted each time; without a bound a short text of aliases
/// of aliases could fill the memory.
const MAX_VALUES: usize = 200_000;

/// Brackets open at one time; the parser's time grows with the square of it.
const MAX_OPEN: usize = 256;

/// A value as YAML 1.2 reads it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Whole(u64),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the text; no key twice.
    Map(Vec<(String, Node)>),
}

/// Why a text is no document.
#[derive(Debug)]
pub(super) struct Flaw {
    place: Option<Place>,
    message: String,
    hint: Option<&'static str>,
}

impl Flaw {
    fn new(message: impl Into<String>, place: Option<Place>) -> Self {
        Self { place, message: message.into(), hint: None }
    }

    pub(super) fn into_error(self, file: &Path) -> SpecError {
        SpecError {
            file: file.to_owned(),
            place: self.place,
            message: self.message,
            hint: self.hint.map(str::to_owned),
        }
    }
}

/// Reads one document. Refused: too long a text, too deep or too many values, the same key twice in a
/// mapping, tags, a second document.
pub(super) fn read(text: &str) -> Result<Node, Flaw> {
    if text.len() > MAX_BYTES {
        return Err(Flaw::new(format!("longer than {MAX_BYTES} bytes"), None));
    }
    bounded_brackets(text)?;
    let reader = Reader { values: RefCell::new(0), refusal: RefCell::new(None) };
    let error = match (&reader).deserialize(serde_yaml::Deserializer::from_str(text)) {
        Ok(Node::Null) => return Err(Flaw::new("the spec is empty", Some(Place { line: 1, column: 1 }))),
        Ok(node) => return Ok(node),
        Err(error) => error,
    };
    let place = error.location().map(|at| Place { line: at.line(), column: at.column() });
    if let Some(refusal) = reader.refusal.into_inner() {
        return Err(Flaw::new(refusal, place));
    }
    Err(syntax(text, &error.to_string(), place))
}

/// Says what the parser found wrong without its position, which the error has already.
fn syntax(text: &str, message: &str, place: Option<Place>) -> Flaw {
    if message.starts_with("EOF") {
        return Flaw::new("the spec is empty", Some(Place { line: 1, column: 1 }));
    }
    if message.contains("more than one document") {
        return second_document(text);
    }
    if message.contains("repetition limit") {
        return Flaw::new("aliases of aliases repeat too much", Some(Place { line: 1, column: 1 }));
    }
    if message.contains("recursion limit") {
        return Flaw::new("nested too deep", place);
    }
    if message.contains("expected a key") {
        return Flaw::new("a key should be text", place);
    }
    let (problem, rest) = message.split_once(" at ").unwrap_or((message, ""));
    let context = rest.split_once(", ").map(|(_, context)| format!(", {context}")).unwrap_or_default();
    let line = place.and_then(|at| text.lines().nth(at.line.checked_sub(1)?)).unwrap_or_default();
    let hint = if line.contains("${") {
        Some("inside brackets a macro is in quotes, such as `\"${args}\"`")
    } else if problem.contains("cannot start any token") {
        Some("indent with spaces, never tabs, and quote a text that starts with a special character")
    } else if problem.contains("unknown anchor") || context.contains("scanning an alias") {
        Some("quote a text that starts with `*`")
    } else if problem.contains("mapping values are not allowed") {
        Some("quote a text that holds `: `, and indent the keys of a mapping alike")
    } else if problem.contains("not find expected") || problem.contains("unexpected end") {
        Some("a bracket or quote is open, or this line is indented differently from its neighbours")
    } else {
        None
    };
    Flaw { hint, ..Flaw::new(format!("not YAML: {problem}{context}"), place) }
}

/// Where the second document starts, or what is wrong with it: a key with less indentation than the first
/// one ends the document too.
fn second_document(text: &str) -> Flaw {
    let second = serde_yaml::Deserializer::from_str(text).nth(1);
    if let Some(error) = second.and_then(|second| IgnoredAny::deserialize(second).err())
        && let Some(at) = error.location()
    {
        return syntax(text, &error.to_string(), Some(Place { line: at.line(), column: at.column() }));
    }
    let markers = text.lines().enumerate().filter(|(_, line)| line.starts_with("---"));
    let place = markers.last().map(|(line, _)| Place { line: line + 1, column: 1 });
    Flaw::new("more than one document in one file", place)
}

/// Brackets inside quotes count too: that many are no spec either way.
fn bounded_brackets(text: &str) -> Result<(), Flaw> {
    let mut open = 0usize;
    for (line, content) in text.lines().enumerate() {
        for (column, character) in content.chars().enumerate() {
            match character {
                '[' | '{' => open += 1,
                ']' | '}' => open = open.saturating_sub(1),
                _ => {}
            }
            if open > MAX_OPEN {
                let place = Place { line: line + 1, column: column + 1 };
                return Err(Flaw::new(format!("more than {MAX_OPEN} brackets are open"), Some(place)));
            }
        }
    }
    Ok(())
}

/// Builds nodes; keeps its own refusals aside, for the parser decorates messages with paths.
struct Reader {
    values: RefCell<usize>,
    refusal: RefCell<Option<String>>,
}

impl Reader {
    fn refuse<T, E: Error>(&self, message: String) -> Result<T, E> {
        self.refusal.replace(Some(message));
        Err(E::custom("refused"))
    }
}

impl<'de> DeserializeSeed<'de> for &Reader {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Whole(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Counted(self))? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map: Vec<(String, Node)> = Vec::new();
        while let Some(key) = entries.next_key_seed(NewKey { reader: self, known: &map })? {
            let value = entries.next_value_seed(Counted(self))?;
            map.push((key, value));
        }
        Ok(Node::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        self.refuse("tags such as `!this` mean nothing in a spec".to_owned())
    }
}

/// A value inside another, which counts towards [`MAX_VALUES`].
struct Counted<'a>(&'a Reader);

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        *self.0.values.borrow_mut() += 1;
        if *self.0.values.borrow() > MAX_VALUES {
            return self.0.refuse(format!("more than {MAX_VALUES} values, aliases counted each time"));
        }
        self.0.deserialize(deserializer)
    }
}

/// A key, refused where its mapping has it already.
struct NewKey<'a> {
    reader: &'a Reader,
    known: &'a [(String, Node)],
}

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NewKey<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<String, E> {
        if self.known.iter().any(|(known, _)| known == key) {
            return self.reader.refuse(format!("key `{}` is given twice", printable(key)));
        }
        // The scan above is quadratic; no mapping of a spec has nearly as many keys.
        if self.known.len() >= 1000 {
            return self.reader.refuse("more than 1000 keys in one mapping".to_owned());
        }
        Ok(key.to_owned())
    }
}
