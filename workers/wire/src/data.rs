//! Where samples come from and what is done to them on their way to the model.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub train: Source,
    pub validation: Option<Validation>,
    pub test: Option<Source>,
    /// Applied after 8-bit values were divided by 255.
    pub normalize: Option<Normalize>,
    pub augment: Vec<Augment>,
    /// Training labels that are wrong on purpose.
    pub label_noise: Option<LabelNoise>,
    /// Class proportions that move from epoch to epoch.
    pub drift: Option<Drift>,
    /// Whether each epoch has an order of its own.
    pub shuffle: bool,
    /// Decides which training samples become the validation set, for all trials alike.
    pub split_seed: u64,
    /// Bytes of samples that a worker holds in memory; what is more is read from disk as it is needed.
    pub memory: u64,
}

/// Where samples and their targets are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    Images(Images),
    Arrays(Arrays),
    Npz(Npz),
    Csv(Csv),
    Cifar10(Cifar10),
    Cifar100(Cifar100),
    Folder(Folder),
    Text(Text),
    Tokens(Tokens),
    Parquet(Parquet),
}

/// Images and their class indices, as IDX files, gzipped or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    pub images: PathBuf,
    pub labels: PathBuf,
}

/// Arrays as NumPy's `.npy` files, their first axis the samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrays {
    pub inputs: Inputs,
    pub labels: PathBuf,
}

/// Arrays of a `.npz` archive, by their names in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Npz {
    pub npz: PathBuf,
    pub inputs: Names,
    pub labels: String,
}

/// A table of comma-separated values, gzipped or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    pub csv: PathBuf,
    /// The column of the labels: numbers, or words, which are numbered in sorted order.
    pub labels: String,
    /// The columns of the input; all others unless named.
    pub inputs: Option<Vec<String>>,
    /// Whether the first row names the columns; if it is not all numbers unless told. Without names they are `0`, `1`, ….
    pub header: Option<bool>,
}

/// CIFAR-10 in its binary version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cifar10 {
    pub cifar10: Vec<PathBuf>,
}

/// CIFAR-100 in its binary version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cifar100 {
    pub cifar100: Vec<PathBuf>,
    pub labels: Cifar100Labels,
}

/// Which of its two labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cifar100Labels {
    /// One of 100 classes.
    Fine,
    /// One of 20 groups of them.
    Coarse,
}

/// A folder with a folder of images for each class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    pub folder: PathBuf,
    /// Height and width that all images are brought to; they must be alike without.
    pub resize: Option<[u32; 2]>,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: u32,
}

/// A file whose bytes are tokens; what is predicted is the next one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub text: PathBuf,
    /// Tokens of one sample.
    pub length: u32,
}

/// A file of tokens: `.npy`, or raw numbers of a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    pub tokens: PathBuf,
    pub dtype: Option<TokenType>,
    /// Tokens of one sample.
    pub length: u32,
}

/// Raw numbers, smallest byte first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    Uint8,
    Uint16,
    Uint32,
    Int32,
    Int64,
}

/// A Parquet table; columns are numbers or lists of numbers of one length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parquet {
    pub parquet: PathBuf,
    pub inputs: Columns,
    pub labels: String,
}

/// Columns side by side for the model's only input, or one for each by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Columns {
    One(Vec<String>),
    Named(BTreeMap<String, String>),
}

/// One array for the model's only input, or one for each by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Names {
    One(String),
    Named(BTreeMap<String, String>),
}

/// One file for the model's only input, or one for each by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Inputs {
    One(PathBuf),
    Named(BTreeMap<String, PathBuf>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// This share of the training samples, rounded to the nearest sample.
    Share(f64),
    Files(Source),
}

/// Per channel: `(x − mean) / std`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Augment {
    /// Zero-pad (before normalisation: black) by this many pixels on each side, then crop back at a random place.
    RandomCrop { padding: u32 },
    /// Mirror left and right, with probability one half.
    HorizontalFlip,
    /// Mirror up and down, with probability one half.
    VerticalFlip,
    /// Set a square of this side at a random place to 0 after normalisation (DeVries and Taylor 2017, "Improved
    /// Regularization of Convolutional Neural Networks with Cutout").
    Cutout { size: u32 },
    /// Blend each sample and its target with another one's, in shares drawn from Beta(alpha, alpha).
    Mixup { alpha: f64 },
}

/// A share of the training samples has the label of another class, the same one in every epoch and trial.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelNoise {
    /// Above 0 and at most 1.
    pub share: f64,
    /// Which samples, and which labels they get.
    pub seed: u64,
}

/// In epoch e training samples of class c of C are drawn, with replacement, with a weight of
/// 1 + strength · cos(2π (e / period + c / C)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Above 0 and at most 1.
    pub strength: f64,
    /// In epochs, above 0.
    pub period: f64,
}
