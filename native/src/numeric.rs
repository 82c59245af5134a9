//! Decimals: digits in base 10,000 to integers of 128 or 256 bits.

use crate::faults::{Fault, BROKEN};
use crate::values::Values;

const BASE: u64 = 10_000;
const BASE_DIGITS: i64 = 4;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const MINUS_INFINITY: u16 = 0xf000;
const MOST_SCALE: u16 = 0x3fff;
/// What 64 bits hold whatever the digits are.
const SHORT: i64 = 18;

/// Add 16 bytes a value up to 38 digits, 32 bytes above.
pub fn decimals(out: &mut Vec<u8>, values: &Values, precision: u32, scale: i32) -> Result<(), Fault> {
    let width = if precision <= 38 { 16 } else { 32 };
    let before = out.len();
    out.resize(before + values.len() * width, 0); // NULLs stay zero
    for (index, (slot, value)) in out[before..].chunks_exact_mut(width).zip(values.iter()).enumerate() {
        let Some(value) = value else { continue };
        let number = Digits::read(value)
            .and_then(|digits| digits.unscaled(i64::from(precision), i64::from(scale)))
            .map_err(|kind| Fault { kind, detail: "a broken numeric".into(), index })?;
        number.write(slot);
    }
    Ok(())
}

/// A number: its groups of four digits, from the first to the last that is not zero.
struct Digits<'a> {
    negative: bool,
    groups: &'a [u8],
    /// The power of ten that the last group counts.
    exponent: i64,
}

impl<'a> Digits<'a> {
    fn read(value: &'a [u8]) -> Result<Self, &'static str> {
        let Some((&[n0, n1, w0, w1, s0, s1, d0, d1], groups)) = value.split_first_chunk() else {
            return Err(BROKEN);
        };
        let (count, weight) = (i16::from_be_bytes([n0, n1]), i16::from_be_bytes([w0, w1]));
        let (sign, shown) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
        if usize::try_from(count).map(|count| count * 2) != Ok(groups.len()) || shown > MOST_SCALE {
            return Err(BROKEN);
        }
        if each(groups).any(|group| group >= BASE) {
            return Err(BROKEN);
        }
        let negative = match sign {
            0 => false,
            NEGATIVE => true,
            NAN => return Err("nan"),
            INFINITY | MINUS_INFINITY => return Err("infinity"),
            _ => return Err(BROKEN),
        };
        let end = each(groups).rposition(|group| group != 0).map_or(0, |last| last + 1);
        let first = each(groups).position(|group| group != 0).unwrap_or(end);
        let exponent = BASE_DIGITS * (i64::from(weight) - end as i64 + 1);
        Ok(Self { negative, groups: &groups[first * 2..end * 2], exponent })
    }

    /// The whole number that it is in units of ten to the minus `scale`.
    fn unscaled(&self, precision: i64, scale: i64) -> Result<Wide, &'static str> {
        let (Some(first), Some(last)) = (each(self.groups).next(), each(self.groups).next_back()) else {
            return Ok(Wide::default());
        };
        let shift = self.exponent + scale;
        // The last group is not zero, so at most three of its digits may go.
        let gone = 10_u64.pow(u32::try_from((-shift).max(0)).ok().filter(|gone| *gone < 4).ok_or("scale")?);
        if last % gone != 0 {
            return Err("scale");
        }
        let before = each(self.groups).len() - 1;
        let digits = i64::from(first.ilog10()) + 1 + BASE_DIGITS * before as i64 + shift;
        if digits > precision {
            return Err("precision");
        }
        let number = each(self.groups).take(before);
        let zeros = shift.max(0) as u32;
        let number = if digits <= SHORT {
            let number = number.fold(0, |number, group| number * BASE + group);
            Wide::from((number * (BASE / gone) + last / gone) * 10_u64.pow(zeros))
        } else {
            let mut wide = Wide::default();
            number.for_each(|group| wide.multiply_add(BASE, group));
            wide.multiply_add(BASE / gone, last / gone);
            (0..zeros).for_each(|_| wide.multiply_add(10, 0));
            wide
        };
        Ok(if self.negative { number.negated() } else { number })
    }
}

/// The groups of four digits.
fn each(groups: &[u8]) -> impl DoubleEndedIterator<Item = u64> + ExactSizeIterator + '_ {
    groups.chunks_exact(2).map(|group| u64::from(group[0]) << 8 | u64::from(group[1]))
}

/// An integer of 256 bits, the low part first.
#[derive(Default, Clone, Copy)]
struct Wide([u64; 4]);

impl Wide {
    fn from(number: u64) -> Self {
        Self([number, 0, 0, 0])
    }

    fn multiply_add(&mut self, factor: u64, summand: u64) {
        let mut carry = u128::from(summand);
        for part in &mut self.0 {
            carry += u128::from(*part) * u128::from(factor);
            *part = carry as u64;
            carry >>= 64;
        }
    }

    fn negated(mut self) -> Self {
        let mut carry = true;
        for part in &mut self.0 {
            (*part, carry) = (!*part).overflowing_add(u64::from(carry));
        }
        self
    }

    /// As 128 or 256 bits, by the size of `slot`.
    fn write(&self, slot: &mut [u8]) {
        let parts = self.0.iter().take(slot.len() / 8);
        if cfg!(target_endian = "little") {
            slot.chunks_exact_mut(8).zip(parts).for_each(|(place, part)| place.copy_from_slice(&part.to_le_bytes()));
        } else {
            let places = slot.chunks_exact_mut(8).rev();
            places.zip(parts).for_each(|(place, part)| place.copy_from_slice(&part.to_be_bytes()));
        }
    }
}
