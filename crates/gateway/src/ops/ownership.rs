//! Who owns the objects of a bucket: as a document, and as a header when the bucket is created.

use super::Call;
use crate::dialect::HeaderView;
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use crate::xml::{Element, XmlWriter};
use http::StatusCode;
use policy::{Action, Ownership};

const ROOT: &str = "OwnershipControls";

const WORDS: [(&str, Ownership); 3] = [
    ("ObjectWriter", Ownership::ObjectWriter),
    ("BucketOwnerPreferred", Ownership::BucketOwnerPreferred),
    ("BucketOwnerEnforced", Ownership::BucketOwnerEnforced),
];

fn named(word: &str) -> Option<Ownership> {
    WORDS.iter().find_map(|(name, ownership)| (*name == word).then_some(*ownership))
}

pub(super) async fn get(call: Call<'_>) -> Result<Reply, Refusal> {
    let ownership = call.gateway.objects.get_ownership_controls(&call.cx, call.bucket()?).await?;
    let word = WORDS.iter().find_map(|(name, known)| (*known == ownership).then_some(*name));
    let mut out = XmlWriter::new(ROOT, Some(call.dialect.namespace));
    out.open("Rule");
    out.leaf("ObjectOwnership", word.unwrap_or_default());
    Ok(Reply::xml(StatusCode::OK, out.finish()))
}

pub(super) async fn put(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let bucket = call.bucket()?.clone();
    call.gateway.objects.authorize_on_bucket(&call.cx, &bucket, Action::PutBucketOwnershipControls).await?;
    let document = call.document(call.gateway.config.limits.document_bytes_max, true).await?;
    if !document.digested {
        return Err(WireFault::MissingDigest.into());
    }
    let ownership = read(&document.parse(&[ROOT])?)?;
    call.gateway.objects.put_ownership_controls(&call.cx, &bucket, ownership).await?;
    Ok(Reply::ok())
}

pub(super) async fn delete(call: Call<'_>) -> Result<Reply, Refusal> {
    call.gateway.objects.delete_ownership_controls(&call.cx, call.bucket()?).await?;
    Ok(Reply::no_content())
}

/// One rule with one word.
fn read(root: &Element) -> Result<Ownership, WireFault> {
    let rule = match root.children() {
        [rule] if rule.name() == "Rule" => rule,
        _ => return Err(WireFault::MalformedXml),
    };
    match rule.children() {
        [word] if word.name() == "ObjectOwnership" => named(word.word()).ok_or(WireFault::MalformedXml),
        _ => Err(WireFault::MalformedXml),
    }
}

/// CreateBucket's header.
pub(super) fn of_headers(view: &HeaderView<'_>) -> Result<Option<Ownership>, Refusal> {
    let name = view.names().object_ownership;
    match view.one(name)? {
        None => Ok(None),
        Some(word) => match named(word) {
            Some(ownership) => Ok(Some(ownership)),
            None => Err(WireFault::argument(name, "Invalid x-amz-object-ownership header.").into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::XmlLimits;

    #[test]
    fn one_rule_with_one_word() {
        let parse = |inner: &str| {
            let text = format!("<{ROOT}>{inner}</{ROOT}>");
            read(&Element::parse(text.as_bytes(), &XmlLimits::default()).unwrap())
        };
        for (word, ownership) in WORDS {
            let rule = format!("<Rule><ObjectOwnership>{word}</ObjectOwnership></Rule>");
            assert_eq!(parse(&rule).unwrap(), ownership);
            assert_eq!(parse(&rule.repeat(2)).unwrap_err(), WireFault::MalformedXml);
        }
        for bad in ["", "<Rule/>", "<Rule><ObjectOwnership>Nobody</ObjectOwnership></Rule>", "<Other/>"] {
            assert_eq!(parse(bad).unwrap_err(), WireFault::MalformedXml, "{bad}");
        }
    }
}
