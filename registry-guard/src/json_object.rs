//! JSON objects that others send: read whole, and where they are not as they should be, the place is named.

use serde::de::DeserializeOwned;

/// The object in `bytes`, or what is wrong with them, with the place by its path, line and column.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    // A list of values in the right order would else pass for an object.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err("expected a JSON object".to_owned());
    }
    serde_json::from_slice(bytes).map_err(|_| {
        // Only what is bad is read twice: keeping track of the place costs time.
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(error) => match error.path().to_string().trim_end_matches(['.', '?']) {
                "" => error.inner().to_string(),
                path => format!("{path}: {}", error.inner()),
            },
            Ok(_) => "something follows the JSON value".to_owned(),
        }
    })
}
