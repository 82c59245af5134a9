//! Booleans, eight in a byte, the first in the lowest bit.

use crate::faults::Fault;
use crate::values::Values;

pub fn bools(out: &mut Vec<u8>, length: usize, values: &Values) -> Result<(), Fault> {
    if let Some(index) = values.iter().position(|value| !matches!(value, None | Some([0 | 1]))) {
        return Err(Fault::broken(index, "a boolean that is neither 0 nor 1"));
    }
    append(out, length, values.iter().map(|value| value == Some(&[1])));
    Ok(())
}

/// Add `bits` to the `length` that `out` has.
pub fn append(out: &mut Vec<u8>, length: usize, bits: impl Iterator<Item = bool>) {
    for (index, bit) in (length..).zip(bits) {
        if index % 8 == 0 {
            out.push(0);
        }
        if let Some(last) = out.last_mut() {
            *last |= u8::from(bit) << (index % 8);
        }
    }
}
