//! What a sweep answers: savings, cost, reports that can be checked, seeds that results decide on.

use super::*;

/// Two schedules, three budgets, three seeds and a price: a second.
const QUESTION: &str = "
version: 1
name: question
model: {onnx: ROOT/sweeps/models/mlp.onnx, loss: cross_entropy}
data:
  train: {images: ROOT/sweeps/data/digits/train-images-idx3-ubyte.gz, labels: ROOT/sweeps/data/digits/train-labels-idx1-ubyte.gz}
  validation: 10%
  test: {images: ROOT/sweeps/data/digits/t10k-images-idx3-ubyte.gz, labels: ROOT/sweeps/data/digits/t10k-labels-idx1-ubyte.gz}
  normalize: {mean: [0.0192], std: [0.0236]}
training: {batch_size: 64, full_budget: 4 epochs, optimizer: {sgd: {momentum: 0.9}}}
budgets: [25%, 50%, 100%]
schedules: [cosine, {uba: {phi: 1}}]
parameters: {learning_rate: {values: [0.05, 0.1]}}
seeds: 3
pricing: {sku: aws:c7i.xlarge}
";

fn place() -> Place {
    let place = Place::new();
    place.spec(QUESTION);
    place.ok(&["run", "spec.yaml"]);
    place
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1e-9)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn what_a_smaller_budget_saves_is_told_from_the_seeds_pair_by_pair() {
    let place = place();
    let results = place.json(&["results", "--format", "json"]);
    let values = |schedule: &str, budget: &str| -> Vec<f64> {
        let rows = results["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["schedule"] == schedule && row["budget"] == budget).unwrap();
        row["values"].as_array().unwrap().iter().map(number).collect()
    };
    let asked = [
        "savings",
        "--margin",
        "50pp",
        "--full-cost",
        "12000",
        "--trainings-per-year",
        "50",
        "--format",
        "json",
    ];
    let savings = place.json(&asked);
    assert_eq!(
        (&savings["baseline"]["schedule"], &savings["baseline"]["budget"]),
        (&"cosine".into(), &"100%".into())
    );
    assert!(savings["candidates"] == 2 && close(number(&savings["level"]), 0.025), "{savings}");
    let base = values("cosine", "100%");
    for schedule in savings["schedules"].as_array().unwrap() {
        for budget in schedule["budgets"].as_array().unwrap() {
            let name = |key: &str| budget[key].as_str().unwrap();
            let its = values(name("schedule"), name("budget"));
            let differences: Vec<f64> = its.iter().zip(&base).map(|(its, base)| its - base).collect();
            let mean = differences.iter().sum::<f64>() / 3.0;
            assert!(close(number(&budget["test"]["mean"]), mean), "{budget}");
            assert_eq!(budget["verdict"], "shown", "no digit classifier is 50 points worse: {budget}");
        }
        // The smallest of three budgets, or of two where the baseline is its own.
        let budgets = schedule["budgets"].as_array().unwrap().len();
        assert_eq!(schedule["smallest"].as_u64(), Some(budgets as u64 - 1));
        let (saves, last) = (&schedule["saves"], &schedule["budgets"][budgets - 1]);
        let share = 1.0 - number(&last["time_ratio"]);
        assert!(close(number(&saves["share"]), share) && close(number(&saves["flips_below"]), 1.0 - share));
        assert!(close(number(&saves["yours"]["usd"]), 12000.0 * share), "{saves}");
        assert!(close(number(&saves["yours"]["usd_per_year"]), 600_000.0 * share), "{saves}");
    }
    // At no margin to speak of nothing is shown, and that is what is said.
    let strict = place.ok(&["savings", "--margin", "0.0001pp", "--candidate", "schedule=uba"]);
    assert!(strict.contains("No smaller budget was shown to be as good as cosine at 100%"), "{strict}");
    assert!(strict.contains("Careful: with 3 seeds"), "{strict}");
    let csv = place.ok(&["savings", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 6, "{csv}");
}

#[test]
fn questions_that_cannot_be_answered_say_why() {
    let place = place();
    for (words, message, hint) in [
        (
            &["savings", "--baseline", "schedule=cosin"][..],
            "no schedule of this sweep is `cosin`",
            "`cosine`, `uba(phi=1)`",
        ),
        (
            &["savings", "--baseline", "budget=75%"],
            "no budget of this sweep is `75%`",
            "`25%`, `50%`, `100%`",
        ),
        (
            &["savings", "--candidate", "schedule=uba,budget=50%"],
            "a candidate is a schedule",
            "--candidate schedule=uba",
        ),
        (
            &["savings", "--candidate", "schedule=cosine", "--baseline", "budget=25%"],
            "nothing to compare",
            "",
        ),
        (
            &["savings", "--setting", "learning_rate=7"],
            "no trial of this sweep has `learning_rate=7`",
            "sweep trials",
        ),
        (&["cost", "--as", "aws:p5.48xlrge"], "aws:p5.48xlrge", "aws:p5.48xlarge"),
        (&["results", "--by", "phi"], "cannot be grouped by `phi`", "`learning_rate`"),
        (&["results", "--metric", "test/f1"], "has no `test/f1`", "`test/accuracy`"),
        (&["curves", "--metric", "test/f1"], "has no `test/f1`", "`train/loss`"),
        (&["report", "-o", "r.pdf"], "a report ends in `.html`, `.md` or `.svg`", ""),
        (&["verify", "spec.yaml"], "a report ends in", ""),
        (&["verify", "nowhere.html"], "cannot be opened", ""),
    ] {
        let output = place.sweep(words);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(message) && said.contains(hint), "{words:?}: {said}");
    }
    fs::write(place.path().join("other.html"), "<p>no report</p>").unwrap();
    assert!(stderr(&place.sweep(&["verify", "other.html"])).contains("does not say how it was made"));
    // Where settings stand apart, one of them has to be named.
    place.spec(&QUESTION.replace("  validation: 10%\n", "").replace("name: question", "name: apart"));
    place.ok(&["run", "spec.yaml"]);
    let said = stderr(&place.sweep(&["savings", "apart"]));
    assert!(said.contains("several settings") && said.contains("--setting learning_rate="), "{said}");
    place.ok(&["savings", "apart", "--setting", "learning_rate=0.1"]);
    let report = place.ok(&["report", "apart"]);
    assert!(report.contains("No saving can be told: `cosine` has several settings"), "{report}");
}

#[test]
fn what_a_sweep_cost_adds_up_and_has_a_price() {
    let place = place();
    let cost = place.json(&["cost", "--format", "json"]);
    let sum =
        "SELECT sum(device_seconds * share) / 3600.0 AS hours, sum(device_seconds) AS seconds FROM attempts";
    let sum = place.json(&["sql", sum, "--format", "json"]);
    let hours = number(&sum[0]["hours"]);
    assert!(close(number(&cost["total"]["all"]["hours"]), hours), "{cost}");
    let price = number(&cost["offer"]["usd_per_hour"]);
    assert_eq!((price, cost["offer"]["sku"].as_str()), (0.1785, Some("c7i.xlarge")));
    assert!(close(number(&cost["total"]["all"]["usd"]), hours * price));
    let rows = cost["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    let of_rows: f64 = rows.iter().map(|row| number(&row["all"]["hours"])).sum();
    assert!(close(of_rows, hours), "rows are all of it");
    // A rental is charged for a minute at least.
    assert!(close(number(&cost["billed_usd"]), price / 60.0), "{cost}");
    let view = place.json(&["sql", "SELECT * FROM prices", "--format", "json"]);
    assert_eq!(
        (view[0]["sku"].as_str(), view[0]["checked_at"].as_str()),
        (Some("c7i.xlarge"), Some("2026-04-01"))
    );
    // One of eight GPUs, taken for ten times as fast.
    let elsewhere = place.json(&["cost", "--as", "aws:p5.48xlarge", "--speedup", "10", "--format", "json"]);
    assert!(close(number(&elsewhere["total"]["all"]["usd"]), hours / 10.0 * 55.04 / 8.0), "{elsewhere}");
    let own = place.json(&["cost", "--usd-per-hour", "3.60", "--format", "json"]);
    assert!(close(number(&own["total"]["all"]["usd"]), hours * 3.6));
    // The same trials in a second sweep are paid once.
    place.spec(&QUESTION.replace("name: question", "name: again"));
    place.ok(&["run", "spec.yaml"]);
    let again = place.json(&["cost", "again", "--format", "json"]);
    assert!(
        close(number(&again["taken_over"]["hours"]), hours) && number(&again["paid"]["hours"]).abs() < 1e-12
    );
    assert!(place.ok(&["cost", "again"]).contains("are results that earlier sweeps paid for"));
}

#[test]
fn a_report_is_one_file_that_can_be_checked() {
    let place = place();
    for file in ["r.html", "r.md", "r.svg"] {
        place.ok(&["report", "-o", file, "--full-cost", "12000"]);
        let checked = place.ok(&["verify", file]);
        assert!(
            checked.starts_with("all ") && checked.contains("numbers are what the store gives"),
            "{file}: {checked}"
        );
        let text = fs::read_to_string(place.path().join(file)).unwrap();
        let foreign = text.matches("http").count() - text.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(foreign - text.matches("http-equiv").count(), 0, "{file} opens without a network");
    }
    let markdown = fs::read_to_string(place.path().join("r.md")).unwrap();
    assert!(markdown.contains("![Charts of this report](r.svg)") && markdown.contains("| `uba(phi=1)` |"));
    // A digit that was changed is found, wherever it is.
    let page = fs::read_to_string(place.path().join("r.html")).unwrap();
    let results = place.json(&["results", "--format", "json"]);
    let shown = format!("{:.1} ± ", 100.0 * number(&results["rows"][0]["mean"]));
    assert!(page.contains(&shown), "{shown}");
    fs::write(place.path().join("false.html"), page.replacen(&shown, "99.9 ± ", 1)).unwrap();
    let found = place.sweep(&["verify", "false.html"]);
    let said = String::from_utf8(found.stdout).unwrap();
    assert_eq!(found.status.code(), Some(1));
    assert!(
        said.contains("99.9 ±") && said.contains(shown.trim()) && said.contains("1 place differs"),
        "{said}"
    );
    // A sweep of another home is not this one.
    let other = Place::new();
    other.spec(SPEC);
    other.ok(&["run", "spec.yaml"]);
    fs::copy(place.path().join("r.html"), other.path().join("r.html")).unwrap();
    assert!(stderr(&other.sweep(&["verify", "r.html"])).contains("is of another store's sweep"));
    let json = place.json(&["--output-mode", "json", "report"]);
    assert_eq!((json["version"].as_u64(), json["standings"].as_array().unwrap().len()), (Some(1), 6));
}

#[test]
fn seeds_are_added_where_the_answer_is_open_and_nowhere_else() {
    let spec = QUESTION
        .replace(
            "seeds: 3",
            "seeds: {min: 2, max: 4, decide: savings}\nsavings: {margin: 30pp, confidence: 80%}",
        )
        .replace("pricing: {sku: aws:c7i.xlarge}\n", "");
    let place = Place::new();
    place.spec(&spec);
    let said = stderr(&place.sweep(&["run", "spec.yaml"]));
    assert!(said.contains("2 to 4 seeds"), "{said}");
    let savings = place.json(&["savings", "--format", "json"]);
    assert_eq!(savings["adaptive"], serde_json::json!([2, 4]));
    let comparisons: Vec<&Value> = savings["schedules"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|its| its["budgets"].as_array().unwrap())
        .collect();
    assert!(comparisons.iter().all(|budget| budget["verdict"] != "open"), "{savings}");
    // What was decided with two seeds has no third, and neither have rates that were not chosen.
    let seeds = "SELECT schedule, budget, settings, count(*) AS seeds FROM trials GROUP BY 1, 2, 3";
    let seeds = place.json(&["sql", seeds, "--format", "json"]);
    for row in seeds.as_array().unwrap() {
        let count = row["seeds"].as_u64().unwrap();
        let decided = comparisons
            .iter()
            .find(|its| its["schedule"] == row["schedule"] && its["budget"] == row["budget"]);
        assert!((2..=4).contains(&count), "{row}");
        if let Some(decided) = decided.filter(|its| its["verdict"] == "shown" && its["test"]["pairs"] == 2) {
            assert_eq!(count, 2, "{decided}");
        }
    }
    // Running it again changes nothing, and neither does a daemon.
    let before = place.ok(&["results", "--format", "json"]);
    assert!(stderr(&place.sweep(&["run", "spec.yaml"])).contains("all have results, nothing to train"));
    assert_eq!(place.ok(&["results", "--format", "json"]), before);
    let other = Place::new();
    other.spec(&spec);
    other.ok(&["daemon", "start"]);
    other.ok(&["submit", "spec.yaml"]);
    other.ok(&["wait"]);
    let rows = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let values = |text: &str| {
        rows(text)["rows"].as_array().unwrap().iter().map(|row| row["values"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(values(&other.ok(&["results", "--format", "json"])), values(&before));
    other.ok(&["daemon", "stop"]);
}

#[test]
fn results_in_other_groups_and_curves_in_every_format() {
    let place = place();
    let by = place.json(&["results", "--by", "schedule", "--format", "json"]);
    let rows = place.json(&["results", "--format", "json"]);
    let means: Vec<f64> =
        rows["rows"].as_array().unwrap()[..3].iter().map(|row| number(&row["mean"])).collect();
    assert_eq!((by["rows"][0]["cells"].as_u64(), by["rows"][0]["seeds"].as_u64()), (Some(3), Some(3)));
    assert!(close(number(&by["rows"][0]["mean"]), means.iter().sum::<f64>() / 3.0));
    let rates = place.ok(&["results", "--by", "learning_rate,budget", "--format", "csv"]);
    assert_eq!(rates.lines().count(), 7, "{rates}");
    let losses =
        place.json(&["results", "--metric", "test/loss", "--statistic", "median", "--format", "json"]);
    assert_eq!((losses["maximize"].as_bool(), losses["statistic"].as_str()), (Some(false), Some("median")));
    let curves =
        place.json(&["curves", "--metric", "validation/accuracy", "--schedule", "uba", "--format", "json"]);
    let first = &curves["curves"][0];
    assert_eq!(first["schedule"], "uba(phi=1)");
    let last = first["points"].as_array().unwrap().last().unwrap();
    assert_eq!((last["step"].as_u64(), last["seeds"].as_u64()), (first["steps"].as_u64(), Some(3)));
    let chart = place.ok(&["curves"]);
    assert!(chart.contains("train/loss") && chart.contains("a cosine 100%"), "{chart}");
    assert!(
        place
            .ok(&["curves", "--format", "csv"])
            .starts_with("schedule,budget,learning_rate,step,seeds,mean,low,high")
    );
}

#[test]
fn prices_are_listed_and_ones_own_go_first() {
    let place = Place::new();
    let listed = place.ok(&["prices", "list", "p5"]);
    assert!(listed.contains("aws:p5.48xlarge") && listed.contains("6.88"), "{listed}");
    let header = place.ok(&["prices", "--format", "csv"]).lines().next().unwrap().to_owned();
    let row = "aws,p5.48xlarge,H100 SXM,80,8,40,on_demand,us-east-1,1,60,our contract,2026-11-01";
    fs::write(place.path().join("own.csv"), format!("{header}\n{row}\n")).unwrap();
    let own = place.json(&["prices", "p5.48", "--prices", "own.csv", "--format", "json"]);
    assert_eq!((own.as_array().unwrap().len(), own[0]["usd_per_hour"].as_f64()), (1, Some(40.0)));
    fs::write(place.path().join("own.csv"), format!("{header}\n{}\n", row.replace(",40,", ",-40,"))).unwrap();
    let wrong = place.sweep(&["prices", "--prices", "own.csv"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        stderr(&wrong).contains("own.csv:2") && stderr(&wrong).contains("usd_per_hour"),
        "{}",
        stderr(&wrong)
    );
    // A spec's offer that nobody has is told at its place.
    place.spec(&QUESTION.replace("aws:c7i.xlarge", "aws:c7i.xlrge"));
    let wrong = stderr(&place.sweep(&["run", "spec.yaml"]));
    assert!(wrong.contains("spec.yaml:14:16") && wrong.contains("aws:c7i.xlarge"), "{wrong}");
}
