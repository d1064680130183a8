//! The built-in kinds, out of the core's one list: the package makes its classes of them.

use pyo3::pyfunction;
use reweight::{
    Adjustment, AdjustmentVisitor, BaseLoss, BaseVisitor, BuiltIn, ParameterError, SampleWeighter, WeighterVisitor,
    each_adjustment, each_base, each_weighter,
};
use serde::de::value::Error;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

/// Role, kind, its settings in their order, formula and settings for a text.
type Kind = (&'static str, &'static str, Vec<&'static str>, &'static str, &'static str);

/// What a config's type asks its reader for: the names of its fields, in order.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("only the fields are asked for"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<C: DeserializeOwned>() -> Vec<&'static str> {
    let mut fields: &'static [&'static str] = &[];
    // It never ends well: a reader without contents is asked.
    let _ = C::deserialize(Fields(&mut fields));
    fields.to_vec()
}

#[derive(Default)]
struct Kinds(Vec<Kind>);

impl Kinds {
    fn add<T: BuiltIn>(&mut self, role: &'static str) {
        self.0.push((role, T::KIND, fields::<T::Config>(), T::FORMULA, T::SETTINGS));
    }
}

impl WeighterVisitor for Kinds {
    fn visit<T: BuiltIn + SampleWeighter + TryFrom<T::Config, Error = ParameterError>>(&mut self) {
        self.add::<T>("weighter");
    }
}

impl BaseVisitor for Kinds {
    fn visit<T: BuiltIn + BaseLoss + TryFrom<T::Config, Error = ParameterError>>(&mut self) {
        self.add::<T>("base");
    }
}

impl AdjustmentVisitor for Kinds {
    fn visit<T: BuiltIn + Adjustment + TryFrom<T::Config, Error = ParameterError>>(&mut self) {
        self.add::<T>("adjustment");
    }
}

/// Every built-in kind.
#[pyfunction]
pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = Kinds::default();
    each_weighter(&mut kinds);
    each_base(&mut kinds);
    each_adjustment(&mut kinds);
    kinds.0
}
