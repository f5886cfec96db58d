//! Functions and files that have grown too large.

use super::sources::Source;

/// Lines in a function at most.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines of code in a file at most: comments, empty lines and tests apart.
const FILE_LINES_MAX: usize = 500;
/// Exempts the function that follows, or that contains it, from the limit.
const TABLE_MARK: &str = "// tidy: table";

/// A sentence for each function and file that is too large.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().filter(|source| source.is_rust()).flat_map(check_file).collect()
}

fn check_file(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut complaints: Vec<String> = functions(&lines)
        .filter(|function| function.lines > FUNCTION_LINES_MAX)
        .map(|function| {
            format!(
                "{}:{}: the function has {} lines, at most {FUNCTION_LINES_MAX} are allowed",
                source.path.display(),
                function.start + 1,
                function.lines
            )
        })
        .collect();
    let code = code_lines(&lines);
    if code > FILE_LINES_MAX && !source.path.ends_with("tests.rs") {
        complaints.push(format!(
            "{}: the file has {code} lines of code, at most {FILE_LINES_MAX} are allowed",
            source.path.display()
        ));
    }
    complaints
}

/// A function and its length; those that are tables have none.
struct Function {
    /// Index of its first line.
    start: usize,
    lines: usize,
}

/// The functions of a formatted file: from a line with `fn` to the closing brace at the same depth.
fn functions<'l>(lines: &'l [&'l str]) -> impl Iterator<Item = Function> + 'l {
    (0..lines.len()).filter(|&start| starts_function(lines[start])).map(|start| {
        let depth = lines[start].len() - lines[start].trim_start().len();
        let closing = format!("{}}}", " ".repeat(depth));
        let ends_here = |line: &&str| line.ends_with(';') && line.trim_start().len() + depth == line.len();
        let is_one_line = lines[start].ends_with('}') || ends_here(&lines[start]);
        let end = if is_one_line { Some(0) } else { lines[start..].iter().position(|line| *line == closing) };
        let length = end.map_or(1, |end| end + 1);
        let before = &lines[start.saturating_sub(4)..(start + length).min(lines.len())];
        let is_table = before.iter().any(|line| line.contains(TABLE_MARK));
        Function { start, lines: if is_table { 0 } else { length } }
    })
}

fn starts_function(line: &str) -> bool {
    let words = line.trim_start();
    let words = words.strip_prefix("pub(crate) ").or(words.strip_prefix("pub(super) ")).unwrap_or(words);
    let mut rest = words.strip_prefix("pub ").unwrap_or(words);
    for word in ["const ", "async ", "unsafe ", "extern \"C\" ", "extern \"efiapi\" "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.starts_with("fn ")
}

/// Lines of code before the file's tests.
fn code_lines(lines: &[&str]) -> usize {
    let before_tests = lines.iter().take_while(|line| **line != "#[cfg(test)]");
    before_tests.filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str) -> Vec<usize> {
        let lines: Vec<&str> = text.lines().collect();
        functions(&lines).map(|function| function.lines).collect()
    }

    #[test]
    fn a_function_ends_at_the_brace_of_its_own_depth() {
        let text = "impl A {\n    pub fn one() {\n        if x {\n        }\n    }\n\n    fn two() {}\n}\n";
        assert_eq!(lengths(text), [4, 1]);
    }

    #[test]
    fn a_table_has_no_length() {
        assert_eq!(lengths("// tidy: table\nfn opcodes() {\n    a();\n}\n"), [0]);
    }
}
