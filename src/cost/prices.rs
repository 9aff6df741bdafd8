//! Tables of prices: the one that is built in, and those that users write.

use std::{collections::HashMap, fmt, ops::RangeInclusive};

use csv::StringRecord;

use super::{Date, Offer, Provisioning};

/// The longest table, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The most rows of a table.
pub const MAX_ROWS: usize = 10_000;
/// The most characters of a name or a source.
pub const MAX_TEXT: usize = 200;
/// The highest price of an hour, in dollars.
pub const MAX_USD_PER_HOUR: f64 = 100_000.0;
/// The most GPUs of a machine.
pub const MAX_GPUS: u32 = 1024;
const MAX_MEMORY_GB: u32 = 4096;
/// The longest step or minimum of a charge: 31 days.
const MAX_CHARGE_S: u32 = 31 * 86_400;

pub const COLUMNS: [&str; 12] = [
    "provider",
    "sku",
    "gpu",
    "gpu_memory_gb",
    "gpus",
    "usd_per_hour",
    "provisioning",
    "region",
    "billing_granularity_s",
    "min_charge_s",
    "source",
    "checked_at",
];

/// What is wrong with a table of prices, or with a name that is looked up in it.
///
/// `Display` is `line 4: message` and, where there is a hint, a blank line and `hint: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceError {
    /// From 1; `None` where it is no single line.
    pub line: Option<u64>,
    pub message: String,
    pub hint: Option<String>,
}

impl PriceError {
    pub(super) fn new(line: impl Into<Option<u64>>, message: impl Into<String>) -> Self {
        Self { line: line.into(), message: message.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PriceError {}

/// The offers that are built in; each with its source and the day on which it was the price.
///
/// # Panics
/// Never: a test reads the same text.
#[must_use]
pub fn built_in() -> Vec<Offer> {
    parse(include_str!("prices.csv")).expect("a test reads it")
}

/// A user's offers, then those built-in ones whose place no offer of the user takes: the same provider, SKU, provisioning
/// and region.
#[must_use]
pub fn with_own(own: Vec<Offer>) -> Vec<Offer> {
    let mut offers = built_in();
    offers.retain(|offer| !own.iter().any(|own| own.key() == offer.key()));
    own.into_iter().chain(offers).collect()
}

/// The offers of a table: CSV (RFC 4180) with a header that names all the columns, in any order, and no others.
///
/// # Errors
/// Names the first line and column at fault, what stands there and what should.
pub fn parse(text: &str) -> Result<Vec<Offer>, PriceError> {
    if text.len() > MAX_BYTES {
        let message = format!("the table has {} bytes, and at most {MAX_BYTES} are read", text.len());
        return Err(PriceError::new(None, message).hint("keep the offers that you use"));
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| unreadable(text, &error))?;
    let places = places(line_at(text, 0), header)?;
    let mut offers = Vec::new();
    let mut starts = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(text, &error))?;
        let row = Row { text, record: &record, places: &places };
        if offers.len() == MAX_ROWS {
            return Err(PriceError::new(row.line(), format!("the table has more than {MAX_ROWS} offers"))
                .hint("keep the offers that you use"));
        }
        let offer = row.offer()?;
        let (provider, sku, provisioning, region) = offer.key();
        let key = (provider.to_owned(), sku.to_owned(), provisioning, region.to_owned());
        if let Some(first) = starts.insert(key, row.start()) {
            let message =
                format!("`{offer}` ({provisioning}) is the same offer as in line {}", line_at(text, first));
            return Err(
                PriceError::new(row.line(), message).hint("keep one of them, or tell them apart by `region`")
            );
        }
        offers.push(offer);
    }
    Ok(offers)
}

/// Where each of [`COLUMNS`] stands.
fn places(line: u64, header: &StringRecord) -> Result<HashMap<&'static str, usize>, PriceError> {
    let mut places = HashMap::new();
    for (place, found) in header.iter().enumerate() {
        let Some(column) = COLUMNS.into_iter().find(|column| *column == found) else {
            let error = PriceError::new(line, format!("unknown column `{}`", printable(found)));
            return Err(match nearest(found, COLUMNS) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("its columns are {}", listed(COLUMNS))),
            });
        };
        if places.insert(column, place).is_some() {
            return Err(PriceError::new(line, format!("the column `{column}` stands there twice"))
                .hint("keep one of them"));
        }
    }
    match COLUMNS.into_iter().find(|column| !places.contains_key(column)) {
        None => Ok(places),
        Some(missing) => Err(PriceError::new(line, format!("missing column `{missing}`"))
            .hint(format!("the first line is `{}`", COLUMNS.join(",")))),
    }
}

fn unreadable(text: &str, error: &csv::Error) -> PriceError {
    let line = error.position().map(|position| line_at(text, position.byte()));
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let message = format!("should be {expected_len} values as in the header, found {len}");
            let hint = "an empty value keeps its comma, and text with a comma has double quotes round it";
            PriceError::new(line, message).hint(hint)
        }
        _ => PriceError::new(line, format!("is no CSV: {error}")),
    }
}

