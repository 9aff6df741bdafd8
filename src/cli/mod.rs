//! The command line: one file per verb, each arguments → call → render. Data goes to standard output,
//! everything else to standard error.

mod ask;
mod calibration;
mod completions;
mod consult;
mod control;
mod cost;
mod curves;
mod daemon;
mod data;
mod devices;
mod division;
mod doctor;
mod export_model;
mod failure;
mod gc;
mod init;
mod inputs;
mod list;
mod logs;
mod measure;
mod model;
mod output;
mod plan;
mod prepare;
mod price;
mod progress;
mod question;
mod report;
mod results;
mod run;
mod runtime;
mod savings;
mod schedule;
mod schema;
mod show;
mod sql;
mod submit;
mod tensorboard;
mod trials;
mod unit;
mod verify;
mod watch;
mod why;
mod worker;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};

pub use failure::Failure;
pub use unit::systemd_unit;

/// Finds out how little training you can pay for.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every verb understands, before or after it.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Folder that holds the store, logs and rate tables
    #[arg(long, global = true, env = "SWEEP_HOME", default_value = ".sweep", value_name = "DIR")]
    home: PathBuf,
    /// What is printed: for people, one JSON document, or nothing but errors
    #[arg(long, global = true, env = "SWEEP_OUTPUT_MODE", default_value = "cli", value_name = "MODE")]
    output_mode: OutputMode,
    /// When to colour
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputMode {
    Cli,
    Json,
    Quiet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl Global {
    /// Whether standard output gets colour: asked for, or a terminal without `NO_COLOR`.
    fn colored(&self) -> bool {
        use std::io::IsTerminal;
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                std::io::stdout().is_terminal() && !refused
            }
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first spec for a model and a folder of data
    Init(init::Args),
    /// Train every trial of a spec that has no result yet, then print the schedule × budget table
    Run(run::Args),
    /// Show the trials of a spec and what they will take, in hours and dollars; train nothing
    Plan(plan::Args),
    /// Hand a spec to the daemon and leave it there
    Submit(submit::Args),
    /// Show how far a sweep is until it is over
    Watch(watch::Args),
    /// Wait until a sweep is over; the exit code says how it ended
    Wait(watch::WaitArgs),
    /// Stop a sweep for good; running its spec again goes on where it was
    Cancel(control::Args),
    /// Start no more trials of a sweep for now
    Pause(control::PauseArgs),
    /// Go on with a paused sweep
    Resume(control::Args),
    /// Try failed trials again
    Retry(control::RetryArgs),
    /// What a trial waits for, who stopped it, why it was tried again
    Why(why::Args),
    /// What a trial's attempts printed
    Logs(logs::Args),
    /// A scheduler that stays: start it, stop it, ask how it is
    #[command(subcommand)]
    Daemon(daemon::Args),
    /// The schedule × budget table of a sweep
    Results(results::Args),
    /// How a metric goes during training, over the seeds of each schedule and budget
    Curves(curves::Args),
    /// Which smaller budget is as good, how sure that is, and what it saves
    Savings(savings::Args),
    /// What a sweep found: cost against quality, on the screen, as a page, as Markdown or as a picture
    Report(report::Args),
    /// Recompute every number in a report from the store
    Verify(verify::Args),
    /// What a sweep cost, per schedule and budget, and would cost elsewhere
    Cost(cost::Args),
    /// What machines cost to rent: the offers that are known
    Prices(price::Args),
    /// The trials of a sweep
    Trials(trials::Args),
    /// Everything about one trial
    Show(show::Args),
    /// Write a trial's model, with the weights it was trained to, as an ONNX file
    ExportModel(export_model::Args),
    /// The learning curves of a sweep, as event files for TensorBoard
    Tensorboard(tensorboard::Args),
    /// The sweeps in the store
    List(list::Args),
    /// Query the store, read-only
    Sql(sql::Args),
    /// Look at the data of a spec without training
    Data(data::Args),
    /// Look at a model without training it
    Model(model::Args),
    /// Look at learning-rate schedules without training: list, show, plot, compare, export, solve
    Schedule(schedule::Args),
    /// Delete what nothing needs any longer: left-over checkpoints, rate tables, old logs
    Gc(gc::Args),
    /// ONNX Runtime: install it, or say where it is
    Runtime(runtime::Args),
    /// What this machine has for training: processors, memory, GPUs and who is on them
    Devices(devices::Args),
    /// Check whether training can work here, and say what to do where it cannot
    Doctor(doctor::Args),
    /// Print the JSON Schema of specs, with which editors complete, explain and check them
    Schema(schema::Args),
    /// Print what makes a shell complete commands and options
    Completions(completions::Args),
    /// Serve a scheduler on standard input and output
    #[command(hide = true)]
    Worker(worker::Args),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    let result = match command {
        Command::Init(args) => init::run(&global, &args),
        Command::Run(args) => run::run(&global, &args),
        Command::Plan(args) => plan::run(&global, &args),
        Command::Submit(args) => submit::run(&global, &args),
        Command::Watch(args) => watch::run(&global, &args),
        Command::Wait(args) => watch::wait(&global, &args),
        Command::Cancel(args) => control::cancel(&global, &args),
        Command::Pause(args) => control::pause(&global, &args),
        Command::Resume(args) => control::resume(&global, &args),
        Command::Retry(args) => control::retry(&global, &args),
        Command::Why(args) => why::run(&global, &args),
        Command::Logs(args) => logs::run(&global, &args),
        Command::Daemon(args) => daemon::run(&global, &args),
        Command::Results(args) => results::run(&global, &args),
        Command::Curves(args) => curves::run(&global, &args),
        Command::Savings(args) => savings::run(&global, &args),
        Command::Report(args) => report::run(&global, &args),
        Command::Verify(args) => verify::run(&global, &args),
        Command::Cost(args) => cost::run(&global, &args),
        Command::Prices(args) => price::run(&global, &args),
        Command::Trials(args) => trials::run(&global, &args),
        Command::Show(args) => show::run(&global, &args),
        Command::ExportModel(args) => export_model::run(&global, &args),
        Command::Tensorboard(args) => tensorboard::run(&global, &args),
        Command::Gc(args) => gc::run(&global, &args),
        Command::List(args) => list::run(&global, &args),
        Command::Sql(args) => sql::run(&global, &args),
        Command::Data(args) => data::run(&global, &args),
        Command::Model(args) => model::run(&global, &args),
        Command::Schedule(args) => schedule::run(&global, &args),
        Command::Runtime(args) => runtime::run(&global, &args),
        Command::Devices(args) => devices::run(&global, &args),
        Command::Doctor(args) => doctor::run(&global, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Worker(args) => worker::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
