//! The files of a report: JSON, and a page that shows it.

use crate::failure::Failure;
use crate::private_file::Fresh;
use std::fs;
use std::path::{Path, PathBuf};

/// Both forms of the report, opened before a key is used and before hours of reading. Where there was a report before, it
/// is replaced at the end; of a run that ends before, nothing is left.
pub(super) struct ReportFiles {
    json: (PathBuf, Fresh),
    page: (PathBuf, Fresh),
}

impl ReportFiles {
    /// Opens them. `path` names the JSON, or both without an extension; `data` is the directory that the report is of.
    ///
    /// # Errors
    /// When they are to stand inside it, or cannot be made.
    pub(super) fn open(path: &Path, data: &Path) -> Result<Self, Failure> {
        refuse_inside(path, data)?;
        let base = match path.extension() {
            Some(extension) if extension == "json" || extension == "html" => path.with_extension(""),
            _ => path.to_owned(),
        };
        let opened = |extension: &str| -> Result<(PathBuf, Fresh), Failure> {
            let mut name = base.clone().into_os_string();
            name.push(extension);
            let path = PathBuf::from(name);
            let file = Fresh::open(&path)?;
            Ok((path, file))
        };
        Ok(Self { json: opened(".json")?, page: opened(".html")? })
    }

    /// Writes both, durably, and not under their names yet.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn write(&mut self, json: &str, page: &str) -> Result<(), Failure> {
        self.json.1.write(json.as_bytes())?;
        self.page.1.write(page.as_bytes())
    }

    /// Puts them under their names, and returns these.
    ///
    /// # Errors
    /// When they cannot be renamed.
    pub(super) fn put(self) -> Result<String, Failure> {
        let (json, page) = (self.json, self.page);
        json.1.put()?;
        page.1.put()?;
        Ok(format!("{} and {}", json.0.display(), page.0.display()))
    }
}

/// A report in the directory that it is of would be a foreign file to the next.
fn refuse_inside(report: &Path, data: &Path) -> Result<(), Failure> {
    let parent = report.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = |path: &Path| fs::canonicalize(path).map_err(|error| Failure::io("open", path, &error));
    if real(parent)?.starts_with(real(data)?) {
        return Err(Failure::usage("--report is inside the data directory; put it elsewhere"));
    }
    Ok(())
}
