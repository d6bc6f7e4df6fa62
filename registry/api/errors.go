package api

import (
	"fmt"
	"slices"
)

// A Code is the error_code of the protocol. It is an error itself, so that
// errors.Is(err, api.SubjectNotFound) asks for it. Codes are for ever.
type Code int

// The codes that this server answers and this client understands.
const (
	SubjectNotFound       Code = 40401
	VersionNotFound       Code = 40402
	SchemaNotFound        Code = 40403
	SubjectSoftDeleted    Code = 40404
	SubjectNotDeleted     Code = 40405
	VersionSoftDeleted    Code = 40406
	VersionNotDeleted     Code = 40407
	SubjectLevelNotSet    Code = 40408
	SubjectModeNotSet     Code = 40409
	IncompatibleSchema    Code = 40901
	InvalidSchema         Code = 42201
	InvalidVersion        Code = 42202
	InvalidCompatibility  Code = 42203
	InvalidMode           Code = 42204
	OperationNotPermitted Code = 42205
	ReferenceExists       Code = 42206
	InvalidSubject        Code = 42208
	SchemaTooLarge        Code = 42209
	InvalidRuleSet        Code = 42210
	ContextNotEmpty       Code = 42211
	StoreFailure          Code = 50001
	OperationTimedOut     Code = 50002
	ForwardFailed         Code = 50003
	NoLeader              Code = 50004
	BadRequest            Code = 400
	Unauthorized          Code = 401
	Forbidden             Code = 403
	NotFound              Code = 404
	MethodNotAllowed      Code = 405
	NotAcceptable         Code = 406
	BodyTooLarge          Code = 413
	UnsupportedMediaType  Code = 415
	UnprocessableEntity   Code = 422
	TooManyRequests       Code = 429
	InternalError         Code = 500
	Unavailable           Code = 503
	incompatibleBefore8   Code = 409 // what 7.x servers answer for IncompatibleSchema
)

// A Row is one line of the table of errors.
type Row struct {
	Code   Code
	Format string // of the message, for fmt.Sprintf; clients match on some of them
	Doc    string // when it is answered, and what to do about it
}

// Table returns every error of the protocol in the order of codes. Answers,
// errors.Is and the reference page all follow from it.
func Table() []Row { return slices.Clone(table[:]) }

