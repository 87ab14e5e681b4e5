//! The inventory as an Apache Parquet file: the same columns with their types, names as they are, compressed with Snappy.
//!
//! Rows are gathered until a row group is full, by count or by the length of their names; so memory does not grow with the
//! bucket. A file that was not finished has no footer: no reader takes it for a whole inventory.

use super::Entry;
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// The columns of [`super::COLUMNS`] and their types.
const SCHEMA: &str = "message inventory {
    required binary bucket (STRING);
    required binary name (STRING);
    required binary version (STRING);
    required int64 size;
    required int64 last_modified (TIMESTAMP(MILLIS, true));
    required binary etag (STRING);
    required binary method (STRING);
    optional binary cipher (STRING);
    optional binary cmk (STRING);
    optional int32 cmk_version;
    optional boolean bucket_key;
    optional binary bucket_key_id (STRING);
    required binary storage_class (STRING);
    optional binary checksum (STRING);
    optional int32 parts;
}";

/// Most rows of a row group.
const GROUP_ROWS_MAX: usize = 65_536;

/// A row group is written when the names in it have come to so many bytes.
const GROUP_NAME_BYTES: usize = 8 << 20;

/// Writes an inventory.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Vec<Entry>,
    name_bytes: usize,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// As `out` fails.
    pub fn new(out: W) -> std::io::Result<Writer<W>> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = parse_message_type(SCHEMA)
            .and_then(|schema| SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)))?;
        Ok(Writer { file, rows: Vec::new(), name_bytes: 0 })
    }

    /// Adds an object.
    ///
    /// # Errors
    /// As `out` fails. What was written is then to be thrown away.
    pub fn push(&mut self, entry: Entry) -> std::io::Result<()> {
        self.name_bytes += entry.name.len();
        self.rows.push(entry);
        if self.rows.len() == GROUP_ROWS_MAX || self.name_bytes >= GROUP_NAME_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes what is left, and the footer.
    ///
    /// # Errors
    /// As `out` fails. What was written is then to be thrown away.
    pub fn finish(mut self) -> std::io::Result<()> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        self.file.close()?;
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        self.name_bytes = 0;
        let mut columns = Columns { group: self.file.next_row_group()?, rows: &rows };
        // In the order of the schema.
        columns.text(|row| &row.bucket)?;
        columns.text(|row| &row.name)?;
        columns.text(|row| &row.version)?;
        columns.required::<Int64Type>(|row| row.size)?;
        columns.required::<Int64Type>(|row| row.last_modified)?;
        columns.text(Entry::bare_etag)?;
        columns.text(|row| &row.method)?;
        columns.optional_text(|row| row.cipher.as_deref())?;
        columns.optional_text(|row| row.cmk.as_deref())?;
        columns.optional::<Int32Type>(|row| row.cmk_version)?;
        columns.optional::<BoolType>(Entry::through_bucket_key)?;
        columns.optional_text(|row| row.bucket_key_id.as_deref())?;
        columns.text(|row| &row.storage_class)?;
        columns.optional_text(|row| row.checksum.as_deref())?;
        columns.optional::<Int32Type>(|row| row.parts)?;
        columns.group.close()?;
        Ok(())
    }
}

/// A row group, written column by column.
struct Columns<'a, W: Write + Send> {
    group: SerializedRowGroupWriter<'a, W>,
    rows: &'a [Entry],
}

