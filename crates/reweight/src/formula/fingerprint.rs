//! A number that is a hash of what was done to it: whether a formula is the one that was recorded, told without recording it.
//!
//! A weighter that observed may have other tables, or be another formula. Evaluating it over this number costs some
//! nanoseconds an operation and allocates nothing; its tables are copied into their places on the way.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::erased::Erased;
use crate::expr::Table;
use crate::loss::Weighting;
use crate::real::{Logistic, Real};
use crate::regions::{RegionAxis, RegionTable};
use crate::sample::{Sample, SampleKind};
use crate::weighter::SampleWeighter;

/// The tables that are being refreshed.
struct Refresh {
    calls: Vec<u32>,
    tables: Vec<Table>,
    written: Vec<bool>,
    /// Readings so far.
    at: usize,
    /// Whether every reading was of a table that fits its place.
    fits: bool,
}

thread_local! {
    static REFRESH: RefCell<Option<Refresh>> = const { RefCell::new(None) };
}

/// The hash of the formula; collisions of 64 bits are left out of account.
pub(super) fn of<W: SampleWeighter>(weighting: &Weighting<W>, kind: SampleKind) -> u64 {
    // Any numbers will do that differ.
    let leaf = |number: u64| Fingerprint::of(25, number, number);
    let (margin, target, class, column) = (leaf(1), leaf(2), leaf(3), leaf(4));
    let at = Logistic { log_p: leaf(5), log_q: leaf(6), p: leaf(7), q: leaf(8) };
    let sample = match kind {
        SampleKind::Binary => Sample::binary_at(margin, at, target).in_column(column),
        SampleKind::SoftBinary => Sample::soft_at(at, target).in_column(column),
        SampleKind::Class => Sample::class_at(margin, at, class),
    };
    let sample = weighting.map(sample);
    let (weight, base) = (weighting.weighter().weight(&sample), weighting.base_loss(&sample));
    (weight * base + sample.region_key() * leaf(9)).0
}

/// The hash, with the contents of the tables put in their places; `None` where a table does not fit its place.
pub(super) fn refresh<W: SampleWeighter>(
    weighting: &Weighting<W>,
    kind: SampleKind,
    calls: &mut Vec<u32>,
    tables: &mut Vec<Table>,
    written: &mut Vec<bool>,
) -> Option<u64> {
    /// Takes the tables back also where the formula panics.
    struct Lent<'a>(&'a mut Vec<u32>, &'a mut Vec<Table>, &'a mut Vec<bool>);
    impl Drop for Lent<'_> {
        fn drop(&mut self) {
            if let Some(refresh) = REFRESH.take() {
                (*self.0, *self.1, *self.2) = (refresh.calls, refresh.tables, refresh.written);
            }
        }
    }

    written.fill(false);
    let refresh = Refresh {
        calls: std::mem::take(calls),
        tables: std::mem::take(tables),
        written: std::mem::take(written),
        at: 0,
        fits: true,
    };
    REFRESH.set(Some(refresh));
    let lent = Lent(calls, tables, written);
    let hash = of(weighting, kind);
    let fits = REFRESH.with_borrow(|refresh| {
        refresh.as_ref().is_some_and(|refresh| refresh.fits && refresh.at == refresh.calls.len())
    });
    drop(lent);
    fits.then_some(hash)
}

impl Refresh {
    /// The table of the next reading, and whether it was written before in this refresh.
    fn next(&mut self) -> Option<(&mut Table, bool)> {
        let slot = self.calls.get(self.at).map(|&slot| slot as usize);
        self.at += 1;
        let slot = slot?;
        let before = std::mem::replace(self.written.get_mut(slot)?, true);
        Some((self.tables.get_mut(slot)?, before))
    }

    fn read_values(&mut self, values: &[f64]) {
        let fits = match self.next() {
            Some((Table::Values(own), false)) => own.replace(values),
            Some((Table::Values(own), true)) => own[..] == *values,
            _ => false,
        };
        self.fits &= fits;
    }

    fn read_regions(&mut self, table: &RegionTable) {
        let fits = match self.next() {
            Some((Table::Regions(own), false)) => own.replace(table),
            Some((Table::Regions(own), true)) => **own == *table,
            _ => false,
        };
        self.fits &= fits;
    }
}

/// A hash of operations.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Two hashes and an operation folded into one, by a product of 128 bits whose halves meet.
    fn of(operation: u64, a: u64, b: u64) -> Self {
        let left = a ^ operation.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let right = b ^ 0xD6E8_FEB8_6659_FD93;
        let product = u128::from(left) * u128::from(right | 1);
        let folded = (product as u64) ^ ((product >> 64) as u64);
        // Multiplying by 0 would lose b, and a product is symmetric.
        Self(folded ^ a.rotate_left(29) ^ b.rotate_left(11).wrapping_mul(0xA076_1D64_78BD_642F))
    }

    fn with(self, operation: u64, other: Self) -> Self {
        Self::of(operation, self.0, other.0)
    }

    fn by(self, operation: u64) -> Self {
        Self::of(operation, self.0, operation)
    }
}

macro_rules! operators {
    ($($op:ident $method:ident $code:literal)*) => {$(
        impl $op for Fingerprint {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                self.with($code, other)
            }
        }
    )*};
}
operators!(Add add 1 Sub sub 2 Mul mul 3 Div div 4);

impl Neg for Fingerprint {
    type Output = Self;
    fn neg(self) -> Self {
        self.by(5)
    }
}

impl Real for Fingerprint {
    fn lit(value: f64) -> Self {
        Self::of(6, value.to_bits(), 6)
    }
    fn erased(formula: &dyn Erased, sample: &Sample<Self>) -> [Self; 4] {
        formula.on_fingerprint(sample)
    }
    fn exp(self) -> Self {
        self.by(7)
    }
    fn ln(self) -> Self {
        self.by(8)
    }
    fn exp_m1(self) -> Self {
        self.by(9)
    }
    fn ln_1p(self) -> Self {
        self.by(10)
    }
    fn sqrt(self) -> Self {
        self.by(11)
    }
    fn abs(self) -> Self {
        self.by(12)
    }
    fn max(self, other: Self) -> Self {
        self.with(13, other)
    }
    fn min(self, other: Self) -> Self {
        self.with(14, other)
    }
    fn select_le(self, bound: Self, then: Self, otherwise: Self) -> Self {
        self.with(15, bound).with(16, then.with(17, otherwise))
    }
    fn detach(self) -> Self {
        self.by(18)
    }
    fn logistic(self) -> Logistic<Self> {
        Logistic { log_p: self.by(19), log_q: self.by(20), p: self.by(21), q: self.by(22) }
    }
    fn gather(self, values: &[f64]) -> Self {
        REFRESH.with_borrow_mut(|refresh| {
            if let Some(refresh) = refresh {
                refresh.read_values(values);
            }
        });
        Self::of(23, self.0, values.len() as u64)
    }
    fn region(self, table: &RegionTable, _: RegionAxis) -> Self {
        REFRESH.with_borrow_mut(|refresh| {
            if let Some(refresh) = refresh {
                refresh.read_regions(table);
            }
        });
        Self::of(24, self.0, table.weights().len() as u64)
    }
}