// Message texts are facts of the protocol, slips of the pen included.
var table = [...]Row{
	{BadRequest, "%s", "The request body is not JSON of the expected shape."},
	{Unauthorized, "Unauthorized", "The server wants credentials."},
	{Forbidden, "%s", "The credentials do not allow this."},
	{NotFound, "HTTP 404 Not Found", "There is no such path, or a number in it is none."},
	{MethodNotAllowed, "HTTP 405 Method Not Allowed", "The path exists, but not for this method."},
	{NotAcceptable, "HTTP 406 Not Acceptable", "The Accept header allows no form that the server has."},
	{BodyTooLarge, "HTTP 413 Request Entity Too Large: the limit is %d bytes", "The body, unpacked, is over the limit of the server."},
	{UnsupportedMediaType, "HTTP 415 Unsupported Media Type", "The Content-Type or Content-Encoding is not one of the protocol."},
	{UnprocessableEntity, "%s", "The request has no body where one is needed."},
	{TooManyRequests, "%s", "The client asks more often than it may; the header Retry-After says when to ask again."},
	{InternalError, "%s", "The server failed; its log says why."},
	{Unavailable, "%s", "The server is shutting down; ask again."},
	{SubjectNotFound, "Subject '%s' not found.", "No version of the subject exists, or all are soft-deleted."},
	{VersionNotFound, "Version %d not found.", "The subject has no such version; latest prints as -1."},
	{SchemaNotFound, "Schema%s not found", "No schema has this id, or the subject does not hold this text."},
	{SubjectSoftDeleted, "Subject '%s' was soft deleted.Set permanent=true to delete permanently", "All versions are soft-deleted already."},
	{SubjectNotDeleted, "Subject '%s' was not deleted first before being permanently deleted", "Delete softly first."},
	{VersionSoftDeleted, "Subject '%s' Version %d was soft deleted.Set permanent=true to delete permanently", "The version is soft-deleted already."},
	{VersionNotDeleted, "Subject '%s' Version %d was not deleted first before being permanently deleted", "Delete softly first."},
	{SubjectLevelNotSet, "Subject '%s' does not have subject-level compatibility configured", "Ask with defaultToGlobal=true for the level in effect."},
	{SubjectModeNotSet, "Subject '%s' does not have subject-level mode configured", "Ask with defaultToGlobal=true for the mode in effect."},
	{IncompatibleSchema, "Schema being registered is incompatible with an earlier schema for subject \"%s\", details: [%s]", "The compatibility level of the subject forbids the change."},
	{InvalidSchema, "%s", "The text does not parse, or a reference leads nowhere."},
	{InvalidVersion, "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", "The version in the path is neither."},
	{InvalidCompatibility, "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive", "The level is none of these."},
	{InvalidMode, "Invalid mode. Valid values are READWRITE, READONLY, IMPORT and FORWARD.", "The mode is none of these."},
	{OperationNotPermitted, "%s", "The mode of the subject or of the server forbids it."},
	{ReferenceExists, "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=%s,version=%d}.", "Delete the schemas that refer to it first."},
	{InvalidSubject, "The specified subject '%s' is not a valid.", "The name holds a control character, is reserved, or has more than 2048 bytes with its context."},
	{SchemaTooLarge, "Register operation failed because schema is too large", "The text is over the limit of the server, or of the Kafka topic that keeps it."},
	{InvalidRuleSet, "%s", "The rule set breaks the rules for rules."},
	{ContextNotEmpty, "The specified context '%s' is not empty.", "Delete its subjects for good first."},
	{StoreFailure, "%s", "The log could not be written; nothing was stored, or the answer was lost. Asking again is safe."},
	{OperationTimedOut, "%s", "The log did not answer in time. Asking again is safe."},
	{ForwardFailed, "Error while forwarding %s request to the leader", "The server that may write could not be reached. Asking again is safe."},
	{NoLeader, "Leader not known.", "No server may write right now; one will within seconds."},
}

// An Error is what the server answers when it does not do what was asked.
type Error struct {
	Code    Code   `json:"error_code"`
	Message string `json:"message"`
	// Err is the cause on this side of the wire, or nil.
	Err error `json:"-"`
}

// Error returns the message with its code, in the form that clients print.
func (e *Error) Error() string { return fmt.Sprintf("%s; error code: %d", e.Message, int(e.Code)) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the code of e, or an Error with that code. Code
// 409, with which older servers refuse an incompatible schema, is
// [IncompatibleSchema].
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case Code:
		return e.Code.canonical() == t.canonical()
	case *Error:
		return e.Code.canonical() == t.Code.canonical()
	}
	return false
}

// With returns the error with this code; args fill the message of its row.
func (c Code) With(args ...any) *Error {
	row, ok := c.row()
	if !ok {
		return &Error{Code: c, Message: fmt.Sprint(args...)}
	}
	return &Error{Code: c, Message: fmt.Sprintf(row.Format, args...)}
}

// Because is With and a cause that errors.Is and errors.As find.
func (c Code) Because(cause error, args ...any) *Error {
	e := c.With(args...)
	e.Err = cause
	return e
}

// Error makes a code usable as the target of errors.Is.
func (c Code) Error() string { return fmt.Sprintf("registry error code %d", int(c)) }

// Status returns the HTTP status that goes with the code: its first three
// digits.
func (c Code) Status() int {
	for c > 999 {
		c /= 10
	}
	if c < 100 {
		return int(InternalError)
	}
	return int(c)
}

func (c Code) canonical() Code {
	if c == incompatibleBefore8 {
		return IncompatibleSchema
	}
	return c
}

func (c Code) row() (Row, bool) {
	i := slices.IndexFunc(table[:], func(r Row) bool { return r.Code == c })
	if i < 0 {
		return Row{}, false
	}
	return table[i], true
}
