//! A value of the spec together with the way that led to it, so that whatever is wrong with it can be said
//! with its place.

use super::{
    error::{Fault, Segment, elsewhere, listed, nearest, printable, spell, suggest},
    keys::{Key, Keys, Name, Under},
    yaml::Node,
};

/// A value and its path.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    node: &'a Node,
    path: Vec<Segment>,
}

/// A mapping whose keys are all known.
pub(super) struct Map<'a> {
    at: Cursor<'a>,
    entries: &'a [(String, Node)],
    keys: Vec<&'static Key>,
}

impl<'a> Cursor<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node, path: Vec::new() }
    }

    /// A value at the end of a path of one segment.
    pub(super) fn below(segment: Segment, node: &'a Node) -> Self {
        Self { node, path: vec![segment] }
    }

    pub(super) fn node(&self) -> &'a Node {
        self.node
    }

    pub(super) fn path(&self) -> &[Segment] {
        &self.path
    }

    /// The path for messages, in backticks.
    pub(super) fn label(&self) -> String {
        if self.path.is_empty() { "the spec".to_owned() } else { format!("`{}`", spell(&self.path)) }
    }

    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(&self.path, message)
    }

    /// "`seeds` should be a whole number, found the text `many`".
    pub(super) fn expected(&self, what: &str) -> Fault {
        let found = match self.node {
            Node::Null => "nothing".to_owned(),
            Node::Bool(value) => format!("`{value}`"),
            Node::Whole(value) => format!("`{value}`"),
            Node::Number(value) => format!("`{}`", format!("{value:?}").trim_end_matches(".0")),
            Node::Text(text) if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                format!("`{}`", printable(text))
            }
            Node::Text(text) => format!("the text `{}`", printable(text)),
            Node::List(_) => "a list".to_owned(),
            Node::Map(_) => "a mapping".to_owned(),
        };
        self.fault(format!("{} should be {what}, found {found}", self.label()))
    }

    fn inside(&self, segment: Segment, node: &'a Node) -> Self {
        let mut path = self.path.clone();
        path.push(segment);
        Self { node, path }
    }

    /// Another value in this place.
    pub(super) fn with<'b>(&self, node: &'b Node) -> Cursor<'b> {
        Cursor { node, path: self.path.clone() }
    }

    /// A mapping with no other than these keys.
    pub(super) fn map(&self, keys: &'static Keys) -> Result<Map<'a>, Fault> {
        self.map_of(&[keys])
    }

    /// A mapping with keys of any of these tables.
    pub(super) fn map_of(&self, tables: &[&'static Keys]) -> Result<Map<'a>, Fault> {
        let keys: Vec<&'static Key> = tables.iter().flat_map(|table| table.known).collect();
        let mut known: Vec<&str> = Vec::new();
        for key in &keys {
            if !known.contains(&key.name) {
                known.push(key.name);
            }
        }
        let Node::Map(entries) = self.node else {
            return Err(self.expected("a mapping").hint(format!("its keys are {}", listed(&known))));
        };
        for (key, node) in entries {
            if known.contains(&key.as_str()) {
                continue;
            }
            let at = self.inside(Segment::Key(key.clone()), node);
            if tables.iter().any(|table| table.later.contains(&key.as_str())) {
                let message = format!("{} is not supported yet", at.label());
                return Err(at.fault(message).at_key().hint("leave it out"));
            }
            let place = if self.path.is_empty() { String::new() } else { format!(" in {}", self.label()) };
            let message = format!("unknown key `{}`{place}", printable(key));
            return Err(at.fault(message).at_key().hint(suggest(key, "known keys here", &known)));
        }
        Ok(Map { at: self.clone(), entries, keys })
    }

    /// The values of a mapping whose keys are names that the spec chooses.
    pub(super) fn entries(&self) -> Result<Vec<(&'a str, Cursor<'a>)>, Fault> {
        let Node::Map(entries) = self.node else { return Err(self.expected("a mapping")) };
        let inside =
            |(key, node): &'a (String, Node)| (key.as_str(), self.inside(Segment::Key(key.clone()), node));
        Ok(entries.iter().map(inside).collect())
    }

    /// A list with at least one item.
    pub(super) fn list(&self) -> Result<Vec<Cursor<'a>>, Fault> {
        let Node::List(items) = self.node else {
            return Err(self.expected("a list"));
        };
        if items.is_empty() {
            return Err(self.fault(format!("{} is an empty list", self.label())));
        }
        let items = items.iter().enumerate();
        Ok(items.map(|(index, node)| self.inside(Segment::Index(index), node)).collect())
    }

    /// The items of a list, or the value itself where it is no list.
    pub(super) fn items(&self) -> Result<Vec<Cursor<'a>>, Fault> {
        if matches!(self.node, Node::List(_)) { self.list() } else { Ok(vec![self.clone()]) }
    }

    pub(super) fn text(&self) -> Result<&'a str, Fault> {
        match self.node {
            Node::Text(text) if text.trim().is_empty() => {
                Err(self.fault(format!("{} is empty", self.label())))
            }
            Node::Text(text) => Ok(text),
            Node::Bool(_) | Node::Whole(_) | Node::Number(_) => {
                Err(self.expected("text").hint("put it in quotes"))
            }
            _ => Err(self.expected("text")),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, Fault> {
        match self.node {
            Node::Bool(value) => Ok(*value),
            Node::Text(text) => {
                let meant = match text.to_lowercase().as_str() {
                    "yes" | "on" | "y" => "write `true`; in YAML 1.2 this is a text",
                    "no" | "off" | "n" => "write `false`; in YAML 1.2 this is a text",
                    _ => "write `true` or `false`",
                };
                Err(self.expected("`true` or `false`").hint(meant))
            }
            _ => Err(self.expected("`true` or `false`").hint("write `true` or `false`")),
        }
    }

    /// One of several words; `later` are words with a meaning that nothing gives them yet.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)], later: &[&str]) -> Result<T, Fault> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let Node::Text(text) = self.node else {
            return Err(self.expected(&format!("one of {}", listed(&words))));
        };
        match choices.iter().find(|(word, _)| word == text) {
            Some((_, value)) => Ok(*value),
            None => Err(self.unknown(text, &words, later)),
        }
    }

    /// A bare name, or a mapping with one key: the name and what is under it.
    pub(super) fn named(
        &self,
        names: &'static [Name],
        later: &[&str],
    ) -> Result<(&'static Name, Option<Self>), Fault> {
        let known = || names.iter().map(|name| name.name).collect::<Vec<_>>();
        let (name, under) = match self.node {
            Node::Text(name) => (name, None),
            Node::Map(entries) if entries.len() == 1 => {
                let (name, node) = &entries[0];
                (name, Some(self.inside(Segment::Key(name.clone()), node)))
            }
            Node::Map(entries) => {
                let hint = match entries.get(1) {
                    // A comma in flow style ends what was meant as one text.
                    Some(_) if entries[0].0 == "expr" => {
                        "quote the formula, such as `expr: \"min(1, 2*(1 - z))\"`".to_owned()
                    }
                    Some((second, _)) => {
                        format!("indent `{}` further, or give it an item of its own", printable(second))
                    }
                    None => format!("such as `{}`", names[0].name),
                };
                let message = format!("{} has {} keys where one name belongs", self.label(), entries.len());
                return Err(self.fault(message).hint(hint));
            }
            _ => return Err(self.expected("a name").hint(format!("one of {}", listed(&known())))),
        };
        match (names.iter().find(|known| known.name == name), under) {
            (Some(name), under) => Ok((name, under)),
            (None, Some(under)) => Err(under.unknown(name, &known(), later).at_key()),
            (None, None) => Err(self.unknown(name, &known(), later)),
        }
    }

    /// A name and its options, of which a bare name has none.
    pub(super) fn options(
        &self,
        names: &'static [Name],
        later: &[&str],
    ) -> Result<(&'static str, Map<'a>), Fault> {
        let (name, under) = self.named(names, later)?;
        let known = match name.under {
            Under::Keys(keys) => keys.known,
            Under::Nothing | Under::Value(_) => &[],
        };
        let needed = known.iter().find_map(|key| Some((key, key.example?)));
        let map = match (name.under, under, needed) {
            (Under::Keys(keys), Some(under), _) => under.map(keys)?,
            (_, Some(under), _) => {
                let fault = under.fault(format!("`{}` takes nothing", name.name));
                return Err(fault.hint(format!("write `{}`", name.name)));
            }
            (_, None, Some((key, example))) => {
                let fault = self.fault(format!("`{}` needs `{}`", name.name, key.name));
                return Err(fault.hint(format!("such as `{}: {{{}: {example}}}`", name.name, key.name)));
            }
            (_, None, None) => Map { at: self.clone(), entries: &[], keys: Vec::new() },
        };
        Ok((name.name, map))
    }

    fn unknown(&self, word: &str, known: &[&str], later: &[&str]) -> Fault {
        // The key in front of the word: `schedules[1].uba` is about `schedules`.
        let mut keys = self.path.iter().rev().filter_map(|segment| match segment {
            Segment::Key(key) if key != word => Some(key),
            _ => None,
        });
        let about = keys.next().map(|key| printable(key)).unwrap_or_default();
        if later.contains(&word) {
            let hint = format!("supported: {}", listed(known));
            return self.fault(format!("`{word}` in `{about}` is not supported yet")).hint(hint);
        }
        let near = nearest(word.split('(').next().unwrap_or(word), known.iter().chain(later).copied());
        let hint = match (elsewhere(word, known), near) {
            (Some(meant), _) => format!("did you mean {meant}?"),
            (None, Some(near)) if word.contains('(') => {
                format!("here parameters stand under the name, such as `{near}: {{…}}`")
            }
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!("supported: {}", listed(known)),
        };
        self.fault(format!("unknown `{}` in `{about}`", printable(word))).hint(hint)
    }
}

