//! Functions of single elements and of rows against double precision.

use sweep_kernels::{
    Alone, Layout, Options, Transpose, add_relu_grad, batch_norm, batch_norm_grad, cross_entropy,
    gather_grad, gelu, gelu_grad, layer_norm, layer_norm_grad, max_pool_grad, relu_grad, softmax,
    softmax_grad, sum_rows,
};

/// Φ(x) by the series of its integral, which converges fast enough for |x| < 7.
fn normal(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        term *= x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    0.5 + sum * density(x)
}

fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

fn line(count: usize, from: f32, to: f32) -> Vec<f32> {
    (0..count).map(|i| from + (to - from) * i as f32 / (count - 1) as f32).collect()
}

#[test]
fn gelu_and_its_slope() {
    let x = line(20_001, -6.0, 6.0);
    let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    gelu(&Alone, &x, &mut y);
    gelu_grad(&Alone, &vec![2.0; x.len()], &x, &mut dx);
    for ((x, y), dx) in x.iter().zip(y).zip(dx) {
        let wide = f64::from(*x);
        assert!((f64::from(y) - wide * normal(wide)).abs() < 5e-7 * (1.0 + wide.abs()), "{x}: {y}");
        let slope = 2.0 * (normal(wide) + wide * density(wide));
        assert!((f64::from(dx) - slope).abs() < 2e-6, "{x}: {dx} for {slope}");
    }
    let odd = [f32::NAN, f32::INFINITY, 100.0, -100.0];
    let mut y = [0.0; 4];
    gelu(&Alone, &odd, &mut y);
    assert!(y[0].is_nan() && y[1] == f32::INFINITY && y[2] == 100.0 && y[3].abs() < 1e-30, "{y:?}");
}

#[test]
fn softmax_of_rows_of_every_width() {
    for width in [1, 2, 7, 16, 17, 64, 130] {
        let x: Vec<f32> = line(3 * width, -30.0, 20.0);
        let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        softmax(&Alone, width, &x, &mut y);
        let dy = line(x.len(), -1.0, 3.0);
        softmax_grad(&Alone, width, &dy, &y, &mut dx);
        for row in 0..3 {
            let range = row * width..(row + 1) * width;
            let sum: f64 = x[range.clone()].iter().map(|x| f64::from(*x).exp()).sum();
            let wanted: Vec<f64> = x[range.clone()].iter().map(|x| f64::from(*x).exp() / sum).collect();
            let along: f64 = dy[range.clone()].iter().zip(&wanted).map(|(dy, y)| f64::from(*dy) * y).sum();
            for (place, wanted) in range.zip(wanted) {
                assert!(
                    (f64::from(y[place]) - wanted).abs() < 1e-6 * wanted + 1e-30,
                    "{width}: {}",
                    y[place]
                );
                let slope = wanted * (f64::from(dy[place]) - along);
                assert!((f64::from(dx[place]) - slope).abs() < 1e-6, "{width}: {}", dx[place]);
            }
        }
    }
}

#[test]
fn what_a_mask_hides_is_exactly_nothing() {
    let x: Vec<f32> = (0..40).map(|i| if i % 2 == 0 { f32::NEG_INFINITY } else { i as f32 }).collect();
    let mut y = vec![1.0; 40];
    softmax(&Alone, 40, &x, &mut y);
    assert!(y.iter().step_by(2).all(|y| *y == 0.0) && y.iter().all(|y| *y == 0.0 || y.is_normal()), "{y:?}");
}

#[test]
fn no_bits_of_a_nan_make_a_number() {
    for bits in [0x7fc0_0000, 0x7fff_ffff, 0xffff_ffff, 0xff80_0001_u32] {
        let mut y = vec![0.0; 20];
        softmax(&Alone, 20, &[f32::from_bits(bits); 20], &mut y);
        assert!(y.iter().all(|y| y.is_nan()), "{bits:x}: {y:?}");
    }
}

#[test]
fn cross_entropy_and_its_slope() {
    for width in [2, 10, 33] {
        let x = line(2 * width, -9.0, 14.0);
        let (mut losses, mut slope) = (vec![0.0; 2], vec![0.0; x.len()]);
        cross_entropy(&Alone, width, (&x, &[1, width as i64 - 1]), &mut losses, &mut slope);
        for (row, class) in [(0, 1), (1, width - 1)] {
            let x = &x[row * width..][..width];
            let sum: f64 = x.iter().map(|x| f64::from(*x).exp()).sum();
            let loss = sum.ln() - f64::from(x[class]);
            assert!(
                (f64::from(losses[row]) - loss).abs() < 1e-5 * loss.max(1.0),
                "{} for {loss}",
                losses[row]
            );
            for (place, x) in x.iter().enumerate() {
                let wanted = f64::from(*x).exp() / sum - f64::from(u8::from(place == class));
                assert!((f64::from(slope[row * width + place]) - wanted).abs() < 1e-6);
            }
        }
    }
    let (mut losses, mut slope) = ([0.0], [0.0; 2]);
    cross_entropy(&Alone, 2, (&[f32::NAN, 1.0], &[0]), &mut losses, &mut slope);
    assert!(losses[0].is_nan());
}

