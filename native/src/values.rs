//! Where the values of a column lie in a block.

/// A value: where it begins, and how many bytes it has. NULL has -1.
#[derive(Clone, Copy)]
pub struct Spot {
    pub start: u32,
    pub length: i32,
}

pub const NULL: i32 = -1;

impl Spot {
    /// The bytes of the value, None for NULL.
    pub fn of<'a>(&self, block: &'a [u8]) -> Option<&'a [u8]> {
        let length = usize::try_from(self.length).ok()?;
        let start = self.start as usize;
        Some(&block[start..start + length])
    }
}

/// The values of one column, or the elements of its arrays.
#[derive(Default)]
pub struct Values<'a> {
    pub block: &'a [u8],
    /// The first value's, and those of what lies between the values of this column.
    pub spots: &'a [Spot],
    /// How many spots there are a row, less one.
    pub between: usize,
}

impl<'a> Values<'a> {
    pub fn len(&self) -> usize {
        self.spots.len().div_ceil(self.between + 1)
    }

    pub fn spots(&self) -> impl Iterator<Item = Spot> + use<'a> {
        self.spots.iter().step_by(self.between + 1).copied()
    }

    /// The bytes of each value, None for NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let block = self.block;
        self.spots().map(move |spot| spot.of(block))
    }

    /// Of each value, whether it is not NULL.
    pub fn valid(&self) -> impl Iterator<Item = bool> + use<'a> {
        self.spots().map(|spot| spot.length != NULL)
    }

    /// The bytes of all values together.
    pub fn bytes(&self) -> usize {
        self.spots().filter_map(|spot| usize::try_from(spot.length).ok()).sum()
    }
}
