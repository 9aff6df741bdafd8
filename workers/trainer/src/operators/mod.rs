//! The kernels of `sweep-kernels` as ONNX Runtime's custom operators, in the domain that the graph crate writes them in.
//! They run on the session's own threads.

mod conv;
mod elementwise;
mod norm;
mod rows;
mod shape;
mod update;

use ort::{
    operator::{
        BoxedKernel, ComputeContext, KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput,
    },
    value::{TensorElementType, ValueRef, ValueRefMut},
};
use sweep_kernels::Pool;

const F32: TensorElementType = TensorElementType::Float32;
const I64: TensorElementType = TensorElementType::Int64;

/// An operator with inputs and outputs of fixed number.
struct Own {
    name: &'static str,
    inputs: &'static [TensorElementType],
    /// All are float32.
    outputs: usize,
    kernel: fn(&KernelContext<'_>) -> ort::Result<BoxedKernel<'static>>,
}

impl Operator for Own {
    type Kernel<'attr> = BoxedKernel<'attr>;

    fn name(&self) -> &str {
        self.name
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        self.inputs.iter().map(|dtype| OperatorInput::required(*dtype))
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        (0..self.outputs).map(|_| OperatorOutput::required(F32))
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Self::Kernel<'attr>> {
        (self.kernel)(context)
    }
}

/// All of them.
pub(crate) fn domain() -> ort::Result<OperatorDomain> {
    let mut domain = OperatorDomain::new("sweep.kernel")?;
    let own = conv::ALL.into_iter().chain(norm::ALL).chain(elementwise::ALL);
    for operator in own.chain(rows::ALL).chain(shape::ALL).chain(update::ALL) {
        domain = domain.add(operator)?;
    }
    Ok(domain)
}

/// The session's threads.
struct Threads<'a>(&'a ComputeContext);

impl Pool for Threads<'_> {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        // It fails only where a kernel runs outside a session.
        if count == 1 || self.0.par_for(count, 0, task).is_err() {
            (0..count).for_each(task);
        }
    }
}

/// An input that there should be.
fn there<'a, 'c>(value: &'a Option<ValueRef<'c>>) -> ort::Result<&'a ValueRef<'c>> {
    value.as_ref().ok_or_else(|| ort::Error::new("an input is missing"))
}

/// The values of an input.
fn input<'a>(value: &'a Option<ValueRef<'_>>) -> ort::Result<&'a [f32]> {
    Ok(there(value)?.try_extract_tensor::<f32>()?.1)
}

/// The values of an input of whole numbers.
fn indices<'a>(value: &'a Option<ValueRef<'_>>) -> ort::Result<&'a [i64]> {
    Ok(there(value)?.try_extract_tensor::<i64>()?.1)
}

/// The extents of an input.
fn shape<'a>(value: &'a Option<ValueRef<'_>>) -> ort::Result<&'a [i64]> {
    Ok(there(value)?.try_extract_tensor::<f32>()?.0)
}

/// Output `slot` of these extents.
fn output<'a>(context: &'a ComputeContext, slot: usize, shape: &[i64]) -> ort::Result<ValueRefMut<'a>> {
    context.output(slot, shape.to_vec())?.ok_or_else(|| ort::Error::new("an output is missing"))
}

/// An attribute that lists extents.
fn extents(context: &KernelContext<'_>, name: &str) -> ort::Result<Vec<usize>> {
    let list: Option<Vec<i64>> = context.get(name);
    let list = list.ok_or_else(|| missing(name))?;
    list.into_iter().map(|extent| usize::try_from(extent).map_err(|_| missing(name))).collect()
}

/// Extents as the runtime has them.
fn signed(extents: &[usize]) -> Vec<i64> {
    extents.iter().map(|extent| *extent as i64).collect()
}

/// An attribute that is an extent.
fn number(context: &KernelContext<'_>, name: &str) -> ort::Result<usize> {
    let number: Option<i64> = context.get(name);
    number.and_then(|number| usize::try_from(number).ok()).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ort::Error {
    ort::Error::new(format!("attribute `{name}` is missing or negative"))
}
