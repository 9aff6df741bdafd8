//! The schema of specs, beside what is read: neither knows what the other does not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::spec::{
    keys::{Key, Kind, Rivals, Under},
    schema::value,
    sweep::{MODEL, PROGRAM as OF_PROGRAM, TOP},
    tests::{kinds::RICH, program::RICH_PROGRAM, schedules::ITEMS, *},
    yaml,
};

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| jsonschema::draft202012::new(&schema()).unwrap());

/// What an editor would say of a text that is YAML.
pub(super) fn flaws(text: &str) -> Vec<String> {
    let node = yaml::read(text).unwrap();
    VALIDATOR.iter_errors(&value(&node)).map(|flaw| format!("{}: {flaw}", flaw.instance_path())).collect()
}

pub(super) fn accepts(text: &str) -> bool {
    yaml::read(text).is_ok_and(|node| VALIDATOR.is_valid(&value(&node)))
}

/// Whether an error is about one value or key by itself.
fn is_local(message: &str) -> bool {
    const LOCAL: [&str; 12] = [
        "unknown key",
        "missing key",
        "takes nothing",
        "is empty",
        "is an empty list",
        "has no unit",
        "keys where one name belongs",
        "names no data",
        "found the text",
        "found a ",
        "found nothing",
        "found `true`",
    ];
    LOCAL.iter().any(|local| message.contains(local))
        || message.starts_with("unknown `")
        || message.starts_with("schedule `") && message.contains(" needs `") && !message.contains(" for ")
}

#[test]
fn it_is_a_schema_of_draft_2020_12() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
    assert!(!jsonschema::draft202012::meta::is_valid(&json!({"type": "map"})));
}

#[test]
fn what_is_wrong_by_itself_is_refused() {
    const FILES: [&str; 11] = [
        include_str!("checkpoint.txt"),
        include_str!("data.txt"),
        include_str!("document.txt"),
        include_str!("machine.txt"),
        include_str!("metric.txt"),
        include_str!("model.txt"),
        include_str!("optimizer.txt"),
        include_str!("parameters.txt"),
        include_str!("program.txt"),
        include_str!("schedules.txt"),
        include_str!("training.txt"),
    ];
    let (mut all, mut refused) = (0, 0);
    for (text, said) in FILES.iter().flat_map(|file| cases(file)) {
        let message = said.split_once(": ").unwrap().1;
        let accepted = accepts(&text);
        assert!(!(accepted && is_local(message)), "{said}\n{text}");
        (all, refused) = (all + 1, refused + usize::from(!accepted));
    }
    println!("the schema refuses {refused} of {all} specs that are not read");
    assert!(refused * 4 > all * 3, "{refused} of {all}");
}

/// Specs with every mapping that there is.
fn specs() -> Vec<Value> {
    let lines = [
        "data: {train: {npz: a.npz, inputs: {ids: x}, labels: y}, augment: [{random_crop: {padding: 2}}, {cutout: {size: 4}}, {mixup: {alpha: 1}}]}",
        "data: {train: {csv: t.csv, labels: c}, label_noise: {share: 5%}, normalize: {mean: 0.5, std: [0.5]}}",
        "data: {train: {cifar10: a}, drift: {strength: 0.5, period: 4 epochs}, validation: {cifar100: [a, b], labels: coarse}}",
        "data: {train: {folder: d}, test: {text: t.txt, length: 8}}",
        "data: {train: {tokens: t.bin, dtype: uint8, length: 8}, test: {parquet: p, inputs: {a: b}, labels: y}}",
        "model: {onnx: m, loss: {cross_entropy: {}}, init: {truncated_normal: {}}}",
        "data: {train: {cifar100: a}}",
        "model: {onnx: m, loss: {huber: {}}}",
        "model: {onnx: m, loss: {bce_with_logits: {}}}",
        "parameters: {learning_rate: {value: 1}, momentum: {values: [0.5]}, weight_decay: {values: [0]}}",
        "parameters: {learning_rate: {values: [1]}, momentum: {value: 0.5}, weight_decay: {value: 0}}",
        "metric: {name: accuracy}",
        "schedules: [{robust: {condition: 5, noise: 0}}, {multistep: {warmup: {share: 5%}}}, {piecewise: {points: {0%: 1}}}]",
        "limits: {trials: 1, wall_clock: 2h, failures: 10, stall: 10 min}",
        "pricing: {usd_per_hour: 1}\nlimits: {cost_usd: 5}",
        "pricing: {sku: a}",
        "pricing: {sku: a, provisioning: spot, prices: p.csv}",
        "seeds: {min: 2, max: 3, decide: savings}",
        "savings: {baseline: {schedule: cosine, budget: 100%}, margin: 1%, confidence: 90%}",
        "savings: {}",
        "resources: {}",
        "retry: {}",
        "checkpoint: {}",
    ];
    let optimizers = ["sgd", "adam", "adamw", "rmsprop", "lion", "schedule_free_sgd", "schedule_free_adamw"];
    let optimizers = optimizers.map(|name| {
        format!(
            "training: {{batch_size: 8, full_budget: 4 epochs, precision: tf32, kernels: standard, optimizer: {{{name}: {{}}}}}}"
        )
    });
    // JSON has keys in the order of their characters.
    let schedules = ITEMS.iter().map(|item| match item.contains('{') {
        true => format!("schedules: [{}]", item.replace("50%:", "050%:")),
        false => format!("schedules: [{{{item}: {{}}}}]"),
    });
    let texts = lines.map(str::to_owned).into_iter().chain(optimizers).chain(schedules);
    let texts = texts.map(|line| with(&line).replace("optimizer: sgd", "optimizer: {sgd: {momentum: 0.5}}"));
    let program = changed(PROGRAM, "parameters: {learning_rate: 0.1, x: {value: 1}}");
    let whole = [BASE, FULL, RICH, PROGRAM, RICH_PROGRAM, &program].map(str::to_owned);
    whole.into_iter().chain(texts).map(|text| value(&yaml::read(&text).unwrap())).collect()
}

