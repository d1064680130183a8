//! Every loop of the engine as a function without type parameters, so that it is compiled here, once for each float and
//! instruction set, and not again in the crates that use the engine.

use crate::bce::Checked;
use crate::bce::{
    Count as CountElements, Hard, Harden, Look, Soft, Targets, Weigh as WeighElements, Weighed as Elements,
};
use crate::dispatch::{Available, dispatch};
use crate::element::PickLanes;
use crate::softmax::{Count as CountRows, Found, Weigh as WeighRows, Weighed as Rows};
use crate::step::Rescale;

macro_rules! kernels {
    ($($name:ident: $kernel:ty => $output:ty,)*) => {
        /// What the engine does with a float, loop by loop.
        pub(crate) trait Kernels: PickLanes {
            $(fn $name(isa: Available, kernel: $kernel) -> $output;)*
        }

        kernels!(@float f32: $($name: $kernel => $output,)*);
        kernels!(@float f64: $($name: $kernel => $output,)*);
    };
    (@float $float:ty: $($name:ident: $kernel:ty => $output:ty,)*) => {
        impl Kernels for $float {
            $(fn $name(isa: Available, kernel: $kernel) -> $output {
                dispatch(isa, kernel)
            })*
        }
    };
}

kernels! {
    harden: Harden<'_, Self> => (),
    look_hard: Look<'_, Self, Hard> => Targets,
    look_soft: Look<'_, Self, Soft> => Targets,
    count_hard: CountElements<'_, '_, Self, Hard> => Checked,
    count_soft: CountElements<'_, '_, Self, Soft> => Checked,
    weigh_hard: WeighElements<'_, '_, Self, Hard> => Elements,
    weigh_soft: WeighElements<'_, '_, Self, Soft> => Elements,
    count_rows: CountRows<'_, '_, Self> => Found,
    weigh_rows: WeighRows<'_, '_, Self> => Rows,
    rescale: Rescale<'_, Self> => (),
}
