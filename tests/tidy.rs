//! The house as it is drawn: who may import whom, which crate has which door, how long files and functions
//! may grow. Reads the `use` lines of the source as text.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const MAX_FILE: usize = 400;
const MAX_FUNCTION: usize = 70;

/// Each room of `src/` and the rooms it may import.
const ARROWS: &[(&str, &[&str])] = &[
    ("answer", &["cost", "engine", "spec", "store"]),
    (
        "cli",
        &[
            "answer", "cost", "daemon", "device", "engine", "executor", "plan", "process", "report",
            "runner", "schedule", "spec", "store",
        ],
    ),
    ("cost", &[]),
    ("daemon", &["answer", "cost", "device", "engine", "executor", "plan", "process", "spec", "store"]),
    ("device", &["process"]),
    ("engine", &[]),
    ("executor", &["device", "engine", "plan", "process"]),
    ("plan", &["cost", "schedule", "spec"]),
    ("process", &[]),
    ("report", &["answer", "cost", "store"]),
    ("runner", &["process"]),
    ("schedule", &[]),
    ("spec", &["cost", "schedule"]),
    ("store", &["cost", "engine", "plan"]),
];

/// Crates with one door: the folders that may name them.
const DOORS: &[(&str, &[&str])] = &[
    ("argmin", &["src/schedule"]),
    ("clap", &["src/cli"]),
    ("clap_complete", &["src/cli"]),
    ("comfy_table", &["src/report"]),
    ("crc32c", &["src/report"]),
    ("indicatif", &["src/cli"]),
    ("nalgebra", &["workers/trainer"]),
    ("nix", &["src/process"]),
    ("nvml_wrapper", &["src/device"]),
    ("ort", &["workers/trainer"]),
    ("parquet", &["src/report", "workers/trainer"]),
    ("prost", &["src/report", "workers/graph"]),
    ("pulp", &["workers/kernels"]),
    ("rusqlite", &["src/store"]),
    ("rusqlite_migration", &["src/store"]),
    ("rustix", &["src/process"]),
    ("serde_yaml", &["src/spec"]),
    ("sweep_graph", &["workers/trainer"]),
    ("sweep_kernels", &["workers/trainer"]),
    ("sweep_trainer", &["src/cli"]),
    ("tokio", &["src/cli", "src/daemon", "src/executor", "src/process"]),
];

/// Rooms that only compute: no files, clock, environment or processes.
const PURE: &[&str] = &[
    "src/spec",
    "src/schedule",
    "src/plan",
    "src/engine",
    "src/cost",
    "src/answer",
    "src/report",
    "workers/graph/src",
    "workers/kernels/src",
];

/// What a pure room must not name.
const IMPURE: &[&str] =
    &["std::fs", "std::env::", "std::process", "std::net", "SystemTime", "Instant::now", "fs::read"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
                false => {}
            }
        }
    }
    files
}

/// Every source file: its path from the root, and its text.
fn sources() -> Vec<(String, String)> {
    let mut sources: Vec<_> = ["src", "workers", "tests"]
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    sources.sort();
    assert!(sources.len() > 50, "the source was found");
    sources
}

/// The text without its comments and without the tests at its end.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms that follow `crate::` in a text, nested `use` groups included.
fn rooms_used(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            None => vec![rest],
            Some(group) => {
                let mut depth = 1;
                let end = group.find(|c| {
                    depth += match c {
                        '{' => 1,
                        '}' => -1,
                        _ => 0,
                    };
                    depth == 0
                });
                let group = &group[..end.unwrap_or(group.len())];
                let mut depth = 0;
                let top = move |c: char| {
                    depth += match c {
                        '{' => 1,
                        '}' => -1,
                        _ => 0,
                    };
                    c == ',' && depth == 0
                };
                group.split(top).map(str::trim).collect()
            }
        };
        for name in names {
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            rooms.insert(name[..end].to_owned());
        }
    }
    rooms
}

#[test]
fn arrows_go_one_way() {
    let rooms: BTreeSet<_> = ARROWS.iter().map(|(room, _)| *room).collect();
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let Some(room) =
            name.strip_prefix("src/").and_then(|rest| rest.split_once('/')).map(|(room, _)| room)
        else {
            continue;
        };
        let (_, allowed) =
            ARROWS.iter().find(|(known, _)| *known == room).unwrap_or_else(|| panic!("{room} is new"));
        for used in rooms_used(&code(&text)) {
            if rooms.contains(used.as_str()) && used != room && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{name}: {room} → {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_crate_has_its_door() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        if name.starts_with("tests/") || name.contains("/tests/") {
            continue;
        }
        let code = code(&text);
        for (door, folders) in DOORS {
            let named = code
                .match_indices(&format!("{door}::"))
                .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            if named && !folders.iter().any(|folder| name.starts_with(folder)) {
                wrong.push(format!("{name} names {door}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_rooms_only_compute() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        if PURE.iter().any(|folder| name.starts_with(folder)) {
            let code = code(&text);
            let named = IMPURE.iter().filter(|word| code.contains(**word));
            wrong.extend(named.map(|word| format!("{name} names {word}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_hold_one_thing() {
    let sources = sources();
    let long = sources
        .iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_FILE);
    let long: Vec<_> = long.collect();
    assert!(long.is_empty(), "over {MAX_FILE} lines: {long:#?}");
}

#[test]
fn functions_fit_a_screen() {
    let mut long = Vec::new();
    for (name, text) in sources() {
        let lines: Vec<_> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let trimmed = line.trim_start();
            let indent = &line[..line.len() - trimmed.len()];
            let is_function = trimmed.split(" fn ").next().is_some_and(|before| {
                trimmed.starts_with("fn ")
                    || trimmed.contains(" fn ")
                        && before
                            .split(' ')
                            .all(|word| matches!(word, "async" | "const") || word.starts_with("pub"))
            });
            if !is_function {
                continue;
            }
            let closing = format!("{indent}}}");
            let Some(length) = lines[start..].iter().position(|line| *line == closing) else { continue };
            if length + 1 > MAX_FUNCTION {
                long.push(format!("{name}:{}: {} lines", start + 1, length + 1));
            }
        }
    }
    assert!(long.is_empty(), "over {MAX_FUNCTION} lines: {long:#?}");
}

#[test]
fn nothing_is_left_for_later() {
    // Written in two parts, so that this file does not name them.
    let words = [
        concat!("todo", "!("),
        concat!("unimpl", "emented!("),
        concat!("#[", "ignore"),
        concat!("FIX", "ME"),
    ];
    let mut found = Vec::new();
    for (name, text) in sources() {
        found.extend(words.iter().filter(|word| text.contains(**word)).map(|word| format!("{name}: {word}")));
    }
    assert!(found.is_empty(), "{found:#?}");
}
