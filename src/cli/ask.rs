//! What commands ask of the scheduler of a home.

use std::{io, path::Path, time::Instant};

use super::{Failure, Global, progress::Progress};
use crate::{
    daemon::{
        Client, Order,
        protocol::{Accepted, Reply, Request, Status},
    },
    engine::{Over, SweepId},
    store::{self, SweepRow},
};

/// The sweep that a selector means.
pub(super) fn find(global: &Global, selector: &str) -> Result<SweepRow, Failure> {
    Ok(store::open_reader(&global.home)?.find(selector)?)
}

/// A connection to whatever schedules this home, if anything does.
pub(super) fn scheduler(home: &Path) -> Result<Option<Client>, Failure> {
    Client::connect(home).map_err(|error| {
        Failure::internal(format!("cannot reach the scheduler of `{}`: {error}", home.display()))
            .hint("its socket belongs to whoever started it")
    })
}

/// How the scheduler of this home is doing, if there is one.
pub(super) fn status(home: &Path) -> Result<Option<Status>, Failure> {
    let Some(client) = scheduler(home)? else { return Ok(None) };
    match answer(client, Request::Status) {
        Ok(Reply::Status(status)) => Ok(Some(*status)),
        Ok(_) => Err(unexpected()),
        // It ended between two looks.
        Err(_) if scheduler(home)?.is_none() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A connection to the daemon of this home; a `run` that schedules it is none.
pub(super) fn daemon(global: &Global) -> Result<Option<Client>, Failure> {
    match status(&global.home)? {
        Some(status) if status.daemon => scheduler(&global.home),
        _ => Ok(None),
    }
}

/// The one answer to a request.
pub(super) fn answer(client: Client, request: Request) -> Result<Reply, Failure> {
    match client.ask(request).and_then(crate::daemon::Replies::only).map_err(|error| gone(&error))? {
        Reply::Error { message, hint, code } => {
            let failure = Failure::internal(message).code(code);
            Err(match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
        reply => Ok(reply),
    }
}

/// Hands a spec to a daemon.
pub(super) fn submit(daemon: Client, order: Order) -> Result<Accepted, Failure> {
    let Order { file, text, facts, price, .. } = order;
    // The daemon is in another folder.
    let file = std::path::absolute(file)
        .map_err(|error| Failure::internal(format!("cannot tell where this folder is: {error}")))?;
    let file = file.to_str().ok_or_else(|| Failure::usage("the spec's path is not UTF-8 text"))?.to_owned();
    match answer(daemon, Request::Submit { file, text, facts: Box::new(facts), price })? {
        Reply::Submitted(accepted) => Ok(accepted),
        _ => Err(unexpected()),
    }
}

/// How watching ended.
pub(super) enum Watched {
    /// The sweep is over, or its scheduler is (`None`).
    Over(Option<Over>),
    TimedOut,
}

/// Shows a sweep until it is over, or until a deadline.
pub(super) fn watch(
    home: &Path,
    sweep: SweepId,
    mut progress: Progress,
    deadline: Option<Instant>,
) -> Result<Watched, Failure> {
    let Some(client) = scheduler(home)? else { return Ok(Watched::Over(None)) };
    let mut replies = client.ask(Request::Watch { sweep }).map_err(|error| gone(&error))?;
    let watched = loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            break Watched::TimedOut;
        }
        replies.patience(left).map_err(Failure::internal)?;
        match replies.next() {
            Some(Ok(Reply::Snapshot(snapshot))) => progress.show(&snapshot),
            Some(Ok(Reply::Over { over })) => break Watched::Over(over),
            Some(Ok(_)) => return Err(unexpected()),
            Some(Err(error))
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Some(Err(error)) => return Err(gone(&error)),
            // It was killed.
            None => break Watched::Over(None),
        }
    };
    progress.finish();
    Ok(watched)
}

fn gone(error: &io::Error) -> Failure {
    let what = match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "it does not answer".to_owned(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            "it went away".to_owned()
        }
        _ => error.to_string(),
    };
    Failure::internal(format!("no answer from the scheduler: {what}"))
        .hint("`sweep daemon status` says whether there is one; what was acknowledged is kept")
}

pub(super) fn unexpected() -> Failure {
    Failure::internal("the scheduler answered something else than was asked")
        .hint("commands and scheduler have to be of the same version of `sweep`")
}
