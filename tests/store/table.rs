//! Tables of any content in any format.

use serde_json::json;
use sweep::{
    report::{Format, Look, render, sparkline},
    store::Table,
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
    sorted.keep("value", "10.0").unwrap();
    assert_eq!(values(&sorted), [json!(10)]);
    sorted.keep("name", "other").unwrap();
    assert!(sorted.rows.is_empty());
    let error = sorted.sort("speed").unwrap_err();
    assert_eq!(error.hint().unwrap(), "there are `name`, `value`, `settings`");
}

#[test]
fn a_curve_fits_in_a_line() {
    assert_eq!(sparkline(&[2.0, 1.0, 0.0]), "█▅▁");
    assert_eq!(sparkline(&[1.0, 1.0, f64::NAN]), "▁▁ ");
    assert_eq!(sparkline(&[]), "");
}
