package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible shows what would act on a terminal, or reorder what stands beside it,
// instead of letting it: names come from directories and from whoever writes
// objects, and one of them must neither move the cursor nor make up a line.
func visible(s string) string {
	return escape(s, func(r rune) bool { return unicode.IsControl(r) || directs(r) })
}

// directs says whether a character changes the direction of the text around it.
func directs(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }

func escape(s string, acts func(rune) bool) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return acts(r) || r == utf8.RuneError }) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // A byte that is no UTF-8 comes out as U+FFFD.
		if acts(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// guarded lets no control character through but line feed and tab: everything that
// the plugin prints passes one, also what a server or an endpoint answered. What it
// writes instead is the same string in JSON.
type guarded struct{ io.Writer }

func (g guarded) Write(p []byte) (int, error) {
	clean := escape(string(p), func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
	if _, err := io.WriteString(g.Writer, clean); err != nil {
		return 0, err
	}
	return len(p), nil
}

// lines collects text; what is written to it can't fail before it is printed.
type lines struct{ strings.Builder }

// addf adds one line: what the arguments hold can't begin another.
func (l *lines) addf(format string, args ...any) {
	fmt.Fprintln(l, visible(fmt.Sprintf(format, args...)))
}

// paragraphf adds an empty line before.
func (l *lines) paragraphf(format string, args ...any) {
	fmt.Fprintln(l)
	l.addf(format, args...)
}
