//! `sweep schedule …`: schedules without training.

mod compare;
mod export;
mod list;
mod pick;
mod show;
mod solve;

use std::process::ExitCode;

use clap::Subcommand;

use super::{Failure, Global};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The schedules there are: formula, parameters, source
    List(list::Args),
    /// One schedule: its curve, its values and what can be said of them
    Show(show::Args),
    /// Draw schedules in the terminal, as SVG or as an HTML page
    Plot(compare::PlotArgs),
    /// Draw schedules and list their properties side by side, a bound on the last iterate among them
    Compare(compare::Args),
    /// Write what workers follow, for a training loop of your own
    Export(export::Args),
    /// Solve the noisy min–max problem that UBA stands for, and see what common schedules lose to its optimum
    Solve(solve::Args),
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    match &args.command {
        Command::List(args) => list::run(global, args),
        Command::Show(args) => show::run(global, args),
        Command::Plot(args) => compare::plot(global, args),
        Command::Compare(args) => compare::run(global, args),
        Command::Export(args) => export::run(global, args),
        Command::Solve(args) => solve::run(global, args),
    }
}