/// A mapping in a spec: where it stands, its keys and those of which there is at most one.
struct Place {
    at: String,
    keys: Vec<&'static Key>,
    rivals: Rivals,
    /// Whether it has names of the spec's own too.
    is_open: bool,
}

const NO_RIVALS: Rivals = Rivals { keys: &[], needed: false };

/// Finds the mappings in a spec.
struct Walk {
    found: Vec<Place>,
}

impl Walk {
    fn of(spec: &Value) -> Vec<Place> {
        let mut walk = Self { found: Vec::new() };
        let side = if spec.get("model").is_some() { &MODEL } else { &OF_PROGRAM };
        walk.mapping([TOP.known, side.known], NO_RIVALS, spec, "");
        walk.found
    }

    fn mapping(&mut self, keys: [&'static [Key]; 2], rivals: Rivals, value: &Value, at: &str) {
        let keys: Vec<&Key> = keys.into_iter().flatten().collect();
        for key in &keys {
            if let Some(value) = value.get(key.name) {
                self.kind(&key.kind, &[], value, &format!("{at}/{}", key.name));
            }
        }
        self.found.push(Place { at: at.to_owned(), keys, rivals, is_open: false });
    }

    fn open(&mut self) {
        self.found.last_mut().unwrap().is_open = true;
    }

    /// `beside` are keys that the kind's mapping has as well.
    fn kind(&mut self, kind: &'static Kind, beside: &'static [Key], value: &Value, at: &str) {
        match (kind, value) {
            (Kind::Map(keys), Value::Object(_)) => self.mapping([keys.known, beside], keys.rivals, value, at),
            (Kind::MapOf(tables), Value::Object(_)) => {
                let own = tables.iter().find(|keys| value.get(keys.known[0].name).is_some()).unwrap();
                self.mapping([own.known, beside], own.rivals, value, at);
            }
            (Kind::Names(names), Value::Object(entries)) => {
                self.mapping([names.known, beside], NO_RIVALS, value, at);
                self.open();
                for (name, value) in entries {
                    self.kind(&names.each, &[], value, &format!("{at}/{name}"));
                }
            }
            (Kind::Shares { of, beside: own, .. }, Value::Object(entries)) => {
                self.mapping([own, beside], NO_RIVALS, value, at);
                for (share, value) in entries.iter().filter(|(key, _)| key.ends_with('%')) {
                    self.kind(of, &[], value, &format!("{at}/{share}"));
                }
            }
            (Kind::Named(names, beside), Value::Object(entries)) => {
                let (name, value) = entries.iter().next().unwrap();
                let at = format!("{at}/{name}");
                match &names.iter().find(|known| known.name == name).unwrap().under {
                    Under::Nothing => {}
                    Under::Value(kind) => self.kind(kind, beside, value, &at),
                    Under::Keys(keys) => self.mapping([keys.known, beside], keys.rivals, value, &at),
                }
            }
            (Kind::List(_, _, each) | Kind::Each(_, each), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.kind(each, &[], item, &format!("{at}/{index}"));
                }
            }
            (Kind::Each(_, each), value) => self.kind(each, &[], value, at),
            (Kind::Any(kinds), value) => kinds.iter().for_each(|kind| self.kind(kind, beside, value, at)),
            (Kind::Shared(_, kind), value) => self.kind(kind, &[], value, at),
            _ => {}
        }
    }
}

/// A spec with another value at one place, or without one.
fn altered(spec: &Value, place: &Place, key: &str, value: Option<Value>) -> String {
    let mut spec = spec.clone();
    let map = spec.pointer_mut(&place.at).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => map.insert(key.to_owned(), value),
        None => map.remove(key),
    };
    spec.to_string()
}

/// All keys of all tables, by their addresses.
#[derive(Default)]
struct All {
    keys: BTreeMap<*const Key, &'static Key>,
    shared: BTreeSet<&'static str>,
}

