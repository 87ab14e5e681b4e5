//! The report as a page that one hands to an auditor: one file, no script, nothing from elsewhere, fit to be printed. Every
//! name comes from somebody else and is escaped; a content security policy in the page says again that nothing runs.

use super::report::{Circumstances, DOES_NOT_PROVE, Report, Verdict, date, hex, meanings};
use super::tally::{Class, Total};
use std::fmt::Write;

const STYLE: &str = "\
:root{--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--wash:#f5f7f9;--good:#14683b;--bad:#a3191f;--open:#8a5a00}\
*{box-sizing:border-box}\
body{font:14px/1.5 system-ui,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:var(--ink);background:#fff;margin:0}\
main{max-width:1080px;margin:0 auto;padding:40px 32px 56px}\
header{border-bottom:3px solid var(--ink);padding-bottom:14px;margin-bottom:24px}\
h1{font-size:25px;line-height:1.25;margin:0 0 4px;letter-spacing:-.01em}\
h2{font-size:16px;margin:32px 0 8px}\
p{margin:6px 0}.soft{color:var(--soft)}\
.verdict{border-left:6px solid;padding:14px 18px;background:var(--wash);margin:0 0 24px}\
.verdict b{font-size:18px;display:block}\
.sound{border-color:var(--good)}.sound b{color:var(--good)}\
.findings{border-color:var(--bad)}.findings b{color:var(--bad)}\
.incomplete{border-color:var(--open)}.incomplete b{color:var(--open)}\
.figures{display:grid;grid-template-columns:repeat(5,1fr);gap:12px;margin:0 0 8px}\
.figures div{border:1px solid var(--line);border-radius:6px;padding:10px 14px}\
.figures b{display:block;font-size:22px;font-variant-numeric:tabular-nums}\
.figures span{color:var(--soft);font-size:12px}\
table{border-collapse:collapse;width:100%;margin:6px 0;font-size:13px}\
th,td{text-align:left;vertical-align:top;padding:6px 10px 6px 0;border-bottom:1px solid var(--line);\
overflow-wrap:anywhere}\
thead th{color:var(--soft);font-weight:600;font-size:12px;border-bottom:1px solid var(--ink)}\
th[scope=row]{width:220px;font-weight:600}\
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
code{font:12px/1.45 ui-monospace,'SF Mono',Menlo,Consolas,monospace;overflow-wrap:anywhere}\
thead th,.w{white-space:nowrap;overflow-wrap:normal}\
li{margin:4px 0}tr{break-inside:avoid}\
footer{margin-top:36px;border-top:1px solid var(--line);padding-top:12px;color:var(--soft);font-size:12px}\
@media(max-width:800px){.figures{grid-template-columns:repeat(2,1fr)}}\
@media print{main{padding:0;max-width:none}body{font-size:11px}h2{break-after:avoid}thead{display:table-header-group}}";

