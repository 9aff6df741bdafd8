//! The index of operators: which have a gradient, which have none by nature, and which are known but not supported.
//! A new operator is one rule in its family's file and one line here.

use crate::GraphError;
use crate::grad::{Rule, activation, conv, elementwise, matmul, norm, pool, reduce, shape, softmax};
use crate::graph::{Fact, Node};

/// What is known of an operator's gradient.
#[derive(Clone, Copy)]
enum Gradient {
    /// It has one.
    Rule(Rule),
    /// Its output is piecewise constant or independent of the elements: the gradient is zero.
    Zero,
    /// It has one, which is not supported; the text says what could be done.
    Unsupported(&'static str),
}

use Gradient::{Rule as Has, Unsupported, Zero};

const LATER: &str = "this version cannot train it\n\nhint: export the model with simpler operators";
const INTEGER: &str = "its output is an integer code\n\nhint: export the model before quantisation";

/// Every operator that is known, by its name; composites carry their domain.
#[rustfmt::skip]
const INDEX: &[(&str, Gradient)] = &[
    ("Add", Has(elementwise::add)), ("Sub", Has(elementwise::sub)),
    ("Mul", Has(elementwise::mul)), ("Div", Has(elementwise::div)),
    ("Relu", Has(activation::relu)), ("LeakyRelu", Has(activation::leaky_relu)),
    ("Sigmoid", Has(activation::sigmoid)), ("Tanh", Has(activation::tanh)),
    ("Clip", Has(activation::clip)),
    ("Softmax", Has(softmax::softmax)), ("LogSoftmax", Has(softmax::log_softmax)),
    ("Gemm", Has(matmul::gemm)), ("MatMul", Has(matmul::matmul)),
    ("Conv", Has(conv::conv)),
    ("sweep.BatchNorm", Has(norm::batch_norm)),
    ("MaxPool", Has(pool::max)), ("AveragePool", Has(pool::average)),
    ("GlobalMaxPool", Has(pool::global_max)), ("GlobalAveragePool", Has(pool::global_average)),
    ("ReduceMean", Has(reduce::mean)), ("ReduceSum", Has(reduce::sum)),
    ("Reshape", Has(shape::reshape)), ("Transpose", Has(shape::transpose)),

    ("ArgMax", Zero), ("ArgMin", Zero), ("Ceil", Zero), ("Equal", Zero), ("Floor", Zero), ("Greater", Zero),
    ("GreaterOrEqual", Zero), ("IsInf", Zero), ("IsNaN", Zero), ("Less", Zero), ("LessOrEqual", Zero),
    ("NonZero", Zero), ("Not", Zero), ("Round", Zero), ("Shape", Zero), ("Sign", Zero), ("Size", Zero),

    ("Abs", Unsupported(LATER)), ("Attention", Unsupported(LATER)), ("Cast", Unsupported(LATER)),
    ("Concat", Unsupported(LATER)), ("ConvTranspose", Unsupported(LATER)), ("Einsum", Unsupported(LATER)),
    ("Elu", Unsupported(LATER)), ("Erf", Unsupported(LATER)), ("Exp", Unsupported(LATER)),
    ("Expand", Unsupported(LATER)), ("GRU", Unsupported(LATER)), ("Gather", Unsupported(LATER)),
    ("Gelu", Unsupported(LATER)), ("GroupNormalization", Unsupported(LATER)), ("HardSigmoid", Unsupported(LATER)),
    ("HardSwish", Unsupported(LATER)), ("InstanceNormalization", Unsupported(LATER)), ("LSTM", Unsupported(LATER)),
    ("LayerNormalization", Unsupported(LATER)), ("Log", Unsupported(LATER)), ("Max", Unsupported(LATER)),
    ("Min", Unsupported(LATER)), ("Mish", Unsupported(LATER)), ("Neg", Unsupported(LATER)),
    ("PRelu", Unsupported(LATER)), ("Pad", Unsupported(LATER)), ("Pow", Unsupported(LATER)),
    ("RMSNormalization", Unsupported(LATER)), ("Reciprocal", Unsupported(LATER)), ("ReduceMax", Unsupported(LATER)),
    ("Resize", Unsupported(LATER)), ("Selu", Unsupported(LATER)), ("Slice", Unsupported(LATER)),
    ("Softplus", Unsupported(LATER)), ("Split", Unsupported(LATER)), ("Sqrt", Unsupported(LATER)),
    ("Where", Unsupported(LATER)),

    ("DynamicQuantizeLinear", Unsupported(INTEGER)), ("QLinearConv", Unsupported(INTEGER)),
    ("QuantizeLinear", Unsupported(INTEGER)),
];

/// The rule for a node that lies on the path from a parameter to the loss; nothing where its gradient is zero.
pub(crate) fn gradient(node: &Node<Fact>) -> Result<Option<Rule>, GraphError> {
    let operator = node.op().map(crate::graph::Op::title).unwrap_or_default();
    let name = node.name.clone();
    match INDEX.iter().find(|(title, _)| *title == operator).map(|(_, gradient)| *gradient) {
        Some(Has(rule)) => Ok(Some(rule)),
        Some(Zero) => Ok(None),
        Some(Unsupported(reason)) => {
            Err(GraphError::NoGradient { node: name, operator, reason: reason.to_owned() })
        }
        None => Err(GraphError::UnknownOperator { node: name, operator }),
    }
}