impl All {
    fn found() -> BTreeMap<*const Key, &'static Key> {
        let mut all = Self::default();
        [&TOP, &MODEL, &OF_PROGRAM].into_iter().for_each(|table| all.keys(table.known));
        all.keys
    }

    fn keys(&mut self, keys: &'static [Key]) {
        for key in keys {
            if self.keys.insert(key, key).is_none() {
                self.kind(&key.kind);
            }
        }
    }

    fn kind(&mut self, kind: &'static Kind) {
        match kind {
            Kind::Map(table) => self.keys(table.known),
            Kind::MapOf(tables) => tables.iter().for_each(|table| self.keys(table.known)),
            Kind::Names(names) => {
                self.keys(names.known);
                self.kind(&names.each);
            }
            Kind::Shares { of, beside, .. } => {
                self.keys(beside);
                self.kind(of);
            }
            Kind::Named(names, beside) => {
                self.keys(beside);
                for name in *names {
                    match &name.under {
                        Under::Nothing => {}
                        Under::Value(under) => self.kind(under),
                        Under::Keys(table) => self.keys(table.known),
                    }
                }
            }
            Kind::Shared(name, each) if self.shared.insert(name) => self.kind(each),
            Kind::List(_, _, each) | Kind::Each(_, each) => self.kind(each),
            Kind::Any(kinds) => kinds.iter().for_each(|each| self.kind(each)),
            _ => {}
        }
    }
}

#[test]
fn every_key_is_explained_in_a_line() {
    for key in All::found().values() {
        let about = key.about;
        assert!((5..=110).contains(&about.chars().count()) && !about.ends_with('.'), "{about}");
        assert!(!about.contains('\n') && !about.starts_with(|c: char| c.is_ascii_lowercase()), "{about}");
    }
}

#[test]
fn what_may_be_left_out_means_its_default() {
    let mut unseen = All::found();
    unseen.retain(|_, key| key.default.is_some());
    for spec in specs() {
        let known = read(&spec.to_string()).unwrap();
        for place in Walk::of(&spec) {
            let here = spec.pointer(&place.at).unwrap();
            for key in &place.keys {
                let without = altered(&spec, &place, key.name, None);
                match (here.get(key.name), key.default) {
                    (Some(_), _) if key.example.is_some() => {
                        // Without it some sources are other sources.
                        let is_other = read(&without).is_ok();
                        assert!(!is_other || ["npz", "parquet"].contains(&key.name), "{without}");
                        assert_eq!(accepts(&without), is_other, "{without}");
                    }
                    // What says that a sweep runs a program.
                    (Some(_), _) if key.name == "program" => {}
                    (Some(_), _) if !place.rivals.keys.contains(&key.name) => {
                        let missing = read(&without).err().filter(|error| is_local(&error.message));
                        assert_eq!(missing, None, "{without}");
                    }
                    (None, Some(default)) => {
                        let default = value(&yaml::read(default).unwrap());
                        let text = altered(&spec, &place, key.name, Some(default));
                        match read(&text) {
                            Ok(same) => {
                                assert_eq!(same, known, "{text}");
                                unseen.remove(&std::ptr::from_ref::<Key>(key));
                            }
                            // It does not go with others that are there.
                            Err(error) => assert!(!is_local(&error.message), "{error}: {text}"),
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(unseen.is_empty(), "{:?}", unseen.values().map(|key| (key.name, key.about)).collect::<Vec<_>>());
}

/// What might be written where something else belongs.
fn odd() -> Vec<Value> {
    let words = ["zebra", "", "-1", "1e-3", "auto", "constant"];
    let amounts = ["50%", "0%", "500 steps", "2 epochs", "2 min", "$1", "2 GiB"];
    let others = json!([null, true, 0, 1, -1, 0.5, 3, 2e6, [], ["zebra"], [1], [[1]], {}, {"zebra": 1}]);
    let texts = words.into_iter().chain(amounts).map(Value::from);
    texts.chain(others.as_array().unwrap().clone()).collect()
}

#[test]
fn schema_and_readers_agree_on_what_may_stand_where() {
    let mut unseen = All::found();
    for spec in specs() {
        for place in Walk::of(&spec) {
            let unknown = altered(&spec, &place, "zebra", Some(json!(1)));
            assert!(place.is_open || (read(&unknown).is_err() && !accepts(&unknown)), "{unknown}");
            for key in &place.keys {
                let address = std::ptr::from_ref::<Key>(key);
                if !unseen.contains_key(&address) {
                    continue;
                }
                let own = spec.pointer(&place.at).unwrap().get(key.name).cloned();
                for value in odd().into_iter().chain(own) {
                    let text = altered(&spec, &place, key.name, Some(value.clone()));
                    match read(&text) {
                        // The schema accepts it too, or this had panicked.
                        Ok(_) => drop(unseen.remove(&address)),
                        Err(error) => {
                            let wrong = is_local(&error.message) && accepts(&text);
                            assert!(!wrong, "{value} at {}/{}: {error}", place.at, key.name);
                        }
                    }
                }
            }
        }
    }
    unseen.retain(|_, key| !matches!(key.kind, Kind::Refused));
    assert!(unseen.is_empty(), "{:?}", unseen.values().map(|key| (key.name, key.about)).collect::<Vec<_>>());
}
