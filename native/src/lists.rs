//! Arrays of one dimension.

use crate::columns::Column;
use crate::faults::Fault;
use crate::formats::Format;
use crate::offsets::Offsets;
use crate::rows::field;
use crate::values::{Spot, Values, NULL};

const MOST_DIMENSIONS: i32 = 6;

/// Add where each array ends among the elements, and the elements to `child`.
pub fn lists(offsets: &mut Offsets, child: &mut Column, element: &Format, values: &Values) -> Result<(), Fault> {
    let (block, width) = (values.block, element.width());
    let mut ends = Vec::with_capacity(values.len());
    let mut spots = Vec::new();
    for (index, spot) in values.spots().enumerate() {
        if spot.length != NULL {
            // The elements are fields of a block that ends with the array, so none reaches beyond it.
            let end = &block[..spot.start as usize + spot.length as usize];
            elements(end, spot.start as usize, width, &mut spots).map_err(|fault| Fault { index, ..fault })?;
        }
        ends.push(spots.len());
        offsets.push(index, child.length + spots.len())?;
    }
    child.extend(element, &Values { block, spots: &spots, between: 0 }).map_err(|fault| {
        let row = ends.partition_point(|end| *end <= fault.index);
        Fault { index: row, ..fault }
    })
}

/// The elements of the array that `block` ends with, added to `spots`.
fn elements(block: &[u8], start: usize, width: Option<usize>, spots: &mut Vec<Spot>) -> Result<(), Fault> {
    let broken = |detail: &str| Fault::broken(0, detail);
    let short = || broken("an array that ends in its header");
    let (dimensions, rest) = number(&block[start..]).ok_or_else(short)?;
    let (flags, rest) = number(rest).ok_or_else(short)?;
    let (_element_type, mut rest) = number(rest).ok_or_else(short)?;
    if !matches!(flags, 0 | 1) || !(0..=MOST_DIMENSIONS).contains(&dimensions) {
        return Err(broken("an array with a broken header"));
    }
    if dimensions > 1 {
        return Err(Fault::unheld(0, "dimensions"));
    }
    if dimensions == 1 {
        let (count, after) = number(rest).ok_or_else(short)?;
        (_, rest) = number(after).ok_or_else(short)?; // the number of its first element
        for _ in 0..usize::try_from(count).map_err(|_| broken("a negative number of elements"))? {
            let (spot, after) = field(block, rest).map_err(broken)?;
            if width.is_some_and(|width| spot.length != NULL && spot.length as usize != width) {
                return Err(broken("an element of a wrong length"));
            }
            spots.push(spot);
            rest = after;
        }
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(broken("bytes after the last element"))
    }
}

fn number(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((i32::from_be_bytes(*number), rest))
}
