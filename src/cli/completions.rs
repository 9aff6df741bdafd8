//! `sweep completions SHELL`: what makes a shell complete `sweep`'s commands and options.

use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure, failure::print};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Where the script goes:
  bash        sweep completions bash > ~/.local/share/bash-completion/completions/sweep
  zsh         sweep completions zsh > a folder of `$fpath`, as `_sweep`
  fish        sweep completions fish > ~/.config/fish/completions/sweep.fish
  elvish      sweep completions elvish > ~/.config/elvish/lib/sweep.elv, then `use sweep` in `rc.elv`
  powershell  sweep completions powershell >> $PROFILE")]
pub(super) struct Args {
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(&Cli::command()), "sweep", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// The commands for people: the crate would offer hidden ones too.
fn visible(all: &Command) -> Command {
    let bare = Command::new("sweep")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .about(all.get_about().cloned().unwrap_or_default());
    let with_options = all.get_arguments().cloned().fold(bare, Command::arg);
    with_options.subcommands(all.get_subcommands().filter(|command| !command.is_hide_set()).cloned())
}
