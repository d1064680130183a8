//! Vectors of floats as a number type: the contract that the CPU engine's loops are written against.
//!
//! A formula that is generic over its number runs here on a whole register at once. The vectors are explicit (an instruction set's associated types), so
//! the speed of a formula does not depend on what the auto-vectoriser makes of it. Everything is `#[inline(always)]`, because a function
//! that is left outside its caller's instruction set passes its vectors through memory.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

mod f32;
mod f64;
mod half;
mod isa;
mod pair;

pub(crate) use self::f32::F32s;
pub(crate) use self::f64::F64s;
pub(crate) use self::half::{Convert, Format};
pub(crate) use isa::Baseline;
pub(crate) use isa::Isa;
#[cfg(target_arch = "aarch64")]
pub(crate) use isa::Neon;
#[cfg(test)]
pub(crate) use isa::Portable;
#[cfg(target_arch = "x86_64")]
pub(crate) use isa::{Avx2, Avx512};
pub(crate) use pair::Pair;

/// The largest number of lanes that a pair of registers has.
pub(crate) const MOST_LANES: usize = 32;

/// All that a margin `s` gives, in log space: `p = σ(s)`, `q = σ(−s)` and their logarithms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logistic<L> {
    /// `ln σ(s) = −softplus(−s)`.
    pub(crate) log_p: L,
    /// `ln σ(−s) = −softplus(s)`.
    pub(crate) log_q: L,
    /// `σ(s)`.
    pub(crate) p: L,
    /// `σ(−s)`, not `1 − p`: it keeps its relative accuracy as `p` nears 1.
    pub(crate) q: L,
}

/// What ±s have in common, with e = e^−|s|: the probabilities of both sides, and −ln of the greater one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail<L> {
    /// ln(1 + e).
    pub(crate) ln_1p: L,
    /// 1/(1 + e), at least ½.
    pub(crate) greater: L,
    /// e/(1 + e).
    pub(crate) less: L,
}

/// The elementary functions of a float, over any number of registers.
pub(crate) trait Elementary: Copy + Debug + Send + Sync + PartialEq + Into<f64> + 'static {
    /// See [`Lanes::exp`].
    fn exp<L: Lanes<Scalar = Self>>(x: L) -> L;
    /// See [`Lanes::exp_minus_abs`].
    fn exp_minus_abs<L: Lanes<Scalar = Self>>(x: L) -> L;
    /// See [`Lanes::ln_1p`].
    fn ln_1p<L: Lanes<Scalar = Self>>(e: L) -> L;
}

macro_rules! elementary {
    ($($float:ident)*) => {$(
        impl Elementary for $float {
            #[inline(always)]
            fn exp<L: Lanes<Scalar = Self>>(x: L) -> L {
                self::$float::exp(x)
            }
            #[inline(always)]
            fn exp_minus_abs<L: Lanes<Scalar = Self>>(x: L) -> L {
                self::$float::exp_minus_abs(x)
            }
            #[inline(always)]
            fn ln_1p<L: Lanes<Scalar = Self>>(e: L) -> L {
                self::$float::ln_1p(e)
            }
        }
    )*};
}
elementary!(f32 f64);

