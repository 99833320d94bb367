//! JSON objects, read without deciding what is in them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of an object, as often as they are there.
pub(crate) struct Fields<'m>(Vec<(String, &'m RawValue)>);

impl<'m> Fields<'m> {
    /// `None` for what is no object.
    pub(crate) fn read(json: &'m [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The last field of that name.
    pub(crate) fn last(&self, wanted: &str) -> Option<&'m RawValue> {
        self.0.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| *value)
    }

    /// The field of that name, if there is one; `None` if there are several.
    pub(crate) fn get(&self, wanted: &str) -> Option<Option<&'m RawValue>> {
        let mut values = self.0.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value);
        match (values.next(), values.next()) {
            (value, None) => Some(value),
            _ => None,
        }
    }

    /// The same for a text, or `null` for none.
    pub(crate) fn text(&self, wanted: &str) -> Option<Option<String>> {
        match self.get(wanted)? {
            None => Some(None),
            Some(value) => serde_json::from_str(value.get()).ok(),
        }
    }

    /// The same for a list of texts, which must be there.
    pub(crate) fn texts(&self, wanted: &str) -> Option<Vec<String>> {
        serde_json::from_str(self.get(wanted)??.get()).ok()
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
