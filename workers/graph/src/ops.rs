//! The index of operators: which have a gradient, which have none by nature, and which are known but not supported.
//! A new operator is one rule in its family's file and one line here.

use crate::GraphError;
use crate::grad::{
    Rule, activation, conv, conv_transpose, einsum, elementwise, gru, index, lstm, matmul, norm, normalize,
    pool, power, recurrent, reduce, resize, shape, slice, smooth, softmax, unary,
};
use crate::graph::{Fact, Node};
use crate::tensor::DType;

/// What is known of an operator's gradient.
#[derive(Clone, Copy)]
enum Gradient {
    /// It has one.
    Rule(Rule),
    /// Its output is piecewise constant or independent of the elements: the gradient is zero.
    Zero,
    /// It has one, which is not supported: why, and what could be done.
    Unsupported([&'static str; 2]),
}

use Gradient::{Rule as Has, Unsupported, Zero};

const LATER: [&str; 2] = ["this version cannot train it", "export the model with simpler operators"];
const WIDTH: [&str; 2] = ["it computes in another precision than float32", "export the model in float32"];
const INTEGER: [&str; 2] = ["its output is an integer code", "export the model before quantisation"];

/// Every operator that is known, by its name; composites carry their domain.
#[rustfmt::skip]
const INDEX: &[(&str, Gradient)] = &[
    // Several inputs, elementwise. Sum and Mean arrive as Add, n inputs of Max and Min as pairs.
    ("Add", Has(elementwise::add)), ("Sub", Has(elementwise::sub)), ("Mul", Has(elementwise::mul)),
    ("Div", Has(elementwise::div)), ("Mod", Has(elementwise::modulo)), ("Pow", Has(power::pow)),
    ("Max", Has(elementwise::max)), ("Min", Has(elementwise::min)), ("Where", Has(elementwise::select)),
    // One input, elementwise.
    ("Abs", Has(unary::abs)), ("Cast", Has(unary::cast)), ("Cos", Has(unary::cos)), ("Erf", Has(unary::erf)),
    ("Exp", Has(unary::exp)), ("Log", Has(unary::log)), ("Neg", Has(unary::neg)), ("Sin", Has(unary::sin)),
    ("Reciprocal", Has(power::reciprocal)), ("Sqrt", Has(power::sqrt)),
    // Activations.
    ("Celu", Has(activation::celu)), ("Clip", Has(activation::clip)), ("Elu", Has(activation::elu)),
    ("HardSigmoid", Has(activation::hard_sigmoid)), ("HardSwish", Has(activation::hard_swish)),
    ("LeakyRelu", Has(activation::leaky_relu)), ("PRelu", Has(activation::prelu)), ("Relu", Has(activation::relu)),
    ("Selu", Has(activation::selu)), ("ThresholdedRelu", Has(activation::thresholded_relu)),
    ("Gelu", Has(smooth::gelu)), ("Mish", Has(smooth::mish)), ("Sigmoid", Has(smooth::sigmoid)),
    ("Softplus", Has(smooth::softplus)), ("Softsign", Has(smooth::softsign)), ("Tanh", Has(smooth::tanh)),
    ("Softmax", Has(softmax::softmax)), ("LogSoftmax", Has(softmax::log_softmax)),
    // Reductions.
    ("ReduceL1", Has(reduce::l1)), ("ReduceL2", Has(reduce::l2)), ("ReduceLogSum", Has(reduce::log_sum)),
    ("ReduceLogSumExp", Has(reduce::log_sum_exp)), ("ReduceMax", Has(reduce::extreme)),
    ("ReduceMean", Has(reduce::mean)), ("ReduceMin", Has(reduce::extreme)), ("ReduceProd", Has(reduce::prod)),
    ("ReduceSum", Has(reduce::sum)), ("ReduceSumSquare", Has(reduce::sum_square)),
    // Products, convolutions, pools, normalisations. Attention arrives as products and a softmax, most normalisations as
    // a composite of rows.
    ("Einsum", Has(einsum::einsum)), ("Gemm", Has(matmul::gemm)), ("MatMul", Has(matmul::matmul)),
    ("Conv", Has(conv::conv)), ("ConvTranspose", Has(conv_transpose::conv_transpose)),
    ("MaxPool", Has(pool::max)), ("AveragePool", Has(pool::average)),
    ("GlobalMaxPool", Has(pool::global_max)), ("GlobalAveragePool", Has(pool::global_average)),
    ("Resize", Has(resize::resize)),
    ("sweep.BatchNorm", Has(norm::batch_norm)), ("sweep.Normalize", Has(normalize::normalize)),
    ("sweep.LayerNorm", Has(normalize::layer_norm)), ("sweep.Gelu", Has(smooth::gelu)),
    ("LpNormalization", Has(normalize::unit_length)), ("LRN", Has(normalize::local_response)),
    // Through time.
    ("GRU", Has(gru::gru)), ("LSTM", Has(lstm::lstm)), ("RNN", Has(recurrent::rnn)),
    // Shapes. Flatten, Squeeze, Unsqueeze, DepthToSpace and SpaceToDepth arrive as Reshape and Transpose.
    ("Concat", Has(shape::concat)), ("Expand", Has(shape::expand)), ("Reshape", Has(shape::reshape)),
    ("Split", Has(shape::split)), ("Tile", Has(shape::tile)), ("Transpose", Has(shape::transpose)),
    ("Pad", Has(slice::pad)), ("Slice", Has(slice::slice)),
    // Elements by index or place.
    ("CumSum", Has(index::cum_sum)), ("Gather", Has(index::gather)), ("GatherElements", Has(index::gather_elements)),
    ("GatherND", Has(index::gather_nd)), ("ScatterElements", Has(index::scatter)), ("ScatterND", Has(index::scatter)),
    ("Trilu", Has(index::trilu)),

    // Comparisons, logic, rounding, counting, drawing.
    ("And", Zero), ("ArgMax", Zero), ("ArgMin", Zero), ("Bernoulli", Zero), ("Ceil", Zero), ("ConstantOfShape", Zero),
    ("Equal", Zero), ("EyeLike", Zero), ("Floor", Zero), ("Greater", Zero), ("GreaterOrEqual", Zero),
    ("Hardmax", Zero), ("IsInf", Zero), ("IsNaN", Zero), ("Less", Zero), ("LessOrEqual", Zero), ("NonZero", Zero),
    ("Not", Zero), ("OneHot", Zero), ("Or", Zero), ("RandomNormalLike", Zero), ("RandomUniformLike", Zero),
    ("Range", Zero), ("Round", Zero), ("Shape", Zero), ("Sign", Zero), ("Size", Zero), ("Xor", Zero),

    ("TopK", Unsupported(LATER)),

    ("DynamicQuantizeLinear", Unsupported(INTEGER)), ("QLinearConv", Unsupported(INTEGER)),
    ("QuantizeLinear", Unsupported(INTEGER)),
];

/// The rule for a node that lies on the path from a parameter to the loss; nothing where its gradient is zero.
pub(crate) fn gradient(node: &Node<Fact>) -> Result<Option<Rule>, GraphError> {
    let operator = node.op().map(crate::graph::Op::title).unwrap_or_default();
    let name = node.name.clone();
    match INDEX.iter().find(|(title, _)| *title == operator).map(|(_, gradient)| *gradient) {
        Some(Has(_)) if operator != "Cast" && other_precision(node) => {
            let [reason, hint] = WIDTH;
            Err(GraphError::NoGradient { node: name, operator, reason, hint })
        }
        Some(Has(rule)) => Ok(Some(rule)),
        Some(Zero) => Ok(None),
        Some(Unsupported([reason, hint])) => {
            Err(GraphError::NoGradient { node: name, operator, reason, hint })
        }
        None => Err(GraphError::UnknownOperator { node: name, operator }),
    }
}

/// Rules speak float32 alone.
fn other_precision(node: &Node<Fact>) -> bool {
    node.outputs.first().is_some_and(|fact| fact.dtype.is_float() && fact.dtype != DType::F32)
}
