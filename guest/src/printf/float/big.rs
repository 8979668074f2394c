//! Whole numbers of any size, as far as conversions need them.

/// A whole number, least significant word first, without leading zeros.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Big(Vec<u32>);

impl Big {
    pub fn from_u64(value: u64) -> Big {
        let mut big = Big(vec![value as u32, (value >> 32) as u32]);
        big.trim();
        big
    }

    /// 10 to the power of `exponent`.
    pub fn power_of_ten(exponent: usize) -> Big {
        let mut big = Big::from_u64(1);
        for _ in 0..exponent / 9 {
            big.multiply_add(1_000_000_000, 0);
        }
        for _ in 0..exponent % 9 {
            big.multiply_add(10, 0);
        }
        big
    }

    /// The number with these decimal digits.
    pub fn from_digits(digits: &[u8]) -> Big {
        let mut big = Big(Vec::new());
        for chunk in digits.chunks(9) {
            let value = chunk.iter().fold(0, |value, &digit| value * 10 + u32::from(digit - b'0'));
            big.multiply_add(10u32.pow(chunk.len() as u32), value);
        }
        big
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of bits.
    pub fn bits(&self) -> usize {
        match self.0.last() {
            Some(top) => self.0.len() * 32 - top.leading_zeros() as usize,
            None => 0,
        }
    }

    pub fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for word in &mut self.0 {
            carry += u64::from(*word) * u64::from(factor);
            *word = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    pub fn shift_left(&mut self, bits: usize) {
        if self.is_zero() {
            return;
        }
        let (words, bits) = (bits / 32, bits % 32);
        if bits > 0 {
            self.multiply_add(1 << bits, 0);
        }
        self.0.splice(0..0, std::iter::repeat_n(0, words));
    }

    /// Divides by `divisor` and returns the remainder.
    fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0u64;
        for word in self.0.iter_mut().rev() {
            let value = rest << 32 | u64::from(*word);
            *word = (value / u64::from(divisor)) as u32;
            rest = value % u64::from(divisor);
        }
        self.trim();
        rest as u32
    }

    fn at_least(&self, other: &Big) -> bool {
        if self.0.len() != other.0.len() {
            return self.0.len() > other.0.len();
        }
        self.0.iter().rev().ge(other.0.iter().rev())
    }

    fn subtract(&mut self, other: &Big) {
        let mut borrow = false;
        for (index, word) in self.0.iter_mut().enumerate() {
            let (value, first) = word.overflowing_sub(other.0.get(index).copied().unwrap_or(0));
            let (value, second) = value.overflowing_sub(u32::from(borrow));
            *word = value;
            borrow = first || second;
        }
        self.trim();
    }

    /// The bits from `low` on, as far as they fit, and whether anything below them is set.
    pub fn top(&self, low: usize) -> (u64, bool) {
        let mut value = 0u64;
        for bit in (low..low + 64).rev() {
            value = value << 1 | u64::from(self.bit(bit));
        }
        (value, (0..low).any(|bit| self.bit(bit)))
    }

    pub fn bit(&self, bit: usize) -> bool {
        self.0.get(bit / 32).is_some_and(|word| word >> (bit % 32) & 1 == 1)
    }

    /// `count` bits of `self / divisor`, which is at least 1 and less than 2, and whether there is more.
    pub fn divide_bits(mut self, divisor: &Big, count: u32) -> (u128, bool) {
        let mut quotient = 0;
        for _ in 0..count {
            quotient <<= 1;
            if self.at_least(divisor) {
                self.subtract(divisor);
                quotient |= 1;
            }
            self.multiply_add(2, 0);
        }
        (quotient, !self.is_zero())
    }

    pub fn not_below(&self, other: &Big) -> bool {
        self.at_least(other)
    }

    /// The decimal digits; none for zero.
    pub fn digits(mut self) -> Vec<u8> {
        let mut chunks = Vec::new();
        while !self.is_zero() {
            chunks.push(self.divide(1_000_000_000));
        }
        let mut out = Vec::with_capacity(chunks.len() * 9);
        for (index, chunk) in chunks.iter().rev().enumerate() {
            let text = if index == 0 { chunk.to_string() } else { format!("{chunk:09}") };
            out.extend_from_slice(text.as_bytes());
        }
        out
    }

    /// Takes away the bits from `low` on and returns them, which must fit.
    pub fn take_from(&mut self, low: usize) -> u32 {
        let value = (low..low + 32).rev().fold(0, |value, bit| value << 1 | u32::from(self.bit(bit)));
        self.0.truncate(low.div_ceil(32));
        if !low.is_multiple_of(32)
            && let Some(top) = self.0.get_mut(low / 32)
        {
            *top &= (1 << (low % 32)) - 1;
        }
        self.trim();
        value
    }
}
