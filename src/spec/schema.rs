//! The JSON Schema of specs, for editors, made of the tables that the readers read by.
//!
//! It says what stands where and which words and amounts there are; what parts of a spec must be to each other it leaves to
//! [`super::parse`]. `patternErrorMessage` and `markdownEnumDescriptions` are no words of JSON Schema: editors show them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    error::listed,
    form,
    keys::{Bound, Key, Keys, Kind, Name, Names, Rivals, Under},
    sweep::{MODEL, PROGRAM, TOP},
    yaml::{self, Node},
};

/// The schema, draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let mut shared = Shared::default();
    let mut root = shared.keys(&TOP, &[]);
    let only = |table: &Keys, other: &Keys| -> Vec<Key> {
        table.known.iter().filter(|key| !other.has(key.name)).copied().collect()
    };
    let sides: Vec<Value> = [(&PROGRAM, &MODEL), (&MODEL, &PROGRAM)]
        .map(|(table, other)| {
            let mut side = shared.keys(table, &[]);
            side.remove("additionalProperties");
            if let Some(Value::Object(properties)) = side.get_mut("properties") {
                properties.extend(only(other, table).iter().map(|key| (key.name.to_owned(), json!(false))));
            }
            Value::Object(side)
        })
        .into();
    if let Some(Value::Object(properties)) = root.get_mut("properties") {
        for key in MODEL.known.iter().chain(&only(&PROGRAM, &MODEL)) {
            properties.insert(key.name.to_owned(), json!({"description": key.about}));
        }
    }
    let own = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "A sweep: a model and its data, or a program, under every schedule at every budget",
        "if": {"anyOf": [{"required": ["program"]}, {"required": ["command"]}]},
        "then": sides[0],
        "else": sides[1],
        "$defs": shared.made,
    });
    if let Value::Object(own) = own {
        root.extend(own);
    }
    Value::Object(root)
}

type Schema = Map<String, Value>;

/// Kinds that stand in several places.
#[derive(Default)]
struct Shared {
    made: BTreeMap<&'static str, Value>,
}

impl Shared {
    /// What a kind is; `beside` are keys that its mapping has as well.
    fn kind(&mut self, kind: &Kind, beside: &[Key]) -> Value {
        match kind {
            Kind::Text => json!({
                "type": "string",
                "pattern": form::NOT_BLANK,
                "patternErrorMessage": "a text should stand here",
            }),
            Kind::AnyText => json!({"type": "string"}),
            Kind::Word => json!({"type": ["string", "integer"], "pattern": form::NOT_BLANK, "minimum": 0}),
            Kind::Form(form) => json!({
                "type": "string",
                "pattern": form.pattern,
                "patternErrorMessage": format!("write such as {}", listed(form.examples)),
                "examples": form.examples,
            }),
            Kind::Boolean => json!({"type": "boolean"}),
            Kind::Number(least, most) => number(*least, *most),
            Kind::Whole(least, most) => whole(*least, *most),
            Kind::Zero => json!({"const": 0}),
            Kind::Choice(words) => json!({"enum": words}),
            Kind::Map(keys) => Value::Object(self.keys(keys, beside)),
            Kind::MapOf(tables) => {
                any(tables.iter().map(|keys| Value::Object(self.keys(keys, beside))).collect())
            }
            Kind::Names(names) => self.names(names),
            Kind::Shares { of, from_start, beside: own } => {
                let beside = [*own, beside].concat();
                let key = if *from_start { form::SHARE_KEY_FROM_0 } else { form::SHARE_KEY };
                let mut schema = self.keys(&Keys::of(&[]), &beside);
                schema.insert("patternProperties".to_owned(), json!({key: self.kind(of, &[])}));
                schema.insert("minProperties".to_owned(), json!(1));
                Value::Object(schema)
            }
            Kind::Named(names, beside) => self.named(names, beside),
            Kind::List(least, most, each) => self.list(*least, *most, each),
            Kind::Each(most, each) => any(vec![self.kind(each, &[]), self.list(1, *most, each)]),
            Kind::Any(kinds) => any(kinds.iter().map(|kind| self.kind(kind, beside)).collect()),
            Kind::Shared(name, kind) => {
                if !self.made.contains_key(name) {
                    // The kind may hold itself.
                    self.made.insert(name, Value::Null);
                    let made = self.kind(kind, &[]);
                    self.made.insert(name, made);
                }
                json!({"$ref": format!("#/$defs/{name}")})
            }
            Kind::Refused => json!({"not": {}}),
        }
    }

