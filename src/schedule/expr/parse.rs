//! From a formula's text to what computes it, by recursive descent.

/// What a formula may call, by name. `log` is the natural one and `round` goes to the even neighbour, as in Python.
pub const FUNCTIONS: [(&str, Function); 20] = [
    ("abs", Function::One(f64::abs)),
    ("sign", Function::One(sign)),
    ("sqrt", Function::One(f64::sqrt)),
    ("exp", Function::One(f64::exp)),
    ("log", Function::One(f64::ln)),
    ("ln", Function::One(f64::ln)),
    ("log2", Function::One(f64::log2)),
    ("log10", Function::One(f64::log10)),
    ("sin", Function::One(f64::sin)),
    ("cos", Function::One(f64::cos)),
    ("tan", Function::One(f64::tan)),
    ("asin", Function::One(f64::asin)),
    ("acos", Function::One(f64::acos)),
    ("atan", Function::One(f64::atan)),
    ("tanh", Function::One(f64::tanh)),
    ("floor", Function::One(f64::floor)),
    ("ceil", Function::One(f64::ceil)),
    ("round", Function::One(f64::round_ties_even)),
    ("min", Function::Two(min)),
    ("max", Function::Two(max)),
];

/// A function by how many arguments it takes.
#[derive(Debug, Clone, Copy)]
pub enum Function {
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
}

