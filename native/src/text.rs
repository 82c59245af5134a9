//! Values of any length: text, bytes, jsonb; and uuids, which become text.

use crate::faults::Fault;
use crate::offsets::Offsets;
use crate::values::Values;

const JSONB: u8 = 1;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Add the values, one after the other.
pub fn binary(offsets: &mut Offsets, out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    joined(offsets, out, values, 0)
}

pub fn strings(offsets: &mut Offsets, out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    utf8(offsets, out, values, 0)
}

/// The text after the version.
pub fn jsonb(offsets: &mut Offsets, out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    if let Some(index) = values.iter().position(|value| value.is_some_and(|value| value.first() != Some(&JSONB))) {
        return Err(Fault::broken(index, "a jsonb of an unknown version"));
    }
    utf8(offsets, out, values, 1)
}

/// 36 characters each.
pub fn uuids(offsets: &mut Offsets, out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    for (index, value) in values.iter().enumerate() {
        for (place, byte) in value.unwrap_or_default().iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                out.push(b'-');
            }
            out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        offsets.push(index, out.len())?;
    }
    Ok(())
}

fn utf8(offsets: &mut Offsets, out: &mut Vec<u8>, values: &Values, skip: usize) -> Result<(), Fault> {
    let before = out.len();
    joined(offsets, out, values, skip)?;
    // All at once is much faster than one by one, and the same when no value begins within a character.
    let texts = || values.iter().map(|value| value.map_or(&[][..], |value| &value[skip..]));
    let within = |text: &[u8]| text.first().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    if std::str::from_utf8(&out[before..]).is_err() || texts().any(within) {
        if let Some(index) = texts().position(|text| std::str::from_utf8(text).is_err()) {
            return Err(Fault::unheld(index, "encoding"));
        }
    }
    Ok(())
}

/// Each value without its first `skip` bytes.
fn joined(offsets: &mut Offsets, out: &mut Vec<u8>, values: &Values, skip: usize) -> Result<(), Fault> {
    for (index, value) in values.iter().enumerate() {
        out.extend_from_slice(value.map_or(&[], |value| &value[skip..]));
        offsets.push(index, out.len())?;
    }
    Ok(())
}
