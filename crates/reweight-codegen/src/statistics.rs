//! The kernels that validate a batch and count what a weighter asks for.

use std::fmt::Write;

use reweight::{RegionAxis, Regions, SampleKind, Statistics};

use crate::arguments::StatisticsArguments;
use crate::error::CodegenError;
use crate::formula::{Formula, thresholds};
use crate::shape::Precision;
use crate::source::{Entry, KernelSource, MOST_BLOCKS};
use crate::template;

/// The most counters that a block keeps in shared memory: 17 KB, so that blocks do not crowd each other out. The 4,096
/// regions of margins are among them.
const SHARED_COUNTERS: usize = 4352;

/// What a statistics kernel is made of.
pub(crate) struct Target<'a> {
    pub(crate) precision: Precision,
    pub(crate) request: &'a Statistics,
    /// What regions are read from.
    pub(crate) formula: &'a Formula<'a>,
    pub(crate) kind: SampleKind,
    pub(crate) classes: usize,
    pub(crate) key: String,
    pub(crate) preamble: String,
    pub(crate) body: &'static str,
    pub(crate) entry: &'static str,
    pub(crate) block: u32,
    pub(crate) per_block: u64,
}

pub(crate) fn kernel(target: &Target<'_>) -> Result<KernelSource, CodegenError> {
    let request = target.request;
    let key_of = target.formula.key_of(target.kind, target.classes)?;
    let classes = class_counters(request, target.classes);
    let counters = 2 + classes + request.histograms().iter().map(|regions| regions.bins() as usize).sum::<usize>();
    let shared = counters <= SHARED_COUNTERS;
    let (mut runs, mut count, mut flush) = (String::new(), String::new(), String::new());
    // One more in a counter of a group. Writing to a String cannot fail.
    let mut add = |count: &mut String, group: &str, first: usize, place: &str| {
        let _ = if shared {
            writeln!(count, "count_one(tally, {first} + {place});")
        } else {
            let _ = writeln!(runs, "Run {group} = {{{first}, 0}};");
            let _ = writeln!(flush, "add_to(tally, a.counts, {group}.counter, {group}.length);");
            writeln!(count, "extend({group}, {first} + {place}, tally, a.counts);")
        };
    };
    if classes > 0 {
        add(&mut count, "of_class", 2, "(int)s.label");
    }
    let (mut first, mut edges) = (2 + classes, 0);
    let axis = target.kind.axis();
    if !request.histograms().is_empty() {
        count.push_str("const real key = key_of(s, c, a.constants);\n");
    }
    for (at, regions) in request.histograms().iter().enumerate() {
        let bins = regions.bins();
        let region = region(regions, axis, "key", &format!("a.edges + {edges}"));
        add(&mut count, &format!("region_{at}"), first, &region);
        first += bins as usize;
        edges += thresholds(regions, |regions| regions.thresholds_f64(axis)).len();
    }
    let tally = template::fill(include_str!("cuda/tally.cu"), &[("counters", &counters.to_string())]);
    let place = if shared { include_str!("cuda/tally_shared.cu") } else { include_str!("cuda/tally_global.cu") };
    let source = template::join(&[
        "// Validation and statistics of a batch.",
        &template::prelude(target.precision),
        &template::reduce(target.block),
        &target.preamble,
        &key_of,
        &tally,
        place,
        &template::arguments("StatisticsArguments", StatisticsArguments::FIELDS),
        &template::fill(target.body, &[("runs", &runs), ("count", &count), ("flush", &flush)]),
    ]);
    Ok(KernelSource {
        key: key(&target.key, target.formula, request, target.classes),
        source,
        entries: vec![Entry {
            name: target.entry,
            arguments: "StatisticsArguments",
            fields: StatisticsArguments::FIELDS,
            block: target.block,
            per_block: target.per_block,
            most_blocks: MOST_BLOCKS,
        }],
    })
}

/// Of a kernel whose own part is `own`.
pub(crate) fn key(own: &str, formula: &Formula<'_>, request: &Statistics, classes: usize) -> String {
    let regions = request.histograms().iter().map(|regions| format!("{:?}{}", regions.spacing(), regions.bins()));
    let regions = regions.collect::<Vec<_>>().join(",");
    format!("statistics;{own};classes{};[{regions}];{}", class_counters(request, classes), formula.key())
}

fn class_counters(request: &Statistics, classes: usize) -> usize {
    if request.wants_class_counts() { classes } else { 0 }
}

/// The C of the region that `key` lies in, with its thresholds at `edges` where it has some.
pub(crate) fn region(regions: &Regions, axis: RegionAxis, key: &str, edges: &str) -> String {
    let bins = regions.bins();
    match (regions.grid(axis), axis) {
        (Some(grid), _) => format!("grid_region({key}, real({}), real({}), {bins})", grid.origin, grid.factor),
        // The gradient norm that the key stands for.
        (None, RegionAxis::Margin) => format!("region_of({key}, logistic({key}).q, {edges}, {bins})"),
        (None, RegionAxis::NegatedNorm) => format!("region_of({key}, -{key}, {edges}, {bins})"),
    }
}

/// What the kernels read at `edges`, exact in `precision`: the thresholds that the CPU compares with.
pub fn edges(request: &Statistics, precision: Precision, axis: RegionAxis) -> Vec<f64> {
    let all = request.histograms().iter();
    match precision {
        Precision::F32 => {
            let edges = all.flat_map(|regions| thresholds(regions, |regions| regions.thresholds_f32(axis)));
            edges.copied().map(f64::from).collect()
        }
        Precision::F64 => {
            all.flat_map(|regions| thresholds(regions, |regions| regions.thresholds_f64(axis))).copied().collect()
        }
    }
}
