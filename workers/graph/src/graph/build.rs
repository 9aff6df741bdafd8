//! The operators a rule adds, each with the extents of its result. Forms that change nothing add nothing.

use super::{Attr, Fact, Graph, Kind, Op, Value};
use crate::tensor::{DType, Tensor, TensorData};
use std::sync::Arc;

impl Graph {
    /// A float32 input unless `dtype` says otherwise, fed under `name`.
    pub(crate) fn input(&mut self, name: &str, dtype: DType, shape: &[usize]) -> Value {
        let fact = Fact { dtype, shape: shape.to_vec() };
        Value { node: self.push(Kind::Input(name.to_owned()), vec![], vec![fact]), slot: 0 }
    }

    pub(crate) fn constant(&mut self, tensor: impl Into<Arc<Tensor>>) -> Value {
        let tensor = tensor.into();
        let fact = Fact { dtype: tensor.dtype(), shape: tensor.shape.clone() };
        Value { node: self.push(Kind::Constant(tensor), vec![], vec![fact]), slot: 0 }
    }

    /// A float32 constant without extents.
    pub(crate) fn scalar(&mut self, value: f64) -> Value {
        self.constant(Tensor::f32(&[], vec![value as f32]))
    }

    /// An int64 constant of rank 1.
    pub(crate) fn ints<T: Copy + TryInto<i64>>(&mut self, values: &[T]) -> Value {
        let values = values.iter().map(|&v| v.try_into().unwrap_or(i64::MAX)).collect();
        self.constant(Tensor::i64s(values))
    }

    /// Any operator with one output of the given type and extents.
    pub(crate) fn typed(&mut self, op: Op, inputs: &[Value], dtype: DType, shape: &[usize]) -> Value {
        let inputs = inputs.iter().copied().map(Some).collect();
        let fact = Fact { dtype, shape: shape.to_vec() };
        Value { node: self.push(Kind::Op(op), inputs, vec![fact]), slot: 0 }
    }

    /// Any operator with one output of its first input's type.
    pub(crate) fn op(&mut self, op: Op, inputs: &[Value], shape: &[usize]) -> Value {
        let dtype = self.fact(inputs[0]).dtype;
        self.typed(op, inputs, dtype, shape)
    }

    /// Any operator with several outputs of its first input's type.
    pub(crate) fn multi(&mut self, op: Op, inputs: &[Value], shapes: &[&[usize]]) -> Vec<Value> {
        let dtype = self.fact(inputs[0]).dtype;
        let facts = shapes.iter().map(|shape| Fact { dtype, shape: shape.to_vec() }).collect();
        let node = self.push(Kind::Op(op), inputs.iter().copied().map(Some).collect(), facts);
        (0..shapes.len()).map(|slot| Value { node, slot }).collect()
    }

    /// An elementwise operator of one input.
    pub(crate) fn unary(&mut self, kind: &str, x: Value) -> Value {
        let shape = self.shape(x).to_vec();
        self.op(Op::new(kind), &[x], &shape)
    }

    /// An elementwise operator of two inputs, with broadcasting.
    pub(crate) fn binary(&mut self, kind: &str, a: Value, b: Value) -> Value {
        let shape = broadcast(self.shape(a), self.shape(b));
        self.op(Op::new(kind), &[a, b], &shape)
    }

    /// A comparison of two inputs, with broadcasting; the result is boolean.
    pub(crate) fn compare(&mut self, kind: &str, a: Value, b: Value) -> Value {
        let shape = broadcast(self.shape(a), self.shape(b));
        self.typed(Op::new(kind), &[a, b], DType::Bool, &shape)
    }

    /// 1 where the comparison holds, else 0.
    pub(crate) fn indicator(&mut self, comparison: &str, a: Value, b: Value) -> Value {
        let holds = self.compare(comparison, a, b);
        self.cast(holds, DType::F32)
    }

    /// `a` where `condition` holds, else `b`; all three broadcast to `shape`.
    pub(crate) fn select(&mut self, condition: Value, a: Value, b: Value, shape: &[usize]) -> Value {
        let dtype = self.fact(a).dtype;
        self.typed(Op::new("Where"), &[condition, a, b], dtype, shape)
    }

    pub(crate) fn add(&mut self, a: Value, b: Value) -> Value {
        self.binary("Add", a, b)
    }

    pub(crate) fn sub(&mut self, a: Value, b: Value) -> Value {
        self.binary("Sub", a, b)
    }

    pub(crate) fn mul(&mut self, a: Value, b: Value) -> Value {
        self.binary("Mul", a, b)
    }

    pub(crate) fn div(&mut self, a: Value, b: Value) -> Value {
        self.binary("Div", a, b)
    }

    /// `factor · x`.
    pub(crate) fn scale(&mut self, x: Value, factor: f64) -> Value {
        if factor == 1.0 {
            return x;
        }
        let factor = self.scalar(factor);
        self.mul(x, factor)
    }

    pub(crate) fn cast(&mut self, x: Value, dtype: DType) -> Value {
        let shape = self.shape(x).to_vec();
        let op = Op::new("Cast").with("to", Attr::Int(i64::from(crate::codec::type_code(dtype))));
        self.typed(op, &[x], dtype, &shape)
    }

    pub(crate) fn reshape(&mut self, x: Value, shape: &[usize]) -> Value {
        if self.shape(x) == shape {
            return x;
        }
        // An extent of 0 would mean "as in the input" without `allowzero`.
        let op = Op::new("Reshape").with("allowzero", Attr::Int(1));
        let target = self.ints(shape);
        self.op(op, &[x, target], shape)
    }

