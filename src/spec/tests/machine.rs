//! What a sweep may use and spend.

use crate::{
    cost::{Margin, Provisioning},
    spec::tests::*,
};

#[test]
fn refusals_of_limits_prices_and_resources() {
    check(include_str!("machine.txt"));
}

fn resources(rest: &str) -> Resources {
    read(&changed(PROGRAM, &format!("resources: {{{rest}}}"))).unwrap().resources
}

fn said(line: &str) -> Option<String> {
    read(&changed(PROGRAM, line)).err().map(|error| error.message)
}

#[test]
fn what_is_left_out_of_the_machine_has_a_default() {
    for text in [with("limits: {}"), with("resources: {}"), with("retry: {}"), PROGRAM.to_owned()] {
        let spec = read(&text).unwrap();
        let plain = Resources {
            device: Device::Auto,
            workers: None,
            threads: None,
            gpu_share: None,
            share_gpus: false,
            memory: None,
            nice: 0,
            pin: true,
        };
        assert_eq!(spec.resources, plain);
        assert_eq!(spec.retry, Retry { max: 2, backoff_s: 1.0 });
        let none = Limits { trials: None, wall_clock_s: None, failures: None, cost_usd: None, stall_s: None };
        assert_eq!((spec.limits, spec.pricing, spec.priority), (none, None, 0));
    }
}

#[test]
fn every_limit() {
    let text = with("limits: {trials: 100, wall_clock: 2h, failures: 10, cost_usd: 5, stall: 10 min}");
    let spec =
        read(&(text + "pricing: {usd_per_hour: 0.80}\npriority: -3\nretry: {backoff: 2 min}\n")).unwrap();
    let expected = Limits {
        trials: Some(100),
        wall_clock_s: Some(7200.0),
        failures: Some(10),
        cost_usd: Some(5.0),
        stall_s: Some(600.0),
    };
    assert_eq!((spec.limits, spec.pricing), (expected, Some(Pricing::UsdPerHour(0.8))));
    assert_eq!((spec.priority, spec.retry), (-3, Retry { max: 2, backoff_s: 120.0 }));
    let capped = read(&(with("run_cap: 7") + "limits: {failures: 1}\n")).unwrap().limits;
    assert_eq!((capped.trials, capped.failures), (Some(7), Some(1)));
}

#[test]
fn every_resource() {
    let all = "device: cuda, workers: 3, threads: 2, gpu_fraction: 0.5, share_gpus: true, memory: 2 GiB, nice: 19, \
               pin: false";
    let expected = Resources {
        device: Device::Cuda,
        workers: Some(3),
        threads: Some(2),
        gpu_share: Some(GpuShare::Fraction(0.5)),
        share_gpus: true,
        memory: Some(2 << 30),
        nice: 19,
        pin: false,
    };
    assert_eq!(resources(all), expected);
    let model = with("resources: {device: cuda, gpu_fraction: 0.25}");
    let Spec { resources, work, .. } = read(&model.replace("sgd}", "sgd, precision: tf32}")).unwrap();
    assert_eq!((resources.device, resources.workers_per_gpu()), (Device::Cuda, 4));
    assert!(matches!(work, Work::Model(model) if model.updates.precision == Precision::Tf32));
    let on_cpu = read(&with("resources: {device: cpu, memory: 1 MiB, nice: 0, pin: true}")).unwrap();
    assert_eq!((on_cpu.resources.device, on_cpu.resources.memory), (Device::Cpu, Some(1 << 20)));
}

#[test]
fn as_many_workers_share_a_gpu_as_fit_in_it() {
    let workers = |rest: &str| resources(&format!("device: cuda, {rest}")).workers_per_gpu();
    assert_eq!(resources("device: cuda").workers_per_gpu(), 1);
    assert_eq!((workers("workers_per_gpu: 1"), workers("workers_per_gpu: 64")), (1, 64));
    for (share, count) in
        [(1.0, 1), (0.51, 1), (0.5, 2), (0.4, 2), (0.33, 3), (0.2, 5), (0.1, 10), (0.05, 20), (0.001, 64)]
    {
        assert_eq!(workers(&format!("gpu_fraction: {share}")), count, "{share}");
    }
}

