//! Why a block cannot be decoded.

/// The kind of a block that is not what the protocol describes; all other kinds are those of values that Arrow
/// cannot hold, as named in `formats.py`.
pub const BROKEN: &str = "broken";

/// A fault at a value, counted among those that are decoded together.
pub struct Fault {
    pub kind: &'static str,
    pub detail: String,
    pub index: usize,
}

impl Fault {
    pub fn broken(index: usize, detail: impl Into<String>) -> Self {
        Self { kind: BROKEN, detail: detail.into(), index }
    }

    pub fn unheld(index: usize, kind: &'static str) -> Self {
        Self { kind, detail: String::new(), index }
    }

    pub fn at(self, column: usize) -> Located {
        Located { kind: self.kind, detail: self.detail, column, row: self.index }
    }
}

/// A fault with its place in the block.
pub struct Located {
    pub kind: &'static str,
    pub detail: String,
    pub column: usize,
    pub row: usize,
}
