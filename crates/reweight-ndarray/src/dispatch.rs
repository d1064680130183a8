//! Which instruction set the loops run on: found once a process, named by a caller or by the environment, entered once a batch.

use std::env;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use pulp::NullaryFnOnce;

use crate::lanes::{Baseline, Convert, F32s, F64s, Format, Isa, Lanes};

/// The environment variable that names the instruction set to use in place of the best one, for tests and measurements.
pub const ENVIRONMENT_VARIABLE: &str = "REWEIGHT_ISA";

/// A level of vector instructions that the engine has code for. Results differ between levels by roundings only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InstructionSet {
    /// x86-64 with AVX-512 F, BW, CD, DQ and VL: 512 bits.
    Avx512,
    /// x86-64 with AVX2, FMA and F16C: 256 bits.
    Avx2,
    /// AArch64 with NEON: 128 bits.
    Neon,
    /// What every processor of the target has (SSE2 on x86-64): 128 bits, no fused multiply-add.
    Baseline,
}

/// Why an instruction set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstructionSetError {
    /// The name is none of those that exist.
    #[error("unknown instruction set `{name}`; known are {}", list(&InstructionSet::ALL))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The engine has code for it, this processor cannot run it.
    #[error("this processor has no `{requested}`; it has {}", list(available))]
    Unavailable {
        /// What was asked for.
        requested: InstructionSet,
        /// What can be used here, the best first.
        available: Vec<InstructionSet>,
    },
    /// The environment variable asks for what cannot be used.
    #[error("{ENVIRONMENT_VARIABLE}: {0} (unset it to use the best)")]
    Environment(Box<InstructionSetError>),
}

fn list(sets: &[InstructionSet]) -> String {
    let names: Vec<String> = sets.iter().map(|set| format!("`{set}`")).collect();
    names.join(", ")
}

impl InstructionSet {
    /// All that the engine has code for, on any processor, the best first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Baseline];

    /// The best that this processor has.
    #[must_use]
    pub fn detected() -> Self {
        Self::ALL.into_iter().find(|set| set.is_available()).unwrap_or(Self::Baseline)
    }

    /// All that this processor has, the best first; the last is always [`Baseline`](Self::Baseline).
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|set| set.is_available()).collect()
    }

    /// The one that the engine runs on in this process: the best, or what [`ENVIRONMENT_VARIABLE`] asks for.
    ///
    /// # Errors
    ///
    /// Where the environment asks for what is unknown, or what this processor lacks.
    pub fn active() -> Result<Self, InstructionSetError> {
        Available::from_environment().map(Available::instruction_set)
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => crate::lanes::Avx512::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => crate::lanes::Avx2::is_available() && std::is_x86_feature_detected!("f16c"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => crate::lanes::Neon::is_available(),
            Self::Baseline => true,
            #[allow(unreachable_patterns, reason = "which patterns are left depends on the target")]
            _ => false,
        }
    }

    /// The name that [`FromStr`] reads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Baseline => "baseline",
        }
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for InstructionSet {
    type Err = InstructionSetError;

    fn from_str(name: &str) -> Result<Self, InstructionSetError> {
        let wanted = name.trim();
        Self::ALL
            .into_iter()
            .find(|set| set.name().eq_ignore_ascii_case(wanted))
            .ok_or_else(|| InstructionSetError::Unknown { name: name.to_owned() })
    }
}

/// An instruction set that this processor was asked for and has: what [`dispatch`] needs, so that no call asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Available(InstructionSet);

impl Available {
    /// The best that this processor has.
    pub(crate) fn best() -> Self {
        Self(InstructionSet::detected())
    }

    /// The one asked for.
    ///
    /// # Errors
    ///
    /// [`InstructionSetError::Unavailable`], with those that can be had.
    pub(crate) fn require(requested: InstructionSet) -> Result<Self, InstructionSetError> {
        if requested.is_available() {
            return Ok(Self(requested));
        }
        Err(InstructionSetError::Unavailable { requested, available: InstructionSet::available() })
    }

    /// The one that [`ENVIRONMENT_VARIABLE`] names, the best if it is unset or empty. Read once a process.
    ///
    /// # Errors
    ///
    /// [`InstructionSetError::Environment`]: who asks for an instruction set wants to know what ran, so nothing else is taken in its place.
    pub(crate) fn from_environment() -> Result<Self, InstructionSetError> {
        static CHOICE: OnceLock<Result<Available, InstructionSetError>> = OnceLock::new();
        CHOICE
            .get_or_init(|| {
                let name = env::var_os(ENVIRONMENT_VARIABLE).unwrap_or_default();
                Self::named(&name.to_string_lossy())
            })
            .clone()
    }

