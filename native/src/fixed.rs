//! Values of one length: numbers, dates and times.

use crate::faults::{Fault, BROKEN};
use crate::values::Values;

// PostgreSQL counts from 2000-01-01, Arrow from 1970-01-01. The limits are years 1 and 9999.
const DAYS: i32 = 10_957;
const FIRST_DAY: i32 = -730_119;
const LAST_DAY: i32 = 2_921_939;
const DAY: i64 = 86_400_000_000; // microseconds
const MICROSECONDS: i64 = DAYS as i64 * DAY;
const FIRST: i64 = FIRST_DAY as i64 * DAY;
const LAST: i64 = (LAST_DAY as i64 + 1) * DAY - 1;

/// int2: the bytes, turned round.
pub fn two(out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    converted(out, values, |value| Ok(i16::from_be_bytes(value).to_ne_bytes()))
}

/// int4, oid and float4.
pub fn four(out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    converted(out, values, |value| Ok(u32::from_be_bytes(value).to_ne_bytes()))
}

/// int8 and float8.
pub fn eight(out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    converted(out, values, |value| Ok(u64::from_be_bytes(value).to_ne_bytes()))
}

pub fn dates(out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    converted(out, values, |value| match i32::from_be_bytes(value) {
        i32::MIN | i32::MAX => Err("infinity"),
        day @ FIRST_DAY..=LAST_DAY => Ok((day + DAYS).to_ne_bytes()),
        _ => Err("year"),
    })
}

pub fn timestamps(out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    converted(out, values, |value| match i64::from_be_bytes(value) {
        i64::MIN | i64::MAX => Err("infinity"),
        time @ FIRST..=LAST => Ok((time + MICROSECONDS).to_ne_bytes()),
        _ => Err("year"),
    })
}

pub fn times(out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    converted(out, values, |value| match i64::from_be_bytes(value) {
        DAY => Err("midnight"),
        time @ 0..DAY => Ok(time.to_ne_bytes()),
        _ => Err(BROKEN),
    })
}

/// Microseconds, days and months become months, days and nanoseconds.
pub fn intervals(out: &mut Vec<u8>, values: &Values) -> Result<(), Fault> {
    converted(out, values, |value: [u8; 16]| {
        let all = i128::from_be_bytes(value);
        let (time, days, months) = ((all >> 64) as i64, (all >> 32) as i32, all as i32);
        match (time, days, months) {
            (i64::MIN, i32::MIN, i32::MIN) | (i64::MAX, i32::MAX, i32::MAX) => return Err("infinity"),
            _ => (),
        }
        let nanoseconds = time.checked_mul(1000).ok_or("interval")?;
        let mut out = [0; 16];
        out[..4].copy_from_slice(&months.to_ne_bytes());
        out[4..8].copy_from_slice(&days.to_ne_bytes());
        out[8..].copy_from_slice(&nanoseconds.to_ne_bytes());
        Ok(out)
    })
}

/// Add each value of `IN` bytes as `OUT` bytes; `convert` may name the kind of fault that a value is.
fn converted<const IN: usize, const OUT: usize>(
    out: &mut Vec<u8>,
    values: &Values,
    convert: impl Fn([u8; IN]) -> Result<[u8; OUT], &'static str>,
) -> Result<(), Fault> {
    let before = out.len();
    out.resize(before + values.len() * OUT, 0); // NULLs stay zero
    for (index, (slot, value)) in out[before..].chunks_exact_mut(OUT).zip(values.iter()).enumerate() {
        let Some(value) = value else { continue };
        let bytes = value.try_into().map_err(|_| Fault::broken(index, "a value of a wrong length"))?;
        let unfit = |kind| Fault { kind, detail: "a value that its type does not have".into(), index };
        slot.copy_from_slice(&convert(bytes).map_err(unfit)?);
    }
    Ok(())
}
