package fold

import (
	"testing"
	"unicode"

	"golang.org/x/text/cases"
	"pgregory.net/rapid"
)

func TestEqual(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"Alice@Example.com", "alice@example.COM", true},
		{"Ａlice@example.com", "alice@example.com", true}, // full width
		{"STRASSE", "straße", true},
		{"Ångström", "ångström", true},
		{"Platform Engineers", "platform  engineers", false},
		{"alice", "аlice", false}, // Cyrillic a is another letter
		{"", "", true},
		{"a\x00b", "A\x00B", true},
	} {
		if got := Equal(tc.a, tc.b); got != tc.want {
			t.Errorf("Equal(%q, %q) = %v, want %v (%q, %q)", tc.a, tc.b, got, tc.want, String(tc.a), String(tc.b))
		}
	}
}

func TestStringIsIdempotentAndIgnoresCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		once := String(s)
		if twice := String(once); twice != once {
			t.Fatalf("String(%q) = %q, again %q", s, once, twice)
		}
		if folded := cases.Fold().String(s); !Equal(s, folded) {
			t.Fatalf("%q is not equal to its case folding %q", s, folded)
		}
	})
}

// Every letter that has a case, in each script.
func TestLettersFoldToOne(t *testing.T) {
	for _, letters := range unicode.CaseRanges {
		for r := rune(letters.Lo); r <= rune(letters.Hi); r++ {
			once := String(string(r))
			if twice := String(once); twice != once {
				t.Errorf("String(%q) = %q, again %q", r, once, twice)
			}
			if other := String(string(unicode.SimpleFold(r))); other != once {
				t.Errorf("%q and %q fold to %q and %q", r, unicode.SimpleFold(r), once, other)
			}
		}
	}
}

func FuzzString(f *testing.F) {
	f.Add("Ａlice@Example.com")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, s string) {
		once := String(s)
		if twice := String(once); twice != once {
			t.Fatalf("String(%q) = %q, again %q", s, once, twice)
		}
	})
}