/// The line, from 1, of what stands at this byte, or after the empty lines there.
fn line_at(text: &str, byte: u64) -> u64 {
    let bytes = text.as_bytes();
    let start = bytes.len().min(byte as usize);
    let empty = bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    1 + bytes[..start + empty].iter().filter(|byte| **byte == b'\n').count() as u64
}

/// A line of a table.
struct Row<'a> {
    text: &'a str,
    record: &'a StringRecord,
    places: &'a HashMap<&'static str, usize>,
}

impl Row<'_> {
    fn offer(&self) -> Result<Offer, PriceError> {
        let offer = Offer {
            provider: self.name("provider")?,
            sku: self.name("sku")?,
            gpu: self.text("gpu")?,
            gpu_memory_gb: self.whole("gpu_memory_gb", 0..=MAX_MEMORY_GB)?,
            gpus: self.whole("gpus", 0..=MAX_GPUS)?,
            usd_per_hour: self.price()?,
            provisioning: self.provisioning()?,
            region: self.text("region")?,
            billing_granularity_s: self.whole("billing_granularity_s", 0..=MAX_CHARGE_S)?,
            min_charge_s: self.whole("min_charge_s", 0..=MAX_CHARGE_S)?,
            source: self.text("source")?,
            checked_at: Some(self.date()?),
        };
        match (offer.gpus, offer.gpu.is_empty()) {
            (0, false) => Err(self.wrong("gpus", &format!("how many `{}` it has", offer.gpu))),
            (1.., true) => Err(self.wrong("gpu", "the kind of its GPUs").hint("without GPUs, `gpus` is 0")),
            _ => Ok(offer),
        }
    }

    /// Its place in the text, in bytes.
    fn start(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::byte)
    }

    fn line(&self) -> u64 {
        line_at(self.text, self.start())
    }

    fn cell(&self, column: &str) -> &str {
        self.record.get(self.places[column]).unwrap_or_default()
    }

    fn wrong(&self, column: &str, what: &str) -> PriceError {
        let found = match self.cell(column) {
            "" => "nothing".to_owned(),
            found => format!("`{}`", printable(found)),
        };
        PriceError::new(self.line(), format!("`{column}` should be {what}, found {found}"))
    }

    fn text(&self, column: &str) -> Result<String, PriceError> {
        let text = self.cell(column);
        if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
            return Err(self.wrong(column, &format!("one line of at most {MAX_TEXT} characters")));
        }
        Ok(text.to_owned())
    }

    /// One half of `provider:sku@region`.
    fn name(&self, column: &str) -> Result<String, PriceError> {
        match self.text(column)? {
            name if name.is_empty() || name.contains([':', '@']) => {
                Err(self.wrong(column, "a name without `:` and `@`").hint("such as `aws` and `p5.48xlarge`"))
            }
            name => Ok(name),
        }
    }

    fn whole(&self, column: &str, range: RangeInclusive<u32>) -> Result<u32, PriceError> {
        let number = self.cell(column).parse().ok().filter(|number| range.contains(number));
        let what = || format!("a whole number from {} to {}", range.start(), range.end());
        number.ok_or_else(|| self.wrong(column, &what()))
    }

    fn price(&self) -> Result<f64, PriceError> {
        let is_price = |usd: &f64| *usd > 0.0 && *usd <= MAX_USD_PER_HOUR;
        self.cell("usd_per_hour").parse().ok().filter(is_price).ok_or_else(|| {
            self.wrong("usd_per_hour", &format!("a number of dollars above 0, at most {MAX_USD_PER_HOUR}"))
                .hint("such as `55.04`: without a sign, for an hour of the whole machine")
        })
    }

    fn provisioning(&self) -> Result<Provisioning, PriceError> {
        let found = self.cell("provisioning");
        let names = Provisioning::ALL.map(Provisioning::name);
        Provisioning::ALL.into_iter().find(|provisioning| provisioning.name() == found).ok_or_else(|| {
            let error = self.wrong("provisioning", &format!("one of {}", listed(names)));
            match nearest(found, names) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            }
        })
    }

    fn date(&self) -> Result<Date, PriceError> {
        self.cell("checked_at").parse().map_err(|expected| self.wrong("checked_at", expected))
    }
}

/// The one that was probably meant.
fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase().replace(['-', ' '], "_");
    let near =
        |candidate: &str| if typed == candidate { 1.0 } else { strsim::jaro_winkler(&typed, candidate) };
    let scored = candidates.into_iter().map(|candidate| (near(candidate), candidate));
    let best = scored.filter(|(score, _)| *score >= 0.85).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, candidate)| candidate)
}

/// `` `a`, `b` ``.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A text from a table, short enough for a message and without anything that moves a terminal's cursor.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    // Quotes are harmless, and escaped they would not read as typed.
    shown.replace("\\\"", "\"").replace("\\'", "'")
}

#[cfg(test)]
mod tests;
