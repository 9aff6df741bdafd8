//! From a path to its place in the text.
//!
//! The parser gives no positions with its values, only with its errors. So a place is found by walking
//! the text again along a path and failing on arrival: the parser then says where it stands.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    error::{End, Place, Segment},
    yaml,
};

/// Line and column of the value at a path such as `data.train.labels` or `schedules[1].uba.phi`; where
/// the text has no such key, of the nearest value around it. `None` where the text is no spec at all.
pub fn locate(text: &str, key_path: &str) -> Option<Place> {
    let mut path = Vec::new();
    for part in key_path.split('.') {
        let (key, indices) = part.split_once('[').unwrap_or((part, ""));
        path.push(Segment::Key(key.to_owned()));
        let indices = indices.split(['[', ']']).filter(|index| !index.is_empty());
        path.extend(indices.filter_map(|index| index.parse().ok()).map(Segment::Index));
    }
    yaml::read(text).ok()?;
    while !path.is_empty() {
        if let Some(found) = place(text, &path, End::Value) {
            return Some(found);
        }
        path.pop();
    }
    place(text, &[], End::Value)
}

/// The place of exactly this path in a text that [`yaml::read`] accepts.
pub(super) fn place(text: &str, path: &[Segment], end: End) -> Option<Place> {
    let arrived = Cell::new(false);
    let walk = Walk { path, end, arrived: &arrived };
    let error = walk.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    let at = error.location().filter(|_| arrived.get())?;
    Some(Place { line: at.line(), column: at.column() })
}

/// Follows a path and fails at its end.
#[derive(Clone, Copy)]
struct Walk<'a> {
    path: &'a [Segment],
    end: End,
    arrived: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            self.arrived.set(true);
            return deserializer.deserialize_any(Arrival);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a mapping on the way")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if let Some((Segment::Index(index), rest)) = self.path.split_first() {
            for _ in 0..*index {
                items.next_element::<IgnoredAny>()?;
            }
            items.next_element_seed(Walk { path: rest, ..self })?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((Segment::Key(wanted), rest)) = self.path.split_first() else {
            return Ok(());
        };
        let stop = (rest.is_empty() && self.end == End::Key).then_some(self.arrived);
        while let Some(found) = entries.next_key_seed(Sought { key: wanted, stop })? {
            if found {
                return entries.next_value_seed(Walk { path: rest, ..self });
            }
            entries.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Whether a key is the one sought; with `stop`, finding it is the arrival.
struct Sought<'a> {
    key: &'a str,
    stop: Option<&'a Cell<bool>>,
}

impl<'de> DeserializeSeed<'de> for Sought<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Sought<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        match self.stop {
            Some(arrived) if key == self.key => {
                arrived.set(true);
                Err(E::custom("arrived"))
            }
            _ => Ok(key == self.key),
        }
    }
}

/// Accepts nothing, so that the parser reports where it stands.
struct Arrival;

impl Visitor<'_> for Arrival {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}
