//! The pages of the project and the commands in them, which a test tries one after the other.
//!
//! docs/README.md says how a block of a page has to be marked.

mod block;
mod console;
mod output;
mod page;
mod reader;

pub use block::{Block, Kind};
pub use console::Step;
pub use page::Page;
pub use reader::Reader;
