use crate::policy::PolicyError;

/// Whether `name` is one that a registry may have: 5 to 50 ASCII letters and digits.
pub fn registry_name_is_valid(name: &str) -> bool {
    (5..=50).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Refuses what no virtual network or subnet may be called.
pub(super) fn resource_name(field: &str, name: &str) -> Result<(), PolicyError> {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let goes_on = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if begins && goes_on && name.len() <= 80 {
        return Ok(());
    }
    let accepted = "1 to 80 of A-Z a-z 0-9 . _ -, the first a letter or a digit";
    Err(PolicyError::invalid(field, name, "is not a name", accepted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_names_are_5_to_50_letters_and_digits() {
        for good in ["abcde", "Contoso1", &"a".repeat(50)] {
            assert!(registry_name_is_valid(good), "{good}");
        }
        for bad in ["", "abcd", &"a".repeat(51), "con-toso", "con toso", "contosö", "contoso."] {
            assert!(!registry_name_is_valid(bad), "{bad}");
        }
    }

    #[test]
    fn resource_names_are_1_to_80_characters_of_a_small_set() {
        for good in ["a", "7", "hub-1.west_2", &"a".repeat(80)] {
            assert!(resource_name("name", good).is_ok(), "{good}");
        }
        for bad in ["", "-hub", ".hub", "_hub", "h/b", "h b", "hüb", "..", &"a".repeat(81)] {
            assert!(resource_name("name", bad).is_err(), "{bad}");
        }
    }
}
