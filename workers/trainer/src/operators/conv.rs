//! Convolutions of images: ONNX Conv-11, and the gradients of its input and weight.

use ort::operator::{BoxedKernel, ComputeContext, KernelContext};
use sweep_kernels::{Conv, Forward, InputGrad, WeightGrad};

use super::{F32, Own, Threads, extents, input, number, output};

pub(super) const ALL: [Own; 4] = [
    Own { name: "Conv", inputs: &[F32, F32], outputs: 1, kernel: forward },
    Own { name: "ConvBias", inputs: &[F32, F32, F32], outputs: 1, kernel: forward_with_bias },
    Own { name: "ConvInputGrad", inputs: &[F32, F32], outputs: 1, kernel: input_grad },
    Own { name: "ConvWeightGrad", inputs: &[F32, F32], outputs: 1, kernel: weight_grad },
];

fn read(context: &KernelContext<'_>) -> ort::Result<Conv> {
    let pair = |name| {
        let list = extents(context, name)?;
        let pair = list.get(..2).and_then(|list| list.try_into().ok());
        pair.ok_or_else(|| ort::Error::new(format!("attribute `{name}` has less than two axes")))
    };
    let mut conv = Conv {
        group: number(context, "group")?,
        inner: number(context, "inner")?,
        outer: number(context, "outer")?,
        input: pair("input")?,
        output: pair("output")?,
        kernel: pair("kernel_shape")?,
        stride: pair("strides")?,
        dilation: pair("dilations")?,
        before: pair("pads")?,
    };
    for axis in 0..2 {
        // One position is reached without a step, however wide it was to be.
        if conv.output[axis] == 1 {
            conv.stride[axis] = 1;
        }
    }
    if conv.is_supported() { Ok(conv) } else { Err(ort::Error::new("a convolution has an extent of 0")) }
}

/// The extents of a batch of images.
fn images(values: usize, channels: usize, [height, width]: [usize; 2]) -> [i64; 4] {
    let batch = values / (channels * height * width).max(1);
    [batch, channels, height, width].map(|extent| extent as i64)
}

fn forward(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    convolve(context, false)
}

fn forward_with_bias(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    convolve(context, true)
}

fn convolve(context: &KernelContext<'_>, with_bias: bool) -> ort::Result<BoxedKernel<'static>> {
    let conv = read(context)?;
    let forward = Forward::new(conv);
    Ok(Box::new(move |context: &ComputeContext| {
        let (x, w) = (context.input(0)?, context.input(1)?);
        let bias = if with_bias { context.input(2)? } else { None };
        let (x, w) = (input(&x)?, input(&w)?);
        let bias = if with_bias { Some(input(&bias)?) } else { None };
        let [batch, ..] = images(x.len(), conv.group * conv.inner, conv.input);
        let shape = [batch, (conv.group * conv.outer) as i64, conv.output[0] as i64, conv.output[1] as i64];
        let mut y = output(context, 0, &shape)?;
        forward.run(&Threads(context), x, w, bias, y.try_extract_tensor_mut()?.1);
        Ok(())
    }))
}

fn input_grad(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    let conv = read(context)?;
    let gradient = InputGrad::new(conv);
    Ok(Box::new(move |context: &ComputeContext| {
        let (w, dy) = (context.input(0)?, context.input(1)?);
        let (w, dy) = (input(&w)?, input(&dy)?);
        let [batch, ..] = images(dy.len(), conv.group * conv.outer, conv.output);
        let shape = [batch, (conv.group * conv.inner) as i64, conv.input[0] as i64, conv.input[1] as i64];
        let mut dx = output(context, 0, &shape)?;
        gradient.run(&Threads(context), w, dy, dx.try_extract_tensor_mut()?.1);
        Ok(())
    }))
}

fn weight_grad(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    let conv = read(context)?;
    let gradient = WeightGrad::new(conv);
    let shape =
        [conv.group * conv.outer, conv.inner, conv.kernel[0], conv.kernel[1]].map(|extent| extent as i64);
    Ok(Box::new(move |context: &ComputeContext| {
        let (x, dy) = (context.input(0)?, context.input(1)?);
        let (x, dy) = (input(&x)?, input(&dy)?);
        let mut dw = output(context, 0, &shape)?;
        gradient.run(&Threads(context), x, dy, dw.try_extract_tensor_mut()?.1);
        Ok(())
    }))
}
