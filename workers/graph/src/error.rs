//! What can be wrong with a model, in words a user can act on.

/// Why a model cannot be read or trained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// The bytes are not an ONNX model this crate can read.
    #[error("not a readable ONNX model: {0}")]
    Decode(String),
    /// A tensor is not in the file itself.
    #[error("tensor `{0}` lies in another file")]
    External(String),
    /// The file speaks a version of the operator set outside 11 to 23.
    #[error("unsupported operator set {0}")]
    Opset(i64),
    /// The model's inputs or outputs cannot be fed or trained on.
    #[error("{0}")]
    Interface(String),
    /// It is not said, or said wrongly, which output the loss is of.
    #[error("{0}")]
    Output(String),
    /// An operator on the way from a parameter to the loss is not known here.
    #[error("node `{node}` uses operator `{operator}`, which training does not know")]
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
        /// Why.
        reason: &'static str,
        /// What could be done.
        hint: &'static str,
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
    /// A pattern matches no parameter.
    #[error("pattern `{pattern}` of `{key}` matches no parameter")]
    NoMatch {
        /// The key of the spec.
        key: &'static str,
        /// The pattern.
        pattern: String,
        /// The name of some parameter.
        example: Option<String>,
    },
    /// A value asked for by name does not exist.
    #[error("the model has no value `{0}`")]
    UnknownValue(String),
}

impl GraphError {
    /// What could be done about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Decode(_) => {
                "`torch.onnx.export(…, dynamo=False, training=…)` writes files that can be trained".to_owned()
            }
            Self::External(_) => "save the model with its weights inside: `external_data=False`".to_owned(),
            Self::Opset(_) => "export the model with an opset between 11 and 23".to_owned(),
            Self::UnknownOperator { .. } => "export the model without it".to_owned(),
            Self::NoGradient { hint, .. } => (*hint).to_owned(),
            Self::NoMatch { example: Some(name), .. } => {
                format!("`*` stands for any characters; one parameter is called `{name}`")
            }
            Self::Interface(_) => {
                "the loss can be of any float32 value of the model: name it with `output: NAME` under `model`"
                    .to_owned()
            }
            Self::Output(_) => "name it with `output: NAME` under `model`".to_owned(),
            _ => return None,
        })
    }
}
