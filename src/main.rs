//! Parses the command line, does what it says, prints at most one error, exits with its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    sweep::cli::main()
}
