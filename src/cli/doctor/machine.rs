//! What the system lets this user have.

use std::{
    env, fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Finding, Here, count, probe};
use crate::{device, process, report::bytes, store};

/// Files that a scheduler has open for each worker, and besides.
const FILES_EACH: u64 = 3;
const FILES: u64 = 64;
/// Threads of a worker beside those that compute, and of everything else of a sweep.
const THREADS_EACH: u64 = 4;
const THREADS: u64 = 32;
/// What a worker should have: it holds up to 1 GiB of data unless a spec says otherwise.
const MEMORY_EACH: u64 = 1 << 30;
/// When this was written: no clock that is right shows less. Seconds since the Unix epoch, 2026-01-01.
const WRITTEN: u64 = 1_767_225_600;
/// How far a file may be ahead of the clock: file systems round.
const AHEAD: Duration = Duration::from_secs(60);

pub(super) fn open_files(here: &Here) -> Finding {
    let workers = here.slots.workers;
    let needed = FILES_EACH * u64::from(workers) + FILES;
    let needs = format!("{} need about {needed}", count(workers, "worker"));
    match process::system_limits().open_files {
        Some(limit) if limit < needed => Finding::problem(
            format!("a process may have {limit}; {needs}"),
            format!("`ulimit -n {needed}` before `sweep`, or fewer workers by `resources: {{workers: …}}`"),
        ),
        Some(limit) => Finding::ok(format!("a process may have {limit}; {needs}")),
        None => Finding::ok("without a limit"),
    }
}

pub(super) fn processes(here: &Here) -> Finding {
    let slots = here.slots;
    let needed = u64::from(slots.workers) * (u64::from(slots.threads) + THREADS_EACH) + THREADS;
    let needs = format!("a sweep needs about {needed}, threads included");
    match process::system_limits().processes {
        // The system does not hold its administrator to it.
        Some(limit) if limit < needed && process::user() != 0 => Finding::warning(
            format!("this user may have {limit}; {needs}"),
            "raise it with `ulimit -u`, or use fewer workers by `resources: {workers: …}`",
        ),
        Some(limit) => Finding::ok(format!("this user may have {limit}; {needs}")),
        None => Finding::ok("without a limit"),
    }
}

pub(super) fn memory(here: &Here) -> Finding {
    let Some(usable) = here.machine.usable_memory() else {
        return Finding::ok("not told by the system");
    };
    let workers = count(here.slots.workers, "worker");
    let found = format!("{} available for {workers}", bytes(usable));
    match usable / u64::from(here.slots.workers) {
        each if each < MEMORY_EACH => Finding::warning(
            format!("{found}, {} each", bytes(each)),
            "use fewer by `resources: {workers: …}`, or let each hold less by `data: {memory: …}`",
        ),
        _ => Finding::ok(found),
    }
}

pub(super) fn claims(_: &Here) -> Finding {
    let allowed = device::allowed_cores();
    let claimed = match device::claimed_by_others(&allowed) {
        Ok(claimed) => claimed,
        Err(why) => {
            return Finding::warning(
                format!("{why}, so workers are not bound to cores"),
                "remove it, or have its owner do that",
            );
        }
    };
    if claimed.is_empty() {
        return Finding::ok("no scheduler of this user holds a core");
    }
    let mut holders: Vec<_> = claimed.iter().filter_map(|(_, pid)| *pid).collect();
    holders.sort_unstable();
    holders.dedup();
    let holders = holders.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let by = if holders.is_empty() { String::new() } else { format!(" by process {holders}") };
    let found = format!("{} of {} held{by}", claimed.len(), count(allowed.len() as u64, "core"));
    match claimed.len() < allowed.len() {
        true => Finding::ok(found),
        false => Finding::warning(
            found,
            "another scheduler would share these cores, and its times would tell of that: let one end first",
        ),
    }
}

pub(super) fn clock(here: &Here) -> Finding {
    let advice = "set it, by `timedatectl set-ntp true` if the system has it: times and ages would be wrong";
    let now = SystemTime::now();
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let shown = date(seconds);
    if seconds < WRITTEN {
        return Finding::problem(format!("it shows {shown}, which is past"), advice);
    }
    let written = fs::metadata(here.home.join(store::FILE_NAME)).and_then(|metadata| metadata.modified());
    match written.ok().and_then(|written| written.duration_since(now).ok()).filter(|ahead| *ahead > AHEAD) {
        Some(ahead) => Finding::warning(
            format!("it shows {shown}; the store was written {} s after that", ahead.as_secs()),
            advice,
        ),
        None => Finding::ok(shown),
    }
}

/// Days by the Gregorian calendar, counted in years that begin in March, so that a leap day is their last.
fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468; // since 0000-03-01
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC", year + 400 * era)
}

pub(super) fn temporary(_: &Here) -> Finding {
    let folder = env::temp_dir();
    match probe(&folder) {
        Ok(()) => Finding::ok(format!("`{}` can be written", folder.display())),
        Err(error) => Finding::problem(
            format!("`{}` cannot be written: {error}", folder.display()),
            "let `TMPDIR` name a folder that can",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `date -u -d @SECONDS` shows them.
    #[test]
    fn dates_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(WRITTEN), "2026-01-01 00:00 UTC");
        assert_eq!(date(951_827_696), "2000-02-29 12:34 UTC");
        assert_eq!(date(4_107_542_399), "2100-02-28 23:59 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00 UTC");
    }
}
