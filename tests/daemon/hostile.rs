//! Programs and clients that do what they should not: their trial fails or not, and the daemon stands.

use std::{io::Write, os::unix::net::UnixStream};

use super::*;

/// A sweep of one trial for each of these scripts, in which `fd` is the pipe for reports and `result` reports one.
fn spec(name: &str, script: &str) -> String {
    let script = format!(
        "fd=$SWEEP_REPORT_FD; result() {{ echo '{{\"step\": 10, \"test/accuracy\": 1}}' >&$fd; }}\n{script}"
    );
    let script = serde_json::to_string(&script).unwrap();
    format!(
        r#"
name: {name}
command: [bash, -c, {script}]
inputs: []
metric: {{name: test/accuracy, goal: maximize}}
training: {{full_budget: 10 steps}}
schedules: [constant]
parameters: {{learning_rate: 0.1}}
resources: {{workers: 2, threads: 1}}
retry: {{max: 1, backoff: 0 s}}
"#
    )
}

/// Whatever happens, `status` is answered soon.
fn assert_answers(home: &Home) {
    let asked = Instant::now();
    assert!(home.status().is_some(), "{}", home.log());
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}

/// A name, a script, the status of its trial, and what its reason says.
type Case = (&'static str, String, &'static str, &'static str);

fn cases() -> Vec<Case> {
    let zeros = |bytes: u64| format!("head -c {bytes} /dev/zero | tr '\\0' a");
    let escaped = "setsid bash -c 'sleep 60 & disown; sleep 60' </dev/null >/dev/null 2>&1 &";
    vec![
        (
            "garbage",
            "for i in {1..1000}; do echo 'Epoch 1/10 ▇▇▇'; done >&$fd; result".to_owned(),
            "failed",
            "which is no JSON object",
        ),
        ("endless", format!("{} >&$fd; result", zeros(100 << 20)), "failed", "a line longer than 1 MiB"),
        (
            "bytes",
            "printf '{\"note\": \"\\xff\\xfe\"}\\n' >&$fd; result".to_owned(),
            "failed",
            "which is no JSON object",
        ),
        ("nothing", "exit 0".to_owned(), "failed", "it reported nothing"),
        (
            "closing",
            "result; for f in /proc/$$/fd/*; do eval \"exec ${f##*/}>&-\"; done; sleep 0.2".to_owned(),
            "done",
            "",
        ),
        ("printing", format!("{}; result", zeros(100 << 20)), "done", ""),
        ("escaping", format!("{escaped} {escaped} result; exit 0"), "done", ""),
        (
            "beyond",
            "echo '{\"step\": 11, \"test/accuracy\": 1}' >&$fd".to_owned(),
            "failed",
            "is not a whole number from 0 to 10",
        ),
        (
            "backwards",
            "echo '{\"checkpoint\": 5}' >&$fd; echo '{\"checkpoint\": 3}' >&$fd; sleep 60".to_owned(),
            "failed",
            "a checkpoint at step 3",
        ),
        ("flooding", "yes '{\"step\": 1, \"a\": 1}' | head -n 300000 >&$fd; result".to_owned(), "done", ""),
        (
            "end",
            "echo '{\"checkpoint\": 10}' >&$fd; echo '{\"checkpoint\": 10}' >&$fd; result".to_owned(),
            "done",
            "",
        ),
    ]
}

#[test]
fn programs_that_do_all_they_should_not_cost_their_own_trial_only() {
    let mut home = Home::new();
    let cases = cases();
    home.start();
    for (name, script, _, _) in &cases {
        let file = format!("{name}.yaml");
        home.write(&file, &spec(name, script));
        home.ok(&["submit", &file]);
        assert_answers(&home);
    }
    home.until("they do not end", |home| {
        assert_answers(home);
        home.status().unwrap().sweeps.is_empty().then_some(())
    });
    for (name, _, status, reason) in &cases {
        let found = home.rows(&format!("SELECT status, reason FROM trials WHERE name = '{name}'"));
        assert!(found[0][0] == *status && found[0][1].contains(reason), "{name}: {found:?}\n{}", home.log());
    }
    let attempt = home.number(
        "SELECT attempt FROM attempts AS a JOIN trials AS t ON t.trial = a.trial WHERE name = 'printing'",
    );
    let log = fs::metadata(home.home().join(format!("logs/attempt-{attempt}.log"))).unwrap().len();
    let most = (4 << 20) + (64 << 10) + 100;
    assert!((4 << 20..most).contains(&log), "{log}");
    println!("the daemon took {} MiB at most", home.memory());
    assert!(home.memory() < 300, "{} MiB", home.memory());
    home.ok(&["daemon", "stop"]);
    home.assert_nothing_runs();
}

fn connect(home: &Home) -> UnixStream {
    UnixStream::connect(home.home().join("scheduler.sock")).unwrap()
}

/// So many connections that say this and stay.
fn saying(home: &Home, count: usize, what: &[u8]) -> Vec<UnixStream> {
    let say = |_| {
        let mut stream = connect(home);
        stream.write_all(what).unwrap();
        stream
    };
    (0..count).map(say).collect()
}

#[test]
fn clients_that_say_nothing_or_anything_do_not_keep_others_waiting() {
    let mut home = Home::new();
    home.write("spec.yaml", &spec("waiting", "result; until [ -e go ]; do sleep 0.05; done"));
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    let watch = b"{\"version\":1,\"request\":{\"type\":\"watch\",\"sweep\":1}}\n";
    // They stay connected until the end of the test.
    let silent = saying(&home, 600, b"");
    assert_answers(&home);
    let half = saying(&home, 50, &watch[..20]);
    assert_answers(&home);
    for line in [
        &b"\n"[..],
        b"hello\n",
        b"{}\n",
        b"\xff\xfe\n",
        b"{\"version\":2}\n",
        b"{\"version\":1,\"request\":{\"type\":\"rm\"}}\n",
        &b"[".repeat(60_000),
    ] {
        let stream = saying(&home, 1, line).remove(0);
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
    assert_answers(&home);
    let writers: Vec<_> = saying(&home, 10, b"")
        .into_iter()
        .map(|mut stream| {
            std::thread::spawn(move || {
                stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
                // It is cut off, or kept waiting.
                let _ = stream.write_all(&b"x".repeat(20 << 20));
            })
        })
        .collect();
    assert_answers(&home);
    for mut stream in saying(&home, 50, watch) {
        // Gone in the middle of watching.
        std::io::Read::read_exact(&mut stream, &mut [0; 10]).unwrap();
    }
    // Watchers that never read.
    let deaf = saying(&home, 50, watch);
    assert_answers(&home);
    let clients: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..200).map(|_| scope.spawn(|| home.status().is_some())).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(clients.iter().all(|answered| *answered), "200 at once");
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_answers(&home);
    home.write("go", "");
    home.ok(&["wait"]);
    drop((silent, half, deaf));
    assert!(home.memory() < 300, "{} MiB", home.memory());
    println!("the daemon took {} MiB at most", home.memory());
    home.ok(&["daemon", "stop"]);
    assert!(home.ended().success());
}
