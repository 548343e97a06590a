package certlogic

// Limits of ours for one rule. Of 392 real rules the largest has 7 kB, 400 expressions, 9 in each other, one lambda.
const (
	// MaxLogic bounds a rule's logic, in bytes.
	MaxLogic = 64 << 10
	// MaxExpressions bounds the expressions in a rule, literals included.
	MaxExpressions = 4096
	// MaxDepth bounds how deep expressions may nest.
	MaxDepth = 64
	// MaxLambdas bounds how deep lambdas may nest.
	MaxLambdas = 4
	// MaxFragments bounds the fragments of a path. A payload does not nest that deep (cbor.MaxDepth).
	MaxFragments = 24
)

// Limits of ours for a set, which is what a Machine has memory for.
const (
	// MaxNodes bounds the distinct expressions of a set.
	MaxNodes = 8 << 10
	// MaxResults bounds the distinct expressions of a set whose result is no boolean.
	MaxResults = 1 << 10
	// MaxPaths bounds the distinct data paths of a set, with the paths to them.
	MaxPaths = 512
)

// Limits of ours for one evaluation.
const (
	// MaxSteps bounds the expressions evaluated and elements visited by one reduce, with those inside it.
	MaxSteps = 4096
	// MaxItems bounds the elements of the arrays made during the evaluation of a rule.
	MaxItems = 512
)
