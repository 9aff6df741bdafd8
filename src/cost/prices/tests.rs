use super::*;

const HEADER: &str = "provider,sku,gpu,gpu_memory_gb,gpus,usd_per_hour,provisioning,region,\
                      billing_granularity_s,min_charge_s,source,checked_at";
const ROW: &str = "aws,p5.48xlarge,H100 SXM,80,8,55.04,on_demand,us-east-1,1,60,a page,2026-11-09";

fn table(rows: &[&str]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// [`ROW`] with another value in one column.
fn with(column: &str, value: &str) -> String {
    let place = COLUMNS.iter().position(|name| *name == column).unwrap();
    let mut cells: Vec<_> = ROW.split(',').collect();
    cells[place] = value;
    cells.join(",")
}

fn read_one(row: &str) -> Result<Offer, PriceError> {
    parse(&table(&[row])).map(|mut offers| offers.remove(0))
}

fn check_text(text: &str, expected: &str) {
    match parse(text) {
        Ok(offers) => panic!("accepted: {offers:?}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
    }
}

#[test]
fn a_row_is_an_offer() {
    let offer = read_one(ROW).unwrap();
    let expected = Offer {
        provider: "aws".to_owned(),
        sku: "p5.48xlarge".to_owned(),
        gpu: "H100 SXM".to_owned(),
        gpu_memory_gb: 80,
        gpus: 8,
        usd_per_hour: 55.04,
        provisioning: Provisioning::OnDemand,
        region: "us-east-1".to_owned(),
        billing_granularity_s: 1,
        min_charge_s: 60,
        source: "a page".to_owned(),
        checked_at: Some("2026-11-09".parse().unwrap()),
    };
    assert_eq!(offer, expected);
    assert_eq!(read_one(&with("source", "")).unwrap().source, "");
    assert_eq!(read_one(&with("source", "\"one, \"\"two\"\"\"")).unwrap().source, "one, \"two\"");
    assert_eq!(parse(&format!("{HEADER}\n")).unwrap(), []);
    assert_eq!(parse(HEADER).unwrap(), []);
}

#[test]
fn the_form_of_the_text_does_not_matter() {
    let expected = parse(&table(&[ROW])).unwrap();
    let backwards = |line: &str| line.rsplit(',').collect::<Vec<_>>().join(",");
    for text in [
        format!("{HEADER}\n{ROW}"),
        format!("{HEADER}\r\n{ROW}\r\n"),
        format!("\u{feff}{HEADER}\n{ROW}\n"),
        format!("\n{HEADER}\n\n{ROW}\n\n\n"),
        format!("{}\n{}\n", HEADER.replace(',', " , "), ROW.replace(',', " ,  ")),
        format!("{}\n{}\n", backwards(HEADER), backwards(ROW)),
        format!("{HEADER}\n\"{}\"\n", ROW.replace(',', "\",\"")),
    ] {
        assert_eq!(parse(&text).unwrap(), expected, "{text}");
    }
}

#[test]
fn headers_that_cannot_be_read() {
    let check = |header: String, expected: &str| {
        check_text(&format!("{header}\n{ROW}\n"), &format!("line 1: {expected}"))
    };
    let near = |wrong: &str, right: &str| {
        check(
            HEADER.replace(right, wrong),
            &format!("unknown column `{wrong}`\n\nhint: did you mean `{right}`?"),
        );
    };
    for (wrong, right) in [
        ("usd_per_hours", "usd_per_hour"),
        ("SKU", "sku"),
        ("min-charge-s", "min_charge_s"),
        ("checked at", "checked_at"),
    ] {
        near(wrong, right);
    }
    for unknown in ["carbon", "x\u{1b}[2J", ""] {
        let expected =
            format!("unknown column `{}`\n\nhint: its columns are {}", printable(unknown), listed(COLUMNS));
        check(format!("{HEADER},{unknown}"), &expected);
    }
    check(format!("{HEADER},gpu"), "the column `gpu` stands there twice\n\nhint: keep one of them");
    let first = format!("hint: the first line is `{HEADER}`");
    for missing in COLUMNS {
        let without: Vec<_> = COLUMNS.into_iter().filter(|column| *column != missing).collect();
        check(without.join(","), &format!("missing column `{missing}`\n\n{first}"));
    }
    check_text("", &format!("line 1: missing column `provider`\n\n{first}"));
    assert_eq!(COLUMNS.join(","), HEADER);
}

#[test]
fn values_that_cannot_be_meant() {
    let name = "a name without `:` and `@`";
    let such = "\n\nhint: such as `aws` and `p5.48xlarge`";
    let price = "a number of dollars above 0, at most 100000";
    let whole = "\n\nhint: such as `55.04`: without a sign, for an hour of the whole machine";
    let kinds = "one of `on_demand`, `spot`, `reserved`";
    let day = "a day such as `2026-11-09`";
    for (column, value, should, hint) in [
        ("provider", "", name, such),
        ("provider", "a:b", name, such),
        ("sku", "p5@us", name, such),
        ("gpu", "", "the kind of its GPUs", "\n\nhint: without GPUs, `gpus` is 0"),
        ("gpus", "0", "how many `H100 SXM` it has", ""),
        ("gpus", "1025", "a whole number from 0 to 1024", ""),
        ("gpus", "-1", "a whole number from 0 to 1024", ""),
        ("gpus", "1.5", "a whole number from 0 to 1024", ""),
        ("gpus", "", "a whole number from 0 to 1024", ""),
        ("gpu_memory_gb", "4097", "a whole number from 0 to 4096", ""),
        ("gpu_memory_gb", "80 GB", "a whole number from 0 to 4096", ""),
        ("usd_per_hour", "0", price, whole),
        ("usd_per_hour", "-0.5", price, whole),
        ("usd_per_hour", "NaN", price, whole),
        ("usd_per_hour", "inf", price, whole),
        ("usd_per_hour", "100000.01", price, whole),
        ("usd_per_hour", "$55.04", price, whole),
        ("usd_per_hour", "", price, whole),
        ("provisioning", "on-demand", kinds, "\n\nhint: did you mean `on_demand`?"),
        ("provisioning", "Spot", kinds, "\n\nhint: did you mean `spot`?"),
        ("provisioning", "rented", kinds, ""),
        ("provisioning", "", kinds, ""),
        ("billing_granularity_s", "2678401", "a whole number from 0 to 2678400", ""),
        ("min_charge_s", "1 min", "a whole number from 0 to 2678400", ""),
        ("checked_at", "2026-02-30", day, ""),
        ("checked_at", "09.11.2026", day, ""),
        ("checked_at", "", day, ""),
        ("region", "\"a\nb\"", "one line of at most 200 characters", ""),
        ("source", "a\u{1b}[2Jb", "one line of at most 200 characters", ""),
    ] {
        let found = match value.trim_matches('"') {
            "" => "nothing".to_owned(),
            value => format!("`{}`", printable(value)),
        };
        let expected = format!("line 3: `{column}` should be {should}, found {found}{hint}");
        let fine = with("sku", "other");
        check_text(&table(&[&fine, &with(column, value)]), &expected);
    }
}

#[test]
fn limits_are_where_they_are_said_to_be() {
    let long = |length: usize| "ä".repeat(length);
    for (column, value) in [
        ("gpus", "1".to_owned()),
        ("gpus", "1024".to_owned()),
        ("gpu_memory_gb", "4096".to_owned()),
        ("usd_per_hour", "100000".to_owned()),
        ("usd_per_hour", "5e-324".to_owned()),
        ("billing_granularity_s", "2678400".to_owned()),
        ("min_charge_s", "0".to_owned()),
        ("source", long(MAX_TEXT)),
    ] {
        assert!(read_one(&with(column, &value)).is_ok(), "{column} {value}");
    }
    let machine = with("gpus", "0").replace("H100 SXM", "").replace("80", "0");
    assert_eq!(read_one(&machine).unwrap().gpu, "");
    let error = read_one(&with("source", &long(MAX_TEXT + 1))).unwrap_err();
    assert!(error.message.ends_with(&format!("found `{}…`", long(60))), "{error}");

    let rows = |count: usize| {
        let rows: Vec<_> =
            (0..count).map(|number| with("sku", &number.to_string()).replace(",a page,", ",,")).collect();
        table(&rows.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(parse(&rows(MAX_ROWS)).unwrap().len(), MAX_ROWS);
    let expected = "line 10002: the table has more than 10000 offers\n\nhint: keep the offers that you use";
    check_text(&rows(MAX_ROWS + 1), expected);

    let filled = |length: usize| table(&[ROW]) + &"\n".repeat(length - table(&[ROW]).len());
    assert_eq!(parse(&filled(MAX_BYTES)).unwrap().len(), 1);
    let expected =
        "the table has 1048577 bytes, and at most 1048576 are read\n\nhint: keep the offers that you use";
    check_text(&filled(MAX_BYTES + 1), expected);
}

#[test]
fn lines_are_those_of_an_editor() {
    let bad = with("gpus", "many");
    let other = with("sku", "other");
    let quoted = with("sku", "third").replace("a page", "\"a, page\"");
    for (text, line) in [
        (table(&[&bad]), 2),
        (table(&[&other, &bad]), 3),
        (table(&[&other, "", "", &bad]), 5),
        (table(&[&other, &quoted, &bad]), 4),
        (table(&[&other, &bad]).replace('\n', "\r\n"), 3),
        (table(&["", &other, "", &bad]).replace('\n', "\r\n"), 5),
        (format!("\u{feff}{}", table(&[&other, &bad])), 3),
        (format!("\n\n{}", table(&[&other, &bad])), 5),
        (format!("\n\n{HEADER},more\n"), 3),
    ] {
        assert_eq!(parse(&text).unwrap_err().line, Some(line), "{text:?}");
    }
    let hint = "hint: an empty value keeps its comma, and text with a comma has double quotes round it";
    for (row, count) in
        [("aws,p5", 2), (&*format!("{ROW},more"), 13), (&*ROW.replace("a page", "\"a page"), 11)]
    {
        let expected = format!("line 4: should be 12 values as in the header, found {count}\n\n{hint}");
        check_text(&table(&[&other, "", row]), &expected);
    }
}

#[test]
fn an_offer_stands_there_once() {
    let twice = table(&[ROW, &with("sku", "other"), &with("usd_per_hour", "50")]);
    let expected = "line 4: `aws:p5.48xlarge` (on_demand) is the same offer as in line 2\n\nhint: keep one of them, or tell \
                    them apart by `region`";
    check_text(&twice, expected);
    for (column, value) in [("provider", "gcp"), ("sku", "p6"), ("provisioning", "spot"), ("region", "")] {
        assert_eq!(parse(&table(&[ROW, &with(column, value)])).unwrap().len(), 2, "{column}");
    }
}

#[test]
fn the_built_in_table_is_read_and_gives_way_to_the_users() {
    let built_in = built_in();
    assert!(built_in.iter().any(|offer| offer.gpus == 0) && built_in.iter().any(|offer| offer.gpus == 8));
    assert!(
        Provisioning::ALL[..2].iter().all(|kind| built_in.iter().any(|offer| offer.provisioning == *kind))
    );
    let own = parse(&table(&[&with("usd_per_hour", "44"), &with("region", "eu-west-1"), &with("sku", "p9")]))
        .unwrap();
    let all = with_own(own.clone());
    assert_eq!(all[..3], own);
    assert_eq!(all[3..], built_in[1..], "the first one gives way");
    assert_eq!(with_own(Vec::new()), built_in);
}
