// Package certlogic evaluates the business rules of the EU DCC: CertLogic 1.3.3, a subset of JsonLogic. A rule is
// compiled once and then evaluated over the CBOR payload of a pass without an allocation.
//
// BR is the specification, certlogic/specification/README.md of eu-dcc-business-rules.
//
//	parse.go      JSON -> expression, or an Error that names the place       BR "Format"
//	compile.go    expressions -> the nodes of a Set; what is equal is shared
//	path.go       the data that the rules of a set read, as one tree
//	data.go       what a rule may read: payload.*, external.*
//	payload.go    one walk over the payload fills what the tree names
//	eval.go       the operators                                              BR "Operations"
//	reduce.go     the operator with a lambda
//	value.go      null, boolean, integer, text, date-time, array, object     BR "Truthy/Falsy"
//	datetime.go   date-times and their arithmetic                            BR "Dates and date-times"
//	uvci.go       fragments of a UVCI                                        BR "extractFromUVCI"
//	fault.go      why a rule could not be evaluated
//
// # Outcome
//
// A rule passes if it gives the boolean true and fails if it gives false. Everything else leaves it open: an operand
// of the wrong type, a date that is none, a malformed payload, a limit, and also a result that is no boolean, which is
// an exception in the engine of the EU's own apps, and open there.
//
// # Where implementations differ
//
// certlogic-js and certlogic-kotlin do not agree everywhere, and the specification leaves some to them. Here:
//
//   - plusTime with months and years overflows, as the specification says: 31 January plus a month is 3 March.
//     The arithmetic is done in UTC; no time zone of the process has a part in it.
//   - A date that the calendar does not have (30 February, 24:00) is a fault, and so is a result more than 8.64e15
//     milliseconds away from 1970; certlogic-js would go on with a neighbouring date or with none.
//   - A fragment of a path that is a number indexes arrays and nothing else; any other names members of objects and
//     nothing else. What is not there is null.
//   - A number that is no integer is neither truthy nor falsy. A floating-point number that is whole is an integer.
//   - Arrays, objects and date-times have no equality: === of two of the same kind is a fault, and so is one of them as
//     first operand of in.
//   - null may not be written in a rule.
//
// # Payload
//
// The payload should have passed cbor.Checker.Check. One that has not never makes a panic: what is malformed where a
// rule reads leaves every rule open, and so does a key that is there twice. White space around texts is not part of
// them, tags are ignored, null and undefined are null, keys that are no text are not seen. Byte strings, other simple
// values and integers beyond 64 bits are values that no operator takes.
package certlogic
