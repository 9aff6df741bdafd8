//! Einstein sums: equations in ONNX's notation (Einsum-12), and the contractions that `forward` and `grad` share.

use crate::graph::{Attr, Graph, Op, Value};

/// The labels of each operand and of the result. Labels are letters, none twice in one operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Equation {
    pub(crate) operands: Vec<Vec<char>>,
    pub(crate) result: Vec<char>,
}

/// Reads `equation` for operands of these ranks. Axes under an ellipsis, aligned at the last, get unused letters. An
/// error says what is wrong.
pub(crate) fn read(equation: &str, ranks: &[usize]) -> Result<Equation, String> {
    let text: String =
        equation.chars().filter(|c| !c.is_whitespace()).collect::<String>().replace("...", ".");
    let (left, right) = text.split_once("->").map_or((text.as_str(), None), |(l, r)| (l, Some(r)));
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != ranks.len() {
        return Err(format!("its equation `{equation}` is not for {} operands", ranks.len()));
    }
    let odd = |c: char| !c.is_ascii_alphabetic() && c != '.';
    if terms.iter().chain(&right).any(|term| term.contains(odd) || term.matches('.').count() > 1) {
        return Err(format!("its equation `{equation}` cannot be read"));
    }
    let mut hidden = Vec::new();
    for (term, &rank) in terms.iter().zip(ranks) {
        let named = term.chars().filter(|&c| c != '.').count();
        let under = rank.checked_sub(named).filter(|&under| under == 0 || term.contains('.'));
        hidden.push(under.ok_or_else(|| format!("its equation `{equation}` does not fit its operands"))?);
    }
    let deepest = hidden.iter().copied().max().unwrap_or(0);
    let unused = ('a'..='z').chain('A'..='Z').filter(|&c| !text.contains(c));
    let spare: Vec<char> = unused.take(deepest).collect();
    if spare.len() < deepest {
        return Err("its operands have too many axes".to_owned());
    }
    let labels = |term: &str, under: usize| -> Vec<char> {
        let spread = |c: char| if c == '.' { spare[deepest - under..].to_vec() } else { vec![c] };
        term.chars().flat_map(spread).collect()
    };
    let operands: Vec<Vec<char>> =
        terms.iter().zip(&hidden).map(|(term, &under)| labels(term, under)).collect();
    let result = match right {
        Some(right) => labels(right, deepest),
        None => {
            let once = |c: &char| text.matches(*c).count() == 1 && c.is_ascii_alphabetic();
            let mut named: Vec<char> = text.chars().filter(once).collect();
            named.sort_unstable();
            [spare, named].concat()
        }
    };
    let twice = |labels: &Vec<char>| labels.iter().enumerate().any(|(i, label)| labels[..i].contains(label));
    if operands.iter().any(twice) || twice(&result) {
        return Err(format!(
            "its equation `{equation}` has a label twice in one term, which is not supported"
        ));
    }
    if !result.iter().all(|label| operands.iter().any(|labels| labels.contains(label))) {
        return Err(format!("its equation `{equation}` has a result that no operand gives"));
    }
    Ok(Equation { operands, result })
}

/// Multiplies the operands, each with its labels, and sums over all labels that `result` lacks; it is repeated along
/// those that only `result` has. `extents` knows every label.
pub(crate) fn contract(
    graph: &mut Graph,
    operands: &[(Value, &[char])],
    result: &[char],
    extents: impl Fn(char) -> usize,
) -> Value {
    let shape: Vec<usize> = result.iter().map(|&label| extents(label)).collect();
    let known = |label: &char| operands.iter().any(|(_, labels)| labels.contains(label));
    let given: Vec<char> = result.iter().copied().filter(known).collect();
    // A factor without labels would be an empty term, which not every runtime reads.
    let (factors, terms): (Vec<_>, Vec<_>) = operands.iter().partition(|(_, labels)| labels.is_empty());
    let mut product = match terms.as_slice() {
        [] => None,
        [(value, labels)] if *labels == given => Some(*value),
        terms => {
            let names: Vec<String> = terms.iter().map(|(_, labels)| labels.iter().collect()).collect();
            let equation = format!("{}->{}", names.join(","), given.iter().collect::<String>());
            let values: Vec<Value> = terms.iter().map(|(value, _)| *value).collect();
            let shape: Vec<usize> = given.iter().map(|&label| extents(label)).collect();
            Some(graph.op(Op::new("Einsum").with("equation", Attr::Text(equation)), &values, &shape))
        }
    };
    for (factor, _) in factors {
        product = Some(product.map_or(factor, |product| graph.mul(product, factor)));
    }
    let kept: Vec<usize> =
        result.iter().map(|label| if known(label) { extents(*label) } else { 1 }).collect();
    let product = product.unwrap_or_else(|| graph.scalar(1.0));
    let product = graph.reshape(product, &kept);
    graph.expand(product, &shape)
}
