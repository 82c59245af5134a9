//! The wire formats, by the names that `formats.py` gives them.

use std::str::FromStr;

#[derive(Debug)]
pub enum Format {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Text,
    Bytea,
    Jsonb,
    Uuid,
    Date,
    Time,
    Timestamp,
    Interval,
    Numeric { precision: u32, scale: i32 },
    List(Box<Format>),
}

impl Format {
    /// The bytes of a value on the wire, where all have the same.
    pub fn width(&self) -> Option<usize> {
        Some(match self {
            Self::Bool => 1,
            Self::Int2 => 2,
            Self::Int4 | Self::Oid | Self::Float4 | Self::Date => 4,
            Self::Int8 | Self::Float8 | Self::Time | Self::Timestamp => 8,
            Self::Uuid | Self::Interval => 16,
            Self::Text | Self::Bytea | Self::Jsonb | Self::Numeric { .. } | Self::List(_) => return None,
        })
    }

    /// The bytes of a value in Arrow, where all have the same; a boolean has a bit.
    pub fn size(&self) -> Option<usize> {
        match self {
            Self::Numeric { precision, .. } => Some(if *precision <= 38 { 16 } else { 32 }),
            Self::Uuid => Some(36),
            _ => self.width(),
        }
    }

    /// Whether Arrow says where each value ends.
    pub fn has_offsets(&self) -> bool {
        matches!(self, Self::Text | Self::Bytea | Self::Jsonb | Self::Uuid | Self::List(_))
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some(element) = name.strip_suffix("[]") {
            return Ok(Self::List(Box::new(element.parse()?)));
        }
        Ok(match name {
            "bool" => Self::Bool,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "oid" => Self::Oid,
            "float4" => Self::Float4,
            "float8" => Self::Float8,
            "text" => Self::Text,
            "bytea" => Self::Bytea,
            "jsonb" => Self::Jsonb,
            "uuid" => Self::Uuid,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" | "timestamptz" => Self::Timestamp,
            "interval" => Self::Interval,
            _ => return numeric(name).ok_or_else(|| format!("no such format: {name}")),
        })
    }
}

fn numeric(name: &str) -> Option<Format> {
    let (precision, scale) = name.strip_prefix("numeric(")?.strip_suffix(')')?.split_once(',')?;
    let (precision, scale) = (precision.parse().ok()?, scale.parse().ok()?);
    (1..=76).contains(&precision).then_some(Format::Numeric { precision, scale })
}