/// How one is written, and what it does with what stands around it.
type Operator = (&'static str, fn(f64, f64) -> f64);

/// Parentheses, signs and powers inside each other.
const MAX_DEPTH: usize = 100;

/// What computes a value.
pub(super) enum Node {
    Number(f64),
    /// Of t, T and z.
    Variable(usize),
    One(fn(f64) -> f64, Box<Node>),
    Two(fn(f64, f64) -> f64, Box<[Node; 2]>),
}

impl Node {
    pub(super) fn value(&self, variables: &[f64; 3]) -> f64 {
        match self {
            Self::Number(value) => *value,
            Self::Variable(index) => variables[*index],
            Self::One(function, inner) => function(inner.value(variables)),
            Self::Two(function, both) => function(both[0].value(variables), both[1].value(variables)),
        }
    }

    fn two(function: fn(f64, f64) -> f64, left: Self, right: Self) -> Self {
        Self::Two(function, Box::new([left, right]))
    }
}

pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let node = reader.comparison()?;
    match reader.rest() {
        "" => Ok(node),
        _ => Err(reader.expected("an operator")),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    /// What is left, without blanks in front.
    fn rest(&mut self) -> &str {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        &self.text[self.at..]
    }

    /// Takes the first of these operators that stands here, longer ones before what they begin with.
    fn take<T: Copy>(&mut self, operators: &[(&str, T)]) -> Option<T> {
        let rest = self.rest();
        let (operator, meaning) = *operators.iter().find(|(operator, _)| rest.starts_with(operator))?;
        self.at += operator.len();
        Some(meaning)
    }

    fn expected(&mut self, what: &str) -> String {
        let found = match self.rest().chars().next() {
            Some(found) => format!("`{}`", found.escape_debug()),
            None => "nothing".to_owned(),
        };
        let place = self.text[..self.at].chars().count() + 1;
        format!("{what} should stand at character {place}, where {found} is")
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} parts are inside each other"));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn comparison(&mut self) -> Result<Node, String> {
        let left = self.sum()?;
        let operators: [Operator; 4] = [
            ("<=", |a, b| f64::from(a <= b)),
            (">=", |a, b| f64::from(a >= b)),
            ("<", |a, b| f64::from(a < b)),
            (">", |a, b| f64::from(a > b)),
        ];
        match self.take(&operators) {
            Some(operator) => Ok(Node::two(operator, left, self.sum()?)),
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Result<Node, String> {
        let mut left = self.product()?;
        let operators: [Operator; 2] = [("+", |a, b| a + b), ("-", |a, b| a - b)];
        while let Some(operator) = self.take(&operators) {
            left = Node::two(operator, left, self.product()?);
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Node, String> {
        let mut left = self.signed()?;
        let operators: [Operator; 2] = [("*", |a, b| a * b), ("/", |a, b| a / b)];
        while let Some(operator) = self.take(&operators) {
            left = Node::two(operator, left, self.signed()?);
        }
        Ok(left)
    }

    /// A sign binds less than a power: `-z^2` is −(z²).
    fn signed(&mut self) -> Result<Node, String> {
        match self.take(&[("-", true), ("+", false)]) {
            Some(minus) => {
                let inner = self.deeper(Self::signed)?;
                Ok(if minus { Node::One(|value| -value, Box::new(inner)) } else { inner })
            }
            None => self.power(),
        }
    }

    /// From the right: `2^3^2` is 2^(3²).
    fn power(&mut self) -> Result<Node, String> {
        let base = self.atom()?;
        match self.take(&[("**", ()), ("^", ())]) {
            Some(()) => Ok(Node::two(f64::powf, base, self.deeper(Self::signed)?)),
            None => Ok(base),
        }
    }

    fn atom(&mut self) -> Result<Node, String> {
        match self.rest().chars().next() {
            Some('(') => {
                self.at += 1;
                let [inner] = self.arguments()?;
                Ok(inner)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => self.named(),
            _ => Err(self.expected("a number, a name or `(`")),
        }
    }

    fn number(&mut self) -> Result<Node, String> {
        let rest = self.rest();
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut end = digits(rest);
        if rest[end..].starts_with('.') {
            end += 1 + digits(&rest[end + 1..]);
        }
        // `2e` is no number, and no product either.
        if let Some(exponent) = rest[end..].strip_prefix(['e', 'E']) {
            let sign = usize::from(exponent.starts_with(['+', '-']));
            end += 1 + sign + digits(&exponent[sign..]);
        }
        let Ok(value) = rest[..end].parse() else { return Err(self.expected("a number")) };
        self.at += end;
        Ok(Node::Number(value))
    }

    fn named(&mut self) -> Result<Node, String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        let known = match name.as_str() {
            "t" => Node::Variable(0),
            "T" => Node::Variable(1),
            "z" => Node::Variable(2),
            "pi" | "PI" | "π" => Node::Number(std::f64::consts::PI),
            "e" | "E" => Node::Number(std::f64::consts::E),
            _ => {
                let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
                    return Err(format!("`{}` means nothing here", name.escape_debug()));
                };
                self.at += end;
                if self.take(&[("(", ())]).is_none() {
                    return Err(self.expected(&format!("`(` after `{name}`")));
                }
                return match function {
                    Function::One(function) => {
                        let [inner] = self.arguments()?;
                        Ok(Node::One(*function, Box::new(inner)))
                    }
                    Function::Two(function) => Ok(Node::Two(*function, Box::new(self.arguments()?))),
                };
            }
        };
        self.at += end;
        Ok(known)
    }

    /// So many values with commas between, up to the closing parenthesis.
    fn arguments<const N: usize>(&mut self) -> Result<[Node; N], String> {
        let mut all = Vec::with_capacity(N);
        while all.len() < N {
            all.push(self.deeper(Self::comparison)?);
            let end = if all.len() < N { "," } else { ")" };
            if self.take(&[(end, ())]).is_none() {
                return Err(self.expected(&format!("`{end}`")));
            }
        }
        <[Node; N]>::try_from(all).map_err(|_| "it has too few arguments".to_owned())
    }
}

/// What is not a number stays so, where `f64::min` would hide it.
fn min(a: f64, b: f64) -> f64 {
    if a.is_nan() {
        a
    } else if b < a || b.is_nan() {
        b
    } else {
        a
    }
}

fn max(a: f64, b: f64) -> f64 {
    -min(-a, -b)
}

fn sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}
