/// A user of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub user: &'static str,
    /// The password.
    pub password: &'static str,
}

impl Login {
    /// The one user that a registry with logins knows.
    pub const BUILDER: Self = Self { user: "builder", password: "correct-horse" };

    /// [`Login::BUILDER`] as a line of an htpasswd file: bcrypt at its least cost.
    pub(super) const BUILDER_HTPASSWD: &str = "builder:$2b$04$abcdefghijklmnopqrstuuPoaPXzWjiVz4HaNq2LJXksWbO79E.S6\n";
}