/// Text that a page shows as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What turns text around or hides in it would let a name pass for another.
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}' => {
                out.push('\u{fffd}');
            }
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// With a thin space between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Bytes as a person reads them.
fn sized(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    let mut shown = bytes as f64;
    while shown >= 1024.0 && unit + 1 < UNITS.len() {
        shown /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{} bytes", grouped(bytes)) } else { format!("{shown:.1} {}", UNITS[unit]) }
}

impl Report {
    /// The page. `json_sha256`: of the JSON that goes with it, in hexadecimal.
    pub fn to_page(&self, json_sha256: &str) -> String {
        let mut page = String::new();
        // Writing to a String does not fail.
        let _ = self.write_page(&mut page, json_sha256);
        page
    }

    fn write_page(&self, out: &mut String, json_sha256: &str) -> std::fmt::Result {
        let of = &self.circumstances;
        let verdict = self.verdict();
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"referrer\" content=\"no-referrer\">\
             <title>Verification at rest: {}</title><style>{STYLE}</style></head><body><main>\n\
             <header><h1>Verification at rest</h1><p class=\"soft\">Strongroom {} · {} · <code>{}</code></p></header>\n",
            verdict.name(),
            escaped(&of.program),
            date(of.ended),
            escaped(&of.directory),
        )?;
        self.write_verdict(out, verdict)?;
        self.write_circumstances(out, json_sha256)?;
        self.write_classes(out)?;
        self.write_rest(out)?;
        self.write_unverified(out)?;
        self.write_findings(out)?;
        self.write_meaning(out)?;
        write!(
            out,
            "<footer>SHA-256 of the JSON report: <code>{}</code>. The numbers and names on this page are those of that \
             file.</footer>\n</main></body></html>\n",
            escaped(json_sha256)
        )
    }

    fn write_verdict(&self, out: &mut String, verdict: Verdict) -> std::fmt::Result {
        let all = self.tally.all();
        let findings = self.tally.findings_total();
        let (title, text) = match verdict {
            Verdict::Sound if !self.circumstances.with_keys => {
                ("Nothing is wrong with the structure", "No key was at hand: no body was opened.".to_owned())
            }
            Verdict::Sound => (
                "Nothing is wrong",
                "Everything that could be opened was opened, and every segment of it authenticated.".to_owned(),
            ),
            Verdict::Incomplete => (
                "Nothing is known to be wrong; not everything could be verified",
                "What could not be verified, and why, is listed below.".to_owned(),
            ),
            Verdict::Findings => (
                "Something is wrong",
                format!("{} findings, in {} objects and elsewhere.", grouped(findings), grouped(all.wrong)),
            ),
        };
        let text = match (verdict, self.sample) {
            (Verdict::Sound, Some(sample)) => format!(
                "Of a sample of {} objects every segment authenticated; of the others the structure was checked.",
                grouped(sample.objects as u64)
            ),
            _ => text,
        };
        let broken = self.circumstances.broken.as_ref().map(|why| format!(" The run broke off: {}.", escaped(why)));
        writeln!(
            out,
            "<section class=\"verdict {}\"><b>{title}</b>{text}{}</section>",
            verdict.name(),
            broken.unwrap_or_default()
        )?;
        out.push_str("<section class=\"figures\">");
        for (number, label) in [
            (grouped(all.objects), "objects"),
            (grouped(all.verified), "opened whole, sound"),
            (grouped(all.structure_only), "structure alone"),
            (grouped(self.tally.unverified_total()), "not verifiable"),
            (grouped(findings), "findings"),
        ] {
            write!(out, "<div><b>{number}</b><span>{label}</span></div>")?;
        }
        out.push_str("</section>\n");
        Ok(())
    }

    fn write_circumstances(&self, out: &mut String, json_sha256: &str) -> std::fmt::Result {
        let Circumstances { program, started, ended, directory, audit_key, audit_head, with_keys, .. } =
            &self.circumstances;
        let scope = match &self.bucket {
            None => "everything in the data directory".to_owned(),
            Some(bucket) => format!("bucket <code>{}</code> alone", escaped(bucket)),
        };
        let keys = match (with_keys, self.sample) {
            (false, _) => "structure alone, without keys".to_owned(),
            (true, None) => "every object opened but those under a customer key".to_owned(),
            (true, Some(s)) => format!(
                "a sample of {} objects opened, seed <code>{}</code>; of the others the structure",
                grouped(s.objects as u64),
                hex(&s.seed)
            ),
        };
        let code = |text: &Option<String>| match text {
            Some(text) => format!("<code>{}</code>", escaped(text)),
            None => "none".to_owned(),
        };
        out.push_str("<h2>The run</h2><table><tbody>");
        for (label, value) in [
            ("Begun", date(*started)),
            ("Ended", date(*ended)),
            ("Software", format!("strongroom {}", escaped(program))),
            ("Data directory", format!("<code>{}</code>", escaped(directory))),
            ("Key of its audit log", code(audit_key)),
            ("Head of its audit log", code(audit_head)),
            ("Looked at", scope),
            ("How deep", keys),
            ("Opened", format!("{} in {} segments", sized(self.tally.opened_bytes), grouped(self.tally.segments))),
            ("SHA-256 of the JSON", format!("<code>{}</code>", escaped(json_sha256))),
        ] {
            write!(out, "<tr><th scope=\"row\">{label}</th><td>{value}</td></tr>")?;
        }
        out.push_str("</tbody></table>\n");
        Ok(())
    }

    fn write_classes(&self, out: &mut String) -> std::fmt::Result {
        out.push_str(
            "<h2>Objects by bucket, method, cipher and version of the CMK</h2><table><thead><tr><th>Bucket</th>\
             <th>Method</th><th>Cipher</th><th>CMK and version</th><th class=\"n\">Objects</th><th class=\"n\">Size</th>\
             <th class=\"n\">Sound</th><th class=\"n\">Structure</th><th class=\"n\">Not verif.</th>\
             <th class=\"n\">Wrong</th></tr></thead><tbody>",
        );
        for (Class { bucket, how, bucket_key }, total) in &self.tally.totals {
            let Total { objects, bytes, verified, structure_only, unverified, wrong } = total;
            let cmk = match (&how.cmk, how.cmk_version) {
                (Some(cmk), Some(version)) => format!("<code>{}</code> version {version}", escaped(&cmk.to_arn())),
                _ => String::new(),
            };
            let through = if *bucket_key { "<br><span class=\"soft\">bucket key</span>" } else { "" };
            write!(
                out,
                "<tr><td>{}</td><td>{}{through}</td><td class=\"w\">{}</td><td>{cmk}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td></tr>",
                escaped(bucket),
                method_shown(how.method),
                escaped(how.cipher),
                grouped(*objects),
                sized(*bytes),
                grouped(*verified),
                grouped(*structure_only),
                grouped(*unverified),
                grouped(*wrong),
            )?;
        }
        if self.tally.totals.is_empty() {
            out.push_str("<tr><td colspan=\"10\" class=\"soft\">no objects</td></tr>");
        }
        out.push_str("</tbody></table>\n");
        Ok(())
    }

    fn write_rest(&self, out: &mut String) -> std::fmt::Result {
        let tally = &self.tally;
        out.push_str("<h2>Besides objects</h2><table><tbody>");
        let mut line =
            |label: &str, value: String| write!(out, "<tr><th scope=\"row\">{label}</th><td>{value}</td></tr>");
        line("Buckets", grouped(tally.buckets))?;
        line(
            "Uploads in progress",
            format!(
                "{} with {} parts; parts of {} opened",
                grouped(tally.uploads),
                grouped(tally.parts),
                grouped(tally.uploads_opened)
            ),
        )?;
        line(
            "Bucket keys",
            format!(
                "{}, of them {} unwrapped; {} of deleted buckets",
                grouped(tally.bucket_keys),
                grouped(tally.bucket_keys_opened),
                grouped(tally.bucket_keys_left)
            ),
        )?;
        let complete = if tally.index_complete { "complete" } else { "not complete: what it lacks was not looked for" };
        line("Index of CMKs", format!("{} rows in order; {complete}", grouped(tally.index_rows)))?;
        match &tally.references {
            Some(counts) => {
                line("Blob files", format!("{}, {}", grouped(counts.files), sized(counts.file_bytes)))?;
                line("Small bodies in records", grouped(counts.inline_rows))?;
                line(
                    "Left by the last end",
                    format!(
                        "{} unfinished files and {} removals under way; the next start puts them in order",
                        grouped(counts.files_unfinished),
                        grouped(counts.awaiting_removal)
                    ),
                )?;
            }
            None => line("Files and references", "not looked at: they are of all buckets together".to_owned())?,
        }
        if let Some(rows) = tally.other_rows {
            line("Other tables", format!("{} rows, compared with their checksums", grouped(rows)))?;
        }
        out.push_str("</tbody></table>\n");
        Ok(())
    }

    fn write_unverified(&self, out: &mut String) -> std::fmt::Result {
        if self.tally.unverified.is_empty() {
            return Ok(());
        }
        out.push_str("<h2>Not verifiable, and why</h2><table><thead><tr><th>Reason</th><th class=\"n\">Count</th></tr></thead><tbody>");
        for (why, count) in &self.tally.unverified {
            write!(out, "<tr><td>{}</td><td class=\"n\">{}</td></tr>", escaped(why), grouped(*count))?;
        }
        out.push_str("</tbody></table>\n");
        Ok(())
    }

    fn write_findings(&self, out: &mut String) -> std::fmt::Result {
        out.push_str("<h2>Findings</h2>");
        if self.tally.kinds.is_empty() {
            out.push_str("<p>None.</p>\n");
            return Ok(());
        }
        out.push_str("<table><thead><tr><th>Kind</th><th class=\"n\">Count</th><th>Meaning</th></tr></thead><tbody>");
        for (name, count, meaning) in meanings(&self.tally) {
            write!(
                out,
                "<tr><td><code>{name}</code></td><td class=\"n\">{}</td><td>{meaning}</td></tr>",
                grouped(count)
            )?;
        }
        out.push_str(
            "</tbody></table><table><thead><tr><th>Kind</th><th>Bucket</th><th>Object</th><th>Where</th><th>What</th></tr>\
             </thead><tbody>",
        );
        let text = |of: &Option<String>| of.as_deref().map(escaped).unwrap_or_default();
        for finding in &self.tally.findings {
            write!(
                out,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td><code>{}</code></td><td>{}</td></tr>",
                finding.kind.name(),
                text(&finding.bucket),
                text(&finding.object),
                escaped(&finding.at),
                escaped(&finding.detail)
            )?;
        }
        out.push_str("</tbody></table>\n");
        if self.left_out() > 0 {
            writeln!(out, "<p>And {} more that are counted above and not listed.</p>", grouped(self.left_out()))?;
        }
        Ok(())
    }

    fn write_meaning(&self, out: &mut String) -> std::fmt::Result {
        out.push_str(
            "<h2>What this shows</h2><ul><li>An object that counts as sound was opened with its own keys: its wrapped key \
             opened under the key named here, its record is the one that was written with that key, every segment of its \
             body authenticated, in order and to the end, and its ETag and checksum are those of its bytes.</li>\
             <li>“Structure” means: the record was understood, and everything that it refers to is there, of the right \
             length and known as referred to.</li></ul><h2>What this does not show</h2><ul>",
        );
        for what in DOES_NOT_PROVE {
            write!(out, "<li>{}</li>", escaped(what))?;
        }
        out.push_str("</ul>\n");
        Ok(())
    }
}

fn method_shown(method: &str) -> &'static str {
    match method {
        "sse-kms" => "SSE-KMS",
        "sse-obs" => "SSE-OBS (SSE-S3)",
        "sse-c" => "SSE-C",
        _ => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_write_into_the_page() {
        let hostile = "<script>alert('1')</script>\"&\u{202e}\u{0}";
        assert_eq!(escaped(hostile), "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;\u{fffd}\u{fffd}");
    }

    #[test]
    fn numbers_are_read_by_people() {
        assert_eq!(
            (grouped(0), grouped(999), grouped(1_234_567)),
            ("0".into(), "999".into(), "1\u{202f}234\u{202f}567".into())
        );
        assert_eq!(
            (sized(1000), sized(1536), sized(5 << 40)),
            ("1\u{202f}000 bytes".into(), "1.5 KiB".into(), "5.0 TiB".into())
        );
    }
}
