use crate::policy::{Edit, Limits, PastPolicy, Policy, PolicyError};

impl Policy {
    /// What makes this policy the past one. Older service tags may come back: whoever goes back knows that they are older.
    pub(super) fn roll_back(&self, past: &PastPolicy, limits: &Limits) -> Result<Vec<Edit>, PolicyError> {
        if self.service_tags == past.service_tags {
            return self.apply_request(&past.request, limits);
        }
        let mut edits = vec![past.service_tags.clone().map_or(Edit::DropServiceTags, Edit::ImportServiceTags)];
        let mut with_tags = self.clone();
        with_tags.apply(&edits);
        edits.extend(with_tags.apply_request(&past.request, limits)?);
        Ok(edits)
    }
}