#[test]
fn the_edges_of_every_range() {
    let allowed = [
        "limits: {trials: 1}",
        "limits: {trials: 100000}",
        "limits: {failures: 1}",
        "limits: {failures: 100000}",
        "limits: {wall_clock: 0.001 s}",
        "limits: {wall_clock: 366 days}",
        "limits: {stall: 8784 h}",
        "run_cap: 1",
        "pricing: {usd_per_hour: 0.01}",
        "pricing: {usd_per_hour: 1e9}",
        "priority: -100",
        "priority: 100",
        "priority: 1e1",
        "retry: {max: 0, backoff: 0 s}",
        "retry: {max: 100, backoff: 5 min}",
        "resources: {device: cuda, gpu_fraction: 1}",
        "resources: {nice: 0}",
        "resources: {memory: 1 MiB}",
        "resources: {workers: 1024, threads: 1024}",
    ];
    for line in allowed {
        assert_eq!(said(line), None, "{line}");
    }
    let refused = [
        "limits: {trials: 0}",
        "limits: {trials: 100001}",
        "limits: {failures: 0}",
        "limits: {wall_clock: 0 s}",
        "limits: {wall_clock: 366.1 days}",
        "limits: {stall: -1 s}",
        "run_cap: 0",
        "pricing: {usd_per_hour: 0}",
        "pricing: {usd_per_hour: 1.1e9}",
        "priority: -101",
        "priority: 101",
        "priority: 0.5",
        "retry: {backoff: 5.1 min}",
        "retry: {backoff: -1 s}",
        "resources: {device: cuda, gpu_fraction: 0}",
        "resources: {device: cuda, gpu_fraction: 1.01}",
        "resources: {device: cuda, workers_per_gpu: 0}",
        "resources: {device: cuda, workers_per_gpu: 65}",
        "resources: {nice: 20}",
        "resources: {nice: -1}",
        "resources: {memory: 1048575 B}",
    ];
    for line in refused {
        let message = said(line).unwrap_or_else(|| panic!("accepted: {line}"));
        assert!(message.contains(" should be "), "{line}: {message}");
    }
}

#[test]
fn seeds_that_results_decide_and_what_they_are_to_answer() {
    let text = with("seeds: {min: 3, max: 10, decide: savings}")
        + "savings: {baseline: {schedule: cosine, budget: 100 %}, margin: 0.5pp, confidence: 90%}\n";
    let spec = read(&text).unwrap();
    assert_eq!((spec.seeds, spec.seeds.is_fixed()), (Seeds { min: 3, max: 10 }, false));
    let expected = Question {
        schedule: Some("cosine".to_owned()),
        budget: Some("100 %".to_owned()),
        margin: Some(Margin::Points(0.005)),
        confidence: Some(0.9),
    };
    assert_eq!(spec.question, expected);
    for (margin, expected) in
        [("1%", Margin::Relative(0.01)), ("0.02", Margin::Absolute(0.02)), ("2", Margin::Absolute(2.0))]
    {
        assert_eq!(
            read(&with(&format!("savings: {{margin: {margin}}}"))).unwrap().question.margin,
            Some(expected)
        );
    }
}

#[test]
fn a_price_is_a_number_or_an_offer() {
    let priced = |rest: &str| read(&with(&format!("pricing: {{{rest}}}"))).unwrap().pricing;
    let offer = |provisioning, prices: Option<&str>| {
        Some(Pricing::Offer { sku: "aws:g6.xlarge".to_owned(), provisioning, prices: prices.map(Into::into) })
    };
    assert_eq!(priced("sku: aws:g6.xlarge"), offer(Provisioning::OnDemand, None));
    let own = offer(Provisioning::Spot, Some("p.csv"));
    assert_eq!(priced("sku: aws:g6.xlarge, provisioning: spot, prices: p.csv"), own);
}
