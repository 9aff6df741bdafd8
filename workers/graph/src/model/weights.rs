//! The model's own file with other weights. The file is edited where it has to be and copied byte by byte elsewhere, so
//! that nothing is lost that this crate does not know.

mod raw;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Model, Use};
use crate::GraphError;
use crate::codec::tensor_proto;
use crate::graph::{Kind, Op, unique};
use crate::state::StateKind;
use crate::tensor::Tensor;
use prost::Message;
use raw::{Field, fields, put};

/// Fields of `ModelProto`, `GraphProto`, `ValueInfoProto`, `NodeProto`, `TensorProto` and `AttributeProto`.
const IR_VERSION: u32 = 1;
const GRAPH: u32 = 7;
const NODE: u32 = 1;
const INITIALIZER: u32 = 5;
const INPUT: u32 = 11;
const OUTPUT: u32 = 12;
const VALUE_NAME: u32 = 1;
const NODE_INPUT: u32 = 1;
const NODE_OUTPUT: u32 = 2;
const NODE_ATTRIBUTE: u32 = 5;
const TENSOR_NAME: u32 = 8;
const ATTRIBUTE_NAME: u32 = 1;
/// The first version in which an initialiser need not be an input too.
const IR_OF_FREE_INITIALIZERS: u64 = 4;

impl Model {
    /// The file that this model was decoded from, with these weights in place of its own: extents and elements by the
    /// names that the training graph's parameters and running statistics have. Tensors that are not among them stay.
    /// Layers that share one initialiser in the file, but not in training, get one each; dropout and batch normalisation
    /// are set to inference.
    ///
    /// # Errors
    /// The bytes are not those of this model; weights that it does not have, or of other extents.
    pub fn with_weights(
        &self,
        bytes: &[u8],
        weights: &BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    ) -> Result<Vec<u8>, GraphError> {
        let names = self.held_names();
        let mut values: Vec<Option<Tensor>> = Vec::new();
        for (parameter, name) in self.roles.parameters.iter().zip(&names) {
            let Kind::Constant(exported) = &self.nodes[parameter.source.node].kind else { continue };
            values.push(match weights.get(name) {
                Some((shape, data)) if *shape == exported.shape && data.len() == exported.len() => {
                    Some(Tensor::f32(shape, data.clone()))
                }
                Some((shape, _)) => {
                    let message = format!("`{name}` is {shape:?} here and {:?} in the model", exported.shape);
                    return Err(GraphError::Decode(message));
                }
                None => None,
            });
        }
        if let Some(name) = weights.keys().find(|name| !names.contains(name)) {
            return Err(GraphError::Decode(format!("the model has no `{name}`")));
        }
        let mut out = Vec::with_capacity(bytes.len());
        for field in fields(bytes)? {
            match field.number {
                GRAPH => put(&mut out, GRAPH, &Editor::new(self, &names, &values, field.content)?.edit()?),
                IR_VERSION if field.varint()? < IR_OF_FREE_INITIALIZERS => {
                    raw::put_varint(&mut out, IR_VERSION, IR_OF_FREE_INITIALIZERS);
                }
                _ => out.extend_from_slice(field.whole),
            }
        }
        Ok(out)
    }

    /// The names of all parameters, running statistics left out, in the graphs that are made of this model.
    pub(crate) fn parameter_names(&self) -> impl Iterator<Item = String> {
        let parameter =
            |(parameter, _): &(&super::roles::Parameter, String)| parameter.kind == StateKind::Parameter;
        self.roles.parameters.iter().zip(self.held_names()).filter(parameter).map(|(_, name)| name)
    }

    /// What each parameter and running statistic is called in the graphs that are made of this model.
    pub(crate) fn held_names(&self) -> Vec<String> {
        let mut taken: HashSet<String> = self.inputs.iter().map(|port| port.name.clone()).collect();
        self.roles.parameters.iter().map(|parameter| unique(&mut taken, &parameter.name)).collect()
    }
}

/// One graph of a file on its way to other weights.
struct Editor<'a> {
    model: &'a Model,
    names: &'a [String],
    /// The new value of each parameter, if it gets one.
    values: &'a [Option<Tensor>],
    fields: Vec<Field<'a>>,
    /// The decoded node that defines a value.
    places: HashMap<&'a str, usize>,
    taken: HashSet<String>,
    /// The nodes of which another output than the first is of use.
    read: HashSet<usize>,
    /// The initialisers that are written, by parameter and whether they are transposed.
    written: BTreeMap<(usize, bool), String>,
}

