//! Functions that go element by element, and the gradient of MaxPool by the places that it names.

use ort::operator::{BoxedKernel, ComputeContext, KernelContext};
use sweep_kernels::{Pool, add_relu_grad, gelu, gelu_grad, max_pool_grad, relu_grad};

use super::{F32, I64, Own, Threads, extents, indices, input, output, shape, signed};

pub(super) const ALL: [Own; 5] = [
    Own { name: "AddReluGrad", inputs: &[F32; 3], outputs: 1, kernel: add_relu },
    Own { name: "Gelu", inputs: &[F32], outputs: 1, kernel: |_| of_one(gelu) },
    Own { name: "GeluGrad", inputs: &[F32, F32], outputs: 1, kernel: |_| of_two(gelu_grad) },
    Own { name: "MaxPoolGrad", inputs: &[F32, I64], outputs: 1, kernel: max_pool },
    Own { name: "ReluGrad", inputs: &[F32, F32], outputs: 1, kernel: |_| of_two(relu_grad) },
];

fn of_one(function: fn(&dyn Pool, &[f32], &mut [f32])) -> ort::Result<BoxedKernel<'static>> {
    Ok(Box::new(move |context: &ComputeContext| {
        let x = context.input(0)?;
        let mut y = output(context, 0, shape(&x)?)?;
        function(&Threads(context), input(&x)?, y.try_extract_tensor_mut()?.1);
        Ok(())
    }))
}

fn of_two(function: fn(&dyn Pool, &[f32], &[f32], &mut [f32])) -> ort::Result<BoxedKernel<'static>> {
    Ok(Box::new(move |context: &ComputeContext| {
        let (a, b) = (context.input(0)?, context.input(1)?);
        let mut out = output(context, 0, shape(&a)?)?;
        function(&Threads(context), input(&a)?, input(&b)?, out.try_extract_tensor_mut()?.1);
        Ok(())
    }))
}

fn add_relu(_: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    Ok(Box::new(|context: &ComputeContext| {
        let (a, b, y) = (context.input(0)?, context.input(1)?, context.input(2)?);
        let mut dx = output(context, 0, shape(&y)?)?;
        add_relu_grad(
            &Threads(context),
            [input(&a)?, input(&b)?, input(&y)?],
            dx.try_extract_tensor_mut()?.1,
        );
        Ok(())
    }))
}

fn max_pool(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    let extents = extents(context, "extents")?;
    let planes = extents.iter().take(2).product();
    let extents = signed(&extents);
    Ok(Box::new(move |context: &ComputeContext| {
        let (dy, places) = (context.input(0)?, context.input(1)?);
        let mut dx = output(context, 0, &extents)?;
        let dx = dx.try_extract_tensor_mut()?.1;
        max_pool_grad(&Threads(context), planes, input(&dy)?, indices(&places)?, dx);
        Ok(())
    }))
}
