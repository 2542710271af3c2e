//! `--query`: `JMESPath`, and the order of the columns it asks for.

use jmespath::ast::Ast;
use jmespath::{Expression, Rcvar, ToJmespath};
use serde::Serialize;

use crate::cli::failure::Failure;

/// The longest expression accepted, in bytes: the library recurses for every operator.
const LONGEST: usize = 4096;

/// The stack, in bytes, that the longest expression needs at most (about 10 KiB per operator without optimization).
pub(crate) const STACK: usize = 64 * 1024 * 1024;

/// A `JMESPath` expression that is known to compile.
#[derive(Clone, Debug)]
pub(crate) struct Query(String);

/// What a query found.
pub(crate) struct Answer {
    /// The value itself.
    pub(crate) value: Rcvar,
    /// The keys of a multi-select hash, in the order they were written; JSON objects forget it, columns must not.
    pub(crate) columns: Vec<String>,
}

impl Answer {
    /// The unqueried answer.
    pub(crate) fn whole(data: &impl Serialize) -> Result<Self, Failure> {
        let value = data.to_jmespath().map_err(|error| Failure::unwritten(&error))?;
        Ok(Self { value, columns: Vec::new() })
    }

    /// Orders the entries of an object as the query wrote them, the others by name.
    pub(crate) fn ordered<'a>(
        &self,
        object: &'a std::collections::BTreeMap<String, Rcvar>,
    ) -> Vec<(&'a str, &'a Rcvar)> {
        let mut entries: Vec<_> = object.iter().map(|(key, value)| (key.as_str(), value)).collect();
        if !self.columns.is_empty() {
            let place = |key: &str| self.columns.iter().position(|column| column == key).unwrap_or(usize::MAX);
            entries.sort_by_key(|(key, _)| place(key));
        }
        entries
    }
}

impl Query {
    /// For clap: a malformed expression is a usage error before anything is sent.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("the expression has {} bytes; accepted: at most {LONGEST}", text.len()));
        }
        compile(text).map(|_| Self(text.to_owned()))
    }

    /// Applies the expression.
    pub(crate) fn search(&self, data: &impl Serialize) -> Result<Answer, Failure> {
        let expression = compile(&self.0).map_err(Failure::Usage)?;
        let value = expression.search(data).map_err(|error| {
            Failure::Local(format!(
                "the command was carried out, but --query cannot be applied to its answer: {}",
                one_line(&error)
            ))
        })?;
        Ok(Answer { value, columns: columns(expression.as_ast()) })
    }
}

fn compile(text: &str) -> Result<Expression<'static>, String> {
    jmespath::compile(text).map_err(|error| format!("not a JMESPath expression: {}", one_line(&error)))
}

/// The first line; the library draws the expression and a caret below it.
fn one_line(error: &jmespath::JmespathError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The keys of the multi-select hash that shapes the result, if one does.
fn columns(ast: &Ast) -> Vec<String> {
    match ast {
        Ast::MultiHash { elements, .. } => elements.iter().map(|element| element.key.clone()).collect(),
        Ast::Condition { then, .. } => columns(then),
        Ast::Projection { lhs, rhs, .. } | Ast::Subexpr { lhs, rhs, .. } => {
            let last = columns(rhs);
            if last.is_empty() { columns(lhs) } else { last }
        }
        Ast::Function { name, args, .. } if name == "sort_by" || name == "reverse" => {
            args.first().map(columns).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(query: &str) -> serde_json::Value {
        let data = json!({"revision": 7, "name": "contoso", "rules": [{"v": "b", "n": 2}, {"v": "a", "n": 1}]});
        serde_json::to_value(&Query::parse(query).unwrap().search(&data).unwrap().value).unwrap()
    }

    #[test]
    fn expressions_select() {
        assert_eq!(found("name"), json!("contoso"));
        assert_eq!(found("rules[].v"), json!(["b", "a"]));
        assert_eq!(found("rules[?n > `1`].v | [0]"), json!("b"));
        assert_eq!(found("length(rules)"), json!(2));
        assert_eq!(found("revision"), json!(7));
        assert_eq!(found("nothing"), json!(null));
    }

    #[test]
    fn columns_keep_the_order_of_the_expression() {
        for query in [
            "rules[].{Z: v, A: n}",
            "rules[0].{Z: v, A: n}",
            "rules[?n > `0`].{Z: v, A: n}",
            "rules[].{Z: v, A: n} | [0]",
            "sort_by(rules[].{Z: v, A: n}, &A)",
            "{Z: name, A: revision}",
        ] {
            let query = Query::parse(query).unwrap();
            assert_eq!(columns(compile(&query.0).unwrap().as_ast()), ["Z", "A"], "{query:?}");
        }
    }

    #[test]
    fn malformed_expressions_are_refused_in_one_line() {
        for text in ["", "a[", "a.", "[?", "{a}", "foo(", "'open", "\u{0}"] {
            let error = Query::parse(text).unwrap_err();
            assert!(!error.contains('\n') && error.starts_with("not a JMESPath expression: "), "{error}");
        }
    }

    #[test]
    fn the_longest_expression_fits_the_stack() {
        let deep = || {
            for (opening, closing) in [
                ("(", ")"),
                ("[", "]"),
                ("{a:", "}"),
                ("!", ""),
                ("[?", "]"),
                ("a|", ""),
                ("a.", ""),
                ("a[].", ""),
                ("abs(", ")"),
            ] {
                let depth = (LONGEST - 1) / (opening.len() + closing.len());
                let text = opening.repeat(depth) + "a" + &closing.repeat(depth);
                let _ = Query::parse(&text).map(|query| query.search(&json!({"a": 1})).is_ok());
                assert!(Query::parse(&opening.repeat(LONGEST / opening.len())).is_err(), "{opening}");
            }
            assert!(Query::parse(&"a".repeat(LONGEST + 1)).unwrap_err().contains("4096"));
        };
        std::thread::Builder::new().stack_size(STACK).spawn(deep).unwrap().join().unwrap();
    }

    #[test]
    fn a_query_that_does_not_fit_the_answer_is_explained() {
        let failure = Query::parse("length(@)").unwrap().search(&json!(7)).err().unwrap();
        assert!(failure.to_string().contains("--query cannot be applied"), "{failure}");
        assert_eq!(failure.exit_code(), 1);
    }
}
