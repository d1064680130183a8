//! The unit regions of the gradient norm: [0, 1] in M equal parts, found without computing a probability.

use serde::{Deserialize, Serialize};

use crate::error::ParameterError;

/// What a sample's unit region is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegionAxis {
    /// The margin s of a hard-labelled sample: g = σ(−s) ≥ e exactly where s ≤ −logit(e).
    Margin,
    /// The negated gradient norm −g, for soft labels, where g is no function of one margin.
    NegatedNorm,
}

/// M equal regions of the gradient norm's range [0, 1]; the last is closed at 1.
///
/// Region i holds i/M ≤ g < (i+1)/M. A key (see [`RegionAxis`]) lies in the region whose index is the number of
/// thresholds that it does not exceed. The `f32` thresholds are rounded towards −∞: a comparison of an `f32` key
/// then has the same outcome as the comparison of the same number in `f64`. A hard BCE label's key is its logit, so its
/// counts do not depend on the precision; other keys are computed and round.
#[derive(Clone, Debug, PartialEq)]
pub struct Regions {
    spacing: Spacing,
    bins: u32,
    margin: Thresholds,
    negated_norm: Thresholds,
}

/// What the edges of regions are evenly spaced in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spacing {
    /// The gradient norm: M equal regions of [0, 1].
    #[default]
    GradientNorm,
    /// The margin (for soft labels the gradient norm): 4,096 regions, fine in both tails, found by arithmetic.
    Margin,
}

impl Spacing {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Thresholds {
    f64: Vec<f64>,
    f32: Vec<f32>,
    tree_f64: Vec<f64>,
    tree_f32: Vec<f32>,
}

impl Thresholds {
    fn new(values: impl Iterator<Item = f64>) -> Self {
        let f64: Vec<f64> = values.collect();
        let f32: Vec<f32> = f64.iter().map(|&value| round_down(value)).collect();
        let (tree_f64, tree_f32) = (search_tree(&f64, f64::NEG_INFINITY), search_tree(&f32, f32::NEG_INFINITY));
        Self { f64, f32, tree_f64, tree_f32 }
    }
}

/// Levels of the deepest search tree.
const MOST_LEVELS: usize = 6;

/// Entries behind a tree's last level, so that a vector may be read from any level's beginning.
const TREE_PADDING: usize = 16;

/// See [`Regions::search_tree_f64`].
fn search_tree<F: Copy>(thresholds: &[F], none: F) -> Vec<F> {
    let levels = (thresholds.len() + 1).next_power_of_two().ilog2() as usize;
    if levels > MOST_LEVELS {
        return Vec::new();
    }
    let mut tree = vec![none; (1 << levels) + TREE_PADDING];
    for level in 0..levels {
        for node in 0..1 << level {
            let place = ((2 * node + 1) << (levels - 1 - level)) - 1;
            let mirrored = (0..level).fold(0, |mirrored, bit| 2 * mirrored + (node >> bit & 1));
            tree[(1 << level) + mirrored] = thresholds.get(place).copied().unwrap_or(none);
        }
    }
    tree
}

/// The largest `f32` that does not exceed `value`.
fn round_down(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) > value { nearest.next_down() } else { nearest }
}

/// The region of a key as arithmetic: `origin − ⌈key·factor⌉`, held within the regions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// The region of key 0.
    pub origin: f64,
    /// Regions that a key of 1 spans.
    pub factor: f64,
}

impl Grid {
    fn along(axis: RegionAxis) -> Self {
        match axis {
            RegionAxis::Margin => Self { origin: 2048.0, factor: 32.0 },
            RegionAxis::NegatedNorm => Self { origin: 0.0, factor: 4096.0 },
        }
    }
}

impl Regions {
    /// The largest number of regions that is accepted: finer ones would hold next to nothing.
    pub const MOST: u32 = 1 << 16;

    /// M = `bins` equal regions.
    ///
    /// # Errors
    ///
    /// Where `bins` is 0 or larger than [`Regions::MOST`].
    pub fn new(bins: u32) -> Result<Self, ParameterError> {
        if bins == 0 || bins > Self::MOST {
            return Err(ParameterError::new("bins", f64::from(bins), "a whole number from 1 to 65536"));
        }
        let count = f64::from(bins);
        // −logit(i/M) = ln((M − i)/i): one rounding less than through the quotient i/M.
        let margin = Thresholds::new((1..bins).map(|i| ((count - f64::from(i)) / f64::from(i)).ln()));
        let negated_norm = Thresholds::new((1..bins).map(|i| -f64::from(i) / count));
        Ok(Self { spacing: Spacing::GradientNorm, bins, margin, negated_norm })
    }

    /// Margins from −64 to 64 in steps of 1/32, the first and the last region without an end; for soft labels gradient norms in
    /// steps of 1/4096.
    ///
    /// Steps and edges are powers of two and their multiples, so that [`grid`](Self::grid) finds the region of an `f32` and of
    /// the same number in `f64` alike.
    pub fn margins() -> Self {
        let edges = |axis: RegionAxis| {
            let Grid { origin, factor } = Grid::along(axis);
            Thresholds::new((1..Self::MARGINS).map(move |i| (origin - f64::from(i)) / factor))
        };
        let (margin, negated_norm) = (edges(RegionAxis::Margin), edges(RegionAxis::NegatedNorm));
        Self { spacing: Spacing::Margin, bins: Self::MARGINS, margin, negated_norm }
    }

    /// How many regions [`margins`](Self::margins) has.
    pub const MARGINS: u32 = 4096;

    /// What its edges are evenly spaced in.
    #[inline]
    pub fn spacing(&self) -> Spacing {
        self.spacing
    }

