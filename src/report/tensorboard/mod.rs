//! Learning curves as the bytes of TensorBoard's event files.
//!
//! Enter at [`EventFile::new`]; [`folders`] names the runs. A file is a row of TFRecords: length, checksum, an `Event`, checksum.

mod folders;
mod messages;

use prost::Message;

use self::messages::{
    Content, Dim, Event, Hparams, Kind, PluginData, Scalar, Session, SessionEnd, SessionStart, Shape,
    Summary, SummaryMetadata, SummaryValue, Tensor, What,
};
use crate::store::Run;

pub use folders::folders;

/// What TensorBoard calls the format.
const VERSION: &str = "brain.Event:2";

/// A run's events, as far as they were not taken yet. The store keeps no time of a point: all have that at which the
/// run started.
#[derive(Debug)]
pub struct EventFile {
    bytes: Vec<u8>,
    /// In seconds since 1970.
    started: f64,
}

impl EventFile {
    /// A file that begins with the run's hyperparameters: schedule, budget, steps, seed and settings.
    #[must_use]
    pub fn new(run: &Run) -> Self {
        let mut file = Self { bytes: Vec::new(), started: seconds(run.started_at) };
        file.record(0, What::FileVersion(VERSION.to_owned()));
        let text = |text: &str| Scalar { kind: Some(Kind::Text(text.to_owned())) };
        let number = |number: f64| Scalar { kind: Some(Kind::Number(number)) };
        let own = [
            ("schedule", text(&run.schedule)),
            ("budget", text(&run.budget)),
            ("steps", number(run.steps as f64)),
            ("seed", number(run.seed as f64)),
        ];
        let mut session = SessionStart {
            hparams: own.map(|(name, value)| (name.to_owned(), value)).into(),
            start_time_secs: file.started,
        };
        for (name, value) in &run.settings {
            let is_taken = session.hparams.contains_key(name);
            let name = if is_taken { format!("settings.{name}") } else { name.clone() };
            session.hparams.insert(name, number(*value));
        }
        file.session("_hparams_/session_start_info", Session::Start(session));
        file
    }

    /// Adds a point of a curve, in 32 bits as TensorBoard keeps it; NaN where there is no value.
    pub fn point(&mut self, name: &str, step: u64, value: Option<f64>) {
        let value = value.map_or(f32::NAN, |value| value as f32);
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        self.value(step, name, None, Content::SimpleValue(value));
    }

    /// Adds how the run ended, if it did. Diverged counts as failed.
    pub fn end(&mut self, run: &Run) {
        let status = match run.status.as_str() {
            "done" => 1,
            "diverged" | "failed" => 2,
            "running" => 3,
            _ => 0,
        };
        let end = SessionEnd { status, end_time_secs: seconds(run.ended_at) };
        self.session("_hparams_/session_end_info", Session::End(end));
    }

    /// How many bytes wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn session(&mut self, tag: &str, session: Session) {
        let content = Hparams { session: Some(session) }.encode_to_vec();
        let plugin = PluginData { plugin_name: "hparams".to_owned(), content };
        let metadata = SummaryMetadata { plugin_data: Some(plugin) };
        // A summary has a value; that of these is a tensor of none.
        let none = Tensor { dtype: 1, shape: Some(Shape { dim: vec![Dim { size: 0 }] }) };
        self.value(0, tag, Some(metadata), Content::Tensor(none));
    }

    fn value(&mut self, step: i64, tag: &str, metadata: Option<SummaryMetadata>, content: Content) {
        let value = SummaryValue { tag: tag.to_owned(), metadata, content: Some(content) };
        self.record(step, What::Summary(Summary { value: vec![value] }));
    }

    /// Adds a TFRecord.
    fn record(&mut self, step: i64, what: What) {
        let event = Event { wall_time: self.started, step, what: Some(what) }.encode_to_vec();
        let length = (event.len() as u64).to_le_bytes();
        self.bytes.extend(length);
        self.bytes.extend(masked(&length).to_le_bytes());
        self.bytes.extend(&event);
        self.bytes.extend(masked(&event).to_le_bytes());
    }
}

/// The CRC-32C of bytes, masked as TFRecords have it: rotated by 15 bits, plus a constant.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// From milliseconds; 0 where it is not known.
fn seconds(at: Option<i64>) -> f64 {
    at.unwrap_or(0) as f64 / 1000.0
}
