//! What a weighter needs to know of a whole batch before its weights can be read: counts, so that they merge exactly.

use serde::{Deserialize, Serialize};

use crate::error::{ParameterError, WeightError};
use crate::regions::{Histogram, Regions, Spacing};

/// The statistics that a weighter asks for; a backend counts each of them once, whoever asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    gradient_norm: Vec<Regions>,
    class_counts: bool,
}

impl Statistics {
    /// Nothing: the weight is a function of the sample alone.
    pub fn none() -> Self {
        Self::default()
    }

    /// A histogram over `regions`, of the gradient norm or of the margin.
    pub fn gradient_norm(regions: Regions) -> Self {
        Self { gradient_norm: vec![regions], class_counts: false }
    }

    /// The number of valid samples of each class (BCE: class 1 where the target is at least ½).
    pub fn class_counts() -> Self {
        Self { gradient_norm: Vec::new(), class_counts: true }
    }

    /// Both requests in one; equal histograms are counted once.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for regions in other.gradient_norm {
            if !self.gradient_norm.iter().any(|own| own.same(&regions)) {
                self.gradient_norm.push(regions);
            }
        }
        self.class_counts |= other.class_counts;
        self
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.gradient_norm.is_empty() && !self.class_counts
    }

    /// The histograms asked for.
    pub fn histograms(&self) -> &[Regions] {
        &self.gradient_norm
    }

    /// Whether class counts are asked for.
    pub fn wants_class_counts(&self) -> bool {
        self.class_counts
    }
}

/// The counts of one training step: of a batch, or merged over micro-batches, pyramid levels, threads or machines.
///
/// All are whole numbers, so merging in any order gives the same bits, and a distributed run sees what the single run
/// would have seen. It serialises, so an all-reduce can send it as it is; one over plain integers can add up
/// [`as_counts`](Self::as_counts) and put the sums back with [`set_counts`](Self::set_counts).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchStatistics {
    /// Number of valid elements (BCE) or rows (softmax), N.
    pub valid: u64,
    /// Number of valid positives: target ≥ ½ (BCE), class ≠ 0 (softmax).
    pub positives: u64,
    /// Number of valid samples of each class, where asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_counts: Vec<u64>,
    /// The histograms of the gradient norm, in the order of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gradient_norm: Vec<Histogram>,
}

impl BatchStatistics {
    /// Zero counts for a request over `classes` classes (2 for BCE).
    pub fn zero(request: &Statistics, classes: usize) -> Self {
        Self {
            valid: 0,
            positives: 0,
            class_counts: if request.class_counts { vec![0; classes] } else { Vec::new() },
            gradient_norm: request.gradient_norm.iter().cloned().map(Histogram::new).collect(),
        }
    }

    /// Sets every count to zero and keeps the memory.
    pub fn clear(&mut self) {
        self.valid = 0;
        self.positives = 0;
        // Not where there is nothing to fill: a call of `memset` for no bytes at a dangling address costs more than a
        // small batch.
        if !self.class_counts.is_empty() {
            self.class_counts.fill(0);
        }
        for histogram in &mut self.gradient_norm {
            histogram.counts_mut().fill(0);
        }
    }

    /// Adds the counts of another part of the same step.
    ///
    /// # Errors
    ///
    /// [`WeightError::StatisticsMismatch`] where the two answer different requests; `self` is then as it was.
    pub fn merge(&mut self, other: &Self) -> Result<(), WeightError> {
        // Compared in place: an engine merges once a stretch of a batch and must not allocate there.
        if !self.same_layout(other) {
            return Err(WeightError::StatisticsMismatch { own: self.layout(), other: other.layout() });
        }
        for (own, new) in self.counts_mut().zip(other.counts()) {
            // Counts may come from a file or from another machine, and a sum beyond u64 is no batch of samples.
            *own = own.saturating_add(new);
        }
        Ok(())
    }

    /// The histogram over `bins` unit regions.
    ///
    /// # Errors
    ///
    /// [`WeightError::MissingStatistics`] where it was not counted.
    pub fn histogram(&self, bins: u32) -> Result<&Histogram, WeightError> {
        let unit = |regions: &Regions| regions.spacing() == Spacing::GradientNorm && regions.bins() == bins;
        self.gradient_norm.iter().find(|histogram| unit(histogram.regions())).ok_or_else(|| {
            WeightError::MissingStatistics { wanted: format!("{bins} unit regions"), found: self.layout() }
        })
    }

    /// The histogram over margins.
    ///
    /// # Errors
    ///
    /// [`WeightError::MissingStatistics`] where it was not counted.
    pub fn margins(&self) -> Result<&Histogram, WeightError> {
        let found = self.gradient_norm.iter().find(|histogram| histogram.regions().spacing() == Spacing::Margin);
        found.ok_or_else(|| WeightError::MissingStatistics { wanted: "margins".to_owned(), found: self.layout() })
    }

    /// Whether both answer the same request, over as many classes.
    pub fn same_layout(&self, other: &Self) -> bool {
        self.class_counts.len() == other.class_counts.len()
            && self.gradient_norm.len() == other.gradient_norm.len()
            && self.gradient_norm.iter().zip(&other.gradient_norm).all(|(own, new)| own.regions().same(new.regions()))
    }

    /// The counts of `other`, in memory that is reused where it fits.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        if !self.same_layout(other) {
            *self = other.clone();
            return;
        }
        for (own, new) in self.counts_mut().zip(other.counts()) {
            *own = new;
        }
    }

    /// All counts in one row, for an all-reduce over plain integers.
    pub fn as_counts(&self) -> Vec<u64> {
        self.counts().collect()
    }

    /// Puts back what [`as_counts`](Self::as_counts) gave, after the reduction.
    ///
    /// # Errors
    ///
    /// Where the length differs.
    pub fn set_counts(&mut self, counts: &[u64]) -> Result<(), ParameterError> {
        if counts.len() != self.counts().count() {
            return Err(ParameterError::new("counts", counts.len() as f64, "as many numbers as `as_counts` gave"));
        }
        for (own, &new) in self.counts_mut().zip(counts) {
            *own = new;
        }
        Ok(())
    }

    fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        let histograms = self.gradient_norm.iter().flat_map(|h| h.counts().iter().copied());
        [self.valid, self.positives].into_iter().chain(self.class_counts.iter().copied()).chain(histograms)
    }

    fn counts_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let histograms = self.gradient_norm.iter_mut().flat_map(|h| h.counts_mut());
        [&mut self.valid, &mut self.positives].into_iter().chain(&mut self.class_counts).chain(histograms)
    }

    fn layout(&self) -> String {
        let mut parts: Vec<String> = self.gradient_norm.iter().map(|h| h.regions().describe()).collect();
        if !self.class_counts.is_empty() {
            parts.push(format!("{} classes", self.class_counts.len()));
        }
        if parts.is_empty() { "totals only".to_owned() } else { parts.join(" and ") }
    }
}

#[cfg(test)]
mod tests;