    fn named(name: &str) -> Result<Self, InstructionSetError> {
        if name.trim().is_empty() {
            return Ok(Self::best());
        }
        name.parse().and_then(Self::require).map_err(|error| InstructionSetError::Environment(Box::new(error)))
    }

    /// Which one it is.
    pub(crate) fn instruction_set(self) -> InstructionSet {
        self.0
    }
}

/// A loop over vectors that does not know which instruction set it runs on.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;
    /// Runs it. Implementations must be `#[inline(always)]`, and so must all that they call with vectors: what is not inlined is compiled
    /// without the instruction set.
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Self::Output;
}

struct On<S, K>(K, std::marker::PhantomData<S>);

impl<S: Isa, K: Kernel> NullaryFnOnce for On<S, K> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.0.run::<F32s<S>, F64s<S>>()
    }
}

#[inline(always)]
fn enter<S: Isa, K: Kernel>(kernel: K) -> K::Output {
    S::enter(On::<S, K>(kernel, std::marker::PhantomData))
}

/// Runs a kernel on an instruction set. One predictable branch and one call: cheap enough for a batch of a few hundred elements.
///
/// This function and [`convert`] are the only ones that may name an instruction set's vectors: having an [`Available`] is what
/// makes that sound.
#[inline]
pub(crate) fn dispatch<K: Kernel>(isa: Available, kernel: K) -> K::Output {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => enter::<crate::lanes::Avx512, K>(kernel),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => enter::<crate::lanes::Avx2, K>(kernel),
        #[cfg(target_arch = "aarch64")]
        InstructionSet::Neon => enter::<crate::lanes::Neon, K>(kernel),
        _ => enter::<Baseline, K>(kernel),
    }
}

/// The conversions of a format of 16 bits on an instruction set.
pub(crate) fn convert(isa: Available, format: Format) -> Convert<f32> {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => Convert::of::<crate::lanes::Avx512>(format),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => Convert::of::<crate::lanes::Avx2>(format),
        #[cfg(target_arch = "aarch64")]
        InstructionSet::Neon => Convert::of::<crate::lanes::Neon>(format),
        _ => Convert::of::<Baseline>(format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count;
    impl Kernel for Count {
        type Output = (usize, usize);
        #[inline(always)]
        fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> (usize, usize) {
            (F32::COUNT, F64::COUNT)
        }
    }

    #[test]
    fn a_kernel_gets_the_lanes_of_the_set_asked_for() -> Result<(), InstructionSetError> {
        for set in InstructionSet::available() {
            let lanes = match set {
                InstructionSet::Avx512 => 16,
                InstructionSet::Avx2 => 8,
                InstructionSet::Neon | InstructionSet::Baseline => 4,
            };
            let available = Available::require(set)?;
            assert_eq!(dispatch(available, Count), (lanes, lanes / 2), "{set}");
            assert_eq!(available.instruction_set(), set);
        }
        Ok(())
    }

    #[test]
    fn names_come_back() {
        for set in InstructionSet::ALL {
            assert_eq!(set.to_string().parse(), Ok(set));
            assert_eq!(set.name().to_uppercase().parse(), Ok(set));
        }
    }

    #[test]
    fn what_cannot_be_used_is_an_error_and_not_the_next_best() {
        let unknown = Available::named("avx1024").map_err(|error| error.to_string());
        assert_eq!(
            unknown,
            Err("REWEIGHT_ISA: unknown instruction set `avx1024`; known are `avx512`, `avx2`, `neon`, `baseline` \
                 (unset it to use the best)"
                .to_owned())
        );
        for requested in InstructionSet::ALL.into_iter().filter(|set| !set.is_available()) {
            let available = InstructionSet::available();
            assert_eq!(Available::require(requested), Err(InstructionSetError::Unavailable { requested, available }));
        }
        assert_eq!(Available::named(" "), Ok(Available::best()));
        assert_eq!(Available::named("Baseline"), Ok(Available(InstructionSet::Baseline)));
    }

    #[test]
    fn the_best_is_the_first_and_the_baseline_is_always_there() {
        let available = InstructionSet::available();
        assert_eq!(available.first(), Some(&InstructionSet::detected()));
        assert_eq!(available.last(), Some(&InstructionSet::Baseline));
    }
}
