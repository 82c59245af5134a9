//! Where each value of a column ends, in 32 bits.

use crate::faults::Fault;

pub struct Offsets {
    pub bytes: Vec<u8>,
}

impl Offsets {
    /// Of no value yet.
    pub fn with_capacity(values: usize) -> Self {
        let mut bytes = Vec::with_capacity((values + 1) * size_of::<i32>());
        bytes.extend(0_i32.to_ne_bytes());
        Self { bytes }
    }

    /// Add the end of the value `index`.
    pub fn push(&mut self, index: usize, end: usize) -> Result<(), Fault> {
        let end = i32::try_from(end).map_err(|_| Fault::broken(index, "a column of 2 GB or more in a block"))?;
        self.bytes.extend(end.to_ne_bytes());
        Ok(())
    }
}
