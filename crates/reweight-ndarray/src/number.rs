//! A register of floats as the number type of a formula.

use std::ops::{Add, Div, Mul, Neg, Sub};

use reweight::{Logistic, Real, RegionAxis, RegionTable};

use crate::element::FloatLanes;
use crate::lanes::{self, Lanes};

/// A register as a [`Real`]: one sample a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<L>(pub(crate) L);

macro_rules! operators {
    ($($op:ident $method:ident)*) => {$(
        impl<L: Lanes> $op for Number<L> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(self.0.$method(other.0))
            }
        }
    )*};
}
operators!(Add add Sub sub Mul mul Div div);

impl<L: Lanes> Neg for Number<L> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl<L> lanes::Logistic<L> {
    /// As a formula reads them.
    #[inline(always)]
    pub(crate) fn numbers(self) -> Logistic<Number<L>> {
        let Self { log_p, log_q, p, q } = self;
        Logistic { log_p: Number(log_p), log_q: Number(log_q), p: Number(p), q: Number(q) }
    }
}

/// More thresholds than these are searched lane by lane: each costs a comparison and a selection for all lanes.
const MOST_SELECTED: usize = 64;

impl<L: Lanes> Real for Number<L>
where
    L::Scalar: FloatLanes,
{
    #[inline(always)]
    fn lit(value: f64) -> Self {
        Self(L::splat(value))
    }

    #[inline(always)]
    fn exp(self) -> Self {
        Self(self.0.exp())
    }

    #[inline(always)]
    fn ln(self) -> Self {
        Self(self.0.ln())
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.sqrt())
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.abs())
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    #[inline(always)]
    fn select_le(self, bound: Self, then: Self, otherwise: Self) -> Self {
        Self(L::select(self.0.le(bound.0), then.0, otherwise.0))
    }

    #[inline(always)]
    fn detach(self) -> Self {
        self
    }

    #[inline(always)]
    fn logistic(self) -> Logistic<Self> {
        self.0.logistic().numbers()
    }

    #[inline(always)]
    fn gather(self, values: &[f64]) -> Self {
        self.map(|index| {
            let index: f64 = index.into();
            // A cast saturates, so a negative index or NaN would read entry 0: send those outside instead.
            let index = if index >= 0.0 { index as usize } else { usize::MAX };
            L::Scalar::from_f64(values.get(index).copied().unwrap_or(f64::NAN))
        })
    }

    #[inline(always)]
    fn region(self, table: &RegionTable, axis: RegionAxis) -> Self {
        let thresholds = L::Scalar::thresholds(table.regions(), axis);
        let weights = L::Scalar::region_weights(table);
        if thresholds.len() > MOST_SELECTED {
            return self.map(|key| weights[thresholds.partition_point(|threshold| key <= *threshold)]);
        }
        // Thresholds descend, so the last that the key does not exceed decides.
        let mut weight = L::splat_scalar(weights[0]);
        for (&threshold, &next) in thresholds.iter().zip(&weights[1..]) {
            weight = L::select(self.0.le(L::splat_scalar(threshold)), L::splat_scalar(next), weight);
        }
        Self(weight)
    }
}

impl<L: Lanes> Number<L>
where
    L::Scalar: FloatLanes,
{
    /// Lane by lane, for what no vector instruction does.
    #[inline(always)]
    fn map(self, mut of: impl FnMut(L::Scalar) -> L::Scalar) -> Self {
        let mut lanes = [L::Scalar::ZERO; MOST_LANES];
        self.0.store(&mut lanes[..L::COUNT]);
        for lane in &mut lanes[..L::COUNT] {
            *lane = of(*lane);
        }
        Self(L::load(&lanes[..L::COUNT]))
    }
}

/// The largest number of lanes that a pair of registers has.
pub(crate) const MOST_LANES: usize = 32;
