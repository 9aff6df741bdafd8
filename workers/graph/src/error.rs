//! What can be wrong with a model, in words a user can act on.

/// Why a model cannot be read or trained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// The bytes are not an ONNX model this crate can read.
    #[error("not a readable ONNX model: {0}")]
    Decode(String),
    /// The file speaks a version of the operator set outside 11 to 23.
    #[error("unsupported operator set {0}\n\nhint: export the model with an opset between 11 and 23")]
    Opset(i64),
    /// The model's inputs or outputs are not one float tensor each.
    #[error("{0}")]
    Interface(String),
    /// An operator on the way from a parameter to the loss is not known here.
    #[error(
        "node `{node}` uses operator `{operator}`, which training does not know\n\n\
         hint: export the model without it"
    )]
    UnknownOperator {
        /// The node's name.
        node: String,
        /// Its operator, with the domain in front where it is not the standard one.
        operator: String,
    },
    /// An operator on the way from a parameter to the loss is known but has no gradient.
    #[error("node `{node}` uses operator `{operator}`, which has no gradient: {reason}")]
    NoGradient {
        /// The node's name.
        node: String,
        /// Its operator.
        operator: String,
        /// Why, and what could be done.
        reason: String,
    },
    /// A node is used in a form that is not supported.
    #[error("node `{node}` (`{operator}`): {reason}")]
    Node {
        /// The node's name.
        node: String,
        /// Its operator.
        operator: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The model's output does not fit the loss.
    #[error("{0}")]
    Loss(String),
    /// The probe's results lack a value of the model.
    #[error("the probe holds nothing about value `{0}`")]
    Unprobed(String),
    /// Nothing in the model trains.
    #[error("the model has no trainable parameter that reaches its output")]
    NothingTrains,
    /// A value asked for by name does not exist.
    #[error("the model has no value `{0}`")]
    UnknownValue(String),
}
