//! The structs that the kernels take by value: one definition gives the Rust type and the C text.

use reweight::Reduction;

/// One field of a kernel's argument: 8 bytes, a pointer into device memory or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The field's name, in Rust and in C.
    pub name: &'static str,
    /// The field's type in C.
    pub c_type: &'static str,
    /// What it holds.
    pub doc: &'static str,
}

impl Argument {
    /// Whether the field is an address in device memory.
    pub fn is_pointer(&self) -> bool {
        self.c_type.ends_with('*')
    }
}

/// The bits of a field.
trait Word {
    fn word(self) -> u64;
}
impl Word for u64 {
    fn word(self) -> u64 {
        self
    }
}
impl Word for i64 {
    fn word(self) -> u64 {
        self as u64
    }
}
impl Word for f64 {
    fn word(self) -> u64 {
        self.to_bits()
    }
}

macro_rules! arguments {
    ($(#[$about:meta])* $name:ident { $(#[doc = $doc:literal] $field:ident: $rust:ty => $c_type:literal,)* }) => {
        $(#[$about])*
        ///
        /// It is passed by value, as one kernel parameter; its layout is that of the C struct. Pointers are device
        /// addresses.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct $name {
            $(#[doc = $doc] pub $field: $rust,)*
        }

        impl $name {
            /// The fields in order.
            pub const FIELDS: &'static [Argument] =
                &[$(Argument { name: stringify!($field), c_type: $c_type, doc: $doc },)*];

            /// The fields' bits in order.
            pub fn words(&self) -> Vec<u64> {
                vec![$(self.$field.word(),)*]
            }
        }
    };
}

arguments! {
    /// Of `reweight_bce_value` and `reweight_bce_fused`.
    BceArguments {
        /// the N logits
        logits: u64 => "const real*",
        /// the N targets
        targets: u64 => "const target_t*",
        /// N bytes, 0 where an element is left out; null: all count
        valid: u64 => "const unsigned char*",
        /// N factors; null: all 1
        sample_weight: u64 => "const real*",
        /// the formula's numbers and tables
        constants: u64 => "const real*",
        /// δ of each column; null: 1
        scale: u64 => "const real*",
        /// ι of each column; null: 0
        offset: u64 => "const real*",
        /// Δ of each label; null: 0
        margin: u64 => "const real*",
        /// elements that share a column before the next one begins
        inner: i64 => "long long",
        /// columns, from 1
        columns: i64 => "long long",
        /// N
        count: i64 => "long long",
        /// N losses out; null: not wanted
        losses: u64 => "real*",
        /// N weights out; null: not wanted
        weights: u64 => "real*",
        /// 4 sums a block out: loss, weight, valid, positives (fused: may be null)
        partials: u64 => "double*",
        /// where the first fault is, as `Fault` reads it; all bits set before
        fault: u64 => "unsigned long long*",
        /// 2 out, the value and the margin of a result at `fault`, which an earlier launch has found; null: not wanted
        found: u64 => "double*",
        /// fused: what the gradient is multiplied by
        factor: u64 => "const double*",
        /// fused: the gradient that arrives, a second factor; null: 1
        upstream: u64 => "const real*",
        /// fused: 1 where N gradients arrive, one a sample; 0 where one does
        upstream_each: i64 => "long long",
        /// fused: N slopes out; null: not wanted
        gradient: u64 => "real*",
        /// fused: 1 adds to the gradient, 0 replaces it
        accumulate: i64 => "long long",
    }
}

arguments! {
    /// Of `reweight_softmax_value` and `reweight_softmax_fused`.
    SoftmaxArguments {
        /// the N·C logits, row after row
        logits: u64 => "const real*",
        /// the N class indices
        targets: u64 => "const target_t*",
        /// N bytes, 0 where a row is left out; null: all count
        valid: u64 => "const unsigned char*",
        /// N factors; null: all 1
        sample_weight: u64 => "const real*",
        /// the formula's numbers and tables
        constants: u64 => "const real*",
        /// δ of each class; null: 1
        scale: u64 => "const real*",
        /// ι of each class; null: 0
        offset: u64 => "const real*",
        /// Δ of each label; null: 0
        margin: u64 => "const real*",
        /// N
        rows: i64 => "long long",
        /// C
        classes: i64 => "long long",
        /// the label of rows to leave out
        ignore_index: i64 => "long long",
        /// 1 where there is such a label
        ignores: i64 => "long long",
        /// label smoothing, from 0 to 1
        smoothing: f64 => "double",
        /// N losses out; null: not wanted
        losses: u64 => "real*",
        /// N weights out; null: not wanted
        weights: u64 => "real*",
        /// 4 sums a block out: loss, weight, valid, positives (fused: may be null)
        partials: u64 => "double*",
        /// where the first fault is, as `Fault` reads it; all bits set before
        fault: u64 => "unsigned long long*",
        /// 2 out, the value and the margin of a result at `fault`, which an earlier launch has found; null: not wanted
        found: u64 => "double*",
        /// fused: what the gradient is multiplied by
        factor: u64 => "const double*",
        /// fused: the gradient that arrives, a second factor; null: 1
        upstream: u64 => "const real*",
        /// fused: 1 where N gradients arrive, one a sample; 0 where one does
        upstream_each: i64 => "long long",
        /// fused: N·C slopes out; null: not wanted
        gradient: u64 => "real*",
        /// fused: 1 adds to the gradient, 0 replaces it
        accumulate: i64 => "long long",
    }
}

arguments! {
    /// Of `reweight_bce_statistics` and `reweight_softmax_statistics`.
    StatisticsArguments {
        /// the logits
        logits: u64 => "const real*",
        /// the N targets
        targets: u64 => "const target_t*",
        /// N bytes, 0 where a sample is left out; null: all count
        valid: u64 => "const unsigned char*",
        /// N factors, to be checked; null: none
        sample_weight: u64 => "const real*",
        /// the numbers and tables of what regions are read from
        constants: u64 => "const real*",
        /// δ of each column (BCE) or class; null: 1
        scale: u64 => "const real*",
        /// ι of each column (BCE) or class; null: 0
        offset: u64 => "const real*",
        /// Δ of each label; null: 0
        margin: u64 => "const real*",
        /// elements that share a column before the next one begins (BCE)
        inner: i64 => "long long",
        /// columns, from 1 (BCE)
        columns: i64 => "long long",
        /// the histograms' inner thresholds, one histogram after the other
        edges: u64 => "const real*",
        /// N: elements (BCE) or rows
        rows: i64 => "long long",
        /// C (softmax)
        classes: i64 => "long long",
        /// the label of rows to leave out (softmax)
        ignore_index: i64 => "long long",
        /// 1 where there is such a label
        ignores: i64 => "long long",
        /// added to: valid, positives, classes, histograms; zeroed before
        counts: u64 => "unsigned long long*",
        /// where the first fault is, as `Fault` reads it; all bits set before
        fault: u64 => "unsigned long long*",
    }
}

arguments! {
    /// Of `reweight_finish`.
    FinishArguments {
        /// 4 sums a block
        partials: u64 => "const double*",
        /// the number of blocks
        blocks: i64 => "long long",
        /// 0 mean, 1 sum, 2 weighted mean, 3 positives, 4 divisor
        reduction: i64 => "long long",
        /// the divisor
        divisor: f64 => "double",
        /// where the first fault is: copied behind the totals, so that the host reads both at once; null: none is copied
        fault: u64 => "const unsigned long long*",
        /// 7 out: loss sum, weight sum, valid, positives, factor, loss, the fault's bits
        totals: u64 => "double*",
        /// the loss out, once more; null: not wanted
        loss: u64 => "real*",
    }
}

arguments! {
    /// Of `reweight_gather`.
    GatherArguments {
        /// the first element, wherever the others lie
        from: u64 => "const element_t*",
        /// N elements out
        to: u64 => "element_t*",
        /// N
        count: i64 => "long long",
        /// the number of axes
        rank: i64 => "long long",
        /// the axes' sizes, then their strides in elements
        layout: u64 => "const long long*",
    }
}

arguments! {
    /// Of `reweight_fold`.
    FoldArguments {
        /// the gradient, one element a logit
        from: u64 => "const real*",
        /// where the logits' gradients are gathered: added to
        to: u64 => "real*",
        /// the number of places in it
        count: i64 => "long long",
        /// axes along which every logit has a place of its own
        kept_rank: i64 => "long long",
        /// how many logits share a place
        copies: i64 => "long long",
        /// axes along which logits share their place
        repeated_rank: i64 => "long long",
        /// of the kept axes sizes, strides in `from`, strides in `to`; of the repeated ones sizes, strides in `from`
        layout: u64 => "const long long*",
    }
}

/// `reduction` and `divisor` of [`FinishArguments`].
pub fn reduction_code(reduction: Reduction) -> (i64, f64) {
    match reduction {
        Reduction::Mean => (0, 1.0),
        Reduction::Sum | Reduction::None => (1, 1.0),
        Reduction::WeightedMean => (2, 1.0),
        Reduction::Positives => (3, 1.0),
        Reduction::Divisor(divisor) => (4, divisor),
    }
}
