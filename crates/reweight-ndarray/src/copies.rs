//! Copies of views in the order of their indices, and back: for arrays that lie in memory in another order than the rest of a batch.
//!
//! Both are made for the parts of a batch that fit into a cache. An array whose first axis lies closest in memory is walked along that
//! axis, a line of the cache at a time: element by element along the last one, each would come from a line of its own, and lines that
//! lie some power of two apart drive each other out.

use std::hint::black_box;

use ndarray::{ArrayView1, ArrayView2, ArrayViewD, ArrayViewMut1, ArrayViewMut2, ArrayViewMutD, Axis, Ix2};

use crate::registers::CACHE_LINE;

/// Elements that are copied at a time along the axis that lies closest: a line of the cache, or more.
const ALONG: usize = 16;

/// Copies a view's elements, in the order of the indices.
pub(crate) fn gather<T: Copy>(from: &ArrayViewD<'_, T>, to: &mut [T]) {
    let lane = from.shape().last().copied().unwrap_or(1);
    // Of the number of axes that is most frequent, whose iterators are many times faster than those of any number.
    match from.view().into_dimensionality::<Ix2>() {
        Ok(from) if is_by_columns(from.strides()) => gather_columns(&from, to),
        Ok(from) => {
            touch(from.rows());
            gather_lanes(from.rows(), lane, to);
        }
        Err(_) => gather_lanes(from.rows(), lane, to),
    }
}

/// Lane by lane, because an iterator over all axes is many times slower than one over the last.
fn gather_lanes<'a, T: Copy + 'a>(from: impl IntoIterator<Item = ArrayView1<'a, T>>, lane: usize, to: &mut [T]) {
    for (from, to) in from.into_iter().zip(to.chunks_exact_mut(lane.max(1))) {
        match from.as_slice() {
            Some(from) => to.copy_from_slice(from),
            None => ArrayViewMut1::from(to).assign(&from),
        }
    }
}

/// The same into memory of its own: for elements that no thread keeps memory for.
pub(crate) fn gathered<T: Copy>(from: &ArrayViewD<'_, T>) -> Vec<T> {
    let mut to = from.first().map_or_else(Vec::new, |&first| vec![first; from.len()]);
    gather(from, &mut to);
    to
}

/// The way back of [`gather`].
pub(crate) fn scatter<T: Copy>(from: &[T], to: &mut ArrayViewMutD<'_, T>) {
    let lane = to.shape().last().copied().unwrap_or(1);
    match to.view_mut().into_dimensionality::<Ix2>() {
        Ok(to) if is_by_columns(to.strides()) => scatter_columns(from, to),
        Ok(mut to) => {
            touch(to.rows());
            scatter_lanes(from, lane, to.rows_mut());
        }
        Err(_) => scatter_lanes(from, lane, to.rows_mut()),
    }
}

fn scatter_lanes<'a, T: Copy + 'a>(from: &[T], lane: usize, to: impl IntoIterator<Item = ArrayViewMut1<'a, T>>) {
    for (mut to, from) in to.into_iter().zip(from.chunks_exact(lane.max(1))) {
        match to.as_slice_mut() {
            Some(to) => to.copy_from_slice(from),
            None => to.assign(&ArrayView1::from(from)),
        }
    }
}

/// Reads a number of every line of the cache that some lanes lie in, before they are copied: the lines are then waited for together,
/// where copying would wait for each.
fn touch<'a, T: Copy + 'a>(lanes: impl IntoIterator<Item = ArrayView1<'a, T>>) {
    for lane in lanes {
        if let Some(numbers) = lane.as_slice() {
            numbers.iter().step_by((CACHE_LINE / size_of::<T>()).max(1)).chain(numbers.last()).for_each(|number| {
                black_box(*number);
            });
        }
    }
}

/// Whether each column lies in one piece, and no row does.
fn is_by_columns(strides: &[isize]) -> bool {
    strides[0] == 1 && strides[1] != 1
}

fn gather_columns<T: Copy>(from: &ArrayView2<'_, T>, to: &mut [T]) {
    let width = from.ncols();
    for (from, to) in from.axis_chunks_iter(Axis(0), ALONG).zip(to.chunks_mut((ALONG * width).max(1))) {
        touch(from.columns());
        for (column, from) in from.columns().into_iter().enumerate() {
            let to = to[column..].iter_mut().step_by(width);
            if let Some(from) = from.as_slice() {
                to.zip(from).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

fn scatter_columns<T: Copy>(from: &[T], mut to: ArrayViewMut2<'_, T>) {
    let width = to.ncols();
    for (from, mut to) in from.chunks((ALONG * width).max(1)).zip(to.axis_chunks_iter_mut(Axis(0), ALONG)) {
        touch(to.columns());
        for (column, mut to) in to.columns_mut().into_iter().enumerate() {
            let from = from[column..].iter().step_by(width);
            if let Some(to) = to.as_slice_mut() {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, IxDyn, ShapeBuilder, s};

    #[test]
    fn copies_have_the_order_of_the_indices_whatever_the_memory_has() {
        for shape in [vec![7], vec![1, 5], vec![37, 5], vec![16, 16], vec![0, 3], vec![3, 0], vec![33, 2, 3]] {
            let size: usize = shape.iter().product();
            let numbers: Vec<usize> = (0..size).collect();
            let rows = Array::from_shape_vec(IxDyn(&shape), numbers.clone()).unwrap();
            let mut columns = Array::from_elem(IxDyn(&shape).f(), usize::MAX);
            scatter(&numbers, &mut columns.view_mut());
            assert_eq!(columns, rows, "{shape:?}");
            for array in [&rows, &columns] {
                assert_eq!(gathered(&array.view()), numbers, "{shape:?}");
            }
        }
        // A part of columns, and columns that lie the other way round.
        let columns = Array::from_shape_fn((40, 9).f(), |(row, column)| 9 * row + column);
        let part = columns.slice(s![3..21, 2..7]);
        assert_eq!(gathered(&part.into_dyn()), part.iter().copied().collect::<Vec<_>>());
        let mut turned = columns.view();
        turned.invert_axis(Axis(1));
        assert_eq!(gathered(&turned.view().into_dyn()), turned.iter().copied().collect::<Vec<_>>());
        turned.invert_axis(Axis(0));
        assert_eq!(gathered(&turned.view().into_dyn()), turned.iter().copied().collect::<Vec<_>>());
    }
}
