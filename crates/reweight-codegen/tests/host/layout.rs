//! Layout kernels against loops over indices: permuted and broadcast axes, there and back.

use reweight_codegen::{FoldArguments, GatherArguments, Precision, fold, gather};

use crate::check::{Noise, read_reals, reals};
use crate::session::Session;

/// Sizes and strides, in elements, of a view of `memory` elements.
struct View {
    memory: usize,
    sizes: &'static [usize],
    strides: &'static [usize],
}

const VIEWS: [View; 5] = [
    View { memory: 1, sizes: &[], strides: &[] },
    View { memory: 24, sizes: &[4, 2, 3], strides: &[1, 12, 4] },
    View { memory: 5, sizes: &[3, 5, 7], strides: &[0, 1, 0] },
    View { memory: 600, sizes: &[30, 20], strides: &[1, 30] },
    View { memory: 0, sizes: &[2, 0], strides: &[1, 2] },
];

impl View {
    fn count(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Where the element at `index` lies.
    fn place(&self, mut index: usize) -> usize {
        let mut place = 0;
        for (&size, &stride) in self.sizes.iter().zip(self.strides).rev() {
            place += index % size * stride;
            index /= size;
        }
        place
    }

    /// The axes whose elements share memory, or those whose elements do not: sizes, strides in the plain layout, strides.
    fn axes(&self, shared: bool) -> Vec<[i64; 3]> {
        let mut plain = self.count() as i64;
        let mut axes = Vec::new();
        for (&size, &stride) in self.sizes.iter().zip(self.strides) {
            plain /= size.max(1) as i64;
            if (stride == 0) == shared {
                axes.push([size as i64, plain, stride as i64]);
            }
        }
        axes
    }
}

fn column(axes: &[[i64; 3]], at: usize) -> impl Iterator<Item = i64> + '_ {
    axes.iter().map(move |axis| axis[at])
}

#[test]
fn gathers_elements_of_every_size() {
    let mut session = Session::default();
    let mut checks = Vec::new();
    for view in &VIEWS {
        let memory: Vec<u64> = (0..view.memory as u64).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let expected: Vec<u64> = (0..view.count()).map(|index| memory[view.place(index)]).collect();
        let layout: Vec<i64> = view.sizes.iter().chain(view.strides).map(|&number| number as i64).collect();
        let layout = session.buffer(&layout);
        let launch = |session: &mut Session, bytes, from, to| {
            let (count, rank) = (view.count() as i64, view.sizes.len() as i64);
            let kernel = session.kernel(&gather(bytes), "reweight_gather");
            session.launch(kernel, count as u64, GatherArguments { from, to, count, rank, layout }.words());
            to
        };
        let bytes: Vec<u8> = memory.iter().map(|&value| value as u8).collect();
        let (from, to) = (session.buffer(&bytes), session.buffer(&vec![7_u8; view.count()]));
        let narrow = launch(&mut session, 1, from, to);
        let shorts: Vec<u16> = memory.iter().map(|&value| value as u16).collect();
        let (from, to) = (session.buffer(&shorts), session.buffer(&vec![7_u16; view.count()]));
        let short = launch(&mut session, 2, from, to);
        let words: Vec<u32> = memory.iter().map(|&value| value as u32).collect();
        let (from, to) = (session.buffer(&words), session.buffer(&vec![7_u32; view.count()]));
        let word = launch(&mut session, 4, from, to);
        let (from, to) = (session.buffer(&memory), session.buffer(&vec![7_u64; view.count()]));
        let wide = launch(&mut session, 8, from, to);
        checks.push((expected, narrow, short, word, wide));
    }
    let results = session.run("gather");
    for (expected, narrow, short, word, wide) in checks {
        assert_eq!(results.read::<u64>(wide), expected);
        assert!(results.read::<u8>(narrow).into_iter().eq(expected.iter().map(|&value| value as u8)));
        assert!(results.read::<u16>(short).into_iter().eq(expected.iter().map(|&value| value as u16)));
        assert!(results.read::<u32>(word).into_iter().eq(expected.iter().map(|&value| value as u32)));
    }
}

#[test]
fn folds_gradients_back() {
    let mut session = Session::default();
    let mut noise = Noise(5);
    let mut checks = Vec::new();
    for precision in [Precision::F32, Precision::F64] {
        for view in &VIEWS {
            let gradient: Vec<f64> = (0..view.count()).map(|_| noise.unit()).collect();
            let mut expected = vec![1.0; view.memory];
            gradient.iter().enumerate().for_each(|(index, slope)| expected[view.place(index)] += slope);
            let (kept, repeated) = (view.axes(false), view.axes(true));
            let layout: Vec<i64> =
                (0..3).flat_map(|at| column(&kept, at)).chain((0..2).flat_map(|at| column(&repeated, at))).collect();
            let arguments = FoldArguments {
                from: reals(&mut session, precision, &gradient),
                to: reals(&mut session, precision, &vec![1.0; view.memory]),
                count: column(&kept, 0).product(),
                kept_rank: kept.len() as i64,
                copies: column(&repeated, 0).product(),
                repeated_rank: repeated.len() as i64,
                layout: session.buffer(&layout),
            };
            let kernel = session.kernel(&fold(precision), "reweight_fold");
            session.launch(kernel, arguments.count as u64, arguments.words());
            checks.push((precision, arguments.to, expected));
        }
    }
    let results = session.run("fold");
    for (precision, found, expected) in checks {
        // A sum of up to 21 numbers, rounded once to the precision.
        let tolerance = if precision == Precision::F32 { 1e-6 } else { 1e-14 };
        let found = read_reals(&results, precision, found);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= tolerance * expected, "{found} is not {expected}");
        }
    }
}
