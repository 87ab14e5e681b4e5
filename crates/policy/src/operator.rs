//! Condition operators by their names (obs-api §8.3; kms-iam-api §1.11): AWS's, OBS's short ones, Huawei's additions.

/// What an operator compares, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equals,
    EqualsIgnoringCase,
    Like,
    Begins,
    Ends,
    /// Bytes in base64; equal bytes are equal texts.
    Binary,
    Number(Order),
    Date(Order),
    Bool,
    Address,
    Arn,
    /// Whether the key is absent.
    Null,
    /// Whether the key is absent or empty.
    NullOrEmpty,
}

/// How numbers and dates are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is asked of a key with several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// Nothing: such a key is taken as a whole.
    Plain,
    /// Each value must pass; true of a key that is absent.
    ForAllValues,
    /// One value must pass; false of a key that is absent.
    ForAnyValue,
}

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) comparison: Comparison,
    pub(crate) negated: bool,
    pub(crate) quantifier: Quantifier,
    pub(crate) if_exists: bool,
}

const NAMES: &[(&str, Comparison, bool)] = {
    use Comparison::{Address, Arn, Begins, Binary, Bool, Date, Ends, Equals, EqualsIgnoringCase, Like, Number};
    use Order::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    &[
        ("stringequals", Equals, false),
        ("streq", Equals, false),
        ("stringnotequals", Equals, true),
        ("strneq", Equals, true),
        ("stringequalsignorecase", EqualsIgnoringCase, false),
        ("streqi", EqualsIgnoringCase, false),
        ("stringnotequalsignorecase", EqualsIgnoringCase, true),
        ("strneqi", EqualsIgnoringCase, true),
        ("stringlike", Like, false),
        ("strl", Like, false),
        ("stringmatch", Like, false),
        ("stringnotlike", Like, true),
        ("strnl", Like, true),
        ("stringnotmatch", Like, true),
        ("stringstartwith", Begins, false),
        ("stringstartswith", Begins, false),
        ("stringnotstartwith", Begins, true),
        ("stringnotstartswith", Begins, true),
        ("stringendwith", Ends, false),
        ("stringendswith", Ends, false),
        ("stringnotendwith", Ends, true),
        ("stringnotendswith", Ends, true),
        ("binaryequals", Binary, false),
        ("numericequals", Number(Equal), false),
        ("numberequals", Number(Equal), false),
        ("numeq", Number(Equal), false),
        ("numericnotequals", Number(Equal), true),
        ("numbernotequals", Number(Equal), true),
        ("numneq", Number(Equal), true),
        ("numericlessthan", Number(Less), false),
        ("numberlessthan", Number(Less), false),
        ("numlt", Number(Less), false),
        ("numericlessthanequals", Number(LessOrEqual), false),
        ("numberlessthanequals", Number(LessOrEqual), false),
        ("numlteq", Number(LessOrEqual), false),
        ("numericgreaterthan", Number(Greater), false),
        ("numbergreaterthan", Number(Greater), false),
        ("numgt", Number(Greater), false),
        ("numericgreaterthanequals", Number(GreaterOrEqual), false),
        ("numbergreaterthanequals", Number(GreaterOrEqual), false),
        ("numgteq", Number(GreaterOrEqual), false),
        ("dateequals", Date(Equal), false),
        ("dateeq", Date(Equal), false),
        ("datenotequals", Date(Equal), true),
        ("dateneq", Date(Equal), true),
        ("datelessthan", Date(Less), false),
        ("datelt", Date(Less), false),
        ("datelessthanequals", Date(LessOrEqual), false),
        ("datelteq", Date(LessOrEqual), false),
        ("dategreaterthan", Date(Greater), false),
        ("dategt", Date(Greater), false),
        ("dategreaterthanequals", Date(GreaterOrEqual), false),
        ("dategteq", Date(GreaterOrEqual), false),
        ("bool", Bool, false),
        ("ipaddress", Address, false),
        ("notipaddress", Address, true),
        ("arnequals", Arn, false),
        ("arnlike", Arn, false),
        ("arnnotequals", Arn, true),
        ("arnnotlike", Arn, true),
        ("null", Comparison::Null, false),
        ("isnullorempty", Comparison::NullOrEmpty, false),
    ]
};

impl Operator {
    /// By its name, without regard to case. `None`: there is none of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let lower = name.trim().to_ascii_lowercase();
        let (quantifier, rest) = match lower.split_once(':') {
            None => (Quantifier::Plain, &*lower),
            Some(("forallvalues", rest)) => (Quantifier::ForAllValues, rest),
            Some(("foranyvalue", rest)) => (Quantifier::ForAnyValue, rest),
            Some(_) => return None,
        };
        let (base, if_exists) = match rest.strip_suffix("ifexists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let &(_, comparison, negated) = NAMES.iter().find(|(name, ..)| *name == base)?;
        let asks_for_presence = matches!(comparison, Comparison::Null | Comparison::NullOrEmpty);
        if asks_for_presence && (if_exists || quantifier != Quantifier::Plain) {
            return None;
        }
        Some(Self { comparison, negated, quantifier, if_exists })
    }
}

impl Order {
    pub(crate) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, _, _) in NAMES {
            assert!(Operator::parse(name).is_some(), "{name}");
        }
        let op = Operator::parse("ForAllValues:StringNotLikeIfExists").unwrap();
        assert_eq!(op.comparison, Comparison::Like);
        assert!(op.negated && op.if_exists && op.quantifier == Quantifier::ForAllValues);
        for wrong in ["", "StringEqual", "NullIfExists", "ForAnyValue:Null", "ForSome:Bool", "IfExists", "ForAnyValue:"]
        {
            assert_eq!(Operator::parse(wrong), None, "{wrong}");
        }
    }
}
