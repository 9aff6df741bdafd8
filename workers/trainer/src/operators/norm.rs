//! Batch normalisation with the batch's own statistics, alone or with a sum and the ReLU behind it, and its gradient.

use ort::{
    operator::{BoxedKernel, ComputeContext, KernelContext},
    value::ValueRef,
};
use sweep_kernels::{Layout, Options, batch_norm, batch_norm_grad};

use super::{F32, Own, Threads, input, output, shape};

pub(super) const ALL: [Own; 5] = [
    Own { name: "BatchNorm", inputs: &[F32; 3], outputs: 3, kernel: |context| forward(context, false) },
    Own { name: "BatchNormRelu", inputs: &[F32; 3], outputs: 3, kernel: |context| forward(context, true) },
    Own { name: "BatchNormAddRelu", inputs: &[F32; 4], outputs: 3, kernel: |context| forward(context, true) },
    Own { name: "BatchNormGrad", inputs: &[F32; 5], outputs: 3, kernel: |context| backward(context, false) },
    Own {
        name: "BatchNormReluGrad",
        inputs: &[F32; 6],
        outputs: 3,
        kernel: |context| backward(context, true),
    },
];

fn options(context: &KernelContext<'_>, relu: bool) -> Options {
    Options { epsilon: context.get("epsilon").unwrap_or(1e-5), relu }
}

fn layout(shape: &[i64]) -> ort::Result<Layout> {
    let sizes: Vec<usize> = shape.iter().map(|extent| usize::try_from(*extent).unwrap_or(0)).collect();
    match sizes.as_slice() {
        [batch, channels, inner @ ..] if !sizes.contains(&0) => {
            Ok(Layout { batch: *batch, channels: *channels, inner: inner.iter().product() })
        }
        _ => Err(ort::Error::new("its input has no channels")),
    }
}

fn forward(context: &KernelContext<'_>, relu: bool) -> ort::Result<BoxedKernel<'static>> {
    let options = options(context, relu);
    Ok(Box::new(move |context: &ComputeContext| {
        let values = [context.input(0)?, context.input(1)?, context.input(2)?];
        let [x, scale, bias] = [input(&values[0])?, input(&values[1])?, input(&values[2])?];
        let added = if context.num_inputs()? > 3 { Some(context.input(3)?) } else { None };
        let added = added.as_ref().map(input).transpose()?;
        let extents = shape(&values[0])?;
        let layout = layout(extents)?;
        let channels = [layout.channels as i64];
        let [mut y, mut mean, mut var] =
            [output(context, 0, extents)?, output(context, 1, &channels)?, output(context, 2, &channels)?];
        let statistics = (mean.try_extract_tensor_mut()?.1, var.try_extract_tensor_mut()?.1);
        let y = y.try_extract_tensor_mut()?.1;
        batch_norm(&Threads(context), (layout, options), [x, scale, bias], added, y, statistics);
        Ok(())
    }))
}

fn backward(context: &KernelContext<'_>, relu: bool) -> ort::Result<BoxedKernel<'static>> {
    let options = options(context, relu);
    Ok(Box::new(move |context: &ComputeContext| {
        let count = if relu { 6 } else { 5 };
        let values: Vec<Option<ValueRef<'_>>> =
            (0..count).map(|slot| context.input(slot)).collect::<ort::Result<_>>()?;
        let inputs: Vec<&[f32]> = values.iter().map(input).collect::<ort::Result<_>>()?;
        let inputs: [&[f32]; 6] = match *inputs.as_slice() {
            // Without a ReLU the bias has no part in it.
            [dy, x, scale, mean, var] => [dy, x, scale, scale, mean, var],
            [dy, x, scale, bias, mean, var] => [dy, x, scale, bias, mean, var],
            _ => return Err(ort::Error::new("it takes five inputs, or six")),
        };
        let extents = shape(&values[1])?;
        let layout = layout(extents)?;
        let channels = [layout.channels as i64];
        let [mut dx, mut dscale, mut dbias] =
            [output(context, 0, extents)?, output(context, 1, &channels)?, output(context, 2, &channels)?];
        let sums = (dscale.try_extract_tensor_mut()?.1, dbias.try_extract_tensor_mut()?.1);
        let dx = dx.try_extract_tensor_mut()?.1;
        batch_norm_grad(&Threads(context), (layout, options), inputs, dx, sums);
        Ok(())
    }))
}
