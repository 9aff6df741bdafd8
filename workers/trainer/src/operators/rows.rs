//! What works on rows: layer normalisation, softmax, cross-entropy, sums.

use ort::operator::{BoxedKernel, ComputeContext, KernelContext};
use sweep_kernels::{cross_entropy, layer_norm, layer_norm_grad, softmax, softmax_grad, sum_rows};

use super::{F32, I64, Own, Threads, extents, indices, input, output, shape, signed};

pub(super) const ALL: [Own; 6] = [
    Own { name: "CrossEntropy", inputs: &[F32, I64], outputs: 2, kernel: classes },
    Own { name: "LayerNorm", inputs: &[F32; 3], outputs: 3, kernel: normalize },
    Own { name: "LayerNormGrad", inputs: &[F32; 5], outputs: 3, kernel: normalize_grad },
    Own { name: "Softmax", inputs: &[F32], outputs: 1, kernel: soft },
    Own { name: "SoftmaxGrad", inputs: &[F32; 2], outputs: 1, kernel: soft_grad },
    Own { name: "SumRows", inputs: &[F32], outputs: 1, kernel: sum },
];

fn width(shape: &[i64]) -> ort::Result<usize> {
    let width = shape.last().and_then(|width| usize::try_from(*width).ok()).filter(|width| *width > 0);
    width.ok_or_else(|| ort::Error::new("its rows are empty"))
}

fn classes(_: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    Ok(Box::new(|context: &ComputeContext| {
        let (logits, classes) = (context.input(0)?, context.input(1)?);
        let extents = shape(&logits)?;
        let (mut losses, mut slope) = (output(context, 0, &extents[..1])?, output(context, 1, extents)?);
        let (losses, slope) = (losses.try_extract_tensor_mut()?.1, slope.try_extract_tensor_mut()?.1);
        let given = (input(&logits)?, indices(&classes)?);
        cross_entropy(&Threads(context), width(extents)?, given, losses, slope);
        Ok(())
    }))
}

fn normalize(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    let epsilon = context.get("epsilon").unwrap_or(1e-5);
    Ok(Box::new(move |context: &ComputeContext| {
        let (x, scale, bias) = (context.input(0)?, context.input(1)?, context.input(2)?);
        let extents = shape(&x)?;
        width(extents)?;
        let column = [extents[0], 1];
        let (mut y, mut mean) = (output(context, 0, extents)?, output(context, 1, &column)?);
        let mut inverse = output(context, 2, &column)?;
        let statistics = (mean.try_extract_tensor_mut()?.1, inverse.try_extract_tensor_mut()?.1);
        let given = (input(&x)?, input(&scale)?, input(&bias)?);
        layer_norm(&Threads(context), epsilon, given, y.try_extract_tensor_mut()?.1, statistics);
        Ok(())
    }))
}

fn normalize_grad(_: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    Ok(Box::new(|context: &ComputeContext| {
        let values = [0, 1, 2, 3, 4].map(|slot| context.input(slot));
        let [dy, x, scale, mean, inverse] = values;
        let (dy, x, scale, mean, inverse) = (dy?, x?, scale?, mean?, inverse?);
        let (extents, row) = (shape(&x)?, shape(&scale)?);
        let mut dx = output(context, 0, extents)?;
        let (mut dscale, mut dbias) = (output(context, 1, row)?, output(context, 2, row)?);
        let sums = (dscale.try_extract_tensor_mut()?.1, dbias.try_extract_tensor_mut()?.1);
        let given = [input(&dy)?, input(&x)?, input(&scale)?, input(&mean)?, input(&inverse)?];
        layer_norm_grad(&Threads(context), given, dx.try_extract_tensor_mut()?.1, sums);
        Ok(())
    }))
}

fn soft(_: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    Ok(Box::new(|context: &ComputeContext| {
        let x = context.input(0)?;
        let mut y = output(context, 0, shape(&x)?)?;
        softmax(&Threads(context), width(shape(&x)?)?, input(&x)?, y.try_extract_tensor_mut()?.1);
        Ok(())
    }))
}

fn soft_grad(_: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    Ok(Box::new(|context: &ComputeContext| {
        let (dy, y) = (context.input(0)?, context.input(1)?);
        let mut dx = output(context, 0, shape(&y)?)?;
        let dx = dx.try_extract_tensor_mut()?.1;
        softmax_grad(&Threads(context), width(shape(&y)?)?, input(&dy)?, input(&y)?, dx);
        Ok(())
    }))
}

fn sum(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    let extents = signed(&extents(context, "extents")?);
    Ok(Box::new(move |context: &ComputeContext| {
        let x = context.input(0)?;
        let mut sum = output(context, 0, &extents)?;
        sum_rows(&Threads(context), input(&x)?, sum.try_extract_tensor_mut()?.1);
        Ok(())
    }))
}
