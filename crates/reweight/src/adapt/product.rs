//! Products: tuples of up to six weighters, and vectors of any number. The empty product weighs everything 1.

use crate::error::{StateError, WeightError};
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::Sample;
use crate::state::State;
use crate::statistics::{BatchStatistics, Statistics};
use crate::weighter::SampleWeighter;

/// The states of `expected` links.
fn links(state: &State, expected: usize) -> Result<&[State], StateError> {
    match state {
        State::Chain(links) if links.len() == expected => Ok(links),
        State::Chain(links) => Err(StateError::Length { expected, found: links.len() }),
        other => Err(StateError::Kind { expected: format!("a chain of {expected}"), found: other.kind() }),
    }
}

/// A link of a product sees what it would see alone: nothing, unless it says that it observes.
fn observe_link<W: SampleWeighter>(link: &mut W, batch: &BatchStatistics) -> Result<(), WeightError> {
    if link.observes() { link.observe(batch) } else { Ok(()) }
}

impl SampleWeighter for () {
    #[inline(always)]
    fn weight<R: Real>(&self, _: &Sample<R>) -> R {
        R::lit(1.0)
    }
    fn state(&self) -> State {
        State::Chain(Vec::new())
    }
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        links(state, 0).map(|_| ())
    }
}

macro_rules! product {
    ($count:literal: $first:ident $first_index:tt $(, $name:ident $index:tt)*) => {
        impl<$first: SampleWeighter $(, $name: SampleWeighter)*> SampleWeighter for ($first, $($name,)*) {
            #[inline(always)]
            fn weight<Number: Real>(&self, sample: &Sample<Number>) -> Number {
                let product = self.$first_index.weight(sample);
                $(let product = product * self.$index.weight(sample);)*
                product
            }
            fn statistics(&self) -> Statistics {
                self.$first_index.statistics()$(.and(self.$index.statistics()))*
            }
            fn observes(&self) -> bool {
                self.$first_index.observes() $(|| self.$index.observes())*
            }
            fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
                // A single link that observes keeps itself whole; several change on a copy, all or none.
                if usize::from(self.$first_index.observes()) $(+ usize::from(self.$index.observes()))* > 1 {
                    let mut next = self.clone();
                    observe_link(&mut next.$first_index, batch)?;
                    $(observe_link(&mut next.$index, batch)?;)*
                    *self = next;
                    return Ok(());
                }
                observe_link(&mut self.$first_index, batch)?;
                $(observe_link(&mut self.$index, batch)?;)*
                Ok(())
            }
            fn reset(&mut self) {
                self.$first_index.reset();
                $(self.$index.reset();)*
            }
            fn check(&self, classes: usize) -> Result<(), WeightError> {
                self.$first_index.check(classes)?;
                $(self.$index.check(classes)?;)*
                Ok(())
            }
            fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
                self.$first_index.fits(form)?;
                $(self.$index.fits(form)?;)*
                Ok(())
            }
            fn state(&self) -> State {
                State::Chain(vec![self.$first_index.state() $(, self.$index.state())*])
            }
            fn restore(&mut self, state: &State) -> Result<(), StateError> {
                let links = links(state, $count)?;
                let mut next = self.clone();
                next.$first_index.restore(&links[$first_index])?;
                $(next.$index.restore(&links[$index])?;)*
                *self = next;
                Ok(())
            }
        }
    };
}

product!(1: A 0);
product!(2: A 0, B 1);
product!(3: A 0, B 1, C 2);
product!(4: A 0, B 1, C 2, D 3);
product!(5: A 0, B 1, C 2, D 3, E 4);
product!(6: A 0, B 1, C 2, D 3, E 4, F 5);

impl<W: SampleWeighter> SampleWeighter for Vec<W> {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        self.iter().fold(R::lit(1.0), |product, link| product * link.weight(sample))
    }
    fn statistics(&self) -> Statistics {
        self.iter().fold(Statistics::none(), |request, link| request.and(link.statistics()))
    }
    fn observes(&self) -> bool {
        self.iter().any(SampleWeighter::observes)
    }
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        // As for tuples: several links that observe change on a copy, all or none.
        if self.iter().filter(|link| link.observes()).count() > 1 {
            let mut next = self.clone();
            next.iter_mut().try_for_each(|link| observe_link(link, batch))?;
            *self = next;
            return Ok(());
        }
        self.iter_mut().try_for_each(|link| observe_link(link, batch))
    }
    fn reset(&mut self) {
        for link in self {
            link.reset();
        }
    }
    fn check(&self, classes: usize) -> Result<(), WeightError> {
        self.iter().try_for_each(|link| link.check(classes))
    }
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.iter().try_for_each(|link| link.fits(form))
    }
    fn state(&self) -> State {
        State::Chain(self.iter().map(SampleWeighter::state).collect())
    }
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        let links = links(state, self.len())?;
        let mut next = self.clone();
        for (link, saved) in next.iter_mut().zip(links) {
            link.restore(saved)?;
        }
        *self = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
