//! Plans of programs.

use sweep_wire::{Every, Program};

use super::*;

const PROGRAM: &str = "
program: train.py
metric: {name: test/accuracy, goal: maximize}
training: {full_budget: 100 steps}
schedules: [constant]
parameters: {learning_rate: 0.1}
inputs: [train.py]
";

fn planned_at(folder: &str, text: &str, facts: &Facts, nonce: Option<u64>) -> Plan {
    let mut spec = crate::spec::parse(text, Path::new("name.yaml")).unwrap();
    if let Work::Program(program) = &mut spec.work {
        program.folder = folder.into();
    }
    plan(&spec, text, facts, ONE, nonce).unwrap()
}

fn planned(text: &str) -> Plan {
    planned_at("/sweeps", text, &program_facts("hash".into()), Some(1))
}

fn replaced(from: &str, to: &str) -> Plan {
    assert!(PROGRAM.contains(from), "{from}");
    planned(&PROGRAM.replace(from, to))
}

fn program(trial: &PlannedTrial) -> &Program {
    match &*trial.task {
        Task::Program(program) => program,
        Task::Train(job) => panic!("{job:?}"),
    }
}

fn command(more: &str) -> Vec<String> {
    program(&planned(&format!("{PROGRAM}{more}\n")).trials[0]).command.clone()
}

#[test]
fn a_program_is_run_in_the_folder_of_its_spec() {
    let plan = planned(&format!("{PROGRAM}env: {{A: b}}\nseeds: 2\nbudgets: [50%, 20 steps]\n"));
    let trial = &plan.trials[0];
    let expected = Program {
        command: ["/usr/bin/env", "python3", "train.py", "--learning_rate=0.1"].map(str::to_owned).to_vec(),
        folder: "/sweeps".into(),
        environment: [("A".to_owned(), "b".to_owned())].into(),
        metric: "test/accuracy".to_owned(),
    };
    assert_eq!(program(trial), &expected);
    let steps: Vec<_> = plan.trials.iter().map(|trial| (trial.seed, trial.steps)).collect();
    assert_eq!(steps, [(0, 50), (0, 20), (1, 50), (1, 20)]);
    assert_eq!((trial.log_every, &trial.evaluate[..]), (1, &[50][..]));
    assert_eq!(trial.keep, Keeping { every: Every::Seconds(30.0), weights: false, best: None });
    assert_eq!(trial.table[..], [0.1; 50]);
    let info = &plan.info;
    assert_eq!((&info.metric[..], info.maximize, &info.selection_metric), ("test/accuracy", true, &None));
    assert!(!replaced("goal: maximize", "goal: minimize").info.maximize);
}

#[test]
fn macros_are_expanded() {
    let words = command(
        "command: ['${program}', '${interpreter}', '${env}', '${args}', '${args_no_hyphens}', '${args_json}', '$x']",
    );
    let json = r#"{"learning_rate":0.1}"#;
    let expected = [
        "/sweeps/train.py",
        "python3",
        "/usr/bin/env",
        "--learning_rate=0.1",
        "learning_rate=0.1",
        json,
        "$x",
    ];
    assert_eq!(words, expected);
}

#[test]
fn numbers_are_what_programs_read() {
    let swept = "{learning_rate: 1e-7, batch-size: 64, a: -0.5, b: 1e300, c: 0, d: 0.00001, e: 1e16}";
    let text = PROGRAM.replace("{learning_rate: 0.1}", swept);
    let plan = planned(&(text + "command: [run, '${program}', '${args_no_hyphens}', '${args_json}']\n"));
    let expected = [
        "run",
        "train.py",
        "a=-0.5",
        "b=1e300",
        "batch-size=64",
        "c=0",
        "d=0.00001",
        "e=1e16",
        "learning_rate=1e-7",
        r#"{"a":-0.5,"b":1e+300,"batch-size":64,"c":0,"d":0.00001,"e":1e+16,"learning_rate":1e-7}"#,
    ];
    assert_eq!(program(&plan.trials[0]).command, expected);
}

#[test]
fn what_is_run_is_found_in_the_folder_unless_it_is_a_bare_name() {
    let run = |program: &str, first: &str| {
        let text = PROGRAM.replace("program: train.py", &format!("program: {program}"));
        let plan = planned(&format!("{text}command: ['{first}', '${{program}}']\n"));
        plan.trials[0].task.clone()
    };
    let first = |program: &str, first: &str| match &*run(program, first) {
        Task::Program(program) => program.command[0].clone(),
        Task::Train(_) => unreachable!("it is a program's"),
    };
    assert_eq!(first("train.sh", "bash"), "bash", "found in PATH");
    assert_eq!(first("train.sh", "bin/run"), "/sweeps/bin/run");
    assert_eq!(first("train.sh", "/bin/sh"), "/bin/sh");
    assert_eq!(first("train.sh", "${program}"), "/sweeps/train.sh", "a file though it has no slash");
    assert_eq!(first("/opt/train", "${program}"), "/opt/train");
}

