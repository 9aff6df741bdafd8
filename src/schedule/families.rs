//! What there is, for people who choose: a line for each family.

/// A family as a spec names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    pub name: &'static str,
    /// The factor of the peak, z = t/T; other symbols are the parameters.
    pub formula: &'static str,
    /// The parameters with what they are unless given.
    pub parameters: &'static str,
    pub source: &'static str,
}

/// A family by its parts.
const fn family(
    name: &'static str,
    formula: &'static str,
    parameters: &'static str,
    source: &'static str,
) -> Family {
    Family { name, formula, parameters, source }
}

/// All families, budget-aware ones first. Each also takes `warmup`.
pub const FAMILIES: [Family; 20] = [
    family(
        "uba",
        "1 / (1 + φ/2 · tan²(πz/2))",
        "phi: a number or `auto`; phases: {50%: 1, 100%: 0.5}",
        "Tang et al., arXiv 2505.24452",
    ),
    family("linear", "1 − z", "", "Li et al., arXiv 1905.04753"),
    family("polynomial", "(1 − z)^power", "power", "Li et al., arXiv 1905.04753"),
    family("d2z", "1 − z, whatever eta_min", "", "Bergsma et al., arXiv 2502.15938"),
    family("cosine", "½(1 + cos πz)", "", "Loshchilov, Hutter, arXiv 1608.03983"),
    family("rex", "(1 − z) / (1 − (1 − β)z)", "beta 0.5", "Chen et al., arXiv 2107.04197"),
    family(
        "wsd",
        "1, then down over the last share",
        "decay 20%; shape linear, sqrt, square, cosine, exponential (end_ratio 0.01)",
        "Hägele et al., arXiv 2405.18392",
    ),
    family(
        "robust",
        "the optimum of the noisy min–max problem",
        "condition; noise; cap 1; momentum 0; horizon 100",
        "ours",
    ),
    family("constant", "1", "", "common practice"),
    family(
        "step",
        "gamma^(drops so far)",
        "milestones [50%, 75%] or every; gamma 0.1",
        "PyTorch `MultiStepLR`, `StepLR`",
    ),
    family("multistep", "the same as step", "milestones; gamma 0.1", "PyTorch `MultiStepLR`"),
    family("exponential", "end_ratio^z or gamma^t", "end_ratio or gamma", "PyTorch `ExponentialLR`"),
    family("sgdr", "cosine, restarted", "cycles or period; t_mult 1", "Loshchilov, Hutter, arXiv 1608.03983"),
    family(
        "cyclical",
        "up and down between base and 1",
        "mode triangular, triangular2, exp_range (gamma); base 0.1; up 25%; down as up",
        "Smith, arXiv 1506.01186",
    ),
    family(
        "one_cycle",
        "1/start up to 1, down to 1/(start·end)",
        "up 30%; start 25; end 1e4; anneal cosine; three_phase false; momentum [0.85, 0.95]",
        "Smith, Topin, arXiv 1708.07120",
    ),
    family(
        "inverse_sqrt",
        "√(W / max(t, W))",
        "timescale W, as long as the warm-up",
        "Vaswani et al., arXiv 1706.03762",
    ),
    family("power", "min(peak, a·(t + 1)^b)", "a; b", "Shen et al., arXiv 2408.13359"),
    family(
        "piecewise",
        "through points",
        "points: {0%: 0.1, 10%: 1, 100%: 0}; interpolation linear, cosine, constant",
        "common practice",
    ),
    family("expr", "a formula of t, T and z", "such as `(1 - z)^2`", "yours"),
    family(
        "join",
        "one after another",
        "{50%: constant, 100%: linear}; peak of each part 1",
        "common practice",
    ),
];
