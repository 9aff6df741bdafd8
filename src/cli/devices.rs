//! `sweep devices`: what this machine has for training, and how it would be divided.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Failure, Global, OutputMode, failure::print, results::look};
use crate::{
    device::{self, Cgroup, GpuReading, Gpus, Machine},
    report::{self, Format, Sheet, bytes},
    store::Table,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
GPUs that `CUDA_VISIBLE_DEVICES` hides are not shown. `SWEEP_GPUS` may name a file of GPUs to take in place of what the
NVIDIA driver says, for tests and for drivers that do not tell the truth: the array `gpus` of `--output-mode json`.")]
pub(super) struct Args {}

pub(super) fn run(global: &Global, _: &Args) -> Result<ExitCode, Failure> {
    let gpus = Gpus::open();
    let found = Found {
        machine: Machine::read(),
        allowed: device::allowed_cores(),
        cores: device::cores(),
        readings: gpus.read(),
        gpus,
    };
    match global.output_mode {
        OutputMode::Quiet => {}
        OutputMode::Json => print(&format!("{:#}\n", found.json()))?,
        OutputMode::Cli => print(&found.text(global))?,
    }
    Ok(ExitCode::SUCCESS)
}

struct Found {
    machine: Machine,
    allowed: Vec<u32>,
    /// How many of them may be busy at a time.
    cores: u32,
    gpus: Gpus,
    readings: Vec<GpuReading>,
}

impl Found {
    fn json(&self) -> Value {
        let slots = device::cpu_slots(self.cores, None, None);
        let why = self.readings.is_empty().then(|| self.gpus.why_none());
        json!({
            "version": 1,
            "machine": self.machine,
            "allowed_cores": self.allowed,
            "usable_cores": self.cores,
            "usable_memory": self.machine.usable_memory(),
            "slots": {"workers": slots.workers, "threads": slots.threads},
            "driver": self.gpus.driver(),
            "gpus": self.readings,
            "no_gpus": why,
        })
    }

    fn text(&self, global: &Global) -> String {
        let look = look(global);
        let mut sheet = Sheet::new(look);
        sheet.heading("processor");
        self.processor(&mut sheet);
        sheet.heading("GPUs");
        if self.readings.is_empty() {
            sheet.add("none", &self.gpus.why_none());
        }
        if let Some(driver) = self.gpus.driver() {
            let cuda =
                driver.cuda.map_or(String::new(), |(major, minor)| format!(", up to CUDA {major}.{minor}"));
            sheet.add("driver", &format!("NVIDIA {}{cuda}", driver.version));
        }
        let mut text = sheet.text();
        for table in [cards(&self.readings), processes(&self.readings)] {
            if !table.rows.is_empty() {
                text += &format!("\n{}", report::render(&table, Format::Table, look));
            }
        }
        text
    }

    fn processor(&self, sheet: &mut Sheet) {
        let machine = &self.machine;
        sheet.add("model", machine.model.as_deref().unwrap_or("not told by the system"));
        let total = machine.logical_cores.map_or("unknown".to_owned(), |cores| cores.to_string());
        let mut cores = format!("{} of {total} logical cores may be used", self.allowed.len());
        if let (Some(physical), Some(sockets)) = (machine.physical_cores, machine.sockets) {
            cores += &format!(" ({physical} physical, {})", count(sockets, "socket"));
        }
        sheet.add("cores", &cores);
        if let Some(total) = machine.memory_total {
            let available = machine.memory_available.map(|left| format!(", {} available", bytes(left)));
            sheet.add("memory", &format!("{}{}", bytes(total), available.unwrap_or_default()));
        }
        if let Some(group) = machine.cgroup {
            sheet.add("control group", &limits(group));
        }
        let slots = device::cpu_slots(self.cores, None, None);
        let threads = count(slots.threads, "thread");
        sheet.add(
            "training",
            &format!("{} of {threads}, unless a spec says otherwise", count(slots.workers, "worker")),
        );
    }
}

fn limits(group: Cgroup) -> String {
    let quota = group.cpu_quota.map(|quota| format!("{quota:.1} processors' time"));
    let memory = group.memory_limit.map(|limit| {
        let used = group.memory_used.map(|used| format!(", {} used", bytes(used)));
        format!("{} of memory{}", bytes(limit), used.unwrap_or_default())
    });
    match [quota, memory].into_iter().flatten().collect::<Vec<_>>() {
        limits if limits.is_empty() => format!("no limits (version {})", group.version),
        limits => format!("{} (version {})", limits.join(" and "), group.version),
    }
}

fn cards(gpus: &[GpuReading]) -> Table {
    let mut table = Table::new(&["gpu", "name", "memory", "used", "busy", "processes"]);
    for gpu in gpus {
        table.rows.push(vec![
            json!(gpu.index),
            json!(gpu.name),
            json!(bytes(gpu.memory_total)),
            json!(bytes(gpu.memory_used)),
            json!(gpu.utilisation.map_or("unknown".to_owned(), |share| format!("{share} %"))),
            json!(gpu.processes.len()),
        ]);
    }
    table
}

/// Who is on the GPUs.
fn processes(gpus: &[GpuReading]) -> Table {
    let mut table = Table::new(&["gpu", "process", "program", "used"]);
    for (gpu, process) in gpus.iter().flat_map(|gpu| gpu.processes.iter().map(move |process| (gpu, process)))
    {
        table.rows.push(vec![
            json!(gpu.index),
            json!(process.pid),
            json!(process.name.as_deref().unwrap_or("not seen from here")),
            json!(process.bytes.map_or("unknown".to_owned(), bytes)),
        ]);
    }
    table
}

fn count(number: u32, name: &str) -> String {
    if number == 1 { format!("1 {name}") } else { format!("{number} {name}s") }
}
