//! Steps of optimisers, one parameter at a time.

use ort::{
    operator::{BoxedKernel, ComputeContext, KernelContext},
    value::ValueRef,
};
use sweep_kernels::{Adam, Sgd};

use super::{F32, Own, Threads, input, output, shape};

pub(super) const ALL: [Own; 3] = [
    Own { name: "AdamStep", inputs: &[F32; 7], outputs: 3, kernel: adam },
    Own { name: "AdamDecayStep", inputs: &[F32; 8], outputs: 3, kernel: adam },
    Own { name: "SgdStep", inputs: &[F32; 5], outputs: 2, kernel: sgd },
];

/// A coefficient.
fn scalar(value: &Option<ValueRef<'_>>) -> ort::Result<f32> {
    input(value)?.first().copied().ok_or_else(|| ort::Error::new("a coefficient is empty"))
}

fn sgd(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    let weight_decay = context.get("weight_decay").unwrap_or(0.0);
    let nesterov = context.get::<i64>("nesterov") == Some(1);
    Ok(Box::new(move |context: &ComputeContext| {
        let (p, g, b) = (context.input(0)?, context.input(1)?, context.input(2)?);
        let (rate, momentum) = (scalar(&context.input(3)?)?, scalar(&context.input(4)?)?);
        let (mut new_p, mut new_b) = (output(context, 0, shape(&p)?)?, output(context, 1, shape(&p)?)?);
        let out = [new_p.try_extract_tensor_mut()?.1, new_b.try_extract_tensor_mut()?.1];
        let sgd = Sgd { rate, momentum, weight_decay, nesterov };
        sgd.run(&Threads(context), [input(&p)?, input(&g)?, input(&b)?], out);
        Ok(())
    }))
}

fn adam(context: &KernelContext<'_>) -> ort::Result<BoxedKernel<'static>> {
    let [weight_decay, beta2, fresh2, epsilon] =
        ["weight_decay", "beta2", "fresh2", "epsilon"].map(|name| context.get(name).unwrap_or(0.0));
    Ok(Box::new(move |context: &ComputeContext| {
        let (p, g) = (context.input(0)?, context.input(1)?);
        let (m, v) = (context.input(2)?, context.input(3)?);
        let number = |slot| scalar(&context.input(slot)?);
        let (fresh, seen, step) = (number(4)?, number(5)?, number(6)?);
        let kept = if context.num_inputs()? > 7 { number(7)? } else { 1.0 };
        let shape = shape(&p)?;
        let (mut new_p, mut new_m) = (output(context, 0, shape)?, output(context, 1, shape)?);
        let mut new_v = output(context, 2, shape)?;
        let out = [new_p.try_extract_tensor_mut()?.1, new_m.try_extract_tensor_mut()?.1];
        let [new_p, new_m] = out;
        let adam = Adam { fresh, beta2, fresh2, seen, step, kept, epsilon, weight_decay };
        let given = [input(&p)?, input(&g)?, input(&m)?, input(&v)?];
        adam.run(&Threads(context), given, [new_p, new_m, new_v.try_extract_tensor_mut()?.1]);
        Ok(())
    }))
}
