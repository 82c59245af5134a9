//! A block to columns: each format to the function that decodes it.

use crate::faults::{Fault, Located};
use crate::formats::Format;
use crate::offsets::Offsets;
use crate::values::Values;
use crate::{bits, fixed, lists, numeric, rows, text};

/// Rows that are decoded column after column: so few that they stay in the processor's cache meanwhile.
const AT_ONCE: usize = 1024;

/// An array that grows, as Arrow lays it out. What its format does not need stays empty.
pub struct Column {
    pub length: usize,
    pub nulls: usize,
    pub validity: Vec<u8>,
    pub offsets: Offsets,
    pub data: Vec<u8>,
    pub child: Option<Box<Column>>,
}

/// The number of rows and the columns of a block.
pub fn decoded(formats: &[Format], block: &[u8]) -> Result<(usize, Vec<Column>), Located> {
    if i32::try_from(block.len()).is_err() {
        return Err(Fault::broken(0, "a block of 2 GB or more").at(0));
    }
    let (rows, walk) = rows::walked(block, formats)?;
    let columns = |at_once: usize| {
        let mut columns: Vec<_> =
            formats.iter().enumerate().map(|(place, format)| Column::new(format, &walk.column(place))).collect();
        for part in walk.parts(at_once) {
            for (place, (column, format)) in columns.iter_mut().zip(formats).enumerate() {
                column.extend(format, &part.column(place)).map_err(|fault| fault.at(place))?;
            }
        }
        Ok(columns)
    };
    // The fault that is told is the first of the first column that has one, so all rows are looked at as one part.
    Ok((rows, columns(AT_ONCE).or_else(|_: Located| columns(rows))?))
}

impl Column {
    /// An empty one, with room for `values`.
    pub fn new(format: &Format, values: &Values) -> Self {
        Self {
            length: 0,
            nulls: 0,
            validity: Vec::with_capacity(values.len().div_ceil(8)),
            offsets: Offsets::with_capacity(if format.has_offsets() { values.len() } else { 0 }),
            data: Vec::with_capacity(match format {
                Format::List(_) => 0,
                Format::Bool => values.len().div_ceil(8),
                _ => format.size().map_or_else(|| values.bytes(), |size| values.len() * size),
            }),
            child: match format {
                Format::List(element) => Some(Box::new(Self::new(element, &Values::default()))),
                _ => None,
            },
        }
    }

    /// Add `values`.
    pub fn extend(&mut self, format: &Format, values: &Values) -> Result<(), Fault> {
        let (offsets, data) = (&mut self.offsets, &mut self.data);
        match format {
            Format::Bool => bits::bools(data, self.length, values),
            Format::Int2 => fixed::two(data, values),
            Format::Int4 | Format::Oid | Format::Float4 => fixed::four(data, values),
            Format::Int8 | Format::Float8 => fixed::eight(data, values),
            Format::Date => fixed::dates(data, values),
            Format::Time => fixed::times(data, values),
            Format::Timestamp => fixed::timestamps(data, values),
            Format::Interval => fixed::intervals(data, values),
            Format::Numeric { precision, scale } => numeric::decimals(data, values, *precision, *scale),
            Format::Bytea => text::binary(offsets, data, values),
            Format::Text => text::strings(offsets, data, values),
            Format::Jsonb => text::jsonb(offsets, data, values),
            Format::Uuid => text::uuids(offsets, data, values),
            Format::List(element) => match &mut self.child {
                Some(child) => lists::lists(offsets, child, element, values),
                None => Ok(()),
            },
        }?;
        let nulls = values.valid().filter(|valid| !valid).count();
        if nulls > 0 && self.nulls == 0 {
            bits::append(&mut self.validity, 0, std::iter::repeat_n(true, self.length));
        }
        self.nulls += nulls;
        if self.nulls > 0 {
            bits::append(&mut self.validity, self.length, values.valid());
        }
        self.length += values.len();
        Ok(())
    }

    /// What Arrow wants of that format, in its order; None for the validity where nothing is NULL.
    pub fn into_buffers(self, format: &Format) -> Vec<Option<Vec<u8>>> {
        let validity = (self.nulls > 0).then_some(self.validity);
        let offsets = format.has_offsets().then_some(Some(self.offsets.bytes));
        let data = (!matches!(format, Format::List(_))).then_some(Some(self.data));
        std::iter::once(validity).chain(offsets).chain(data).collect()
    }
}