    /// The arithmetic that finds a region, where there is one.
    #[inline]
    pub fn grid(&self, axis: RegionAxis) -> Option<Grid> {
        (self.spacing == Spacing::Margin).then(|| Grid::along(axis))
    }

    /// The region that `key` lies in.
    pub fn region_of(&self, key: f64, axis: RegionAxis) -> usize {
        self.thresholds_f64(axis).partition_point(|&edge| key <= edge)
    }

    /// Whether both are the same regions.
    #[inline]
    pub fn same(&self, other: &Self) -> bool {
        self.spacing == other.spacing && self.bins == other.bins
    }

    /// For messages.
    pub(crate) fn describe(&self) -> String {
        match self.spacing {
            Spacing::GradientNorm => format!("{} unit regions", self.bins),
            Spacing::Margin => "margins".to_owned(),
        }
    }

    /// M.
    #[inline]
    pub fn bins(&self) -> u32 {
        self.bins
    }

    /// The M − 1 inner thresholds along `axis`, descending, as `f64`.
    #[inline]
    pub fn thresholds_f64(&self, axis: RegionAxis) -> &[f64] {
        &self.along(axis).f64
    }

    /// The thresholds along `axis` as a search tree: node k of level j stands at 2ʲ + k, its children are the nodes k and, for a key
    /// that does not exceed it, k + 2ʲ of the next level. Where the last level would lead is the region with its bits in
    /// the other order: a decision so adds its own bit, and moves none of those before. What has no threshold is −∞, which every
    /// finite key exceeds; 16 such entries end the tree. Empty for more than 64 regions.
    #[inline]
    pub fn search_tree_f64(&self, axis: RegionAxis) -> &[f64] {
        &self.along(axis).tree_f64
    }

    /// The same tree of the thresholds that are rounded towards −∞ to `f32`.
    #[inline]
    pub fn search_tree_f32(&self, axis: RegionAxis) -> &[f32] {
        &self.along(axis).tree_f32
    }

    /// The same thresholds rounded towards −∞ to `f32`.
    #[inline]
    pub fn thresholds_f32(&self, axis: RegionAxis) -> &[f32] {
        &self.along(axis).f32
    }

    #[inline]
    fn along(&self, axis: RegionAxis) -> &Thresholds {
        match axis {
            RegionAxis::Margin => &self.margin,
            RegionAxis::NegatedNorm => &self.negated_norm,
        }
    }
}

/// A weight for each unit region.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionTable {
    regions: Regions,
    weights: Vec<f64>,
    weights_f32: Vec<f32>,
}

impl RegionTable {
    /// A table that gives every region the weight 1.
    pub fn neutral(regions: Regions) -> Self {
        let bins = regions.bins() as usize;
        Self { regions, weights: vec![1.0; bins], weights_f32: vec![1.0; bins] }
    }

    /// Replaces the weights, region by region; reuses the memory.
    pub fn fill(&mut self, mut weight_of: impl FnMut(usize) -> f64) {
        for (i, (wide, narrow)) in self.weights.iter_mut().zip(&mut self.weights_f32).enumerate() {
            *wide = weight_of(i);
            *narrow = wide.min(f64::from(f32::MAX)) as f32;
        }
    }

    /// Another table's weights in the same memory; whether its regions are the same.
    pub(crate) fn replace(&mut self, other: &Self) -> bool {
        let fits = self.regions.same(&other.regions);
        if fits {
            self.weights.copy_from_slice(&other.weights);
            self.weights_f32.copy_from_slice(&other.weights_f32);
        }
        fits
    }

    /// The regions.
    #[inline]
    pub fn regions(&self) -> &Regions {
        &self.regions
    }

    /// The M weights as `f64`.
    #[inline]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The same weights as `f32`.
    #[inline]
    pub fn weights_f32(&self) -> &[f32] {
        &self.weights_f32
    }
}

/// How many samples' gradient norms lie in each unit region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "HistogramRecord", into = "HistogramRecord")]
pub struct Histogram {
    regions: Regions,
    counts: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HistogramRecord {
    counts: Vec<u64>,
    #[serde(default, skip_serializing_if = "Spacing::is_default")]
    spacing: Spacing,
}

impl TryFrom<HistogramRecord> for Histogram {
    type Error = ParameterError;
    fn try_from(record: HistogramRecord) -> Result<Self, ParameterError> {
        let bins = u32::try_from(record.counts.len()).unwrap_or(u32::MAX);
        let regions = match record.spacing {
            Spacing::GradientNorm => Regions::new(bins)?,
            Spacing::Margin if bins == Regions::MARGINS => Regions::margins(),
            Spacing::Margin => return Err(ParameterError::new("counts", f64::from(bins), "4096 counts of margins")),
        };
        Ok(Self { regions, counts: record.counts })
    }
}

impl From<Histogram> for HistogramRecord {
    fn from(histogram: Histogram) -> Self {
        Self { spacing: histogram.regions.spacing, counts: histogram.counts }
    }
}

impl Histogram {
    /// All counts zero.
    pub fn new(regions: Regions) -> Self {
        let counts = vec![0; regions.bins() as usize];
        Self { regions, counts }
    }

    /// The regions counted.
    #[inline]
    pub fn regions(&self) -> &Regions {
        &self.regions
    }

    /// One count a region.
    #[inline]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// One count a region, to add to.
    #[inline]
    pub fn counts_mut(&mut self) -> &mut [u64] {
        &mut self.counts
    }

    /// The regions, and their counts to add to.
    #[inline]
    pub fn parts_mut(&mut self) -> (&Regions, &mut [u64]) {
        (&self.regions, &mut self.counts)
    }
}

#[cfg(test)]
mod tests;
