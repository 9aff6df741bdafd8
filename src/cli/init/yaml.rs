//! Sources and texts as YAML has them.

use std::path::{Path, PathBuf};

use sweep_wire::{Cifar100Labels, Columns, Inputs, Names, Source};

use super::{Failure, paths::relative};

/// A source as a spec has it.
pub(super) fn source(source: &Source, folder: &Path) -> Result<Vec<(&'static str, String)>, Failure> {
    let path = |path: &PathBuf| relative(path, folder).map(|path| text(&path));
    let paths = |paths: &[PathBuf]| match paths {
        [only] => path(only),
        paths => Ok(list(&paths.iter().map(path).collect::<Result<Vec<_>, _>>()?)),
    };
    Ok(match source {
        Source::Images(files) => vec![("images", path(&files.images)?), ("labels", path(&files.labels)?)],
        Source::Arrays(files) => {
            let inputs = match &files.inputs {
                Inputs::One(file) => path(file)?,
                Inputs::Named(files) => {
                    let named = files.iter().map(|(name, file)| Ok((name, path(file)?)));
                    mapping(named.collect::<Result<Vec<_>, Failure>>()?)
                }
            };
            vec![("inputs", inputs), ("labels", path(&files.labels)?)]
        }
        Source::Npz(archive) => {
            let inputs = match &archive.inputs {
                Names::One(name) => text(name),
                Names::Named(names) => mapping(names.iter().map(|(input, name)| (input, text(name)))),
            };
            vec![("npz", path(&archive.npz)?), ("inputs", inputs), ("labels", text(&archive.labels))]
        }
        Source::Csv(table) => {
            let mut entries = vec![("csv", path(&table.csv)?), ("labels", text(&table.labels))];
            entries.extend(table.inputs.iter().map(|columns| ("inputs", texts(columns))));
            entries.extend(table.header.map(|header| ("header", header.to_string())));
            entries
        }
        Source::Cifar10(files) => vec![("cifar10", paths(&files.cifar10)?)],
        Source::Cifar100(files) => {
            let labels = match files.labels {
                Cifar100Labels::Fine => "fine",
                Cifar100Labels::Coarse => "coarse",
            };
            vec![("cifar100", paths(&files.cifar100)?), ("labels", labels.to_owned())]
        }
        Source::Folder(images) => {
            let mut entries = vec![("folder", path(&images.folder)?)];
            entries.extend(images.resize.map(|[height, width]| ("resize", format!("[{height}, {width}]"))));
            entries.push(("channels", images.channels.to_string()));
            entries
        }
        Source::Text(file) => vec![("text", path(&file.text)?), ("length", file.length.to_string())],
        Source::Tokens(file) => {
            let dtype = file.dtype.and_then(|dtype| serde_json::to_value(dtype).ok());
            let dtype = dtype.as_ref().and_then(|dtype| dtype.as_str());
            let mut entries = vec![("tokens", path(&file.tokens)?), ("length", file.length.to_string())];
            entries.extend(dtype.map(|dtype| ("dtype", dtype.to_owned())));
            entries
        }
        Source::Parquet(table) => {
            let inputs = match &table.inputs {
                Columns::One(columns) => texts(columns),
                Columns::Named(columns) => mapping(columns.iter().map(|(input, name)| (input, text(name)))),
            };
            vec![("parquet", path(&table.parquet)?), ("inputs", inputs), ("labels", text(&table.labels))]
        }
    })
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

fn texts(words: &[String]) -> String {
    list(&words.iter().map(|word| text(word)).collect::<Vec<_>>())
}

fn mapping<'a>(entries: impl IntoIterator<Item = (&'a String, String)>) -> String {
    let entries = entries.into_iter().map(|(key, value)| format!("{}: {value}", text(key)));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

/// A text as YAML has it, in quotes where it would be read as something else.
pub(super) fn text(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || "./_".contains(c))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "./_-".contains(c))
        && text.chars().any(|c| c.is_ascii_alphabetic())
        && !["true", "false", "null", "yes", "no", "on", "off", ".inf", ".nan"]
            .contains(&text.to_lowercase().as_str())
        && text.parse::<f64>().is_err();
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, Work};

    #[test]
    fn texts_are_read_back_as_they_are() {
        let odd = [
            "plain.npy",
            "../a/b_c-d.gz",
            "2",
            "1e5",
            "no",
            "null",
            ".inf",
            "a: b",
            "#",
            "é",
            "\"",
            "a b",
            "-",
            "\u{1b}[1m",
            "*",
        ];
        for word in odd {
            let spec = format!(
                "model: {{onnx: m, loss: mse}}\ndata: {{train: {{npz: a, inputs: x, labels: {}}}}}\n\
                 training: {{batch_size: 1, full_budget: 1 epoch, optimizer: sgd}}\nschedules: [cosine]\n\
                 parameters: {{learning_rate: 0.1}}\n",
                text(word)
            );
            let spec =
                spec::parse(&spec, Path::new("s.yaml")).unwrap_or_else(|error| panic!("{word}: {error}"));
            let Work::Model(work) = spec.work else { panic!("it is a model's") };
            let Source::Npz(archive) = work.data.train else { panic!("it is an archive") };
            assert_eq!(archive.labels, word);
        }
    }
}
