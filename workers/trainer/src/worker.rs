//! The worker's side of the protocol: lines in, lines out, one trial at a time.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use sweep_wire::{
    Attempt, Contents, FailureKind, FromWorker, Job, MAX_LINE, PROTOCOL, Progress, Run, ToWorker,
};

use crate::{Control, Engine, Outcome, Said, Table, Trainer, Update, curvature, fault::Fault};

const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);

/// How long a worker without a scheduler may take to come to its end.
const ORPHAN_GRACE: Duration = Duration::from_secs(2);

/// Where messages go. A scheduler that no longer listens ends the worker.
#[derive(Clone)]
struct Sender(Arc<Mutex<Box<dyn Write + Send>>>);

impl Sender {
    fn send(&self, message: &FromWorker) -> std::io::Result<()> {
        let mut line = serde_json::to_string(message)?;
        line.push('\n');
        let mut output = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        output.write_all(line.as_bytes())?;
        output.flush()
    }
}

/// A request to end from outside the protocol, such as SIGTERM.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    requested: AtomicBool,
    training: AtomicBool,
}

impl Interrupt {
    /// Asks the worker to write a checkpoint and to end. False where it trains nothing: then there is nothing to save,
    /// and the process may be ended at once.
    #[must_use]
    pub fn request(&self) -> bool {
        self.0.requested.store(true, Ordering::SeqCst);
        self.0.training.load(Ordering::SeqCst)
    }

    fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::SeqCst)
    }

    fn training(&self, now: bool) {
        self.0.training.store(now, Ordering::SeqCst);
    }
}

/// Serves a scheduler until its input ends, or until `interrupt` asks it to. `end` ends the process; it is called where the process still runs a
/// while after its input ended, because it hangs in a file or in ONNX Runtime.
///
/// # Errors
/// The output cannot be written; the scheduler is gone.
pub fn run_worker(
    engine: &Engine,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    end: impl FnOnce() + Send + 'static,
    interrupt: Interrupt,
) -> std::io::Result<()> {
    let sender = Sender(Arc::new(Mutex::new(Box::new(output))));
    let worker = format!("sweep {}", env!("CARGO_PKG_VERSION"));
    sender.send(&FromWorker::Hello { protocol: PROTOCOL, worker, pid: std::process::id() })?;
    let inbox = listen(input, end);
    let heart = sender.clone();
    thread::spawn(move || {
        while heart.send(&FromWorker::Heartbeat).is_ok() {
            thread::sleep(HEARTBEAT_EVERY);
        }
    });
    let worker =
        Worker { engine: engine.clone(), sender, inbox, interrupt, waiting: VecDeque::new(), trainer: None };
    worker.serve()
}

/// Reads lines on a thread of its own; the channel closes with the input or with the first line that is not
/// a message, since nothing after it can be trusted.
fn listen(
    input: impl Read + Send + 'static,
    end: impl FnOnce() + Send + 'static,
) -> mpsc::Receiver<ToWorker> {
    let (tell, inbox) = mpsc::channel();
    thread::spawn(move || {
        forward(input, &tell);
        drop(tell);
        thread::sleep(ORPHAN_GRACE);
        end();
    });
    inbox
}

fn forward(input: impl Read, tell: &mpsc::Sender<ToWorker>) {
    let mut input = BufReader::new(input);
    loop {
        let mut line = Vec::new();
        match input.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let Ok(message) = serde_json::from_slice(&line) else { return };
                if tell.send(message).is_err() {
                    return;
                }
            }
        }
    }
}

struct Worker {
    engine: Engine,
    sender: Sender,
    inbox: mpsc::Receiver<ToWorker>,
    interrupt: Interrupt,
    /// What arrived while a trial ran.
    waiting: VecDeque<ToWorker>,
    trainer: Option<Trainer>,
}

impl Worker {
    fn serve(mut self) -> std::io::Result<()> {
        while let Some(message) = self.waiting.pop_front().or_else(|| self.inbox.recv().ok()) {
            match message {
                ToWorker::Inspect { job } => {
                    let answer = match self.trainer(&job) {
                        Ok(trainer) => FromWorker::Facts(Box::new(trainer.facts().clone())),
                        Err(fault) => FromWorker::Rejected(fault.into()),
                    };
                    self.sender.send(&answer)?;
                }
                ToWorker::MeasureCurvature { job } => {
                    let answer = match curvature::measure(&self.engine, &job, &mut self.measuring()) {
                        Ok(curvature) => FromWorker::Curvature(curvature),
                        Err(fault) => FromWorker::Rejected(fault.into()),
                    };
                    self.sender.send(&answer)?;
                }
                ToWorker::MeasurePace { job, folder } => {
                    let answer =
                        match Trainer::pace(&self.engine, &job, folder.as_deref(), &mut self.measuring()) {
                            Ok(pace) => FromWorker::Pace(Box::new(pace)),
                            Err(fault) => FromWorker::Rejected(fault.into()),
                        };
                    self.sender.send(&answer)?;
                }
                ToWorker::Assign { attempt, job, expected, run } => {
                    self.attempt(attempt, &job, &expected, &run)?
                }
                ToWorker::Launch { attempt, .. } => {
                    let message = "this worker runs no programs".to_owned();
                    let kind = FailureKind::Permanent;
                    self.sender.send(&FromWorker::Failed { attempt, kind, message })?;
                }
                ToWorker::Stop { .. } => {} // what it stops has already ended
            }
            if self.interrupt.is_requested() {
                break;
            }
        }
        Ok(())
    }

