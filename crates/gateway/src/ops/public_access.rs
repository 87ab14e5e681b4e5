//! The bucket's block on public access (obs-api §5.6).

use super::Call;
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use crate::xml::{Element, XmlWriter};
use http::StatusCode;
use policy::{Action, PublicAccessBlock};

const ROOT: &str = "PublicAccessBlockConfiguration";

pub(super) async fn get(call: Call<'_>) -> Result<Reply, Refusal> {
    let block = call.gateway.objects.get_public_access_block(&call.cx, call.bucket()?).await?;
    let mut out = XmlWriter::new(ROOT, Some(call.dialect.namespace));
    out.value("BlockPublicAcls", block.block_public_acls);
    out.value("IgnorePublicAcls", block.ignore_public_acls);
    out.value("BlockPublicPolicy", block.block_public_policy);
    out.value("RestrictPublicBuckets", block.restrict_public_buckets);
    Ok(Reply::xml(StatusCode::OK, out.finish()))
}

pub(super) async fn put(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let bucket = call.bucket()?.clone();
    call.gateway.objects.authorize_on_bucket(&call.cx, &bucket, Action::PutBucketPublicAccessBlock).await?;
    let document = call.document(call.gateway.config.limits.document_bytes_max, true).await?;
    if !document.digested {
        return Err(WireFault::MissingDigest.into());
    }
    let block = read(&document.parse(&[ROOT])?)?;
    call.gateway.objects.put_public_access_block(&call.cx, &bucket, block).await?;
    Ok(Reply::ok())
}

pub(super) async fn delete(call: Call<'_>) -> Result<Reply, Refusal> {
    call.gateway.objects.delete_public_access_block(&call.cx, call.bucket()?).await?;
    Ok(Reply::no_content())
}

/// Reads a document. What is not said is off; a switch we do not know would seem to be on and is refused.
fn read(root: &Element) -> Result<PublicAccessBlock, WireFault> {
    let mut block = PublicAccessBlock::default();
    let mut seen = Vec::new();
    for element in root.children() {
        let switch = match element.name() {
            "BlockPublicAcls" => &mut block.block_public_acls,
            "IgnorePublicAcls" => &mut block.ignore_public_acls,
            "BlockPublicPolicy" => &mut block.block_public_policy,
            "RestrictPublicBuckets" => &mut block.restrict_public_buckets,
            _ => return Err(WireFault::MalformedXml),
        };
        *switch = match element.word() {
            word if word.eq_ignore_ascii_case("true") => true,
            word if word.eq_ignore_ascii_case("false") => false,
            _ => return Err(WireFault::MalformedXml),
        };
        if seen.contains(&element.name()) {
            return Err(WireFault::MalformedXml);
        }
        seen.push(element.name());
    }
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::XmlLimits;

    #[test]
    fn switches() {
        let parse = |inner: &str| {
            let text = format!("<{ROOT}>{inner}</{ROOT}>");
            read(&Element::parse(text.as_bytes(), &XmlLimits::default()).unwrap())
        };
        let block = parse("<BlockPublicAcls>true</BlockPublicAcls><RestrictPublicBuckets>TRUE</RestrictPublicBuckets>");
        let expected = PublicAccessBlock {
            block_public_acls: true,
            restrict_public_buckets: true,
            ..PublicAccessBlock::default()
        };
        assert_eq!(block.unwrap(), expected);
        assert_eq!(parse("").unwrap(), PublicAccessBlock::default());
        for bad in [
            "<BlockPublicAcls>yes</BlockPublicAcls>",
            "<BlockEverything>true</BlockEverything>",
            "<BlockPublicAcls>true</BlockPublicAcls><BlockPublicAcls>false</BlockPublicAcls>",
        ] {
            assert_eq!(parse(bad).unwrap_err(), WireFault::MalformedXml, "{bad}");
        }
    }
}
