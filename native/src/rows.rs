//! The structure of a block: a header perhaps, rows of fields, the end of the stream perhaps.

use std::borrow::Cow;

use crate::faults::{Fault, Located};
use crate::formats::Format;
use crate::values::{Spot, Values, NULL};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const CRITICAL: u32 = 0xffff_0000;
const END: i16 = -1;

/// Rows of a block.
pub struct Rows<'a> {
    block: &'a [u8],
    /// Where the fields lie, row by row.
    spots: Cow<'a, [Spot]>,
    fields: usize,
}

impl Rows<'_> {
    /// The values of a column, counted from 0.
    pub fn column(&self, place: usize) -> Values<'_> {
        Values { block: self.block, spots: self.spots.get(place..).unwrap_or_default(), between: self.fields - 1 }
    }

    /// The same rows, in parts of so many.
    pub fn parts(&self, rows: usize) -> impl Iterator<Item = Rows<'_>> {
        let parts = self.spots.chunks((rows * self.fields).max(1));
        parts.map(|spots| Rows { block: self.block, spots: spots.into(), fields: self.fields })
    }
}

/// The number of rows, and the rows; fails where their structure is broken.
pub fn walked<'a>(block: &'a [u8], formats: &[Format]) -> Result<(usize, Rows<'a>), Located> {
    let widths: Vec<Option<usize>> = formats.iter().map(Format::width).collect();
    let mut rest = after_header(block).ok_or_else(|| Fault::broken(0, "a broken header").at(0))?;
    let mut spots = Vec::with_capacity(block.len() / 24);
    let mut rows = 0;
    while !rest.is_empty() {
        let broken = |column, detail: &str| Fault::broken(rows, detail).at(column);
        let (count, fields) = rest.split_first_chunk().ok_or_else(|| broken(0, "the block ends in a row"))?;
        rest = fields;
        match i16::from_be_bytes(*count) {
            END if rest.is_empty() => break,
            END => return Err(broken(0, "bytes after the end of the stream")),
            count if usize::try_from(count) != Ok(formats.len()) => return Err(broken(0, "a wrong number of fields")),
            _ => (),
        }
        for (column, width) in widths.iter().enumerate() {
            let (spot, after) = field(block, rest).map_err(|detail| broken(column, detail))?;
            if width.is_some_and(|width| spot.length != NULL && spot.length as usize != width) {
                return Err(broken(column, "a value of a wrong length"));
            }
            spots.push(spot);
            rest = after;
        }
        rows += 1;
    }
    Ok((rows, Rows { block, spots: spots.into(), fields: formats.len() }))
}

/// The field that `rest`, the end of `block`, begins with, and what follows it.
pub fn field<'a>(block: &'a [u8], rest: &'a [u8]) -> Result<(Spot, &'a [u8]), &'static str> {
    let (length, value) = rest.split_first_chunk().ok_or("the block ends in a row")?;
    let length = i32::from_be_bytes(*length);
    let spot = Spot { start: (block.len() - value.len()) as u32, length };
    if length == NULL {
        return Ok((spot, value));
    }
    let length = usize::try_from(length).map_err(|_| "a negative length")?;
    let after = value.get(length..).ok_or("a length beyond what is there")?;
    Ok((spot, after))
}

/// What follows the header, where the block begins with one. No row begins like it: 0x5047 fields are too many.
fn after_header(block: &[u8]) -> Option<&[u8]> {
    let Some(rest) = block.strip_prefix(SIGNATURE) else {
        return Some(block);
    };
    let (flags, rest) = rest.split_first_chunk()?;
    let (extension, rest) = rest.split_first_chunk()?;
    if u32::from_be_bytes(*flags) & CRITICAL != 0 {
        return None;
    }
    rest.get(usize::try_from(i32::from_be_bytes(*extension)).ok()?..)
}
