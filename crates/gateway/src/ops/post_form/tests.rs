//! The parser of forms over every way that bytes may come, and policies against forms.

use super::fields::{FIELD_BYTES_MAX, Fields};
use super::file::FileBody;
use super::framing::{Broken, Framing, boundary};
use super::policy::{PostPolicy, Submitted};
use crate::Compat;
use crate::body::ByteSource;
use crate::dialect::Dialect;
use crate::errors::FormFault;
use async_trait::async_trait;
use bytes::Bytes;
use data_encoding::BASE64;
use futures_util::FutureExt;
use model::Timestamp;
use objects::api::BodySource;
use objects::{BodyError, Fail};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

struct Pieces(VecDeque<Bytes>);

impl Pieces {
    /// `data`, cut at the given places.
    fn cut(data: &[u8], places: &[usize]) -> Self {
        let mut places: Vec<usize> = places.iter().map(|place| place % (data.len() + 1)).collect();
        places.extend([0, data.len()]);
        places.sort_unstable();
        Self(places.windows(2).map(|pair| Bytes::copy_from_slice(&data[pair[0]..pair[1]])).collect())
    }
}

#[async_trait]
impl ByteSource for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok(self.0.pop_front())
    }
}

/// What became of a form: its fields, the file's name and bytes, or the code of its refusal.
type Outcome = Result<(Vec<(String, String)>, Option<String>, Vec<u8>), String>;

fn read_within(data: &[u8], places: &[usize], range: RangeInclusive<u64>) -> Outcome {
    let code = |refusal: crate::errors::Refusal| refusal.wording(Dialect::S3, Compat::Aws).code.to_owned();
    async {
        let mut form = Framing::new(Pieces::cut(data, places), "b", FIELD_BYTES_MAX);
        let (fields, file_name) = Fields::read(&mut form).await.map_err(code)?;
        let (mut file, verdict) = FileBody::new(form, range);
        let mut content = Vec::new();
        loop {
            match file.next().await {
                Ok(Some(piece)) => content.extend_from_slice(&piece),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(file.next().await.err(), Some(error), "an error stays an error");
                    return Err(code(verdict.explain(Fail::Body(error))));
                }
            }
        }
        assert_eq!(file.next().await, Ok(None), "the end stays the end");
        Ok((fields.pairs().to_vec(), file_name, content))
    }
    .now_or_never()
    .expect("the source never waits")
}

fn read(data: &[u8], places: &[usize]) -> Outcome {
    read_within(data, places, 0..=u64::MAX)
}

