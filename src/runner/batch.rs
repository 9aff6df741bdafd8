//! Reports → progress: at most a few messages a second, none longer than the wire allows.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use sweep_wire::{Attempt, Point, Progress};

const EVERY: Duration = Duration::from_millis(250);
/// How much of a message points may fill, in bytes; with those of one more report it is still short enough.
const FULL: usize = 256 << 10;
/// What a point takes beside its name, at most.
const AROUND_NAME: usize = 80;

/// What was reported since the last message.
#[derive(Debug)]
pub(super) struct Batch {
    points: Vec<Point>,
    bytes: usize,
    /// Steps done, and when that was reported.
    step: u64,
    at: Instant,
    loss: Option<f64>,
    /// Both as of the last message.
    sent_step: u64,
    sent_at: Instant,
    /// There is something to send, not before this time.
    pending: bool,
    next: Instant,
}

impl Batch {
    /// Of a program that starts now at this step.
    pub(super) fn new(now: Instant, step: u64) -> Self {
        Self {
            points: Vec::new(),
            bytes: 0,
            step,
            at: now,
            loss: None,
            sent_step: step,
            sent_at: now,
            pending: false,
            next: now,
        }
    }

    /// Values that are not finite are no points.
    pub(super) fn add(&mut self, now: Instant, step: u64, values: Vec<(String, Option<f64>)>) {
        for (name, value) in values {
            if name == "train/loss" || name == "loss" {
                self.loss = value;
            }
            if let Some(value) = value {
                self.bytes += 2 * name.len() + AROUND_NAME;
                self.points.push(Point { name, step, value });
            }
        }
        (self.step, self.at) = (self.step.max(step), now);
        self.pending = true;
    }

    /// When there is something to send.
    pub(super) fn due(&self) -> Option<Instant> {
        self.pending.then_some(if self.bytes >= FULL { self.at } else { self.next })
    }

    /// The last step that was reported.
    pub(super) fn step(&self) -> u64 {
        self.step
    }

    /// What there is to send.
    pub(super) fn take(&mut self, now: Instant, attempt: Attempt, rates: &mut Rates) -> Option<Progress> {
        if !self.pending {
            return None;
        }
        let steps = self.step - self.sent_step;
        let passed = self.at.duration_since(self.sent_at).as_secs_f64() * 1e3;
        (self.sent_step, self.sent_at) = (self.step, self.at);
        (self.bytes, self.pending, self.next) = (0, false, now + EVERY);
        Some(Progress {
            attempt,
            step: self.step,
            loss: self.loss,
            learning_rate: rates.before(self.step),
            step_ms: if steps == 0 { 0.0 } else { passed / steps as f64 },
            points: std::mem::take(&mut self.points),
        })
    }
}

/// The table of learning rates, opened when it is first asked.
#[derive(Debug)]
pub(super) struct Rates {
    path: PathBuf,
    /// Rows of the table.
    steps: u64,
    /// With the length of a row in bytes.
    file: Option<(File, u64)>,
}

impl Rates {
    pub(super) fn new(path: PathBuf, steps: u64) -> Self {
        Self { path, steps, file: None }
    }

    /// The rate of the last of `steps` steps; none where the table does not say.
    fn before(&mut self, steps: u64) -> Option<f64> {
        if self.file.is_none() {
            let file = File::open(&self.path).ok()?;
            let with_momentum = Some(file.metadata().ok()?.len()) == self.steps.checked_mul(8);
            self.file = Some((file, if with_momentum { 8 } else { 4 }));
        }
        let (file, row) = self.file.as_ref()?;
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, row * steps.saturating_sub(1)).ok()?;
        Some(f64::from(f32::from_le_bytes(bytes))).filter(|rate| rate.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_report_goes_at_once_and_the_next_ones_together() {
        let now = Instant::now();
        let mut rates = Rates::new(PathBuf::from("/nowhere"), 300);
        let mut batch = Batch::new(now, 0);
        assert_eq!(batch.due(), None);
        batch.add(now + Duration::from_millis(20), 10, vec![("loss".into(), Some(0.5)), ("x".into(), None)]);
        assert_eq!(batch.due(), Some(now));
        let first = batch.take(now + Duration::from_millis(20), 7, &mut rates).unwrap();
        assert_eq!((first.step, first.loss, first.step_ms, first.points.len()), (10, Some(0.5), 2.0, 1));
        assert_eq!(batch.take(now, 7, &mut rates), None);
        batch.add(now + Duration::from_millis(30), 10, vec![("y".into(), Some(1.0))]);
        batch.add(now + Duration::from_millis(40), 12, vec![("loss".into(), None)]);
        assert_eq!(batch.due(), Some(now + Duration::from_millis(270)));
        let second = batch.take(now, 7, &mut rates).unwrap();
        assert_eq!((second.step, second.loss, second.step_ms, second.points.len()), (12, None, 10.0, 1));
    }

    #[test]
    fn rates_are_those_of_the_step_before_with_momenta_beside_them_or_without() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table");
        for momenta in [false, true] {
            let row = |step: u8| [f32::from(step), 9.0].into_iter().take(1 + usize::from(momenta));
            let bytes: Vec<u8> = (1..=4).flat_map(row).flat_map(f32::to_le_bytes).collect();
            std::fs::write(&path, bytes).unwrap();
            let mut rates = Rates::new(path.clone(), 4);
            let found: Vec<_> = [0, 1, 3, 4, 9].map(|steps| rates.before(steps)).into();
            let of = |rate: f64| Some(rate);
            assert_eq!(found[..4], [of(1.0), of(1.0), of(3.0), of(4.0)]);
            assert_eq!(found[4], None, "beyond the table");
        }
    }

    #[test]
    fn a_full_batch_waits_for_nothing_and_fits_a_line() {
        let now = Instant::now();
        let mut batch = Batch::new(now, 0);
        batch.add(now, 1, vec![]);
        batch.take(now, 7, &mut Rates::new(PathBuf::new(), 300)).unwrap();
        // As bytes, the worst that a report may hold: backslashes are written twice.
        let report =
            || (0..1000).map(|number| (format!("{number:\\>100}"), Some(-1.234_567_890_123_456_7e-300)));
        while batch.due().is_none_or(|due| due > now) {
            batch.add(now, u64::MAX, report().collect());
        }
        let full = batch.take(now, 7, &mut Rates::new(PathBuf::new(), 300)).unwrap();
        let line = serde_json::to_vec(&sweep_wire::FromWorker::Progress(full)).unwrap();
        assert!(line.len() < sweep_wire::MAX_LINE, "{}", line.len());
    }
}