#[test]
fn layer_norm_and_its_gradient() {
    for width in [3, 16, 50] {
        let rows = 37;
        let x: Vec<f32> = (0..rows * width).map(|i| ((i * 7919) % 1000) as f32 / 100.0 + 40.0).collect();
        let dy: Vec<f32> = (0..rows * width).map(|i| ((i * 104_729) % 1000) as f32 / 500.0 - 1.0).collect();
        let (scale, bias) = (line(width, 0.5, 1.5), line(width, -1.0, 1.0));
        let (mut y, mut mean, mut inverse) = (vec![0.0; x.len()], vec![0.0; rows], vec![0.0; rows]);
        layer_norm(&Alone, 1e-5, (&x, &scale, &bias), &mut y, (&mut mean, &mut inverse));
        let (mut dx, mut dscale, mut dbias) = (vec![0.0; x.len()], vec![0.0; width], vec![0.0; width]);
        layer_norm_grad(&Alone, [&dy, &x, &scale, &mean, &inverse], &mut dx, (&mut dscale, &mut dbias));
        let (mut scales, mut biases) = (vec![0.0; width], vec![0.0; width]);
        for row in 0..rows {
            let wide = |values: &[f32]| -> Vec<f64> {
                values[row * width..][..width].iter().map(|value| f64::from(*value)).collect()
            };
            let (x, dy) = (wide(&x), wide(&dy));
            let n = width as f64;
            let centre = x.iter().sum::<f64>() / n;
            let var = x.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / n;
            let unit: Vec<f64> = x.iter().map(|x| (x - centre) / (var + 1e-5).sqrt()).collect();
            let inner: Vec<f64> = dy.iter().zip(&scale).map(|(dy, scale)| dy * f64::from(*scale)).collect();
            let level = inner.iter().sum::<f64>() / n;
            let slope = inner.iter().zip(&unit).map(|(a, b)| a * b).sum::<f64>() / n;
            for i in 0..width {
                let place = row * width + i;
                let wanted = unit[i] * f64::from(scale[i]) + f64::from(bias[i]);
                assert!((f64::from(y[place]) - wanted).abs() < 1e-4, "{} for {wanted}", y[place]);
                let wanted = (inner[i] - level - unit[i] * slope) / (var + 1e-5).sqrt();
                assert!((f64::from(dx[place]) - wanted).abs() < 1e-4, "{} for {wanted}", dx[place]);
                scales[i] += dy[i] * unit[i];
                biases[i] += dy[i];
            }
        }
        for i in 0..width {
            assert!(
                (f64::from(dscale[i]) - scales[i]).abs() < 1e-3
                    && (f64::from(dbias[i]) - biases[i]).abs() < 1e-3
            );
        }
    }
}

/// Batch normalisation with a ReLU is that without one and a ReLU, forward and backward; and both are the definition.
#[test]
fn batch_norm_with_and_without_a_relu() {
    for inner in [1, 9, 49, 100] {
        let layout = Layout { batch: 13, channels: 5, inner };
        let count = 13 * 5 * inner;
        let x: Vec<f32> = (0..count).map(|i| ((i * 7919) % 997) as f32 / 100.0 - 3.0).collect();
        let dy: Vec<f32> = (0..count).map(|i| ((i * 31) % 17) as f32 / 8.0 - 1.0).collect();
        let (scale, bias) = (line(5, 0.5, 1.5), line(5, -0.5, 0.5));
        let forward = |relu, added: Option<&[f32]>| {
            let (mut y, mut mean, mut var) = (vec![0.0; count], vec![0.0; 5], vec![0.0; 5]);
            let options = Options { epsilon: 1e-5, relu };
            batch_norm(&Alone, (layout, options), [&x, &scale, &bias], added, &mut y, (&mut mean, &mut var));
            (y, mean, var)
        };
        let (plain, mean, var) = forward(false, None);
        let channel = |place: usize| place / inner % 5;
        for c in 0..5 {
            let mine =
                || x.iter().enumerate().filter(|(place, _)| channel(*place) == c).map(|(_, x)| f64::from(*x));
            let n = mine().count() as f64;
            let centre = mine().sum::<f64>() / n;
            let spread = mine().map(|x| (x - centre).powi(2)).sum::<f64>() / n;
            assert!((f64::from(mean[c]) - centre).abs() < 1e-5 && (f64::from(var[c]) - spread).abs() < 1e-4);
        }
        for (place, y) in plain.iter().enumerate() {
            let c = channel(place);
            let wanted = (x[place] - mean[c]) / (var[c] + 1e-5).sqrt() * scale[c] + bias[c];
            assert!((y - wanted).abs() < 1e-4);
        }
        let (above, ..) = forward(true, None);
        assert!(above.iter().zip(&plain).all(|(above, y)| *above == y.max(0.0)));
        let (joined, ..) = forward(true, Some(&dy));
        assert!(
            joined.iter().zip(plain.iter().zip(&dy)).all(|(joined, (y, dy))| *joined == (y + dy).max(0.0))
        );

        let backward = |relu, dy: &[f32]| {
            let (mut dx, mut dscale, mut dbias) = (vec![0.0; count], vec![0.0; 5], vec![0.0; 5]);
            let options = Options { epsilon: 1e-5, relu };
            let inputs = [dy, &x, &scale, &bias, &mean, &var];
            batch_norm_grad(&Alone, (layout, options), inputs, &mut dx, (&mut dscale, &mut dbias));
            (dx, dscale, dbias)
        };
        let mut gated = vec![0.0; count];
        relu_grad(&Alone, &dy, &above, &mut gated);
        assert_eq!(backward(true, &dy), backward(false, &gated));
        let (_, dscale, dbias) = backward(true, &dy);
        for c in 0..5 {
            let mine = || gated.iter().enumerate().filter(|(place, _)| channel(*place) == c);
            let slope: f32 =
                mine().map(|(place, dy)| dy * (x[place] - mean[c]) / (var[c] + 1e-5).sqrt()).sum();
            assert!((dscale[c] - slope).abs() < 1e-2, "{} for {slope}", dscale[c]);
            assert!((dbias[c] - mine().map(|(_, dy)| dy).sum::<f32>()).abs() < 1e-3);
        }
    }
}

