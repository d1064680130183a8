//! Work over threads with the same bits whatever their number.
//!
//! A batch is halved until a part is small, always at the same places, and the parts' sums are merged in the shape of
//! that tree. Threads only decide who computes a part.

/// Something that can be cut in two, at a place that depends on its size alone.
pub(crate) trait Divide: Sized + Send {
    /// Elements.
    fn size(&self) -> usize;
    /// Whether it is computed in one go.
    fn is_leaf(&self) -> bool;
    /// The two halves of what is no leaf.
    fn halve(self) -> (Self, Self);
}

/// Sums of a part.
pub(crate) trait Merge: Send {
    /// The sums of both, `self` being the first.
    fn merge(self, other: Self) -> Self;
}

impl Merge for () {
    fn merge(self, (): Self) {}
}

impl<T: Send, E: Send> Merge for Result<T, E>
where
    T: Merge,
{
    fn merge(self, other: Self) -> Self {
        Ok(self?.merge(other?))
    }
}

/// Parts of at most so many elements are computed in one go: some tens of kilobytes, well inside a core's own cache.
pub(crate) const LEAF: usize = 1 << 14;

/// Batches of at most so many logits stay on the caller's thread: waking another costs more than it saves. Larger ones are
/// computed by rayon's current thread pool.
pub const ALONE: usize = 1 << 15;

/// Which end of a batch is computed first; the sums are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Start,
    /// What the pass before read last may still be in a cache.
    End,
}

/// Computes all leaves of `part` and merges their sums.
///
/// The leaf is behind a pointer, as all are that come with a pass: this is compiled once for a kind of part and of sum, and not for
/// each pass over each kind of batch.
pub(crate) fn reduce<P: Divide, R: Merge>(part: P, from: From, leaf: &(dyn Fn(P) -> R + Sync)) -> R {
    let size = part.size();
    if part.is_leaf() {
        return leaf(part);
    }
    let (first, second) = part.halve();
    let backwards = from == From::End;
    let (now, also) = if backwards { (second, first) } else { (first, second) };
    let (now, also) = join(size, || reduce(now, from, leaf), || reduce(also, from, leaf));
    if backwards { also.merge(now) } else { now.merge(also) }
}

/// Both results; on two threads where there is enough to do.
fn join<A: Send, B: Send>(size: usize, now: impl FnOnce() -> A + Send, also: impl FnOnce() -> B + Send) -> (A, B) {
    if size <= ALONE {
        return (now(), also());
    }
    let (mut now, mut also) = (Some(now), Some(also));
    let (mut first, mut second) = (None, None);
    both(&mut || first = now.take().map(|run| run()), &mut || second = also.take().map(|run| run()));
    first.zip(second).expect("the pool returns when both have run")
}

/// Runs a whole step where its passes can share it with other threads: entering the pool once, not once a pass.
pub(crate) fn step<R: Send>(size: usize, run: impl FnOnce() -> R + Send) -> R {
    if size <= ALONE || rayon::current_thread_index().is_some() {
        return run();
    }
    let (mut run, mut result) = (Some(run), None);
    both(&mut || result = run.take().map(|run| run()), &mut || ());
    result.expect("the pool returns when the step has run")
}

/// The pool's own code, once: generic over the work it would be compiled again for each pass over each kind of batch, in
/// every crate that makes losses.
fn both(now: &mut (dyn FnMut() + Send), also: &mut (dyn FnMut() + Send)) {
    rayon::join(now, also);
}

/// Where a slice of `size` elements are cut: at a multiple of [`LEAF`], so that only the last part is ragged.
pub(crate) fn middle(size: usize) -> usize {
    size.div_ceil(2).next_multiple_of(LEAF).min(size)
}