impl<'a> Editor<'a> {
    fn new(
        model: &'a Model,
        names: &'a [String],
        values: &'a [Option<Tensor>],
        graph: &'a [u8],
    ) -> Result<Self, GraphError> {
        let mut places = HashMap::new();
        for (index, node) in model.nodes.iter().enumerate() {
            places.extend(
                node.outputs.iter().filter(|name| !name.is_empty()).map(|name| (name.as_str(), index)),
            );
        }
        let taken = places.keys().map(|name| (*name).to_owned()).collect();
        let fields = fields(graph)?;
        Ok(Self {
            model,
            names,
            values,
            fields,
            places,
            taken,
            read: HashSet::new(),
            written: BTreeMap::new(),
        })
    }

    fn edit(mut self) -> Result<Vec<u8>, GraphError> {
        let fields = std::mem::take(&mut self.fields);
        let names = |number: u32| -> Result<HashSet<&str>, GraphError> {
            let listed = fields.iter().filter(|field| field.number == number);
            listed.map(|field| raw::text(field.content, VALUE_NAME)).collect()
        };
        let (inputs, outputs) = (names(INPUT)?, names(OUTPUT)?);
        let gone = self.replaced(&fields, &outputs)?;
        for name in &gone {
            self.taken.remove(*name);
        }
        self.read = self.read_outputs(&outputs);
        let mut out = Vec::new();
        for field in fields.iter().filter(|field| field.number == NODE) {
            self.node(field, &gone, &mut out)?;
        }
        let written: HashSet<&str> = self.written.values().map(String::as_str).collect();
        for field in fields.iter().filter(|field| field.number != NODE) {
            if field.number == INITIALIZER {
                let name = raw::text(field.content, TENSOR_NAME)?;
                // Some old files list initialisers as inputs too: those stay.
                if written.contains(name) || (gone.contains(name) && !inputs.contains(name)) {
                    continue;
                }
            }
            out.extend_from_slice(field.whole);
        }
        for ((parameter, transposed), name) in &self.written {
            let Some(value) = &self.values[*parameter] else { continue };
            let turned = transposed.then(|| super::roles::transposed(value)).flatten();
            let tensor = tensor_proto(turned.as_ref().unwrap_or(value), name);
            put(&mut out, INITIALIZER, &tensor.encode_to_vec());
        }
        Ok(out)
    }

    /// The file's constants that nobody reads any longer: each of their readers reads a parameter that gets a value, and
    /// they are no `outputs`, or such whose name the parameter keeps.
    fn replaced(
        &self,
        fields: &[Field<'a>],
        outputs: &HashSet<&str>,
    ) -> Result<HashSet<&'a str>, GraphError> {
        let mut read: HashMap<usize, bool> = HashMap::new();
        for (index, node) in self.model.nodes.iter().enumerate() {
            for (slot, value) in node.inputs.iter().enumerate() {
                let Some(value) = value else { continue };
                let replaced = self.used(index, slot).is_some();
                *read.entry(value.node).or_insert(true) &= replaced;
            }
        }
        let constant = |index: &usize| matches!(self.model.nodes[*index].kind, Kind::Constant(_));
        let constants = read.into_iter().filter(|(index, replaced)| *replaced && constant(index));
        let names = constants.map(|(index, _)| self.model.nodes[index].outputs[0].as_str());
        let stays = |name: &str| outputs.contains(name) && !self.names.iter().any(|kept| kept == name);
        let mut gone: HashSet<&str> = names.filter(|name| !stays(name)).collect();
        // A copy that stays reads what it copies, which may be a copy itself.
        for field in fields.iter().rev().filter(|field| field.number == NODE) {
            let parts = raw::fields(field.content)?;
            let (index, made) = self.made(&parts)?;
            if constant(&index) && !made.iter().any(|name| gone.contains(name)) {
                for name in raw::texts(&parts, NODE_INPUT)? {
                    gone.remove(name);
                }
            }
        }
        Ok(gone)
    }

