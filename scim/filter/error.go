package filter

import "fmt"

// The limits on what is parsed.
const (
	// MaxLength of a filter or path, in bytes.
	MaxLength = 8 << 10
	// MaxDepth of parentheses, brackets and nots in each other.
	MaxDepth = 32
)

// Error is a filter or path that can't be understood, or that makes no sense for
// the resource type.
type Error struct {
	// Offset is where in the text, in bytes from 0; -1 from Bind and BindValue,
	// which don't know the text.
	Offset int
	// Msg says what is wrong; it is for the client.
	Msg string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Offset < 0 {
		return "filter: " + e.Msg
	}
	return fmt.Sprintf("filter: at character %d: %s", e.Offset+1, e.Msg)
}

func typeError(format string, args ...any) *Error {
	return &Error{Offset: -1, Msg: fmt.Sprintf(format, args...)}
}
