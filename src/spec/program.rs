//! `program:` and `command:`, with the macros of W&B sweeps, and the keys that go with them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    cursor::{Cursor, Map},
    error::{Fault, listed, nearest, printable},
    form::VARIABLE,
    keys::{Kind, Names},
    metric,
    types::{ProgramWork, Word},
    yaml::Node,
};

pub(super) static VARIABLES: Names =
    Names { pattern: VARIABLE, least: 0, most: usize::MAX, known: &[], each: Kind::AnyText };

const MACROS: [&str; 6] = ["program", "args", "args_no_hyphens", "args_json", "env", "interpreter"];
/// W&B's, with a meaning that nothing gives them yet.
const LATER: [&str; 2] = ["args_json_file", "args_no_boolean_flags"];

/// Words of a command.
pub(super) const MAX_WORDS: usize = 1000;
/// Files and folders that a spec may list.
pub(super) const MAX_INPUTS: usize = 1000;
/// Characters of a variable's name.
const MAX_NAME: usize = 100;

/// Reads the keys of a program from the spec's `top`; `folder` is the spec's.
pub(super) fn program(top: &Map<'_>, folder: &Path) -> Result<ProgramWork, Fault> {
    let named = top.get("program").map(|at| Ok((word_text(&at)?, at))).transpose()?;
    let command = match top.get("command") {
        Some(at) => command(&at, named.as_ref().map(|(program, _)| &program[..]))?,
        None => vec![
            Word::Text("/usr/bin/env".to_owned()),
            Word::Text("python3".to_owned()),
            Word::Program(word_text(&top.required("program")?)?),
            Word::Args,
        ],
    };
    let uses_it = command.iter().any(|word| matches!(word, Word::Program(_)));
    if let Some((_, at)) = named.filter(|_| !uses_it) {
        return Err(at
            .fault("`command` does not use this `program`")
            .at_key()
            .hint("write `${program}` where it belongs in `command`, or leave `program` out"));
    }
    let (metric, maximize) = metric::of_program(&top.required("metric")?)?;
    Ok(ProgramWork {
        command,
        folder: folder.to_owned(),
        environment: top.or("env", BTreeMap::new(), environment)?,
        inputs: top.or("inputs", None, |at| inputs(at).map(Some))?,
        metric,
        maximize,
    })
}

fn command(at: &Cursor<'_>, program: Option<&str>) -> Result<Vec<Word>, Fault> {
    const EXAMPLE: &str = "such as `[python3, train.py, \"${args}\"]`; no shell takes it apart";
    if !matches!(at.node(), Node::List(_)) {
        return Err(at.expected("a list of words").hint(EXAMPLE));
    }
    let items = at.list()?;
    if items.len() > MAX_WORDS {
        return Err(at.fault(format!("{} has more than {MAX_WORDS} words", at.label())));
    }
    let words: Vec<Word> = items.iter().map(|item| word(item, program)).collect::<Result<_, _>>()?;
    match words.first() {
        Some(Word::Text(_) | Word::Program(_)) => Ok(words),
        _ => Err(items[0].fault("a command starts with what is run").hint(EXAMPLE)),
    }
}

/// A word, or a macro that is the whole of one.
fn word(at: &Cursor<'_>, program: Option<&str>) -> Result<Word, Fault> {
    let text = word_text(at)?;
    if text.contains("${envvar:") {
        return Err(at
            .fault("`${envvar:…}` is not supported: results must not hang on an environment that nobody sees")
            .hint("write the value here or under `env`"));
    }
    let whole = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
    let Some(name) = whole.filter(|name| !name.contains(['$', '{', '}'])) else {
        let inside = MACROS.iter().find(|name| text.contains(&format!("${{{name}}}")));
        return match inside {
            None => Ok(Word::Text(text)),
            Some(name) => Err(at
                .fault(format!("`${{{name}}}` stands inside a longer word"))
                .hint("give it an item of its own: a macro stands for whole words")),
        };
    };
    Ok(match name {
        "program" => match program {
            Some(program) => Word::Program(program.to_owned()),
            None => {
                return Err(at
                    .fault("`${program}` needs the key `program`")
                    .hint("such as `program: train.py`"));
            }
        },
        "args" => Word::Args,
        "args_no_hyphens" => Word::ArgsNoHyphens,
        "args_json" => Word::ArgsJson,
        "env" => Word::Text("/usr/bin/env".to_owned()),
        "interpreter" => Word::Text("python3".to_owned()),
        name => return Err(unknown_macro(at, name)),
    })
}

