package scim

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Type is the scimType of an error (RFC 7644 section 3.12, table 9; RFC 9865
// section 2.1).
type Type string

// The error types of RFC 7644 and, for cursors, of RFC 9865.
const (
	InvalidFilter Type = "invalidFilter"
	TooMany       Type = "tooMany"
	Uniqueness    Type = "uniqueness"
	Mutability    Type = "mutability"
	InvalidSyntax Type = "invalidSyntax"
	InvalidPath   Type = "invalidPath"
	NoTarget      Type = "noTarget"
	InvalidValue  Type = "invalidValue"
	InvalidVers   Type = "invalidVers"
	Sensitive     Type = "sensitive"
	InvalidCursor Type = "invalidCursor"
	ExpiredCursor Type = "expiredCursor"
	InvalidCount  Type = "invalidCount"
)

// Error is an error that a SCIM client is told of. Detail says what was wrong
// and what to do; it is shown to the client as it is, so it never carries a
// secret or another tenant's data.
type Error struct {
	// Status is the HTTP status code.
	Status int
	// Type is the scimType; empty where the RFC names none.
	Type Type
	// Detail is for people.
	Detail string
	// RetryAfter is sent as a Retry-After header, rounded up to whole seconds,
	// when it is positive.
	RetryAfter time.Duration
	// Err is the cause, for the log alone.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	msg := fmt.Sprintf("scim: %d", e.Status)
	if e.Type != "" {
		msg += " " + string(e.Type)
	}
	if e.Detail != "" {
		msg += ": " + e.Detail
	}
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns the *Error in err's chain, or nil.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return nil
}

// BadRequest is a 400 of the given type.
func BadRequest(t Type, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: t, Detail: fmt.Sprintf(format, args...)}
}

// NotFound is the 404 for a resource that this client can't see, whatever the
// reason.
func NotFound(resourceType, id string) *Error {
	return &Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("%s %q not found", resourceType, id)}
}

// Conflict is the 409 for a value that must be unique and is taken.
func Conflict(format string, args ...any) *Error {
	return &Error{Status: http.StatusConflict, Type: Uniqueness, Detail: fmt.Sprintf(format, args...)}
}

// VersionMismatch is the 412 for a resource that has another version than the
// client asked for (RFC 7644 section 3.14).
func VersionMismatch(resourceType, id string) *Error {
	return &Error{
		Status: http.StatusPreconditionFailed,
		Detail: fmt.Sprintf("%s %q is at another version than the request asks for (If-Match, If-None-Match, or version in a bulk): read it again", resourceType, id),
	}
}

// Unavailable is a 503: nothing is known to have been done, try again later.
func Unavailable(retryAfter time.Duration, cause error) *Error {
	return &Error{
		Status:     http.StatusServiceUnavailable,
		Detail:     "the cluster can't be reached or is busy: try again later",
		RetryAfter: retryAfter,
		Err:        cause,
	}
}