#[test]
fn a_programs_key_changes_with_everything_that_decides_its_result() {
    let base = planned(PROGRAM);
    let mut plans: Vec<Plan> = [
        ("program: train.py", "program: other.py"),
        ("inputs:", "env: {A: b}\ninputs:"),
        ("inputs:", "env: {A: c}\ninputs:"),
        ("100 steps", "99 steps"),
        ("100 steps", "100 steps, warmup: 10%"),
        ("constant", "linear"),
        ("learning_rate: 0.1", "learning_rate: 0.2"),
        ("learning_rate: 0.1", "learning_rate: 0.1, depth: 2"),
        ("test/accuracy", "test/loss"),
        ("inputs:", "resources: {device: cuda}\ninputs:"),
        ("inputs:", "command: [python3, '${program}']\ninputs:"),
    ]
    .map(|(from, to)| replaced(from, to))
    .into();
    let unlisted = PROGRAM.replace("inputs: [train.py]\n", "");
    for nonce in [None, Some(1), Some(2)] {
        plans.push(planned_at("/sweeps", &unlisted, &program_facts(String::new()), nonce));
    }
    plans.push(planned_at("/sweeps", PROGRAM, &program_facts("other".into()), Some(1)));
    // Two settings that the command does not tell apart.
    let silent = PROGRAM.replace("learning_rate: 0.1", "learning_rate: 0.1, depth: [1, 2]");
    let silent = planned(&(silent + "command: ['${program}']\n"));
    plans.push(base.clone());
    let mut keys: Vec<_> = plans.iter().map(|plan| plan.trials[0].key.clone()).collect();
    keys.extend(silent.trials.iter().map(|trial| trial.key.clone()));
    keys.push(planned(&format!("{PROGRAM}seeds: 2\n")).trials[1].key.clone());
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count, "every change makes another key");
}

#[test]
fn a_programs_key_does_not_change_with_folders_names_or_what_stands_beside() {
    let key = |plan: &Plan| plan.trials[0].key.clone();
    let base = planned(PROGRAM);
    let same = [
        planned_at("/elsewhere", PROGRAM, &program_facts("hash".into()), Some(7)),
        planned(&format!("{PROGRAM}name: other\nseeds: 3\nretry: {{max: 5}}\nlimits: {{failures: 1}}\n")),
        planned(&format!("{PROGRAM}resources: {{device: cpu, threads: 2, nice: 3}}\n")),
        replaced("goal: maximize", "goal: minimize"),
        planned(&(PROGRAM.replace("100 steps", "200 steps, eta_min: 0") + "budgets: [50%]\n")),
    ];
    assert!(same.iter().all(|plan| key(plan) == key(&base)));
    // What is run has its folder in front of it, which is none of the key's business.
    let direct = format!("{PROGRAM}command: ['${{program}}']\n");
    let there = planned_at("/elsewhere", &direct, &program_facts("hash".into()), None);
    assert_eq!(key(&planned(&direct)), key(&there));
    assert_eq!(program(&there.trials[0]).command[0], "/elsewhere/train.py");
}

#[test]
fn models_have_no_nonce() {
    let spec = crate::spec::parse(SPEC, Path::new("name.yaml")).unwrap();
    let key = |nonce| plan(&spec, SPEC, &facts(), ONE, nonce).unwrap().trials[0].key.clone();
    assert_eq!(key(None), key(Some(1)));
}

#[test]
fn equal_tables_are_made_once() {
    let text =
        SPEC.replace("[cosine]", "[cosine, linear]").replace("0.1}", "[0.1, 0.2], weight_decay: [0, 1]}");
    let plan = super::planned(|_| text + "budgets: [50%, 100%]\nseeds: 3\n", &facts());
    assert_eq!(plan.trials.len(), 48);
    let mut places: Vec<_> = plan.trials.iter().map(|trial| trial.table.as_ptr()).collect();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 8, "schedules × budgets × rates");
    for trial in &plan.trials {
        assert_eq!(
            trial.table_name(),
            blake3::hash(&trial.table.blocks().collect::<Vec<_>>().concat()).to_hex().as_str()
        );
    }
}

#[test]
fn tasks_are_told_apart_as_json() {
    let trained = &with("").trials[0];
    let text = serde_json::to_string(&*trained.task).unwrap();
    assert_eq!(text, serde_json::to_string(job(trained)).unwrap(), "as it was before there were programs");
    assert_eq!(serde_json::from_str::<Task>(&text).unwrap(), *trained.task);
    let run = &planned(PROGRAM).trials[0];
    let text = serde_json::to_string(&*run.task).unwrap();
    assert_eq!(
        text,
        "{\"program\":{\"command\":[\"/usr/bin/env\",\"python3\",\"train.py\",\"--learning_rate=0.1\"],\
         \"folder\":\"/sweeps\",\"environment\":{},\"metric\":\"test/accuracy\"}}"
    );
    assert_eq!(serde_json::from_str::<Task>(&text).unwrap(), *run.task);
}