fn unknown_macro(at: &Cursor<'_>, name: &str) -> Fault {
    let known = MACROS.map(|name| format!("${{{name}}}"));
    let known = listed(&known.each_ref().map(|name| &name[..]));
    if LATER.contains(&name) {
        return at.fault(format!("`${{{name}}}` is not supported yet")).hint(format!("supported: {known}"));
    }
    let fault = at.fault(format!("unknown macro `${{{}}}`", printable(name)));
    // Of several that are as near, the last is taken: `${args}` rather than what begins like it.
    match nearest(name, MACROS.into_iter().rev()) {
        Some(near) => fault.hint(format!("did you mean `${{{near}}}`?")),
        None => fault.hint(format!("supported: {known}; a shell's variables are for a shell")),
    }
}

/// A text that an argument may be; a whole number is one too.
fn word_text(at: &Cursor<'_>) -> Result<String, Fault> {
    match at.node() {
        Node::Whole(number) => Ok(number.to_string()),
        _ => without_nul(at, at.text()?),
    }
}

fn without_nul(at: &Cursor<'_>, text: &str) -> Result<String, Fault> {
    match text.contains('\0') {
        true => Err(at.fault(format!("{} holds the character NUL", at.label()))),
        false => Ok(text.to_owned()),
    }
}

fn environment(at: &Cursor<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let entries = at.entries().map_err(|fault| fault.hint("such as `{PYTHONHASHSEED: \"0\"}`"))?;
    let mut variables = BTreeMap::new();
    for (name, value) in entries {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let shown = printable(name);
        if !plain
            || name.is_empty()
            || name.len() > MAX_NAME
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            let message = format!("`{shown}` cannot be the name of a variable");
            let hint = format!("1 to {MAX_NAME} letters, digits and `_`, no digit first");
            return Err(value.fault(message).at_key().hint(hint));
        }
        if name.starts_with("SWEEP_") {
            let message = format!("`{shown}` is not free: names in `SWEEP_` are for what a program is told");
            return Err(value.fault(message).at_key().hint("take another name"));
        }
        let text = match value.node() {
            Node::Text(text) => without_nul(&value, text)?,
            _ => value.text()?.to_owned(),
        };
        variables.insert(name.to_owned(), text);
    }
    Ok(variables)
}

/// Paths as they are spelled; none is a choice too.
fn inputs(at: &Cursor<'_>) -> Result<Vec<PathBuf>, Fault> {
    if matches!(at.node(), Node::List(items) if items.is_empty()) {
        return Ok(Vec::new());
    }
    let items = at.items()?;
    if items.len() > MAX_INPUTS {
        return Err(at.fault(format!("{} has more than {MAX_INPUTS} paths", at.label())));
    }
    let mut first: BTreeMap<PathBuf, &Cursor<'_>> = BTreeMap::new();
    let mut paths = Vec::new();
    for item in &items {
        let path = PathBuf::from(without_nul(item, item.text()?)?);
        if let Some(first) = first.insert(path.clone(), item) {
            let message = format!("{} lists `{}` twice", at.label(), printable(item.text()?));
            return Err(item.fault(message).hint("leave one of them out").other(first.path()));
        }
        paths.push(path);
    }
    Ok(paths)
}