fn field(name: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(content: &[u8]) -> Vec<u8> {
    let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.bin\"\r\nContent-Type: a/b\r\n\r\n";
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn form(fields: &[(&str, &str)], content: &[u8]) -> Vec<u8> {
    let fields: String = fields.iter().map(|(name, value)| field(name, value)).collect();
    [fields.as_bytes(), &file(content), b"--b--\r\n"].concat()
}

#[test]
fn fields_and_file_are_taken_as_they_stand() {
    let content = b"\r\n--\r\n--a\r\n\r--b\n--b";
    let (fields, name, read_back) = read(&form(&[("key", "a\r\nb"), ("x-ignore-z", "?")], content), &[]).unwrap();
    assert_eq!(fields, [("key".to_owned(), "a\r\nb".to_owned())]);
    assert_eq!(name.as_deref(), Some("f.bin"));
    assert_eq!(read_back, content);
    // A preamble, blanks after a boundary, fields after the file, an epilogue.
    let parts = [b"preamble\r\n--b \t\r\n".as_slice(), &field("key", "k").as_bytes()[5..], &file(b"x")].concat();
    let odd = [parts.as_slice(), field("submit", "Upload").as_bytes(), b"--b--\r\nepilogue"].concat();
    assert_eq!(read(&odd, &[]).unwrap().2, b"x");
    assert_eq!(read(&odd, &[]).unwrap().0.len(), 1, "what follows the file is ignored");
}

#[test]
fn what_is_no_form_is_refused() {
    let whole = form(&[("key", "k")], b"content");
    for cut in 0..whole.len() - 2 {
        assert_eq!(read(&whole[..cut], &[]), Err("IncompleteBody".to_owned()), "cut after {cut} bytes");
    }
    let refused = |data: Vec<u8>| read(&data, &[]).unwrap_err();
    let concat = |pieces: &[&[u8]]| pieces.concat();
    assert_eq!(refused(b"--b--\r\n".to_vec()), "IncorrectNumberOfFilesInPostRequest");
    assert_eq!(refused(concat(&[field("key", "k").as_bytes(), b"--b--"])), "IncorrectNumberOfFilesInPostRequest");
    assert_eq!(refused(concat(&[&file(b"1"), &file(b"2"), b"--b--"])), "IncorrectNumberOfFilesInPostRequest");
    assert_eq!(refused(concat(&[b"--bb\r\n", &whole])), "MalformedPOSTRequest");
    assert_eq!(refused(form(&[("key", "k")], b"x\r\n--bc")), "MalformedPOSTRequest");
    assert_eq!(refused(b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--".to_vec()), "MalformedPOSTRequest");
    assert_eq!(refused(form(&[("key", "k"), ("KEY", "l")], b"")), "InvalidArgument");
    let large = "x".repeat(FIELD_BYTES_MAX);
    assert_eq!(refused(form(&[("key", &large)], b"")), "MaxPostPreDataLengthExceededError");
    assert_eq!(refused(concat(&[large.as_bytes(), b"x", &whole])), "MaxPostPreDataLengthExceededError");
    assert_eq!(refused(form(&[(&large, "x")], b"")), "MaxPostPreDataLengthExceededError");
    assert_eq!(refused(concat(&[&file(b"1"), field("submit", &large).as_bytes(), b"--b--"])), "MalformedPOSTRequest");
    assert_eq!(refused(concat(&[&whole, large.as_bytes()])), "MalformedPOSTRequest");
    let many: Vec<_> = (0..300).map(|n| format!("f{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(refused(form(&many, b"")), "MaxPostPreDataLengthExceededError");
}

#[test]
fn the_files_length_is_held_to_its_range() {
    let data = form(&[], &[7; 100]);
    for (range, outcome) in [
        (100..=100, None),
        (0..=u64::MAX, None),
        (0..=99, Some("EntityTooLarge")),
        (101..=u64::MAX, Some("EntityTooSmall")),
    ] {
        let read = read_within(&data, &[60, 90], range.clone());
        assert_eq!(read.err().as_deref(), outcome, "{range:?}");
    }
}

#[test]
fn boundaries() {
    let named = |boundary: &str| Ok(Some(boundary.to_owned()));
    assert_eq!(boundary("multipart/form-data; boundary=----WebKitFormBoundary7"), named("----WebKitFormBoundary7"));
    assert_eq!(boundary("Multipart/Form-Data;charset=utf-8; Boundary=\"a b:c\""), named("a b:c"));
    assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "x".repeat(70))), named(&"x".repeat(70)));
    for other in ["", "text/plain", "multipart/mixed; boundary=b", "application/x-www-form-urlencoded"] {
        assert_eq!(boundary(other), Ok(None), "{other}");
    }
    for bad in ["", "boundary=", "boundary=\"a \"", "boundary=ä", "boundary=a; boundary=b", "boundary=\"a", "boundary"]
    {
        let outcome = boundary(&format!("multipart/form-data; {bad}"));
        assert!(matches!(outcome, Err(Broken::Malformed(_))), "{bad}: {outcome:?}");
    }
    assert!(boundary(&format!("multipart/form-data; boundary={}", "x".repeat(71))).is_err());
}

proptest! {
    /// However a form is cut into pieces, it is the same form; content that looks like its framing is content.
    #[test]
    fn pieces_do_not_matter(
        content in prop::collection::vec(prop::sample::select(vec![b'\r', b'\n', b'-', b'b', b'x']), 0..200),
        value in "[ -~]{0,20}",
        places in prop::collection::vec(any::<usize>(), 0..40),
        cut in any::<usize>(),
    ) {
        let whole = form(&[("key", &value), ("other", "x")], &content);
        let looks_framed = content.windows(5).any(|w| w == b"\r\n--b") || content.starts_with(b"--b");
        let at_once = read(&whole, &[]);
        prop_assert_eq!(read(&whole, &places), at_once.clone());
        if !looks_framed {
            prop_assert_eq!(at_once.unwrap().2, content);
        }
        let short = &whole[..cut % whole.len()];
        prop_assert_eq!(read(short, &places), read(short, &[]));
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read(
        data in prop::collection::vec(any::<u8>(), 0..300),
        places in prop::collection::vec(any::<usize>(), 0..10),
    ) {
        prop_assert_eq!(read(&data, &places), read(&data, &[]));
    }

    #[test]
    fn arbitrary_pieces_of_forms_are_refused_or_read(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "--b", "\r\n", "--", "\r\n--b\r\n", "Content-Disposition: form-data; ", "name=\"file\"", "name=\"key\"",
            "; filename=\"", "\"", "\\", "\r\n\r\n", "x", ":", ";", "=",
        ]), 0..30),
        places in prop::collection::vec(any::<usize>(), 0..10),
    ) {
        let data = pieces.concat();
        prop_assert_eq!(read(data.as_bytes(), &places), read(data.as_bytes(), &[]));
    }

    #[test]
    fn arbitrary_policies_and_types_are_refused_or_read(text in ".{0,100}", json in "[\\[\\]{}\",:$a-z0-9 -]{0,60}") {
        let _ = boundary(&text);
        let _ = PostPolicy::parse(&text);
        let _ = PostPolicy::parse(&BASE64.encode(text.as_bytes()));
        let conditions = format!("{{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":[{json}]}}");
        let _ = PostPolicy::parse(&BASE64.encode(conditions.as_bytes()));
    }
}

