//! PostgreSQL's binary COPY blocks, decoded to the buffers that Arrow arrays are made of.
//!
//! The rules are those of `dk_notebook/backends/postgres/reading/decode.py`, the reference in Python: first the structure of
//! all rows, then column after column, value after value. A block with several faults tells the same one in both.

mod bits;
mod buffer;
mod columns;
mod faults;
mod fixed;
mod formats;
mod lists;
mod numeric;
mod offsets;
mod rows;
mod text;
mod values;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::buffer::Buffer;
use crate::columns::Column;
use crate::formats::Format;

/// Decodes the blocks of one result; may be used by several threads at the same time.
#[pyclass(frozen)]
struct Decoder {
    formats: Vec<Format>,
}

#[pymethods]
impl Decoder {
    #[new]
    fn new(formats: Vec<String>) -> PyResult<Self> {
        let parsed: Result<_, String> = formats.iter().map(|format| format.parse()).collect();
        Ok(Self { formats: parsed.map_err(PyValueError::new_err)? })
    }

    /// `((rows, columns), None)`, or `(None, (kind, detail, column, row))` for a block that cannot be decoded.
    ///
    /// A column is `(length, nulls, buffers, child)`. The GIL is free meanwhile.
    fn decode<'py>(&self, py: Python<'py>, block: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyTuple>> {
        let bytes = block.as_bytes();
        match py.detach(|| columns::decoded(&self.formats, bytes)) {
            Ok((rows, columns)) => {
                let columns = self.formats.iter().zip(columns).map(|(format, column)| handed_over(py, format, column));
                ((rows, columns.collect::<PyResult<Vec<_>>>()?), py.None()).into_pyobject(py)
            }
            Err(fault) => (py.None(), (fault.kind, fault.detail, fault.column, fault.row)).into_pyobject(py),
        }
    }
}

fn handed_over<'py>(py: Python<'py>, format: &Format, mut column: Column) -> PyResult<Bound<'py, PyTuple>> {
    let child = match (format, column.child.take()) {
        (Format::List(element), Some(child)) => Some(handed_over(py, element, *child)?),
        _ => None,
    };
    let (length, nulls) = (column.length, column.nulls);
    let buffers: Vec<_> = column.into_buffers(format).into_iter().map(|bytes| bytes.map(Buffer::new)).collect();
    (length, nulls, buffers, child).into_pyobject(py)
}

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::Decoder;
}
