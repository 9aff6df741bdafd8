//! Tables of any content in any format.

use serde_json::json;
use sweep::{
    report::{Format, Look, render, sparkline},
    store::{Condition, Table},
};

fn table() -> Table {
    let mut table = Table::new(&["name", "value", "settings"]);
    table.rows = vec![
        vec![json!("plain"), json!(10), json!({"learning_rate": 0.1})],
        vec![json!("a,\"b\"|<c>"), json!(9.5), json!({})],
        vec![json!("\u{1b}[31mred\nnext\u{202e}"), json!(null), json!({})],
    ];
    table
}

fn check(format: Format, expected: &str) {
    assert_eq!(render(&table(), format, Look::default()), expected);
}

#[test]
fn a_screen_gets_no_control_characters() {
    check(
        Format::Table,
        " name                         value  settings
───────────────────────────────────────────────────────
 plain                           10  learning_rate=0.1
 a,\"b\"|<c>                      9.5
 \\u{1b}[31mred\\nnext\\u{202e}
",
    );
}

#[test]
fn csv_quotes_what_it_must() {
    check(
        Format::Csv,
        "name,value,settings\nplain,10,learning_rate=0.1\n\"a,\"\"b\"\"|<c>\",9.5,\n\"\\u{1b}[31mred\nnext\\u{202e}\",,\n",
    );
}

#[test]
fn markdown_escapes_markup() {
    check(
        Format::Markdown,
        "| name | value | settings |
| --- | --- | --- |
| plain | 10 | learning_rate=0.1 |
| a,\"b\"\\|&lt;c> | 9.5 |  |
| \\u{1b}[31mred\\nnext\\u{202e} |  |  |
",
    );
}

#[test]
fn json_keeps_columns_in_order_and_values_in_type() {
    let text = render(&table(), Format::Json, Look::default());
    assert!(
        text.starts_with("[\n{\"name\":\"plain\",\"value\":10,\"settings\":{\"learning_rate\":0.1}},\n"),
        "{text}"
    );
}

#[test]
fn rows_are_kept_and_sorted_by_column() {
    let values = |table: &Table| table.rows.iter().map(|row| row[1].clone()).collect::<Vec<_>>();
    let mut sorted = table();
    sorted.sort("value").unwrap();
    assert_eq!(values(&sorted), [json!(9.5), json!(10), json!(null)]);
    sorted.sort("-value").unwrap();
    assert_eq!(values(&sorted), [json!(10), json!(9.5), json!(null)]);
    let error = sorted.sort("speed").unwrap_err();
    assert_eq!(error.hint().unwrap(), "there are `name`, `value`, `settings`");
}

/// The names of the rows that a condition keeps.
fn kept(condition: &str) -> Vec<String> {
    let mut table = table();
    table.spread("settings").unwrap();
    table.keep(&condition.parse().unwrap()).unwrap();
    table.rows.iter().map(|row| row[0].as_str().unwrap().chars().take(5).collect()).collect()
}

#[test]
fn conditions_compare_numbers_as_numbers_and_texts_as_texts() {
    let (first, second, red) = ("plain", "a,\"b\"", "\u{1b}[31m");
    let cases: [(&str, &[&str]); 25] = [
        ("value=10", &[first]),
        ("value = 10.0", &[first]),
        ("value=1e1", &[first]),
        ("value!=10", &[second]),
        ("value<10", &[second]),
        ("value<=10", &[first, second]),
        ("value<=9.5", &[second]),
        ("value>9.5", &[first]),
        ("value >= 9.5", &[first, second]),
        ("value>9.49", &[first, second]),
        ("value<inf", &[first, second]),
        // Character by character, `10` comes first, and no text begins as `9.5 ` does.
        ("value<2x", &[first]),
        ("value>nan", &[]),
        // Nothing is neither less nor more, and no other value.
        ("value=", &[red]),
        ("value!=", &[first, second]),
        ("name!=", &[first, second, red]),
        ("name=plain", &[first]),
        ("name!=plain", &[second, red]),
        ("name>a", &[first, second]),
        ("name<b", &[second, red]),
        ("settings=learning_rate=0.1", &[first]),
        ("settings.learning_rate>0.05", &[first]),
        ("settings.learning_rate<0.05", &[]),
        ("settings.learning_rate=", &[second, red]),
        ("settings.learning_rate!=0.2", &[first]),
    ];
    for (condition, names) in cases {
        assert_eq!(kept(condition), names, "{condition}");
    }
}

#[test]
fn integers_are_compared_to_the_last_digit() {
    let mut table = Table::new(&["seed"]);
    table.rows = vec![vec![json!(i64::MAX)], vec![json!(i64::MAX - 1)]];
    table.keep(&format!("seed<{}", i64::MAX).parse().unwrap()).unwrap();
    assert_eq!(table.rows, [[json!(i64::MAX - 1)]]);
}

#[test]
fn conditions_that_are_none_say_how_one_is_written() {
    for (text, expected) in [
        ("value", "a condition is written `COLUMN=VALUE`"),
        ("value!0.5", "a condition is written `COLUMN=VALUE`"),
        ("=0.5", "names no column"),
        ("value==0.5", "there is no comparison `==`"),
        ("value>==0.5", "there is no comparison `>==`"),
        ("value>", "compares with nothing"),
        ("value<= ", "compares with nothing"),
    ] {
        let error = text.parse::<Condition>().unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn settings_become_columns_that_can_be_sorted_and_selected() {
    let mut table = table();
    table.rows[2][2] = json!({"learning_rate": 0.2, "batch-size": 64.0});
    table.spread("settings").unwrap();
    assert_eq!(table.columns, ["name", "value", "settings", "settings.batch-size", "settings.learning_rate"]);
    table.sort("-settings.learning_rate").unwrap();
    table.select(&["settings.learning_rate".to_owned(), "settings.batch-size".to_owned()]).unwrap();
    assert_eq!(
        table.rows,
        [[json!(0.2), json!(64.0)], [json!(0.1), json!(null)], [json!(null), json!(null)]]
    );
    assert!(table.spread("settings").is_err());
}

#[test]
fn a_curve_fits_in_a_line() {
    assert_eq!(sparkline(&[2.0, 1.0, 0.0]), "█▅▁");
    assert_eq!(sparkline(&[1.0, 1.0, f64::NAN]), "▁▁ ");
    assert_eq!(sparkline(&[]), "");
}