    pub(crate) fn expand(&mut self, x: Value, shape: &[usize]) -> Value {
        if self.shape(x) == shape {
            return x;
        }
        if shape.contains(&0) && self.fact(x).dtype == DType::F32 {
            // ONNX Runtime's Expand leaves an extent of 1 where the target is 0.
            return self.zeros(shape);
        }
        let target = self.ints(shape);
        self.op(Op::new("Expand"), &[x, target], shape)
    }

    pub(crate) fn transpose(&mut self, x: Value, order: &[usize]) -> Value {
        if order.iter().enumerate().all(|(i, &axis)| i == axis) {
            return x;
        }
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape(x)[axis]).collect();
        self.op(Op::new("Transpose").ints("perm", order), &[x], &shape)
    }

    /// Swaps the last two axes.
    pub(crate) fn swap_last(&mut self, x: Value) -> Value {
        let rank = self.shape(x).len();
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(rank - 2, rank - 1);
        self.transpose(x, &order)
    }

    /// Reduces over `axes`, keeping them with extent 1 where `keep` says so.
    pub(crate) fn reduce(&mut self, kind: &str, x: Value, axes: &[usize], keep: bool) -> Value {
        if axes.is_empty() {
            return x;
        }
        let kept = |(i, &extent): (usize, &usize)| match (axes.contains(&i), keep) {
            (true, true) => Some(1),
            (true, false) => None,
            (false, _) => Some(extent),
        };
        let shape: Vec<usize> = self.shape(x).iter().enumerate().filter_map(kept).collect();
        let op = Op::new(kind).with("keepdims", Attr::Int(i64::from(keep)));
        let axes = self.ints(axes);
        self.op(op, &[x, axes], &shape)
    }

    /// Sums over `axes` and drops them.
    pub(crate) fn sum(&mut self, x: Value, axes: &[usize]) -> Value {
        self.reduce("ReduceSum", x, axes, false)
    }

    /// Undoes broadcasting: sums `x` down to `shape`.
    pub(crate) fn sum_to(&mut self, x: Value, shape: &[usize]) -> Value {
        let lead = self.shape(x).len() - shape.len();
        let grown = |&i: &usize| i < lead || (shape[i - lead] == 1 && self.shape(x)[i] != 1);
        let axes: Vec<usize> = (0..self.shape(x).len()).filter(grown).collect();
        let summed = self.reduce("ReduceSum", x, &axes, true);
        self.reshape(summed, shape)
    }

    /// `op(a)·op(b)` over the last two axes, the others broadcast; a set flag transposes that operand first.
    pub(crate) fn matmul(&mut self, a: Value, b: Value, trans_a: bool, trans_b: bool) -> Value {
        let (left, right) = (self.shape(a), self.shape(b));
        let (i, j) = (left.len() - 2, right.len() - 2);
        let mut shape = broadcast(&left[..i], &right[..j]);
        shape.extend([left[i + usize::from(trans_a)], right[j + usize::from(!trans_b)]]);
        let flags = (Attr::Int(i64::from(trans_a)), Attr::Int(i64::from(trans_b)));
        let op = Op::composite("MatMul").with("transA", flags.0).with("transB", flags.1);
        self.op(op, &[a, b], &shape)
    }

    /// Elements `start, start + step, …` of each axis, as many as `count` says; steps may be negative.
    pub(crate) fn slice(
        &mut self,
        x: Value,
        axes: &[usize],
        start: &[i64],
        step: &[i64],
        count: &[usize],
    ) -> Value {
        let mut shape = self.shape(x).to_vec();
        let mut end = Vec::new();
        let mut whole = true;
        for (i, &axis) in axes.iter().enumerate() {
            whole &= shape[axis] == count[i] && step[i] == 1;
            shape[axis] = count[i];
            let stop = start[i] + step[i] * (count[i] as i64 - 1) + step[i].signum();
            // A stop before the first element has to be far negative: -1 would mean the last one.
            end.push(if stop < 0 { i64::MIN / 2 } else { stop });
        }
        if whole {
            return x;
        }
        let (start, end, axes, step) = (self.ints(start), self.ints(&end), self.ints(axes), self.ints(step));
        self.op(Op::new("Slice"), &[x, start, end, axes, step], &shape)
    }

    /// Surrounds `x` with zeros: `before` and `after` per axis.
    pub(crate) fn pad(&mut self, x: Value, before: &[usize], after: &[usize]) -> Value {
        if before.iter().chain(after).all(|&p| p == 0) {
            return x;
        }
        let extents = self.shape(x).iter().zip(before.iter().zip(after));
        let shape: Vec<usize> = extents.map(|(d, (b, a))| d + b + a).collect();
        let pads = self.ints(&[before, after].concat());
        self.op(Op::new("Pad"), &[x, pads], &shape)
    }

    pub(crate) fn concat(&mut self, parts: &[Value], axis: usize) -> Value {
        if let [only] = parts {
            return *only;
        }
        let mut shape = self.shape(parts[0]).to_vec();
        shape[axis] = parts.iter().map(|&part| self.shape(part)[axis]).sum();
        self.op(Op::new("Concat").with("axis", Attr::Int(axis as i64)), parts, &shape)
    }

    /// A float32 tensor of zeros that takes no room in the file.
    pub(crate) fn zeros(&mut self, shape: &[usize]) -> Value {
        let zero = Tensor { shape: vec![1], data: TensorData::F32(vec![0.0]) };
        let target = self.ints(shape);
        self.typed(Op::new("ConstantOfShape").with("value", Attr::Tensor(zero)), &[target], DType::F32, shape)
    }
}

/// Extents of the result of broadcasting `a` against `b`, which must fit.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], i: usize| (i + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    (0..rank).map(|i| if at(a, i) == 1 { at(b, i) } else { at(a, i) }).collect()
}