/// One register of floats.
///
/// # Contract
///
/// - Every operation acts lane by lane; a lane's result does not depend on the other lanes.
/// - `+ − × ÷` and `sqrt` round once, as IEEE says. Only `mul_add` may differ between instruction sets.
/// - Comparisons with NaN are false.
/// - `exp`, `ln`: relative error below 2e-7 (`f32`) and 1e-14 (`f64`). `logistic`: each component below 4e-7 and 1e-14. These hold where the true
///   result is a normal number; below that it may be flushed to zero.
/// - Whole loads and stores take exactly [`COUNT`](Self::COUNT) elements, partial ones at most as many.
pub(crate) trait Lanes:
    Copy
    + Debug
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The type of one lane.
    type Scalar: Elementary;
    /// One truth value a lane.
    type Mask: Copy + Debug;
    /// One unsigned integer a lane, as wide as the lane: what counts comparisons.
    type Counter: Copy + Debug;
    /// `f64` running sums, one a lane.
    type Wide: Copy + Debug;
    /// Lanes in a register.
    const COUNT: usize;

    /// Runs `f` as a function of its own, compiled for the register's instruction set.
    fn enter<F: pulp::NullaryFnOnce>(f: F) -> F::Output;

    /// `x`, rounded to the lane's type, in every lane.
    fn splat(x: f64) -> Self;
    /// `x` in every lane.
    fn splat_scalar(x: Self::Scalar) -> Self;
    /// Reads exactly [`COUNT`](Self::COUNT) elements.
    fn load(slice: &[Self::Scalar]) -> Self;
    /// Reads at most [`COUNT`](Self::COUNT) elements; the other lanes are 0.
    fn load_partial(slice: &[Self::Scalar]) -> Self;
    /// Writes exactly [`COUNT`](Self::COUNT) elements.
    fn store(self, slice: &mut [Self::Scalar]);
    /// Writes the first lanes into the whole of a slice of at most [`COUNT`](Self::COUNT) elements.
    fn store_partial(self, slice: &mut [Self::Scalar]);
    /// Exactly [`COUNT`](Self::COUNT) bytes as numbers.
    fn from_u8(bytes: &[u8]) -> Self;
    /// At most [`COUNT`](Self::COUNT) bytes as numbers; the other lanes are 0.
    fn from_u8_partial(bytes: &[u8]) -> Self;

    /// Asks for the memory at `place`, which will be read or written soon.
    fn prefetch<T>(place: &T);

    /// Turns a square of [`COUNT`](Self::COUNT) rows: `to[j·to_step + i] = from[i·from_step + j]`. Whole rows of `to` are
    /// written in their order, so that what one writes past its end may be replaced by the next.
    fn transpose(from: &[Self::Scalar], from_step: usize, to: &mut [Self::Scalar], to_step: usize);

    /// `self · a + b`: rounded once where the instruction set has it, else twice.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Clears the sign.
    fn abs(self) -> Self;
    /// `if self < other { self } else { other }`: with a NaN on either side the result is `other`.
    fn min(self, other: Self) -> Self;
    /// `if self > other { self } else { other }`: with a NaN on either side the result is `other`.
    fn max(self, other: Self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;

    /// `self ≤ other`.
    fn le(self, other: Self) -> Self::Mask;
    /// `self < other`.
    fn lt(self, other: Self) -> Self::Mask;
    /// `self = other`.
    fn eq(self, other: Self) -> Self::Mask;
    /// Both.
    fn mask_and(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// Either.
    fn mask_or(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// The opposite.
    fn mask_not(mask: Self::Mask) -> Self::Mask;
    /// Where `mask` is true the lane of `if_true`, else that of `if_false`. Both are computed: a NaN in the lane not chosen does no harm.
    fn select(mask: Self::Mask, if_true: Self, if_false: Self) -> Self;
    /// Whether any lane is true.
    fn mask_any(mask: Self::Mask) -> bool;
    /// How many lanes are true.
    fn mask_count(mask: Self::Mask) -> u32;

    /// Counters at zero.
    fn counter_zero() -> Self::Counter;
    /// Adds one where `mask` is true, in one instruction or two. A lane of `f32` wraps after 2³² additions.
    fn count_add(counter: Self::Counter, mask: Self::Mask) -> Self::Counter;
    /// The sum over the lanes.
    fn counter_sum(counter: Self::Counter) -> u64;

    /// Whether [`lookup`](Self::lookup) is an instruction.
    const LOOKS_UP: bool;
    /// Counters of four bits that a lane of [`Counter`](Self::Counter) holds.
    const NIBBLES: usize;
    /// Entries of the table that one [`lookup`](Self::lookup) knows: the lanes of a single register.
    const TABLE: usize;
    /// Reads exactly [`TABLE`](Self::TABLE) entries of a table, for every register.
    fn load_table(entries: &[Self::Scalar]) -> Self;
    /// The entry of a loaded table that each lane of `index` names, modulo [`TABLE`](Self::TABLE).
    fn lookup(table: Self, index: Self::Counter) -> Self;
    /// `index`, and bit `level`, which it has not, where `mask` is true.
    fn descend(index: Self::Counter, mask: Self::Mask, level: usize) -> Self::Counter;
    /// The same of two tables: of the second where `mask` is true, which must be what `index` divided by [`TABLE`](Self::TABLE) is odd in.
    fn lookup_2(tables: [Self; 2], mask: Self::Mask, index: Self::Counter) -> Self;
    /// Where the nibble `index` begins: 4·`index`.
    fn nibble_place(index: Self::Counter) -> Self::Counter;
    /// Adds one to the nibble at `place` in each lane that has it; the lane's first nibble is `first`.
    fn nibble_add(nibbles: Self::Counter, place: Self::Counter, first: usize) -> Self::Counter;
    /// Adds the even nibbles to the bytes of the first counter, the odd ones to those of the second.
    fn nibbles_to_bytes(bytes: [Self::Counter; 2], nibbles: Self::Counter) -> [Self::Counter; 2];
    /// For each byte of a lane the sum over the lanes, added to every `step`-th of `totals`.
    fn add_bytes(bytes: Self::Counter, totals: &mut [u64], step: usize);

    /// Whether [`scale`](Self::scale) overflows to infinity and underflows gradually by itself and lets NaN through.
    const SCALE_IS_TOTAL: bool;
    /// −|self|.
    fn minus_abs(self) -> Self;
    /// `self · 2ⁿ` for an integral `n`, if the result is normal; else, unless [`SCALE_IS_TOTAL`](Self::SCALE_IS_TOTAL), any
    /// value.
    fn scale(self, n: Self) -> Self;
    /// `self · 2ⁿ` for an integral `n` at most 0 whose power is a normal number, and 0 (or gradually less) for the next below; NaN stays NaN.
    fn scale_down(self, n: Self) -> Self;

    /// `e^self`: 0 at −∞, +∞ only where the true value overflows, NaN at NaN.
    #[inline(always)]
    fn exp(self) -> Self {
        Self::Scalar::exp(self)
    }
    /// The natural logarithm, denormals included: −∞ at ±0, +∞ at +∞, NaN below 0 and at NaN.
    fn ln(self) -> Self;
    /// `p`, `q` and their logarithms of the margin `self`, from one exponential. Finite for every finite margin.
    #[inline(always)]
    fn logistic(self) -> Logistic<Self> {
        let tail = self.exp_minus_abs().tail();
        self.logistic_with(tail)
    }
    /// The first of the three steps of [`logistic`](Self::logistic), each short enough for a processor to look ahead over
    /// several: e^−|self|, in fewer operations than [`exp`](Self::exp).
    #[inline(always)]
    fn exp_minus_abs(self) -> Self {
        Self::Scalar::exp_minus_abs(self)
    }
    /// ln(1 + self) on [0, 1].
    #[inline(always)]
    fn ln_1p(self) -> Self {
        Self::Scalar::ln_1p(self)
    }
    /// e^self − 1 without the cancellation near 0: the logarithm of what the exponential was rounded to puts its error right.
    #[inline(always)]
    fn exp_m1(self) -> Self {
        let one = Self::splat(1.0);
        let e = self.exp();
        let less = e - one;
        let exact = less * self / e.ln();
        let near = Self::select(e.eq(one), self, exact);
        Self::select(self.abs().le(one), near, less)
    }
    /// ln(1 + self) anywhere above −1, without the cancellation near 0; −∞ at −1.
    #[inline(always)]
    fn ln_1p_any(self) -> Self {
        let one = Self::splat(1.0);
        let sum = one + self;
        let rounded = sum - one;
        Self::select(sum.eq(one), self, sum.ln() * self / rounded)
    }
    /// The second, of e = e^−|s|: all that needs more than a comparison with s.
    #[inline(always)]
    fn tail(self) -> Tail<Self> {
        let one = Self::splat(1.0);
        let greater = one / (one + self);
        Tail { ln_1p: self.ln_1p(), greater, less: self * greater }
    }
    /// The third, with the second's result for this margin.
    #[inline(always)]
    fn logistic_with(self, tail: Tail<Self>) -> Logistic<Self> {
        let zero = Self::splat(0.0);
        let Tail { ln_1p, greater, less } = tail;
        let negative = self.lt(zero);
        Logistic {
            // −softplus(−s) = min(s, 0) − ln(1 + e^−|s|)
            log_p: zero.min(self) - ln_1p,
            log_q: zero.min(-self) - ln_1p,
            p: Self::select(negative, less, greater),
            q: Self::select(negative, greater, less),
        }
    }

    /// The largest lane; no lane may be NaN.
    fn largest(self) -> Self::Scalar;
    /// Running sums at zero.
    fn wide_zero() -> Self::Wide;
    /// Adds every lane to its running sum in `f64`.
    fn wide_add(sums: Self::Wide, x: Self) -> Self::Wide;
    /// The sum over the running sums, always in the same order.
    fn wide_sum(sums: Self::Wide) -> f64;
}

/// Σ cᵢ·xⁱ, lowest power first, of up to 16 terms; by pairs, pairs of pairs and so on (Estrin), whose chain of dependent
/// operations is half as long as Horner's or shorter.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize>(x: L, coefficients: &[f64; N]) -> L {
    const { assert!(N <= 16) };
    let power_2 = x * x;
    let power_4 = power_2 * power_2;
    let power_8 = power_4 * power_4;
    let sum = eight_terms(x, power_2, power_4, coefficients, 0);
    if N > 8 { eight_terms(x, power_2, power_4, coefficients, 8).mul_add(power_8, sum) } else { sum }
}

/// The terms from `at` on, without the power that they have in common; the conditions are known when this is compiled.
#[inline(always)]
fn eight_terms<L: Lanes, const N: usize>(x: L, power_2: L, power_4: L, c: &[f64; N], at: usize) -> L {
    let sum = four_terms(x, power_2, c, at);
    if at + 4 < N { four_terms(x, power_2, c, at + 4).mul_add(power_4, sum) } else { sum }
}

#[inline(always)]
fn four_terms<L: Lanes, const N: usize>(x: L, power_2: L, c: &[f64; N], at: usize) -> L {
    let sum = two_terms(x, c, at);
    if at + 2 < N { two_terms(x, c, at + 2).mul_add(power_2, sum) } else { sum }
}

#[inline(always)]
fn two_terms<L: Lanes, const N: usize>(x: L, c: &[f64; N], at: usize) -> L {
    let sum = L::splat(c[at]);
    if at + 1 < N { L::splat(c[at + 1]).mul_add(x, sum) } else { sum }
}

#[cfg(test)]
mod tests;
