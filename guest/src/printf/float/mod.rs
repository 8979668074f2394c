//! x86's 80-bit extended floating point (C's `long double`, in which bash's printf computes), in software: reading and
//! writing decimal and hexadecimal, correctly rounded. No hardware floating point is involved.

mod big;
mod read;
mod write;

pub(super) use read::parse;
pub(super) use write::{Style, format};

/// A value of the format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extended {
    pub negative: bool,
    pub value: Value,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// `mantissa * 2^exponent`; the mantissa has its top bit set unless the number is below the smallest normal one.
    Finite {
        mantissa: u64,
        exponent: i32,
    },
    Infinite,
    NotANumber,
}

impl Extended {
    pub const ZERO: Extended = Extended { negative: false, value: Value::Finite { mantissa: 0, exponent: 0 } };

    /// A small whole number, exactly.
    pub fn from_u64(number: u64) -> Extended {
        if number == 0 {
            return Extended::ZERO;
        }
        let shift = number.leading_zeros();
        let value = Value::Finite { mantissa: number << shift, exponent: -(shift as i32) };
        Extended { negative: false, value }
    }
}

/// The exponent of the smallest numbers, as it stands for the last bit of the mantissa.
const MIN_EXPONENT: i32 = -16445;
/// The exponent of the largest ones.
const MAX_EXPONENT: i32 = 16320;
