//! The home folder and what is in it.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, time::Duration};

use super::{Finding, Here, count, nearest, probe};
use crate::{
    process::{self, Running},
    report::bytes,
    store::{self, StoreError},
};

/// Below this much free space training is at risk, and below that it cannot even begin.
const LITTLE: u64 = 1 << 30;
const NOTHING: u64 = 64 << 20;
/// How long a look into the store may take; less than the time a check has.
const CHECK: Duration = Duration::from_secs(5);

pub(super) fn folder(here: &Here) -> Finding {
    let home = &here.home;
    let name = home.display();
    let owner = match fs::metadata(home) {
        Ok(metadata) if metadata.is_dir() => Some(metadata.uid()),
        Ok(_) => return Finding::problem(format!("`{name}` is not a folder"), "name another with `--home`"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            return Finding::problem(
                format!("`{name}` cannot be looked at: {error}"),
                "name another with `--home`",
            );
        }
    };
    let place = nearest(home);
    let network =
        process::file_system(place).map_err(|error| StoreError::Io { path: place.to_owned(), error });
    if let Err(error) = network.and_then(|number| store::refuse_network(home, number)) {
        return broken(&error);
    }
    match (probe(place), owner) {
        (Err(error), None) => Finding::problem(
            format!("`{name}` is not there, and cannot be made in `{}`: {error}", place.display()),
            "name another with `--home`",
        ),
        (Err(error), Some(_)) => Finding::problem(
            format!("`{name}` cannot be written: {error}"),
            "to train, name another with `--home`; to look at its results, copy it and name the copy",
        ),
        (Ok(()), None) => Finding::ok(format!("`{name}` is not there yet; `sweep run` makes it")),
        (Ok(()), Some(owner)) if owner != process::user() => Finding::warning(
            format!("`{name}` can be written, but belongs to user {owner}, not to user {}", process::user()),
            "files made here by one of you may be closed to the other: let one user run all sweeps of a home",
        ),
        (Ok(()), Some(_)) => Finding::ok(format!("`{name}` can be written")),
    }
}

pub(super) fn space(here: &Here) -> Finding {
    let advice = "delete something, let `sweep gc` do it, or name a home on another disk with `--home`";
    match process::free_space(nearest(&here.home)) {
        Ok(free) if free < NOTHING => Finding::problem(format!("{} free for the home", bytes(free)), advice),
        Ok(free) if free < LITTLE => Finding::warning(format!("{} free for the home", bytes(free)), advice),
        Ok(free) => Finding::ok(format!("{} free for the home", bytes(free))),
        Err(error) => Finding::warning(format!("not told by the system: {error}"), advice),
    }
}

pub(super) fn store(here: &Here) -> Finding {
    let health = match store::health(&here.home, CHECK) {
        Ok(health) => health,
        Err(StoreError::NothingHere(_)) => return Finding::ok("none yet; `sweep run` makes it"),
        Err(error) => return broken(&error),
    };
    let about = format!("schema {}, {}", health.schema, bytes(health.bytes));
    if let Some(first) = health.faults.first() {
        return Finding::problem(
            format!("damaged ({about}): {first}"),
            "copy the home folder before anything else; `sqlite3 sweep.db .recover` saves what can be read, and a \
             backup is better",
        );
    }
    if health.schema < health.latest {
        return Finding::warning(
            format!("of an older sweep ({about}; this one writes {})", health.latest),
            "`sweep run` with any spec brings it up to date",
        );
    }
    match health.is_complete {
        true => Finding::ok(format!("sound ({about})")),
        false => Finding::ok(format!("sound as far as was looked at in {} s ({about})", CHECK.as_secs())),
    }
}

pub(super) fn scheduler(here: &Here) -> Finding {
    match store::holder(&here.home) {
        Ok(None) => Finding::ok("none is at work on this home"),
        Ok(Some(store::Holder { pid: None })) => Finding::ok("one has just started on this home"),
        Ok(Some(store::Holder { pid: Some(pid) })) => match process::running(pid) {
            Some(running) => {
                Finding::ok(format!("process {pid} is at work on this home: `{}`", command(&running)))
            }
            None if process::is_alive(pid) => Finding::ok(format!("process {pid} is at work on this home")),
            None => Finding::warning(
                format!("process {pid} has this home's lock, and is not seen from here"),
                "it may be in a container, or on another machine that shares the folder: stop it there",
            ),
        },
        Err(error) => Finding::warning(format!("its lock cannot be looked at: {error}"), "see `home folder`"),
    }
}

pub(super) fn workers(here: &Here) -> Finding {
    let recent = match store::recent_workers(&here.home, CHECK) {
        Ok(recent) => recent,
        Err(StoreError::NothingHere(_)) => Vec::new(),
        Err(_) => return Finding::ok("not known: the store cannot be read"),
    };
    let left: Vec<_> = recent.into_iter().filter(|pid| is_left(*pid)).map(|pid| pid.to_string()).collect();
    if left.is_empty() {
        return Finding::ok("none of this home");
    }
    Finding::warning(
        format!("{} outlived the scheduler: {}", count(left.len() as u64, "worker"), left.join(", ")),
        format!("workers end by themselves after their current step; otherwise `kill -9 {}`", left.join(" ")),
    )
}

/// Whether a process is a worker and its parent no scheduler. The number of one that has ended may have gone to
/// another program.
fn is_left(pid: u32) -> bool {
    let Some(worker) = process::running(pid) else { return false };
    if worker.command.get(1).is_none_or(|verb| verb != "worker") {
        return false;
    }
    let program = |running: &Running| {
        running.command.first().and_then(|path| Path::new(path).file_name().map(ToOwned::to_owned))
    };
    process::running(worker.parent).is_none_or(|parent| program(&parent) != program(&worker))
}

fn command(running: &Running) -> String {
    const LONGEST: usize = 60;
    let text = running.command.join(" ");
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain(['…']).collect() } else { text }
}

fn broken(error: &StoreError) -> Finding {
    Finding::problem(
        error.to_string(),
        error.hint().unwrap_or_else(|| "name another home with `--home`".to_owned()),
    )
}
