//! Memory that Python reads in place.

use std::ffi::c_int;

use pyo3::ffi;
use pyo3::prelude::*;

/// Bytes that nothing changes any more, shown by the buffer protocol.
#[pyclass(frozen)]
pub struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    /// Without the room that the vector has left.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        bytes.shrink_to_fit();
        Self { bytes }
    }
}

#[pymethods]
impl Buffer {
    // The only unsafe code: a view's pointer outlives the call. It stays valid, because the class is frozen (the
    // vector is never touched again, so it does not move) and the view holds a reference to the object.
    #[allow(unsafe_code)]
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let bytes = &slf.get().bytes;
        let length = ffi::Py_ssize_t::try_from(bytes.len())?;
        let readonly = 1;
        // SAFETY: Python gives a view to fill in; pointer and length are those of a live vector.
        let filled = unsafe {
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), bytes.as_ptr().cast_mut().cast(), length, readonly, flags)
        };
        if filled == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}
