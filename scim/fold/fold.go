// Package fold compares names the way SCIM's caseExact=false asks for: without
// case and without width, after Unicode normalization (RFC 7643 section 2.2,
// RFC 8265).
package fold

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// profile folds width and case and normalizes, and leaves spaces and symbols
// alone: group names and quoted e-mail local parts have them.
var profile = precis.NewFreeform(
	precis.FoldWidth,
	precis.FoldCase(),
	precis.Norm(norm.NFC),
)

// String returns the form of s that equals that of every string differing from
// it in case and width alone. It is idempotent. A string that the PRECIS
// Freeform class forbids, such as one with control characters, is folded by the
// same rules without the check: comparing must not fail.
func String(s string) string {
	if isPlainASCII(s) {
		return lowerASCII(s)
	}
	folded, err := profile.String(s)
	if err != nil {
		folded = norm.NFC.String(cases.Fold().String(width.Fold.String(s)))
	}
	return strings.Map(cherokee, folded)
}

// cherokee makes Cherokee letters capitals, which is what Unicode folds them to.
// The folding above exchanges the two.
func cherokee(r rune) rune {
	switch {
	case 0xab70 <= r && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case 0x13f8 <= r && r <= 0x13fd:
		return r - 0x13f8 + 0x13f0
	}
	return r
}

// Equal says whether a and b differ in case and width alone.
func Equal(a, b string) bool {
	return a == b || String(a) == String(b)
}

func isPlainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != ""
}

func lowerASCII(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if c := b[i]; 'A' <= c && c <= 'Z' {
					b[i] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