impl<'a> Map<'a> {
    pub(super) fn at(&self) -> &Cursor<'a> {
        &self.at
    }

    pub(super) fn get(&self, key: &str) -> Option<Cursor<'a>> {
        let (key, node) = self.entries.iter().find(|(known, _)| known == key)?;
        Some(self.at.inside(Segment::Key(key.clone()), node))
    }

    /// A fault at a place further inside.
    pub(super) fn inner(&self, keys: &[&str], message: impl Into<String>) -> Fault {
        let mut path = self.at.path.clone();
        path.extend(keys.iter().map(|key| Segment::Key((*key).to_owned())));
        Fault::new(&path, message)
    }

    /// The value of a key that has no default.
    pub(super) fn required(&self, key: &str) -> Result<Cursor<'a>, Fault> {
        self.get(key).ok_or_else(|| {
            let place =
                if self.at.path.is_empty() { String::new() } else { format!(" in {}", self.at.label()) };
            let fault = self.at.fault(format!("missing key `{key}`{place}"));
            match self.keys.iter().filter(|known| known.name == key).find_map(|known| known.example) {
                Some(example) => fault.hint(format!("such as `{key}: {example}`")),
                None => fault,
            }
        })
    }

    /// What `read` makes of a key's value, or the default.
    pub(super) fn or<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(&Cursor<'a>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.get(key).map_or(Ok(default), |at| read(&at))
    }
}
