//! Policy documents from files.

use crate::failure::Failure;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than any policy may have; a server takes less.
const DOCUMENT_BYTES_MAX: u64 = 64 * 1024;

/// Reads a document; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let wrong = |error: io::Error| Failure::io("read", path, &error);
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(path).map_err(wrong)?) };
    let mut text = String::new();
    source.take(DOCUMENT_BYTES_MAX + 1).read_to_string(&mut text).map_err(wrong)?;
    if text.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(Failure::usage(format!("`{}` has more than {DOCUMENT_BYTES_MAX} bytes", path.display())));
    }
    Ok(text)
}