    fn keys(&mut self, keys: &Keys, beside: &[Key]) -> Schema {
        let all = || keys.known.iter().chain(beside);
        let properties: Schema = all().map(|key| (key.name.to_owned(), self.key(key))).collect();
        let mut schema = Schema::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), properties.into());
        schema.insert("additionalProperties".to_owned(), json!(false));
        let needed: Vec<&str> = all().filter(|key| key.example.is_some()).map(|key| key.name).collect();
        if !needed.is_empty() {
            schema.insert("required".to_owned(), json!(needed));
        }
        match keys.rivals {
            Rivals { keys: [], .. } => None,
            Rivals { keys, needed: false } => schema.insert("not".to_owned(), json!({"required": keys})),
            Rivals { keys, needed: true } => {
                let each: Vec<Value> = keys.iter().map(|key| json!({"required": [key]})).collect();
                schema.insert("oneOf".to_owned(), json!(each))
            }
        };
        schema
    }

    fn key(&mut self, key: &Key) -> Value {
        let mut schema = described(self.kind(&key.kind, &[]), key.about);
        if let Some(default) = key.default.and_then(|text| yaml::read(text).ok()) {
            schema["default"] = value(&default);
        }
        schema
    }

    fn named(&mut self, names: &[Name], beside: &[Key]) -> Value {
        let (mut words, mut meanings) = (Vec::new(), Vec::new());
        let mut taking = Schema::new();
        for name in names {
            let (alone, takes) = match &name.under {
                Under::Nothing => (true, None),
                Under::Keys(keys) => {
                    let alone = !keys.rivals.needed && keys.known.iter().all(|key| key.example.is_none());
                    (alone, Some(self.kind(&Kind::Map(keys), beside)))
                }
                Under::Value(kind) => (false, Some(self.kind(kind, beside))),
            };
            if alone {
                words.push(name.name);
                meanings.push(name.about);
            }
            taking.extend(takes.map(|schema| (name.name.to_owned(), described(schema, name.about))));
        }
        let object = json!({
            "type": "object",
            "properties": taking,
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        });
        any(vec![json!({"enum": words, "markdownEnumDescriptions": meanings}), object])
    }

    fn names(&mut self, names: &Names) -> Value {
        let mut schema = self.keys(&Keys::of(names.known), &[]);
        schema.insert("additionalProperties".to_owned(), self.kind(&names.each, &[]));
        schema.insert("propertyNames".to_owned(), json!({"pattern": names.pattern}));
        schema.insert("minProperties".to_owned(), json!(names.least));
        schema.insert("maxProperties".to_owned(), json!(names.most));
        schema.into()
    }

    fn list(&mut self, least: usize, most: usize, each: &Kind) -> Value {
        json!({"type": "array", "items": self.kind(each, &[]), "minItems": least, "maxItems": most})
    }
}

/// One of several, of which some may be several themselves.
fn any(schemas: Vec<Value>) -> Value {
    let flat = schemas.into_iter().flat_map(|schema| match schema {
        Value::Object(mut object) if object.len() == 1 && object.contains_key("anyOf") => {
            match object.remove("anyOf") {
                Some(Value::Array(schemas)) => schemas,
                other => other.into_iter().collect(),
            }
        }
        schema => vec![schema],
    });
    json!({"anyOf": flat.collect::<Vec<_>>()})
}

fn described(mut schema: Value, about: &str) -> Value {
    schema["description"] = json!(about);
    schema
}

/// A number, or text that is meant as one.
fn number(least: Bound, most: Bound) -> Value {
    let mut schema = numeric("number");
    for (bound, at, beyond) in [(least, "minimum", "exclusiveMinimum"), (most, "maximum", "exclusiveMaximum")]
    {
        match bound {
            Bound::Nowhere => {}
            Bound::At(bound) => schema[at] = json!(bound),
            Bound::Beyond(bound) => schema[beyond] = json!(bound),
        }
    }
    schema
}

fn numeric(kind: &str) -> Value {
    let message = "a number should stand here";
    json!({"type": [kind, "string"], "pattern": form::NUMBER, "patternErrorMessage": message})
}

fn whole(least: i64, most: u64) -> Value {
    let mut schema = numeric("integer");
    schema["minimum"] = json!(least);
    // Not every reader of schemas has numbers as large as these.
    if most < u64::MAX {
        schema["maximum"] = json!(most);
    }
    schema
}

/// A value of a spec as JSON.
pub(super) fn value(node: &Node) -> Value {
    match node {
        Node::Null => Value::Null,
        Node::Bool(value) => json!(value),
        Node::Whole(value) => json!(value),
        Node::Number(value) => json!(value),
        Node::Text(text) => json!(text),
        Node::List(items) => items.iter().map(value).collect(),
        Node::Map(entries) => {
            Value::Object(entries.iter().map(|(key, node)| (key.clone(), value(node))).collect())
        }
    }
}
