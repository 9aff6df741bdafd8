//! `sweep schedule export NAME`: the table that workers follow, bit for bit.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::ValueEnum;

use super::pick::{Curve, One, curve_of};
use crate::{
    cli::{Failure, Global, OutputMode, failure::say},
    report::python,
    schedule::Table,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    one: One,
    /// How the table is written; unless given as the file's name says, else as CSV
    #[arg(long, value_enum)]
    format: Option<Kind>,
    /// The file, over one that is there, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A row per step: `step,learning_rate`, and `momentum` where the schedule moves it
    Csv,
    /// An array of numbers; where the momentum moves an array of [rate, momentum] pairs
    Json,
    /// NumPy, float32: one number per step, or two columns where the momentum moves
    Npy,
    /// What a worker reads: little-endian float32, one per step, or rate and momentum by turns
    F32,
    /// A Python file with a PyTorch `LambdaLR` that follows the table
    Pytorch,
    /// A Python file with an optax schedule that follows the table; the momentum is not in it
    Optax,
}

/// The longest table that is written into a Python file, in steps.
const MAX_SNIPPET: usize = 100_000;

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let kind = kind(args)?;
    let curve = curve_of(&args.one)?;
    if matches!(kind, Kind::Pytorch | Kind::Optax) && curve.table.rates.len() > MAX_SNIPPET {
        return Err(Failure::usage(format!(
            "a table of more than {MAX_SNIPPET} steps is too long for a Python file"
        ))
        .hint("`--format npy` writes it for `numpy.load`"));
    }
    let written = match &args.output {
        Some(path) => {
            File::create(path).and_then(|file| write(&mut BufWriter::new(file), kind, args, &curve))
        }
        None if global.output_mode == OutputMode::Quiet => Ok(()),
        None => match write(&mut BufWriter::new(io::stdout().lock()), kind, args, &curve) {
            // A reader that has seen enough is no failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        },
    };
    let place =
        args.output.as_ref().map_or("standard output".to_owned(), |path| format!("`{}`", path.display()));
    written.map_err(|error| Failure::usage(format!("{place} cannot be written: {error}")))?;
    if let Some(path) = &args.output {
        say(&format!("wrote {} steps of {} to {}", args.one.around.steps, curve.name, path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// As asked, or as the file is called.
fn kind(args: &Args) -> Result<Kind, Failure> {
    let extension = args.output.as_ref().and_then(|path| path.extension()).and_then(|name| name.to_str());
    match (args.format, extension) {
        (Some(kind), _) => Ok(kind),
        (None, Some("npy")) => Ok(Kind::Npy),
        (None, Some("json")) => Ok(Kind::Json),
        (None, Some("f32")) => Ok(Kind::F32),
        (None, Some("csv") | None) => Ok(Kind::Csv),
        (None, Some(other)) => Err(Failure::usage(format!("what is a file called `.{other}` to hold?"))
            .hint("say `--format csv`, `json`, `npy`, `f32`, `pytorch` or `optax`")),
    }
}

fn write(output: &mut impl Write, kind: Kind, args: &Args, curve: &Curve) -> io::Result<()> {
    let table = &curve.table;
    let about = format!("{}, {}", curve.name, args.one.around.words());
    match kind {
        Kind::Csv => csv(output, table)?,
        Kind::Json => json(output, table)?,
        Kind::Npy => {
            output.write_all(&npy_header(table))?;
            raw(output, table)?;
        }
        Kind::F32 => raw(output, table)?,
        Kind::Pytorch => {
            output.write_all(python::pytorch(&about, &bytes(table), table.momenta.is_some()).as_bytes())?
        }
        Kind::Optax => output.write_all(python::optax(&about, &bytes(&rates_alone(table))).as_bytes())?,
    }
    output.flush()
}

fn raw(output: &mut impl Write, table: &Table) -> io::Result<()> {
    table.blocks().try_for_each(|block| output.write_all(&block))
}

fn bytes(table: &Table) -> Vec<u8> {
    table.blocks().flatten().collect()
}

/// optax has no momentum that a schedule of its rate could move.
fn rates_alone(table: &Table) -> Table {
    Table { rates: table.rates.clone(), momenta: None }
}

fn csv(output: &mut impl Write, table: &Table) -> io::Result<()> {
    match &table.momenta {
        None => {
            writeln!(output, "step,learning_rate")?;
            (0..).zip(&table.rates).try_for_each(|(step, rate): (u64, _)| writeln!(output, "{step},{rate}"))
        }
        Some(momenta) => {
            writeln!(output, "step,learning_rate,momentum")?;
            let mut rows = (0..).zip(table.rates.iter().zip(momenta));
            rows.try_for_each(|(step, (rate, momentum)): (u64, _)| {
                writeln!(output, "{step},{rate},{momentum}")
            })
        }
    }
}

/// Numbers as short as 32 bits need them: read as 64 and made 32 again they are the same.
fn json(output: &mut impl Write, table: &Table) -> io::Result<()> {
    write!(output, "[")?;
    for (step, rate) in table.rates.iter().enumerate() {
        let comma = if step == 0 { "" } else { "," };
        match &table.momenta {
            None => write!(output, "{comma}{rate}")?,
            Some(momenta) => write!(output, "{comma}[{rate},{}]", momenta[step])?,
        }
    }
    writeln!(output, "]")
}

/// The header of version 1.0 of NumPy's format, its length a multiple of 64.
fn npy_header(table: &Table) -> Vec<u8> {
    let steps = table.rates.len();
    let shape = if table.momenta.is_some() { format!("({steps}, 2)") } else { format!("({steps},)") };
    let mut words = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + words.len() + 1) % 64 != 0 {
        words.push(' ');
    }
    words.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((words.len() as u16).to_le_bytes());
    header.extend(words.as_bytes());
    header
}
