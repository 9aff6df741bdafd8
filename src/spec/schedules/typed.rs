//! Schedules as people type them at a command: by their canonical names, or as a spec has them.

use super::{
    super::{
        cursor::Cursor,
        error::{Fault, Segment, printable},
        yaml::{self, Node},
    },
    Listed, expand,
};

/// Why a schedule that was typed is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    pub message: String,
    pub hint: Option<String>,
}

impl From<Fault> for Misread {
    fn from(fault: Fault) -> Self {
        Self { message: fault.message, hint: fault.hint }
    }
}

/// The longest text, in bytes; what may be inside each other in it is bounded with it.
const MAX_TYPED: usize = 4096;

/// Reads `uba(phi=1)`, `cosine` or `{uba: {phi: [1, 5]}}`; lists stand for several. `parameters` are added to those in the
/// text, each a name and a value as a spec has it, `1,5` being a list.
///
/// # Errors
/// What is wrong, in the words of a spec's error.
pub fn typed(text: &str, parameters: &[(&str, &str)]) -> Result<Vec<Listed>, Misread> {
    if text.len() > MAX_TYPED {
        return Err(Misread {
            message: format!("a schedule of more than {MAX_TYPED} characters"),
            hint: None,
        });
    }
    let mut node = if text.trim_start().starts_with('{') { read(text)? } else { by_name(text.trim())? };
    for (key, value) in parameters {
        let value = match *key {
            "formula" => Node::Text((*value).to_owned()),
            _ if value.contains(',') && !value.trim_start().starts_with(['[', '{']) => {
                read(&format!("[{value}]"))?
            }
            _ => value_of(value)?,
        };
        add(&mut node, key, value)?;
    }
    let at = Cursor::below(Segment::Key("schedule".to_owned()), &node);
    let all = expand(&at)?;
    Ok(all.into_iter().map(|(listed, _)| listed).collect())
}

fn read(text: &str) -> Result<Node, Misread> {
    yaml::read(text).map_err(|flaw| {
        let error = flaw.into_error(std::path::Path::new(""));
        Misread { message: format!("`{}`: {}", printable(text), error.message), hint: error.hint }
    })
}

/// Puts a parameter under the one name of a schedule.
fn add(node: &mut Node, key: &str, value: Node) -> Result<(), Misread> {
    if let Node::Text(name) = node {
        *node = Node::Map(vec![(std::mem::take(name), Node::Map(Vec::new()))]);
    }
    if let Node::Map(entries) = node
        && let [(_, Node::Map(inner))] = &mut entries[..]
    {
        inner.retain(|(known, _)| known != key);
        inner.push((key.to_owned(), value));
        return Ok(());
    }
    let message =
        format!("`{key}` cannot be added to a schedule that is not written as a name with parameters");
    Err(Misread { message, hint: Some("write it among the others".to_owned()) })
}

/// A canonical name as the value that a spec would have.
fn by_name(text: &str) -> Result<Node, Misread> {
    let Some((name, rest)) = text.split_once('(') else { return Ok(Node::Text(text.to_owned())) };
    let Some(inner) = rest.strip_suffix(')') else {
        let message = format!("`{}` has no closing parenthesis", printable(text));
        return Err(Misread { message, hint: Some("such as `uba(phi=1)`".to_owned()) });
    };
    let mut parameters = Vec::new();
    for part in split(inner, ',') {
        let (key, value) = match part.split_once('=') {
            Some((key, value)) if is_word(key) => (key.trim(), value.trim()),
            _ if name == "expr" => ("formula", part.trim()),
            _ if name == "join" => {
                parameters.append(&mut pairs(part)?);
                continue;
            }
            _ => {
                let message = format!("`{}` is no parameter", printable(part));
                return Err(Misread {
                    message,
                    hint: Some("parameters are written `name=value`".to_owned()),
                });
            }
        };
        let value = if key == "formula" { Node::Text(value.to_owned()) } else { value_of(value)? };
        if parameters.iter().any(|(known, _)| known == key) {
            return Err(Misread { message: format!("`{key}` is given twice"), hint: None });
        }
        parameters.push((key.to_owned(), value));
    }
    Ok(Node::Map(vec![(name.to_owned(), Node::Map(parameters))]))
}

fn is_word(text: &str) -> bool {
    text.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `a/b` is a list, `a:b/c:d` a mapping, a name with parentheses a schedule.
fn value_of(text: &str) -> Result<Node, Misread> {
    if text.trim_start().starts_with(['[', '{']) {
        return read(text);
    }
    let parts = split(text, '/');
    if parts.iter().all(|part| split(part, ':').len() == 2) {
        return Ok(Node::Map(pairs(text)?));
    }
    match &parts[..] {
        [one] => scalar(one),
        parts => Ok(Node::List(parts.iter().map(|part| scalar(part)).collect::<Result<_, _>>()?)),
    }
}

fn pairs(text: &str) -> Result<Vec<(String, Node)>, Misread> {
    split(text, '/')
        .into_iter()
        .map(|part| match split(part, ':')[..] {
            [key, value] => Ok((key.trim().to_owned(), scalar(value)?)),
            _ => {
                let message = format!("`{}` is no pair", printable(part));
                Err(Misread { message, hint: Some("such as `50%:constant/100%:linear`".to_owned()) })
            }
        })
        .collect()
}

fn scalar(text: &str) -> Result<Node, Misread> {
    let text = text.trim();
    if text.contains('(') {
        return by_name(text);
    }
    Ok(match (text.parse(), text.parse(), text.parse()) {
        (Ok(whole), _, _) => Node::Whole(whole),
        (_, Ok(number), _) => Node::Number(number),
        (_, _, Ok(truth)) => Node::Bool(truth),
        _ => Node::Text(text.to_owned()),
    })
}

/// The parts between separators that no parentheses or brackets hold.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0i32;
    text.split(|c| {
        depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c));
        c == separator && depth == 0
    })
    .collect()
}
