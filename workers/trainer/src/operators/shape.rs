//! Elements that move: Transpose, and the gradient of Gather along the first axis.

use ort::operator::{BoxedKernel, ComputeContext, KernelContext};
use sweep_kernels::{Transpose, gather_grad};

use super::{F32, I64, Own, Threads, extents, indices, input, output, signed};

pub(super) const ALL: [Own; 2] = [
    Own { name: "GatherGrad", inputs: &[F32, I64], outputs: 1, kernel: gather },
    Own { name: "Transpose", inputs: &[F32], outputs: 1, kernel: transpose },
];

fn gather(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    let extents = signed(&extents(context, "extents")?);
    Ok(Box::new(move |context: &ComputeContext| {
        let (dy, rows) = (context.input(0)?, context.input(1)?);
        let mut dx = output(context, 0, &extents)?;
        gather_grad(&Threads(context), input(&dy)?, indices(&rows)?, dx.try_extract_tensor_mut()?.1);
        Ok(())
    }))
}

fn transpose(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    let (extents, order) = (extents(context, "extents")?, extents(context, "perm")?);
    if order.iter().any(|axis| *axis >= extents.len()) || order.len() != extents.len() {
        return Err(ort::Error::new("its permutation does not fit its input"));
    }
    let transposition = Transpose::new(&extents, &order);
    let shape: Vec<usize> = order.iter().map(|axis| extents[*axis]).collect();
    let shape = signed(&shape);
    Ok(Box::new(move |context: &ComputeContext| {
        let x = context.input(0)?;
        let mut y = output(context, 0, &shape)?;
        transposition.run(&Threads(context), input(&x)?, y.try_extract_tensor_mut()?.1);
        Ok(())
    }))
}