// ---- policies ---------------------------------------------------------------------------------------------------

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn policy_of(conditions: &str) -> Result<PostPolicy, FormFault> {
    let text = format!("{{\"expiration\":\"2030-01-01T00:00:00.000Z\",\"conditions\":[{conditions}]}}");
    PostPolicy::parse(&BASE64.encode(text.as_bytes()))
}

/// Judges a form for bucket `bkt` and key `up/k` with these fields.
fn judge(conditions: &str, fields: &[(&str, &str)], lenient: bool) -> Result<(), FormFault> {
    let fields = async { Fields::read(&mut framed(&form(fields, b""))).await }.now_or_never().unwrap().unwrap().0;
    let form = Submitted {
        bucket: "bkt",
        key: "up/k",
        fields: &fields,
        meaningless_fields_pass: lenient,
        checksums_pass: lenient,
    };
    policy_of(conditions)?.check(NOW, &form)
}

fn framed(data: &[u8]) -> Framing<Pieces> {
    let mut form = Framing::new(Pieces::cut(data, &[]), "b", FIELD_BYTES_MAX);
    form.refill(FIELD_BYTES_MAX);
    form
}

const KEY: (&str, &str) = ("key", "up/${filename}");
const BOTH: &str = r#"{"bucket":"bkt"},["starts-with","$key","up/"]"#;

fn extra(name: &str) -> Result<(), FormFault> {
    Err(FormFault::ExtraField(name.to_owned()))
}