impl<W: Write + Send> Columns<'_, W> {
    fn text(&mut self, of: impl Fn(&Entry) -> &str) -> Result<()> {
        self.required::<ByteArrayType>(|row| ByteArray::from(of(row)))
    }

    fn optional_text(&mut self, of: impl Fn(&Entry) -> Option<&str>) -> Result<()> {
        self.optional::<ByteArrayType>(|row| of(row).map(ByteArray::from))
    }

    fn required<T: DataType>(&mut self, of: impl Fn(&Entry) -> T::T) -> Result<()> {
        let values: Vec<T::T> = self.rows.iter().map(of).collect();
        self.column::<T>(&values, None)
    }

    /// A level of 1 stands for each value that there is, one of 0 for each that there is not.
    fn optional<T: DataType>(&mut self, of: impl Fn(&Entry) -> Option<T::T>) -> Result<()> {
        let cells: Vec<Option<T::T>> = self.rows.iter().map(of).collect();
        let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
        let values: Vec<T::T> = cells.into_iter().flatten().collect();
        self.column::<T>(&values, Some(&levels))
    }

    fn column<T: DataType>(&mut self, values: &[T::T], levels: Option<&[i16]>) -> Result<()> {
        let Some(mut column) = self.group.next_column()? else {
            return Err(ParquetError::General("more columns than the schema has".to_owned()));
        };
        column.typed::<T>().write_batch(values, levels, None)?;
        column.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    fn entry(name: String, parts: Option<i32>) -> Entry {
        Entry {
            bucket: "b".to_owned(),
            name,
            version: "00ff".to_owned(),
            size: 1 << 40,
            last_modified: 1_800_000_000_123,
            etag: "\"abc-2\"".to_owned(),
            method: if parts.is_some() { "sse-kms" } else { "none" }.to_owned(),
            cipher: parts.map(|_| "SM4".to_owned()),
            cmk: parts.map(|_| "arn:aws:kms:r:1:key/x".to_owned()),
            cmk_version: parts,
            bucket_key_id: parts.map(|_| "aa".to_owned()),
            storage_class: "STANDARD".to_owned(),
            checksum: None,
            parts,
        }
    }

    fn written(entries: impl Iterator<Item = Entry>) -> SerializedFileReader<bytes::Bytes> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out).unwrap();
        entries.for_each(|entry| writer.push(entry).unwrap());
        writer.finish().unwrap();
        SerializedFileReader::new(out.into()).unwrap()
    }

    #[test]
    fn the_columns_are_those_of_the_other_forms_and_hold_what_was_given() {
        let names = ["=1+1", "ü,\"\r\n", "z"];
        let file = written(names.iter().zip([Some(3), None, Some(1)]).map(|(name, n)| entry((*name).to_owned(), n)));
        let schema = file.metadata().file_metadata().schema_descr();
        assert_eq!(schema.columns().iter().map(|column| column.name()).collect::<Vec<_>>(), super::super::COLUMNS);
        let rows: Vec<_> = file.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.iter().map(|row| row.get_string(1).unwrap()).collect::<Vec<_>>(), names);
        assert_eq!(rows[0].get_long(3).unwrap(), 1 << 40);
        assert_eq!(rows[0].get_timestamp_millis(4).unwrap(), 1_800_000_000_123);
        assert_eq!(rows[0].get_string(5).unwrap(), "abc-2");
        assert_eq!((rows[0].get_int(9).unwrap(), rows[2].get_int(9).unwrap()), (3, 1));
        assert!(rows[0].get_bool(10).unwrap());
        assert!(rows[1].get_string(7).is_err() && rows[1].get_int(14).is_err() && rows[1].get_bool(10).is_err());
    }

    #[test]
    fn long_inventories_have_several_groups_and_empty_ones_none() {
        let file = written((0..GROUP_ROWS_MAX + 1).map(|n| entry(n.to_string(), None)));
        assert_eq!((file.num_row_groups(), file.metadata().file_metadata().num_rows()), (2, 65_537));
        let file = written((0..GROUP_NAME_BYTES / 1000 + 2).map(|_| entry("n".repeat(1000), None)));
        assert_eq!(file.num_row_groups(), 2, "long names fill a group early");
        assert_eq!(written(std::iter::empty()).metadata().file_metadata().num_rows(), 0);
    }

    #[test]
    fn what_was_not_finished_is_no_file() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out).unwrap();
        writer.push(entry("a".to_owned(), None)).unwrap();
        writer.write_group().unwrap();
        drop(writer);
        assert!(SerializedFileReader::new(bytes::Bytes::from(out)).is_err());
    }
}
