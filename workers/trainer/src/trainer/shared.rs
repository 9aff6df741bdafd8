//! Tensors that the host and sessions share.

use ort::{
    memory::Allocator,
    session::IoBinding,
    value::{PrimitiveTensorElementType, Tensor},
};

use crate::{cuda::Memory, engine::EngineError};

/// What the elements of tensors are.
pub(super) trait Element: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static {}
impl<T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static> Element for T {}

/// A tensor in host memory, and its double on the device where sessions read or write it there. The one does not follow
/// the other by itself.
pub(super) struct Shared<T: Element> {
    host: Tensor<T>,
    device: Option<Tensor<T>>,
}

impl<T: Element> Shared<T> {
    /// Without a double.
    pub(super) fn new(shape: &[usize]) -> Result<Self, EngineError> {
        Ok(Self { host: Tensor::new(&Allocator::default(), shape)?, device: None })
    }

    /// With a double wherever there is a device.
    pub(super) fn on(memory: Option<&Memory>, shape: &[usize]) -> Result<Self, EngineError> {
        let mut shared = Self::new(shape)?;
        if let Some(memory) = memory {
            shared.double(&memory.allocator)?;
        }
        Ok(shared)
    }

    fn double(&mut self, allocator: &Allocator) -> Result<&Tensor<T>, EngineError> {
        let double = match self.device.take() {
            Some(double) => double,
            None => Tensor::new(allocator, self.host.shape().to_vec())?,
        };
        Ok(self.device.insert(double))
    }

    /// Binds an input to the tensor where the session reads it, which has a double from then on if that is the device.
    pub(super) fn bind_input(
        &mut self,
        binding: &mut IoBinding,
        name: &str,
        memory: Option<&Memory>,
    ) -> Result<(), EngineError> {
        match memory.filter(|memory| !memory.on_host.contains(name)) {
            None => binding.bind_input(name, &self.host)?,
            Some(memory) => binding.bind_input(name, self.double(&memory.allocator)?)?,
        }
        Ok(())
    }

    /// Binds an input to the double if there is one; true where the session reads it elsewhere, and so has only a copy of
    /// what it is now.
    pub(super) fn lend(
        &self,
        binding: &mut IoBinding,
        name: &str,
        memory: Option<&Memory>,
    ) -> Result<bool, EngineError> {
        binding.bind_input(name, self.device.as_ref().unwrap_or(&self.host))?;
        Ok(memory.is_some_and(|memory| memory.on_host.contains(name) != self.device.is_none()))
    }

    /// Binds an output to the double if there is one.
    pub(super) fn bind_output(&mut self, binding: &mut IoBinding, name: &str) -> Result<(), EngineError> {
        binding.bind_output(name, self.device.as_mut().unwrap_or(&mut self.host))?;
        Ok(())
    }

    /// The host's elements.
    pub(super) fn values(&self) -> &[T] {
        self.host.extract_tensor().1
    }

    /// The host's elements, to be changed.
    pub(super) fn room(&mut self) -> &mut [T] {
        self.host.extract_tensor_mut().1
    }

    pub(super) fn has_double(&self) -> bool {
        self.device.is_some()
    }

    /// Brings the host's elements to the double.
    pub(super) fn push(&mut self) -> Result<(), EngineError> {
        match &mut self.device {
            Some(device) => Ok(self.host.copy_into(device)?),
            None => Ok(()),
        }
    }

    /// Brings the double's elements to the host.
    pub(super) fn pull(&mut self) -> Result<(), EngineError> {
        match &self.device {
            Some(device) => Ok(device.copy_into(&mut self.host)?),
            None => Ok(()),
        }
    }
}

impl<T: Element + Copy + PartialEq + Default> Shared<T> {
    /// A scalar that is 0, or false.
    pub(super) fn scalar() -> Result<Self, EngineError> {
        let mut scalar = Self::new(&[])?;
        scalar.room()[0] = T::default();
        Ok(scalar)
    }

    /// Makes a scalar this one, on both sides; they have to be alike.
    pub(super) fn set(&mut self, value: T) -> Result<(), EngineError> {
        let before = std::mem::replace(&mut self.room()[0], value);
        if before == value { Ok(()) } else { self.push() }
    }
}
