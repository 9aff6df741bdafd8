//! The model comes out: its own file with the weights that a trial left.

use std::path::{Path, PathBuf};

use sweep_graph::{GraphError, Selection};
use sweep_wire::Model;

use crate::{checkpoint::read_weights, prepared::read};

/// Why a model cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The model's file is missing or cannot be read.
    #[error("{0}")]
    Model(String),
    /// The model's file is not the one that was trained.
    #[error("`{}` is not the model that was trained: its content has changed", .0.display())]
    Changed(PathBuf),
    /// The weights are missing or damaged.
    #[error("`{}` {problem}", path.display())]
    Weights { path: PathBuf, problem: String },
    /// Model and weights don't go together.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl ExportError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Model(_) | Self::Changed(_) => {
                Some("put back the file that the sweep was run with; the weights are kept apart from it")
            }
            Self::Weights { .. } => Some("the trial has to be trained again for its weights"),
            Self::Graph(_) => None,
        }
    }
}

/// The bytes of the model's ONNX file with the weights in the file `weights`; the model's content must have the hash
/// `expected` (BLAKE3, in hexadecimal), where it is known.
///
/// # Errors
/// See [`ExportError`].
pub fn export(model: &Model, expected: Option<&str>, weights: &Path) -> Result<Vec<u8>, ExportError> {
    let bytes = read(&model.onnx).map_err(|fault| ExportError::Model(fault.message))?;
    if expected.is_some_and(|expected| blake3::hash(&bytes).to_hex().as_str() != expected) {
        return Err(ExportError::Changed(model.onnx.clone()));
    }
    let path = weights.to_owned();
    let weights = read_weights(weights).map_err(|problem| ExportError::Weights { path, problem })?;
    let selection = Selection {
        output: model.output.clone(),
        trainable: model.trainable.clone(),
        frozen: model.frozen.clone(),
    };
    let decoded = sweep_graph::Model::decode(&bytes, &selection)?;
    Ok(decoded.with_weights(&bytes, &weights.tensors)?)
}
