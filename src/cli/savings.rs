//! `sweep savings [SWEEP]`: which smaller budget is as good, how sure that is, what it saves.

use std::{path::Path, process::ExitCode};

use serde::{Deserialize, Serialize};

use super::{Failure, Global, cost, output::Output, question::Baseline};
use crate::{
    answer::{Account, Asked, CONFIDENCE, Compared, Evidence, NotComparable, Priced, Savings, Scale},
    report,
    spec::{self, Seeds},
    store::{self, Outcome, Reader, SweepRow},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP", default_value = "last")]
    sweep: String,
    #[command(flatten)]
    pub(super) ask: Ask,
    #[command(flatten)]
    output: Output,
}

/// What is asked, and of which training.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Ask {
    #[command(flatten)]
    baseline: Baseline,
    /// What one full training of yours costs, in dollars
    #[arg(long, value_name = "USD", value_parser = cost::usd)]
    full_cost: Option<f64>,
    /// How many of them you make in a year
    #[arg(long, value_name = "N", requires = "full_cost", value_parser = count)]
    trainings_per_year: Option<f64>,
    #[command(flatten)]
    rate: cost::Rate,
}

fn count(text: &str) -> Result<f64, String> {
    let count = text.parse().ok().filter(|count| *count > 0.0 && *count <= 1e9);
    count.ok_or_else(|| "a number above 0, at most 1e9".to_owned())
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let reader = store::open_reader(&global.home)?;
    let sweep = reader.find(&args.sweep)?;
    let outcomes = reader.outcomes(sweep.sweep)?;
    let inquiry = args.ask.inquiry(&reader, &sweep)?;
    let account = Account::new(&sweep, &outcomes, &reader.spans(&outcomes)?);
    let priced = inquiry.rate.priced(&reader, &sweep, &account)?;
    let savings = inquiry.answer(&reader, &sweep, &outcomes, (&account, &priced))?.map_err(|problem| {
        let failure = Failure::usage(&problem);
        problem.hint().into_iter().fold(failure, Failure::hint)
    })?;
    let people = |format, look| report::savings(&savings, format, look);
    args.output.document(global, &savings, people, || report::savings_table(&savings))?;
    Ok(ExitCode::SUCCESS)
}

impl Ask {
    /// All of it, with what the spec says where nothing is asked.
    pub(super) fn inquiry(&self, reader: &Reader, sweep: &SweepRow) -> Result<Inquiry, Failure> {
        let question = self.baseline.question(designed(reader, sweep)?.1);
        Ok(Inquiry {
            schedule: question.schedule,
            budget: question.budget,
            margin: question.margin.map(|margin| margin.to_string()),
            confidence: question.confidence.unwrap_or(CONFIDENCE),
            candidates: self.baseline.candidates()?,
            settings: self.baseline.settings(),
            full_cost: self.full_cost,
            trainings_per_year: self.trainings_per_year,
            rate: self.rate.asked()?,
        })
    }
}

/// What is asked of a sweep, in full: the same inquiry of the same results has the same answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Inquiry {
    schedule: Option<String>,
    budget: Option<String>,
    margin: Option<String>,
    pub(super) confidence: f64,
    candidates: Vec<String>,
    /// Values of swept parameters.
    settings: Vec<(String, f64)>,
    full_cost: Option<f64>,
    trainings_per_year: Option<f64>,
    #[serde(flatten)]
    pub(super) rate: cost::AskedRate,
}

impl Inquiry {
    /// The answer, or why there is none.
    pub(super) fn answer(
        &self,
        reader: &Reader,
        sweep: &SweepRow,
        outcomes: &[Outcome],
        (account, priced): (&Account, &Priced),
    ) -> Result<Result<Savings, NotComparable>, Failure> {
        let device_seconds = account.total.all().device_seconds;
        let margin = self.margin.as_deref().map(str::parse).transpose().map_err(Failure::usage)?;
        let (schedule, budget, confidence) =
            (self.schedule.clone(), self.budget.clone(), Some(self.confidence));
        let question = spec::Question { schedule, budget, margin, confidence };
        let asked = Asked { question, candidates: self.candidates.clone() };
        let outcomes = of_settings(&self.settings, outcomes)?;
        let seeds = designed(reader, sweep)?.0;
        let test_samples = reader.samples(sweep)?;
        let scale = Scale { full_cost: self.full_cost, trainings_per_year: self.trainings_per_year };
        Ok(Compared::new(sweep, &outcomes, &asked, seeds).map(|compared| {
            let evidence =
                Evidence { sweep, outcomes: &outcomes, priced, device_seconds, seeds, test_samples, scale };
            let (settings, candidates) = (self.settings.clone(), self.candidates.clone());
            Savings { settings, asked_candidates: candidates, ..Savings::new(&compared, &evidence) }
        }))
    }
}

/// The trials with these settings.
fn of_settings(settings: &[(String, f64)], outcomes: &[Outcome]) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = outcomes.to_vec();
    for (name, value) in settings {
        let has = |outcome: &Outcome| outcome.cell.settings.get(name) == Some(value);
        if !outcomes.is_empty() && !outcomes.iter().any(has) {
            let failure = Failure::usage(format!("no trial of this sweep has `{name}={value}`"));
            return Err(failure.hint("`sweep trials` lists their settings"));
        }
        outcomes.retain(has);
    }
    Ok(outcomes)
}

/// How many seeds a sweep's spec let results decide on, and what it asked.
fn designed(reader: &Reader, sweep: &SweepRow) -> Result<(Seeds, spec::Question), Failure> {
    match spec::parse(&reader.spec(sweep.sweep)?, Path::new("spec.yaml")) {
        Ok(spec) => Ok((spec.seeds, spec.question)),
        // Without it nobody knows whether seeds were added by looking at results, which changes every level.
        Err(error) => {
            let what = format!("this version cannot read the spec of sweep {} any longer", sweep.sweep);
            Err(Failure::usage(what).hint(error))
        }
    }
}