    /// The decoded node that a node of the file is, and its outputs.
    fn made<'b>(&self, parts: &[Field<'b>]) -> Result<(usize, Vec<&'b str>), GraphError> {
        let made = raw::texts(parts, NODE_OUTPUT)?;
        let index = made.iter().find_map(|name| self.places.get(name)).copied();
        let index =
            index.ok_or_else(|| GraphError::Decode("these are not the bytes of this model".to_owned()))?;
        Ok((index, made))
    }

    /// The nodes of which another output than the first is read, or is one of `outputs`.
    fn read_outputs(&self, outputs: &HashSet<&str>) -> HashSet<usize> {
        let nodes = &self.model.nodes;
        let read = nodes.iter().flat_map(|node| &node.inputs).flatten();
        let read = read.filter(|value| value.slot > 0).map(|value| value.node);
        let listed =
            |index: &usize| nodes[*index].outputs.iter().skip(1).any(|name| outputs.contains(&**name));
        read.chain((0..nodes.len()).filter(listed)).collect()
    }

    /// The parameter with a new value that an input reads.
    fn used(&self, node: usize, slot: usize) -> Option<Use> {
        let used = *self.model.roles.uses.get(&(node, slot))?;
        self.values[used.parameter].is_some().then_some(used)
    }

    fn node(&mut self, field: &Field<'a>, gone: &HashSet<&str>, out: &mut Vec<u8>) -> Result<(), GraphError> {
        let parts = fields(field.content)?;
        let (index, outputs) = self.made(&parts)?;
        let node = &self.model.nodes[index];
        let Kind::Op(op) = &node.kind else {
            // A constant of its own or a copy of one.
            if !outputs.iter().any(|name| gone.contains(name)) {
                out.extend_from_slice(field.whole);
            }
            return Ok(());
        };
        let mut inputs: Vec<String> =
            raw::texts(&parts, NODE_INPUT)?.into_iter().map(str::to_owned).collect();
        let before = inputs.clone();
        for slot in 0..node.inputs.len() {
            if let Some(used) = self.used(index, slot) {
                inputs.resize(inputs.len().max(slot + 1), String::new());
                inputs[slot] = self.initializer(used);
            }
        }
        let kept = inference(op, &mut inputs, outputs.len());
        if kept == Some(1) && self.read.contains(&index) {
            return Err(
                node.error("its batch statistics are outputs, which a model for inference does not have")
            );
        }
        if inputs == before && kept.is_none() {
            out.extend_from_slice(field.whole);
            return Ok(());
        }
        let mut written = Vec::with_capacity(field.content.len());
        inputs.iter().for_each(|name| put(&mut written, NODE_INPUT, name.as_bytes()));
        let outputs = outputs.into_iter().take(kept.unwrap_or(usize::MAX));
        outputs.for_each(|name| put(&mut written, NODE_OUTPUT, name.as_bytes()));
        for part in parts {
            let named = |name: &str| Ok::<_, GraphError>(raw::text(part.content, ATTRIBUTE_NAME)? == name);
            match part.number {
                NODE_INPUT | NODE_OUTPUT => {}
                NODE_ATTRIBUTE if kept.is_some() && named("training_mode")? => {}
                _ => written.extend_from_slice(part.whole),
            }
        }
        put(out, NODE, &written);
        Ok(())
    }

    /// The initialiser that holds a parameter.
    fn initializer(&mut self, used: Use) -> String {
        let key = (used.parameter, used.transposed);
        if let Some(name) = self.written.get(&key) {
            return name.clone();
        }
        let wanted = &self.names[used.parameter];
        let wanted = if used.transposed { format!("{wanted}.transposed") } else { wanted.clone() };
        let name = unique(&mut self.taken, &wanted);
        self.written.insert(key, name.clone());
        name
    }
}

/// Sets an operator with so many outputs to inference: takes away inputs that say otherwise and says how many outputs are
/// left; nothing if it is in inference whatever it says.
fn inference(op: &Op, inputs: &mut Vec<String>, outputs: usize) -> Option<usize> {
    if !op.domain.is_empty() {
        return None;
    }
    match op.kind.as_str() {
        // Ratio stays; without the third input it does nothing.
        "Dropout" if inputs.len() > 2 => {
            inputs.truncate(2);
            Some(usize::MAX)
        }
        // Before opset 14 it is the other outputs that ask for training.
        "BatchNormalization" if outputs > 1 || op.int("training_mode", 0) != 0 => Some(1),
        _ => None,
    }
}