#[test]
fn conditions_hold_or_do_not() {
    let sse = ("x-obs-server-side-encryption", "kms");
    let acl = ("AcL", "private");
    for (conditions, fields, holds) in [
        ("", &[KEY][..], true),
        (r#",{"X-OBS-Server-Side-Encryption":"kms"}"#, &[KEY, sse], true),
        (r#",["EQ","$x-obs-server-side-encryption","kms"]"#, &[KEY, sse], true),
        (r#",{"x-obs-server-side-encryption":"AES256"}"#, &[KEY, sse], false),
        (r#",{"x-obs-server-side-encryption":"KMS"}"#, &[KEY, sse], false),
        (r#",{"x-obs-server-side-encryption":"kms"}"#, &[KEY], false),
        (r#",["starts-with","$acl","pub"]"#, &[KEY, acl], false),
        (r#",["Starts-With","$ACL","priv"]"#, &[KEY, acl], true),
        (r#",["starts-with","$acl",""]"#, &[KEY], true),
        (r#",["eq","$key","up/${filename}"]"#, &[KEY], false),
        (r#",["eq","$key","up/k"]"#, &[KEY], true),
        (r#",["starts-with","$bucket","bk"]"#, &[KEY, ("bucket", "bkt")], true),
        ("", &[KEY, ("bucket", "other")], false),
        (r#",{"bucket":"other"}"#, &[KEY], false),
        (r#",["starts-with","$Content-Type","image/"]"#, &[KEY, ("content-type", "image/png, image/gif")], true),
        (r#",["starts-with","$Content-Type","image/"]"#, &[KEY, ("content-type", "image/png,text/html")], false),
    ] {
        let outcome = judge(&format!("{BOTH}{conditions}"), fields, false);
        let expected = if holds { outcome.is_ok() } else { matches!(outcome, Err(FormFault::ConditionFailed(_))) };
        assert!(expected, "{conditions} {fields:?}: {outcome:?}");
    }
}

#[test]
fn what_no_condition_speaks_of_is_refused() {
    for name in [
        "x-amz-server-side-encryption",
        "x-obs-server-side-encryption-customer-key",
        "X-Amz-Meta-A",
        "acl",
        "Content-Type",
        "tagging",
        "success_action_redirect",
        "redirect",
        "success_action_status",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-security-token",
        "x-obs-security-token",
        "content-md5",
        "x-amz-unknown",
    ] {
        for lenient in [false, true] {
            assert_eq!(judge(BOTH, &[KEY, (name, "v")], lenient), extra(name), "{name}");
        }
    }
    for name in ["submit", "x-amz-checksum-crc32", "x-obs-checksum-crc64ecma"] {
        assert_eq!(judge(BOTH, &[KEY, (name, "v")], false), extra(name));
        assert_eq!(judge(BOTH, &[KEY, (name, "v")], true), Ok(()));
    }
    for name in ["AccessKeyId", "AWSAccessKeyId", "Signature", "x-amz-signature", "policy", "token", "x-ignore-a"] {
        assert_eq!(judge(BOTH, &[KEY, (name, "v")], false), Ok(()), "{name}");
    }
    assert_eq!(judge(r#"{"bucket":"bkt"}"#, &[KEY], true), extra("key"));
    assert!(
        matches!(judge(r#"["starts-with","$key",""]"#, &[KEY], true), Err(FormFault::ConditionFailed(_))),
        "bucket"
    );
}

#[test]
fn a_policy_expires() {
    let at = |text: &str| {
        let text = format!("{{\"expiration\":\"{text}\",\"conditions\":[{{\"bucket\":\"bkt\"}}]}}");
        let form = Submitted {
            bucket: "bkt",
            key: "k",
            fields: &Fields::default(),
            meaningless_fields_pass: false,
            checksums_pass: false,
        };
        PostPolicy::parse(&BASE64.encode(text.as_bytes())).and_then(|policy| policy.check(NOW, &form))
    };
    assert_eq!(at("2027-01-15T08:00:01Z"), Ok(()));
    assert_eq!(at("2027-01-15T08:00:00Z"), Err(FormFault::PolicyExpired), "at that moment it is over");
    assert_eq!(at("1999-01-15T08:00:00.123Z"), Err(FormFault::PolicyExpired));
    for bad in
        ["", "2027-01-15", "2027-01-15 08:00:01", "20270115T080001Z", "Fri, 15 Jan 2027 08:00:01 GMT", "never", "Z"]
    {
        assert!(matches!(at(bad), Err(FormFault::InvalidPolicy(_))), "{bad}");
    }
}

#[test]
fn policies_that_cannot_be_read() {
    for conditions in [
        "{}",
        r#"{"a":"1","b":"2"}"#,
        r#"{"acl":"private","acl":"public-read"}"#,
        r#"{"acl":1}"#,
        r#"["eq","acl","private"]"#,
        r#"["like","$acl","private"]"#,
        r#"["eq","$acl"]"#,
        r#"["eq","$acl","a","b"]"#,
        r#"["content-length-range",0]"#,
        r#"["content-length-range",-1,0]"#,
        r#"["content-length-range",2,1]"#,
        r#"["content-length-range",0,1.5]"#,
        r#"["content-length-range","a","b"]"#,
        "[]",
        "1",
        "null",
        &"[".repeat(10_000),
    ] {
        assert!(matches!(policy_of(conditions), Err(FormFault::InvalidPolicy(_))), "{conditions}");
    }
    for text in [
        "",
        "{}",
        r#"{"expiration":"2030-01-01T00:00:00Z"}"#,
        r#"{"conditions":[]}"#,
        r#"{"EXPIRATION":"2030-01-01T00:00:00Z","conditions":[]}"#,
        r#"{"expiration":"2030-01-01T00:00:00Z","CONDITIONS":[]}"#,
        r#"{"expiration":"2030-01-01T00:00:00Z","conditions":[],"more":1}"#,
        r#"{"expiration":"2030-01-01T00:00:00Z","conditions":{}}"#,
        r#"{"expiration":"2030-01-01T00:00:00Z","conditions":[]} x"#,
    ] {
        let outcome = PostPolicy::parse(&BASE64.encode(text.as_bytes()));
        assert!(matches!(outcome, Err(FormFault::InvalidPolicy(_))), "{text}");
    }
    assert!(PostPolicy::parse("not base64!").is_err());
}

#[test]
fn ranges_of_length_hold_together() {
    let range = |conditions: &str| policy_of(conditions).unwrap().length();
    assert_eq!(range(""), 0..=u64::MAX);
    assert_eq!(range(r#"["content-length-range",1,"10"]"#), 1..=10);
    assert_eq!(range(r#"["Content-Length-Range",1,10],["content-length-range",5,20]"#), 5..=10);
}

#[test]
fn a_failed_condition_shows_no_value() {
    let field = ("x-amz-server-side-encryption-customer-key", "c2VudA==");
    let conditions = format!(r#"{BOTH},{{"x-amz-server-side-encryption-customer-key":"c2VjcmV0"}}"#);
    let refused = format!("{:?}", judge(&conditions, &[KEY, field], false).unwrap_err());
    assert!(refused.contains("customer-key") && !refused.contains("c2Vj") && !refused.contains("c2Vu"), "{refused}");
    assert!(!format!("{:?}", policy_of(&conditions)).contains("c2VjcmV0"));
}
