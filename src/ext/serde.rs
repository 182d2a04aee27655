//! Fields are a map, for [serde](::serde). Feature `serde`.

use crate::fields::{FieldValue, Fields};
use ::serde::ser::{Serialize, SerializeMap, Serializer};

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, &value)?;
        }
        map.end()
    }
}

impl Serialize for FieldValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            FieldValue::U64(value) => serializer.serialize_u64(*value),
            FieldValue::I64(value) => serializer.serialize_i64(*value),
            FieldValue::F64(value) => serializer.serialize_f64(*value),
            FieldValue::Bool(value) => serializer.serialize_bool(*value),
            FieldValue::Str(value) => serializer.serialize_str(value),
        }
    }
}