    /// Tells how far a measurement is.
    fn measuring(&self) -> impl FnMut(u32, u32) {
        let sender = self.sender.clone();
        move |done, of| {
            // Whether anybody listens shows with the answer.
            let _ = sender.send(&FromWorker::Measuring { done, of });
        }
    }

    /// The loaded trainer if it is of this job, else a new one.
    fn trainer(&mut self, job: &Job) -> Result<&mut Trainer, Fault> {
        let trainer = match self.trainer.take() {
            Some(trainer) if trainer.job() == job => trainer,
            _ => Trainer::new(&self.engine, job)?,
        };
        Ok(self.trainer.insert(trainer))
    }

    fn attempt(
        &mut self,
        attempt: Attempt,
        job: &Job,
        expected: &Contents,
        run: &Run,
    ) -> std::io::Result<()> {
        let failed = |kind, message| FromWorker::Failed { attempt, kind, message };
        let table = match table(run) {
            Ok(table) => table,
            Err(message) => return self.sender.send(&failed(FailureKind::Permanent, message)),
        };
        let problem = match self.trainer(job) {
            Ok(trainer) if trainer.facts().contents == *expected => None,
            Ok(_) => {
                let problem = "model or data have changed since the sweep was planned";
                Some((FailureKind::Job, problem.to_owned()))
            }
            Err(fault) if fault.out_of_memory => Some((FailureKind::OutOfMemory, fault.message)),
            Err(fault) => Some((FailureKind::Job, fault.message)),
        };
        if let Some((kind, problem)) = problem {
            self.trainer = None;
            return self.sender.send(&failed(kind, problem));
        }
        let Self { trainer: Some(trainer), sender, inbox, interrupt, waiting, .. } = self else {
            return Ok(());
        };
        let mut lost = false;
        // It is asked once, and the trainer does not heed every answer.
        let mut stopping = false;
        interrupt.training(true);
        let result = trainer.train(run, &table, &mut |said| {
            lost = lost || said_by(attempt, said).is_some_and(|message| sender.send(&message).is_err());
            let control = asked(attempt, inbox, waiting);
            stopping |= control == Control::Stop || interrupt.is_requested();
            match control {
                Control::Abandon => Control::Abandon,
                _ if lost => Control::Abandon,
                _ if stopping => Control::Stop,
                control => control,
            }
        });
        interrupt.training(false);
        let message = match result {
            Ok((Outcome::Done, train_seconds)) => {
                FromWorker::Done { attempt, steps: run.steps, train_seconds }
            }
            Ok((Outcome::Diverged { step }, train_seconds)) => {
                FromWorker::Diverged { attempt, step, train_seconds }
            }
            Ok((Outcome::Stopped, _)) => failed(FailureKind::Stopped, "stopped on request".to_owned()),
            Err(error) => match trainer.shortage(&error) {
                Some(message) => failed(FailureKind::OutOfMemory, message),
                None => failed(FailureKind::Transient, format!("ONNX Runtime failed: {error}")),
            },
        };
        self.sender.send(&message)
    }
}

/// What this attempt was told to do; a scheduler that went away would not hear of a checkpoint.
fn asked(attempt: Attempt, inbox: &mpsc::Receiver<ToWorker>, waiting: &mut VecDeque<ToWorker>) -> Control {
    loop {
        match inbox.try_recv() {
            Ok(ToWorker::Stop { attempt: other }) if other == attempt => return Control::Stop,
            Ok(ToWorker::Stop { .. }) => {}
            Ok(message) => waiting.push_back(message),
            Err(mpsc::TryRecvError::Empty) => return Control::Continue,
            Err(mpsc::TryRecvError::Disconnected) => return Control::Abandon,
        }
    }
}

/// What the scheduler is to hear.
fn said_by(attempt: Attempt, said: Said) -> Option<FromWorker> {
    Some(match said {
        Said::Nothing => return None,
        Said::Began { step, state_bytes, damaged } => {
            FromWorker::Started { attempt, step, state_bytes, damaged }
        }
        Said::Update(Update { step, loss, learning_rate, step_ms, points }) => {
            let (loss, learning_rate) = (loss.is_finite().then_some(loss), Some(learning_rate));
            FromWorker::Progress(Progress { attempt, step, loss, learning_rate, step_ms, points })
        }
        Said::Checkpoint { step, bytes } => FromWorker::Checkpoint { attempt, step, bytes },
        Said::Weights { which, step, bytes } => FromWorker::Weights { attempt, which, step, bytes },
        Said::Note(message) => FromWorker::Note { attempt, message },
    })
}

/// The trial's learning rates and momenta.
fn table(run: &Run) -> Result<Table, String> {
    let path = run.table.display();
    let bytes =
        fs::read(&run.table).map_err(|error| format!("the table `{path}` cannot be read: {error}"))?;
    Table::read(&bytes, run.steps).map_err(|problem| format!("the table `{path}` {problem}"))
}
