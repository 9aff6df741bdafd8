//! Sweeps of programs.

use std::path::PathBuf;

use crate::spec::{
    parameters::{MAX_NAME, MAX_PARAMETERS},
    tests::*,
};

/// The shortest spec of a program; cases change one line of it or add one.
pub(super) const PROGRAM: &str = "\
program: train.py
metric: {name: test/accuracy, goal: maximize}
training: {full_budget: 3000 steps}
schedules: [cosine]
parameters: {learning_rate: 0.1}
";

/// A spec with every key that is about programs.
pub(super) const RICH_PROGRAM: &str = "\
command:
  - ${env}
  - ${interpreter}
  - -u
  - ${program}
  - ${args}
  - ${args_no_hyphens}
  - ${args_json}
  - 3
  - $HOME is ${HOME}
program: src/train.py
env: {OMP_NUM_THREADS: \"2\", EMPTY: \"\"}
inputs: [src/, data]
metric: {name: ' validation loss ', goal: minimize}
training: {full_budget: 1e3 steps, warmup: 2%, eta_min: 1e-5}
budgets: [25%, 500 steps]
schedules: [cosine]
parameters: {learning_rate: 0.1, batch-size: [64, 128], model.depth: {values: [-2, 0.5]}, _x: 1e300}
resources: {device: cuda}
";

fn program(line: &str) -> ProgramWork {
    read(&changed(PROGRAM, line)).unwrap().program().unwrap().clone()
}

fn text(text: &str) -> Word {
    Word::Text(text.to_owned())
}

#[test]
fn refusals_of_programs() {
    check(include_str!("program.txt"));
}

#[test]
fn a_program_alone_is_run_by_python_with_its_arguments() {
    let spec = parse(PROGRAM, Path::new("here/first.yaml")).unwrap();
    let expected = ProgramWork {
        command: vec![
            text("/usr/bin/env"),
            text("python3"),
            Word::Program("train.py".to_owned()),
            Word::Args,
        ],
        folder: "here".into(),
        environment: [].into(),
        inputs: None,
        metric: "test/accuracy".to_owned(),
        maximize: true,
    };
    assert_eq!(spec.program(), Some(&expected));
    assert_eq!((spec.name.as_str(), spec.checkpoint), ("first", Checkpoint::default()));
    let training = Training { full_budget: Length::Steps(3000), warmup: Warmup::NONE, eta_min: 0.0 };
    assert_eq!(spec.training, training);
    assert_eq!(read(BASE).unwrap().program(), None);
}

#[test]
fn every_key_of_a_program() {
    let spec = read(RICH_PROGRAM).unwrap();
    let work = spec.program().unwrap();
    let expected = [
        text("/usr/bin/env"),
        text("python3"),
        text("-u"),
        Word::Program("src/train.py".to_owned()),
        Word::Args,
        Word::ArgsNoHyphens,
        Word::ArgsJson,
        text("3"),
        text("$HOME is ${HOME}"),
    ];
    assert_eq!(work.command, expected);
    assert_eq!(work.folder, Path::new(""));
    let variables: Vec<_> = work.environment.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    assert_eq!(variables, [("EMPTY", ""), ("OMP_NUM_THREADS", "2")]);
    assert_eq!(work.inputs, Some(vec![PathBuf::from("src/"), "data".into()]));
    assert_eq!((&work.metric[..], work.maximize), ("validation loss", false));
    let training = Training { full_budget: Length::Steps(1000), warmup: Warmup::linear(0.02), eta_min: 1e-5 };
    assert_eq!(spec.training, training);
    let others = [("batch-size", vec![64.0, 128.0]), ("model.depth", vec![-2.0, 0.5]), ("_x", vec![1e300])];
    assert_eq!(spec.parameters.others, others.map(|(name, values)| (name.to_owned(), values)));
    assert_eq!((spec.parameters.other("_x"), spec.parameters.settings()), (Some(&[1e300][..]), 4));
}

#[test]
fn inputs_are_none_some_or_unsaid() {
    assert_eq!(program("seeds: 1").inputs, None);
    assert_eq!(program("inputs: []").inputs, Some(vec![]));
    assert_eq!(program("inputs: train.py").inputs, Some(vec!["train.py".into()]));
}

#[test]
fn so_many_words_names_and_paths_and_no_more() {
    let said = |line: &str| read(&changed(PROGRAM, line)).map(|_| ()).map_err(|error| error.message);
    let words = |count: usize| format!("command: [a{}, '${{program}}']", ", b".repeat(count - 2));
    assert_eq!(said(&words(1000)), Ok(()));
    assert_eq!(said(&words(1001)), Err("`command` has more than 1000 words".to_owned()));

    let metric = |length: usize| format!("metric: {{name: {}, goal: minimize}}", "é".repeat(length));
    assert_eq!(said(&metric(100)), Ok(()));
    assert!(said(&metric(101)).unwrap_err().ends_with("cannot be the name of a metric"));

    let inputs = |count: usize| {
        let paths: Vec<String> = (0..count).map(|path| format!("p{path}")).collect();
        format!("inputs: [{}]", paths.join(", "))
    };
    assert_eq!(said(&inputs(1000)), Ok(()));
    assert_eq!(said(&inputs(1001)), Err("`inputs` has more than 1000 paths".to_owned()));

    let parameters = |count: usize, name: &str| {
        let names: Vec<String> = (1..count).map(|number| format!("{name}{number:02}: 1")).collect();
        format!("parameters: {{learning_rate: 0.1, {}}}", names.join(", "))
    };
    assert_eq!(said(&parameters(MAX_PARAMETERS, "p")), Ok(()));
    let expected = format!("`parameters` has more than {MAX_PARAMETERS} parameters");
    assert_eq!(said(&parameters(MAX_PARAMETERS + 1, "p")), Err(expected));
    assert_eq!(said(&parameters(3, &"n".repeat(MAX_NAME - 2))), Ok(()));
    let long = said(&parameters(3, &"n".repeat(MAX_NAME - 1))).unwrap_err();
    assert!(long.ends_with("cannot be the name of a parameter"), "{long}");

    let variable = |length: usize| format!("env: {{{}: x}}", "V".repeat(length));
    assert_eq!(said(&variable(100)), Ok(()));
    assert!(said(&variable(101)).unwrap_err().ends_with("cannot be the name of a variable"));
}

#[test]
fn what_a_worker_is_told_of_a_program_fits_its_line() {
    let said = |line: String| read(&changed(PROGRAM, &line)).map(|_| ()).map_err(|error| error.to_string());
    let long = "x".repeat(sweep_wire::MAX_LINE / 4 * 3);
    let message = "the command with its arguments and `env` is longer than 786432 bytes as JSON\n\n\
                   hint: a file may hold what is long";
    assert_eq!(said(format!("env: {{X: {long}}}")), Err(format!("s.yaml:1:10: {message}")));
    assert_eq!(said(format!("env: {{X: {}}}", &long[1000..])), Ok(()));
    let error = said(format!("command: ['${{program}}', {long}]"));
    assert_eq!(error, Err(format!("s.yaml:6:10: {message}")));
}
