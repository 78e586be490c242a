package filter

import (
	"encoding/json"
	"fmt"
	"strings"
)

type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a name, an operator, a keyword or a literal without quotes
	tokenString           // a JSON string
	tokenPunct            // one of ( ) [ ]
)

// token is a piece of the input.
type token struct {
	kind tokenKind
	// text is the input's for words and punctuation, the value for strings.
	text   string
	offset int
	// glued says that no space was in front of it.
	glued bool
}

func (t token) is(punct string) bool { return t.kind == tokenPunct && t.text == punct }

// keyword says whether the token is that word, in any case.
func (t token) keyword(word string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, word)
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenString:
		return "the string " + literal(t.text)
	default:
		return fmt.Sprintf("%q", t.text)
	}
}

// next reads the token at offset i of s and returns it and the offset behind it.
func next(s string, i int) (token, int, error) {
	start := i
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	t := token{offset: i, glued: i == start}
	if i == len(s) {
		return t, i, nil
	}
	switch s[i] {
	case '(', ')', '[', ']':
		t.kind, t.text = tokenPunct, s[i:i+1]
		return t, i + 1, nil
	case '"':
		return quoted(s, t)
	}
	end := i
	for end < len(s) && !isSpace(s[end]) && !strings.ContainsRune(`()[]"`, rune(s[end])) {
		end++
	}
	t.kind, t.text = tokenWord, s[i:end]
	return t, end, nil
}

func quoted(s string, t token) (token, int, error) {
	for i := t.offset + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			t.kind = tokenString
			if err := json.Unmarshal([]byte(s[t.offset:i+1]), &t.text); err != nil {
				return t, i, &Error{Offset: t.offset, Msg: `the string is no JSON string: write \\ for a backslash and \" for a quote`}
			}
			return t, i + 1, nil
		}
	}
	return t, len(s), &Error{Offset: t.offset, Msg: `the string has no closing quote`}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
