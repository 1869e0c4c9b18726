//! What kinds of values are masked, and how each is spelled in tokens, settings and counts.

/// The kind of a masked value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Category {
    PrivateKey,
    UrlCredentials,
    Jwt,
    AwsKey,
    ApiKey,
    CreditCard,
    Iban,
    Passport,
    Ssn,
    Password,
    Email,
    Ip,
    Phone,
    Address,
    Name,
    /// Found by a pattern or word of the operator's own.
    Custom,
}

impl Category {
    pub const COUNT: usize = 16;

    /// Every category; where findings overlap, the earlier one here wins.
    pub const ALL: [Self; Self::COUNT] = [
        Self::PrivateKey,
        Self::UrlCredentials,
        Self::Jwt,
        Self::AwsKey,
        Self::ApiKey,
        Self::CreditCard,
        Self::Iban,
        Self::Passport,
        Self::Ssn,
        Self::Password,
        Self::Email,
        Self::Ip,
        Self::Phone,
        Self::Address,
        Self::Name,
        Self::Custom,
    ];

    /// The name in settings, counts and associated data.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::UrlCredentials => "url_credentials",
            Self::Jwt => "jwt",
            Self::AwsKey => "aws_key",
            Self::ApiKey => "api_key",
            Self::CreditCard => "credit_card",
            Self::Iban => "iban",
            Self::Ssn => "ssn",
            Self::Password => "password",
            Self::Email => "email",
            Self::Ip => "ip",
            Self::Phone => "phone",
            Self::Passport => "passport",
            Self::Address => "address",
            Self::Name => "name",
            Self::Custom => "custom",
        }
    }

    /// The word in a token, which tells the model what stood there. None begins another.
    pub fn word(self) -> &'static str {
        match self {
            Self::PrivateKey => "PRIVKEY",
            Self::UrlCredentials => "URLCRED",
            Self::Jwt => "JWT",
            Self::AwsKey => "AWSKEY",
            Self::ApiKey => "APIKEY",
            Self::CreditCard => "CARD",
            Self::Iban => "IBAN",
            Self::Ssn => "SSN",
            Self::Password => "PASSWD",
            Self::Email => "EMAIL",
            Self::Ip => "IPADDR",
            Self::Phone => "PHONE",
            Self::Passport => "PASSPORT",
            Self::Address => "ADDRESS",
            Self::Name => "NAME",
            Self::Custom => "CUSTOM",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }

    pub fn index(self) -> usize {
        self as usize
    }
}

/// A set of categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Categories(u32);

impl Categories {
    pub const ALL: Self = Self((1 << Category::COUNT) - 1);

    pub fn contains(self, category: Category) -> bool {
        self.0 >> category.index() & 1 == 1
    }

    pub fn insert(&mut self, category: Category) {
        self.0 |= 1 << category.index();
    }

    pub fn remove(&mut self, category: Category) {
        self.0 &= !(1 << category.index());
    }

    /// The set as bits, one for each index.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl FromIterator<Category> for Categories {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        let mut set = Self::default();
        categories.into_iter().for_each(|category| set.insert(category));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_follow_the_list_and_names_parse_back() {
        for (index, category) in Category::ALL.into_iter().enumerate() {
            assert_eq!(category.index(), index);
            assert_eq!(Category::parse(category.name()), Some(category));
        }
        assert_eq!(Category::parse("none"), None);
    }

    #[test]
    fn no_word_begins_another() {
        for a in Category::ALL {
            for b in Category::ALL {
                assert!(a == b || !a.word().starts_with(b.word()), "{a:?} {b:?}");
            }
        }
    }
}
