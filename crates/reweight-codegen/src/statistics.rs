//! The kernels that validate a batch and count what a weighter asks for.

use std::fmt::Write;

use reweight::{RegionAxis, Statistics};

use crate::arguments::StatisticsArguments;
use crate::shape::Precision;
use crate::source::{Entry, KernelSource, MOST_BLOCKS};
use crate::template;

/// The most counters that a block keeps in shared memory: 16 KB, so that blocks do not crowd each other out.
const SHARED_COUNTERS: usize = 4096;

/// What a statistics kernel is made of.
pub(crate) struct Target<'a> {
    pub(crate) precision: Precision,
    pub(crate) request: &'a Statistics,
    pub(crate) classes: usize,
    pub(crate) key: String,
    pub(crate) preamble: String,
    pub(crate) body: &'static str,
    pub(crate) entry: &'static str,
    pub(crate) block: u32,
    pub(crate) per_block: u64,
}

pub(crate) fn kernel(target: &Target<'_>) -> KernelSource {
    let request = target.request;
    let (classes, bins) = counted(request, target.classes);
    let counters = 2 + classes + bins.iter().sum::<usize>();
    let (mut runs, mut count, mut flush) = (String::new(), String::new(), String::new());
    // Writing to a String cannot fail.
    if classes > 0 {
        let _ = writeln!(runs, "Run of_class = {{2, 0}};");
        let _ = writeln!(count, "extend(of_class, 2 + (int)s.label, tally, a.counts);");
        let _ = writeln!(flush, "add_to(tally, a.counts, of_class.counter, of_class.length);");
    }
    let (mut first, mut edges) = (2 + classes, 0);
    for (at, &bins) in bins.iter().enumerate() {
        let _ = writeln!(runs, "Run region_{at} = {{{first}, 0}};   // of {bins} unit regions");
        let _ = writeln!(
            count,
            "extend(region_{at}, {first} + region_of(s.region_key, s.gradient_norm, a.edges + {edges}, {bins}), tally, a.counts);"
        );
        let _ = writeln!(flush, "add_to(tally, a.counts, region_{at}.counter, region_{at}.length);");
        first += bins;
        edges += bins - 1;
    }
    let tally = template::fill(include_str!("cuda/tally.cu"), &[("counters", &counters.to_string())]);
    let place = if counters <= SHARED_COUNTERS {
        include_str!("cuda/tally_shared.cu")
    } else {
        include_str!("cuda/tally_global.cu")
    };
    let source = template::join(&[
        "// Validation and statistics of a batch.",
        &template::prelude(target.precision),
        template::reduce(),
        &target.preamble,
        &tally,
        place,
        include_str!("cuda/run.cu"),
        &template::arguments("StatisticsArguments", StatisticsArguments::FIELDS),
        &template::fill(target.body, &[("runs", &runs), ("count", &count), ("flush", &flush)]),
    ]);
    KernelSource {
        key: key(&target.key, request, target.classes),
        source,
        entries: vec![Entry {
            name: target.entry,
            arguments: "StatisticsArguments",
            fields: StatisticsArguments::FIELDS,
            block: target.block,
            per_block: target.per_block,
            most_blocks: MOST_BLOCKS,
        }],
    }
}

/// Of a kernel whose own part is `own`.
pub(crate) fn key(own: &str, request: &Statistics, classes: usize) -> String {
    let (classes, bins) = counted(request, classes);
    format!("{own};classes{classes};bins{bins:?}").replace(' ', "")
}

/// How many class counters, and how many regions in each histogram.
fn counted(request: &Statistics, classes: usize) -> (usize, Vec<usize>) {
    let classes = if request.wants_class_counts() { classes } else { 0 };
    (classes, request.histograms().iter().map(|regions| regions.bins() as usize).collect())
}

/// What the kernels read at `edges`, exact in `precision`: the thresholds that the CPU compares with.
pub fn edges(request: &Statistics, precision: Precision, axis: RegionAxis) -> Vec<f64> {
    let edges = request.histograms().iter();
    match precision {
        Precision::F32 => edges.flat_map(|regions| regions.thresholds_f32(axis)).copied().map(f64::from).collect(),
        Precision::F64 => edges.flat_map(|regions| regions.thresholds_f64(axis)).copied().collect(),
    }
}
