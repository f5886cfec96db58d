//! One TOML table, read key by key: types and ranges are checked here, meaning elsewhere.

use crate::{ConfigError, Place, Problem, document::Document, parse_size, suggestion::nearest};
use alloc::{string::String, vec::Vec};
use base_units::PAGE_BYTES;
use core::ops::{Range, RangeInclusive};
use toml::de::{DeInteger, DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located<Value> {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// The limits of a size, in bytes and as a person writes them.
pub(crate) struct SizeRange {
    pub(crate) bytes: RangeInclusive<u64>,
    pub(crate) least: &'static str,
    pub(crate) most: &'static str,
}

/// A table of a document.
pub(crate) struct Table<'t> {
    document: &'t Document<'t>,
    entries: &'t DeTable<'t>,
    place: Place,
    name: &'static str,
}

impl<'t> Table<'t> {
    pub(crate) fn new(
        document: &'t Document<'t>,
        entries: &'t DeTable<'t>,
        place: Place,
        name: &'static str,
    ) -> Self {
        Self { document, entries, place, name }
    }

    /// Where the table begins.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Refuses keys that are not in `known`; the first one in the file is named.
    pub(crate) fn allow_only(&self, known: &'static [&'static str]) -> Result<(), ConfigError> {
        let strangers = self.entries.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref()));
        let Some((key, _)) = strangers.min_by_key(|(key, _)| key.span().start) else { return Ok(()) };
        let word = key.get_ref().as_ref();
        let problem = Problem::UnknownKey {
            key: shown(word),
            table: self.name,
            suggestion: nearest(word, known),
            known,
        };
        Err(self.error(key.span(), problem))
    }

    /// Turns an absent value into the error that shows an example.
    pub(crate) fn require<Value>(
        &self,
        key: &'static str,
        example: &'static str,
        value: Option<Value>,
    ) -> Result<Value, ConfigError> {
        let missing = Problem::MissingKey { key, table: self.name, example };
        value.ok_or_else(|| ConfigError::at(self.place, missing))
    }

    /// A text.
    pub(crate) fn text(&self, key: &'static str) -> Result<Option<Located<&'t str>>, ConfigError> {
        self.typed(key, "a text in quotes", |value| value.as_str())
    }

    /// `true` or `false`.
    pub(crate) fn truth(&self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        Ok(self.typed(key, "true or false", |value| value.as_bool())?.map(|found| found.value))
    }

    /// A whole number in a range.
    pub(crate) fn number(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Located<u64>>, ConfigError> {
        let Some(found) = self.typed(key, "a whole number", |value| value.as_integer())? else {
            return Ok(None);
        };
        let value =
            in_range(key, found.value, &range).map_err(|problem| ConfigError::at(found.place, problem))?;
        Ok(Some(Located { place: found.place, value }))
    }

    /// A list of whole numbers in a range, `most` of them at the most.
    pub(crate) fn numbers(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
        most: usize,
    ) -> Result<Option<Vec<Located<u64>>>, ConfigError> {
        let wanted = "a list of whole numbers such as [0, 1]";
        self.list(key, wanted, most, |value, place| {
            let Some(integer) = value.as_integer() else {
                return Err(Problem::WrongType { key, wanted, found: kind_of(value) });
            };
            Ok(Located { place, value: in_range(key, integer, &range)? })
        })
    }

    /// A list of texts, `most` of them at the most.
    pub(crate) fn texts(
        &self,
        key: &'static str,
        most: usize,
    ) -> Result<Option<Vec<Located<&'t str>>>, ConfigError> {
        let wanted = "a list of texts in quotes";
        self.list(key, wanted, most, |value, place| {
            let wrong = Problem::WrongType { key, wanted, found: kind_of(value) };
            value.as_str().map(|value| Located { place, value }).ok_or(wrong)
        })
    }

    /// A size of whole pages such as "256M".
    pub(crate) fn size(&self, key: &'static str, range: &SizeRange) -> Result<Option<u64>, ConfigError> {
        let wanted = "a size in quotes such as \"256M\"";
        let Some(found) = self.typed(key, wanted, |value| value.as_str())? else { return Ok(None) };
        let refuse = |problem| Err(ConfigError::at(found.place, problem));
        let value = || alloc::format!("\"{}\"", shown(found.value));
        let Some(bytes) = parse_size(found.value) else {
            return refuse(Problem::BadSize { key, value: value() });
        };
        if !range.bytes.contains(&bytes) {
            let (least, most) = (range.least, range.most);
            return refuse(Problem::SizeOutOfRange { key, value: value(), least, most });
        }
        if !bytes.is_multiple_of(PAGE_BYTES) {
            return refuse(Problem::UnevenSize { key, value: value() });
        }
        Ok(Some(bytes))
    }

    /// One word of several; `choices` and `values` run in parallel.
    pub(crate) fn choice<Value: Copy>(
        &self,
        key: &'static str,
        choices: &'static [&'static str],
        values: &[Value],
    ) -> Result<Option<Located<Value>>, ConfigError> {
        let Some(found) = self.text(key)? else { return Ok(None) };
        let value = meaning(key, found, choices, values)?;
        Ok(Some(Located { place: found.place, value }))
    }

    /// Where the value of a key stands, if the key is there.
    pub(crate) fn place_of(&self, key: &str) -> Option<Place> {
        self.entries.get(key).map(|value| self.document.place(value.span().start))
    }

    /// The tables of a list (`[[key]]` or `key = [ { … } ]`), `most` of them at the most.
    pub(crate) fn tables(
        &self,
        key: &'static str,
        name: &'static str,
        most: usize,
    ) -> Result<Vec<Table<'t>>, ConfigError> {
        let wanted = "a list of tables";
        let tables = self.list(key, wanted, most, |value, place| {
            let wrong = Problem::WrongType { key, wanted, found: kind_of(value) };
            let entries = value.as_table().ok_or(wrong)?;
            Ok(Table { document: self.document, entries, place, name })
        })?;
        Ok(tables.unwrap_or_default())
    }

    fn list<Item>(
        &self,
        key: &'static str,
        wanted: &'static str,
        most: usize,
        mut read: impl FnMut(&'t DeValue<'t>, Place) -> Result<Item, Problem>,
    ) -> Result<Option<Vec<Item>>, ConfigError> {
        let Some(found) = self.typed(key, wanted, |value| value.as_array())? else { return Ok(None) };
        if found.value.len() > most {
            return Err(ConfigError::at(found.place, Problem::TooMany { what: key, most }));
        }
        let items = found.value.iter().map(|item| {
            let place = self.document.place(item.span().start);
            read(item.get_ref(), place).map_err(|problem| ConfigError::at(place, problem))
        });
        items.collect::<Result<Vec<Item>, ConfigError>>().map(Some)
    }

    fn typed<Value>(
        &self,
        key: &'static str,
        wanted: &'static str,
        read: impl FnOnce(&'t DeValue<'t>) -> Option<Value>,
    ) -> Result<Option<Located<Value>>, ConfigError> {
        let Some(found) = self.entries.get(key) else { return Ok(None) };
        let place = self.document.place(found.span().start);
        let wrong = Problem::WrongType { key, wanted, found: kind_of(found.get_ref()) };
        let value = read(found.get_ref()).ok_or_else(|| ConfigError::at(place, wrong))?;
        Ok(Some(Located { place, value }))
    }

    fn error(&self, span: Range<usize>, problem: Problem) -> ConfigError {
        ConfigError::at(self.document.place(span.start), problem)
    }
}

/// The value that a word stands for; `choices` and `values` run in parallel.
pub(crate) fn meaning<Value: Copy>(
    key: &'static str,
    found: Located<&str>,
    choices: &'static [&'static str],
    values: &[Value],
) -> Result<Value, ConfigError> {
    let position = choices.iter().position(|choice| *choice == found.value);
    let value = position.and_then(|at| values.get(at)).copied();
    let unknown = || Problem::UnknownChoice { key, value: shown(found.value), choices };
    value.ok_or_else(|| ConfigError::at(found.place, unknown()))
}

fn in_range(key: &'static str, integer: &DeInteger<'_>, range: &RangeInclusive<u64>) -> Result<u64, Problem> {
    let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
    number.filter(|number| range.contains(number)).ok_or_else(|| Problem::OutOfRange {
        key,
        value: shown(integer.as_str()),
        least: *range.start(),
        most: *range.end(),
    })
}

/// A foreign word as an error message shows it: printable and short.
pub(crate) fn shown(word: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 64;
    let printable = |character: char| if character.is_control() { '?' } else { character };
    word.chars().take(SHOWN_CHARS_MAX).map(printable).collect()
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
