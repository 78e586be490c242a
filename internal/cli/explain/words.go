package explain

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// SourceWords names an edge, and who made it.
func SourceWords(s v1alpha1.RoleSource) string {
	if s.Kind == v1alpha1.SourceIdentityProvider {
		return fmt.Sprintf("identity provider %q", s.Name)
	}
	words := fmt.Sprintf("RoleAttachment %q", s.Name)
	if s.Author != "" {
		words += " by " + s.Author
	}
	return words
}

// HeldWords is SourceWords with the end of the edge, if it has one.
func HeldWords(s v1alpha1.RoleSource) string {
	words := SourceWords(s)
	if s.ExpiresAt != nil {
		words += ", until " + s.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return words
}

// WithheldWords says why an edge does not count.
func WithheldWords(s v1alpha1.WithheldSource) string {
	return SourceWords(s.RoleSource) + ": " + s.Message
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(r)) + s[size:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