#[test]
fn a_nan_is_not_lost_in_a_relu() {
    let layout = Layout { batch: 2, channels: 1, inner: 20 };
    let mut x = vec![1.0; 40];
    x[3] = f32::NAN;
    let (mut y, mut mean, mut var) = (vec![0.0; 40], [0.0], [0.0]);
    let options = Options { epsilon: 1e-5, relu: true };
    batch_norm(&Alone, (layout, options), [&x, &[1.0], &[0.0]], None, &mut y, (&mut mean, &mut var));
    assert!(y.iter().all(|y| y.is_nan()), "{y:?}");
}

#[test]
fn axes_in_any_order() {
    for (extents, order) in [
        (vec![2, 3, 4, 5], vec![0, 2, 1, 3]),
        (vec![2, 3, 4, 5], vec![0, 1, 3, 2]),
        (vec![2, 3, 4, 5], vec![3, 1, 0, 2]),
        (vec![7, 1, 9], vec![2, 1, 0]),
        (vec![5], vec![0]),
        (vec![1, 1], vec![1, 0]),
        (vec![130, 70], vec![1, 0]),
    ] {
        let count: usize = extents.iter().product();
        let x: Vec<f32> = (0..count).map(|i| i as f32).collect();
        let mut y = vec![-1.0; count];
        Transpose::new(&extents, &order).run(&Alone, &x, &mut y);
        let stride = |axis: usize| extents[axis + 1..].iter().product::<usize>();
        for (place, y) in y.iter().enumerate() {
            let (mut rest, mut from) = (place, 0);
            for axis in order.iter().rev() {
                from += rest % extents[*axis] * stride(*axis);
                rest /= extents[*axis];
            }
            assert_eq!(*y, from as f32, "{extents:?} {order:?}");
        }
    }
}

#[test]
fn rows_and_elements_go_back_to_where_they_came_from() {
    let dy = line(5 * 3, 1.0, 15.0);
    let mut dx = vec![9.0; 4 * 3];
    gather_grad(&Alone, &dy, &[0, 3, 0, -1, 2], &mut dx);
    assert_eq!(dx, [8.0, 10.0, 12.0, 0.0, 0.0, 0.0, 13.0, 14.0, 15.0, 14.0, 16.0, 18.0]);

    let mut dx = vec![9.0; 8];
    max_pool_grad(&Alone, 2, &[1.0, 2.0, 3.0, 4.0], &[0, 0, 7, 5], &mut dx);
    assert_eq!(dx, [3.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0, 3.0]);

    let mut dx = vec![9.0; 5];
    add_relu_grad(&Alone, [&[1.0, 2.0, 3.0, 4.0, 5.0], &[10.0; 5], &[0.0, 1.0, -1.0, 2.0, 0.5]], &mut dx);
    assert_eq!(dx, [0.0, 12.0, 0.0, 14.0, 15.0]);

    let x: Vec<f32> = (0..50 * 21).map(|i| (i % 21) as f32).collect();
    let mut sum = vec![7.0; 21];
    sum_rows(&Alone, &x, &mut sum);
    assert!(sum.iter().enumerate().all(|(place, sum)| *sum == 50.0 * place as f32));
}
