//! `sweep submit SPEC`: hand a sweep to the daemon and leave it there.

use std::{path::PathBuf, process::ExitCode};

use super::{
    Failure, Global, OutputMode, ask,
    failure::{print, say},
    prepare,
    run::event_loop,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The sweep's YAML file
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    #[command(flatten)]
    again: prepare::Again,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    // Before the time that looking at the data takes.
    let Some(daemon) = ask::daemon(global)? else {
        return Err(Failure::usage(format!("no daemon runs for the home `{}`", global.home.display()))
            .hint("`sweep daemon start` starts one; `sweep run SPEC` needs none"));
    };
    let order = event_loop()?.block_on(prepare::order(global, &args.spec, args.again.measure_again))?;
    let accepted = ask::submit(daemon, order)?;
    match global.output_mode {
        OutputMode::Quiet => {}
        OutputMode::Json => {
            let document = serde_json::json!({
                "version": 1, "sweep": accepted.sweep, "name": accepted.name, "trials": accepted.trials,
                "left": accepted.left, "steps": accepted.steps,
            });
            print(&format!("{document:#}\n"))?;
        }
        OutputMode::Cli => {
            say(&prepare::headline(&accepted));
            let sweep = accepted.sweep;
            print(&format!("sweep {sweep} was submitted; `sweep watch {sweep}` shows how far it is\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
