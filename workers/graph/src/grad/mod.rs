//! Gradient rules: each family's file says how its operators hand gradients on. Rules append nodes and never look at
//! provider or opset: that is `lower`'s.

pub(crate) mod activation;
pub(crate) mod conv;
pub(crate) mod conv_transpose;
pub(crate) mod einsum;
pub(crate) mod elementwise;
pub(crate) mod gru;
pub(crate) mod index;
pub(crate) mod lstm;
pub(crate) mod matmul;
pub(crate) mod norm;
pub(crate) mod normalize;
pub(crate) mod pool;
pub(crate) mod power;
pub(crate) mod recurrent;
pub(crate) mod reduce;
pub(crate) mod resize;
pub(crate) mod shape;
pub(crate) mod slice;
pub(crate) mod smooth;
pub(crate) mod softmax;
pub(crate) mod unary;

use crate::GraphError;
use crate::graph::{Fact, Graph, Node, Op, Value};

/// The gradient of each input of a node, in order; `None` for those that nobody asked for or that have none.
pub(crate) type Grads = Vec<Option<Value>>;

/// Hands the gradients of a node's outputs on to its inputs. A gradient has the extents of its value.
pub(crate) type Rule = fn(&mut Graph, &Site) -> Result<Grads, GraphError>;

/// A node whose outputs have gradients.
pub(crate) struct Site {
    pub(crate) node: Node<Fact>,
    pub(crate) index: usize,
    /// The gradient of each output that has one.
    pub(crate) dys: Vec<Option<Value>>,
    /// Whether anything needs the gradient of each input.
    pub(crate) wants: Vec<bool>,
}

impl Site {
    pub(crate) fn op(&self) -> &Op {
        self.node.op().expect("only operators are differentiated")
    }

    /// Input `slot`, which the canonical form of the operator has.
    pub(crate) fn x(&self, slot: usize) -> Value {
        self.node.input(slot).expect("a canonical operator has all its inputs")
    }

    /// Output `slot`.
    pub(crate) fn y(&self, slot: usize) -> Value {
        Value { node: self.index, slot }
    }

    /// The gradient of the first output, the only one that is differentiated in all operators but Split.
    pub(crate) fn dy(&self) -> Result<Value, GraphError> {
        self.dys[0].ok_or_else(|| self.node.error("the loss depends on an output that has no gradient"))
    }

    /// Whether anything needs the gradient of input `slot`.
    pub(crate) fn wants(&self, slot: usize) -> bool {
        self.wants.get(slot).copied().unwrap_or(false)
    }

    /// The gradient of the only input, where it is that of the output times `slope`.
    pub(crate) fn times(&self, graph: &mut Graph, slope: Value) -> Result<Grads, GraphError> {
        Ok(vec![Some(graph.mul(self.dy()?, slope))])
    }

    /// The gradient of input `slot`, made only where wanted, and summed to the input's extents.
    pub(crate) fn summed(
        &self,
        graph: &mut Graph,
        slot: usize,
        full: impl FnOnce(&mut Graph) -> Value,
    ) -> Option<Value> {
        self.wants(slot).then(|| {
            let full = full(graph);
            let shape = graph.shape(self.x(slot)).to_vec();
            graph.sum_to(full, &shape)
        })
    }
}
