package proof

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestMarks(t *testing.T) {
	for _, tc := range []struct {
		name  string
		marks []string
		plain string
	}{
		{"fact 7: a title", []string{"fact 7"}, "a title"},
		{"a title (fact 40a)", []string{"fact 40a"}, "a title"},
		{"facts 8, 10 and 12: a title", []string{"fact 8", "fact 10", "fact 12"}, "a title"},
		{"facts 56-58, 60: a title", []string{"fact 56", "fact 57", "fact 58", "fact 60"}, "a title"},
		{"fact 6, RFC 7643 2.1, 2.5: a title (RFC 9110 15.5.6)", []string{"fact 6", "RFC 7643 2.1", "RFC 7643 2.5"}, "a title (RFC 9110 15.5.6)"},
		{"a title (RFC 7644 3.2, RFC 9110 15.5.6)", []string{"RFC 7644 3.2"}, "a title (RFC 9110 15.5.6)"},
		{"facts 1, 2: a title, …", []string{"fact 1", "fact 2"}, "a title"},
		{"fact 37", []string{"fact 37"}, ""},
		{"fact 37: … …", []string{"fact 37"}, ""},
		{"the order of the facts, and 7 artefacts 8", nil, "the order of the facts, and 7 artefacts 8"},
	} {
		marks, err := Marks(tc.name)
		if err != nil || !slices.Equal(marks, tc.marks) {
			t.Errorf("%q: %q, %v, want %q", tc.name, marks, err, tc.marks)
		}
		if got := plain(tc.name); got != tc.plain {
			t.Errorf("%q is plainly %q, want %q", tc.name, got, tc.plain)
		}
	}
	for _, name := range []string{"RFC 7644 section 3.4", "rfc7643 4", "RFC 7644 table 3", "facts 9-7", "facts 40a-40c", "fact 40 (a)", "facts 57(c)"} {
		if marks, err := Marks(name); err == nil {
			t.Errorf("%q: %q, want an error", name, marks)
		}
	}
}

// tree writes files below a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFind(t *testing.T) {
	const head = "package a\n\nimport \"testing\"\n\n"
	for _, tc := range []struct {
		name, source string
		want         []string
	}{
		{"a literal", `func TestA(t *testing.T) { t.Run("fact 1: x", nil) }`, []string{"TestA: x [fact 1]"}},
		{"a literal that is put together", `func TestA(t *testing.T) { t.Run("fact "+"1: x "+v+fmt.Sprintf(" %d", 1), nil) }`, []string{"TestA: x … %d [fact 1]"}},
		{"a table of structs", `func TestA(t *testing.T) {
			for _, tc := range []struct{ in, name string }{{"fact 9", "fact 1: x"}, {name: "fact 2: y", in: "fact 8"}} { t.Run(tc.name, nil) }
		}`, []string{"TestA: x [fact 1]", "TestA: y [fact 2]"}},
		{"a table in a variable, of a named type", `type row struct{ name string }
			var table = []*row{{"fact 1: x"}, &row{name: "fact 2: y"}}
			func TestA(t *testing.T) { for _, tc := range slices.Concat(table) { t.Run("more "+tc.name, nil) } }`,
			[]string{"TestA: more : x [fact 1]", "TestA: more : y [fact 2]"}},
		{"a map", `func TestA(t *testing.T) { for name, v := range map[string]string{"fact 1: x": "fact 9"} { t.Run(name, nil) } }`, []string{"TestA: x [fact 1]"}},
		{"a list of names", `func TestA(t *testing.T) { for _, name := range []string{"fact 1: x", "fact 2: y"} { t.Run(name, nil) } }`,
			[]string{"TestA: x [fact 1]", "TestA: y [fact 2]"}},
		{"a function that passes the name on", `func TestA(t *testing.T) {
			law := func(n int, name string) { t.Run(name, nil) }
			law(1, "fact 1: x")
			check(t, "fact 2: y")
		}
		func check(t *testing.T, name string) { t.Run(name, nil) }`, []string{"TestA: x [fact 1]", "check: y [fact 2]"}},
		{"specs", `var _ = Describe("Groups", func() {
			Context("at once", func() { It("fact 1: x", func() { By("fact 9: step") }) })
			DescribeTable("rows", func() {}, Entry("fact 2: y", 1))
		})`, []string{"Groups at once: x [fact 1]", "Groups rows: y [fact 2]"}},
		{"neither comments, messages, nor tables that name no test", `// fact 9
			func TestA(t *testing.T) {
				for _, tc := range []struct{ name string }{{"fact 9: x"}} { t.Errorf("fact 9: %s", tc.name) }
				t.Log("fact 9")
				b.Run("fact 9", nil)
			}`, nil},
		{"a table of the same name elsewhere", `func TestA(t *testing.T) {
				table := []struct{ name string }{{"fact 1: x"}}
				for _, tc := range table { t.Run(tc.name, nil) }
			}
			func TestB(t *testing.T) {
				table := []struct{ name string }{{"fact 2: y"}}
				for _, tc := range table { t.Run(tc.name, nil) }
			}`, []string{"TestA: x [fact 1]", "TestB: y [fact 2]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tests, err := Find(tree(t, map[string]string{"a/a_test.go": head + tc.source}))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, found := range tests {
				if found.File != "a/a_test.go" {
					t.Errorf("file %q", found.File)
				}
				got = append(got, found.Group+": "+found.Name+" ["+strings.Join(found.Marks, ", ")+"]")
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestWhereTestsAre(t *testing.T) {
	const test = `func TestA(t *testing.T) { t.Run("fact 1: x", nil) }`
	root := tree(t, map[string]string{
		"a/a_test.go":              "//go:build integration\n\npackage a\n\n" + test,
		"b/suite.go":               "package b\n\nimport \"testing\"\n\n" + test,
		"c/c.go":                   "package c\n\n" + test,
		"d/testdata/d_test.go":     "package d\n\n" + test,
		".e/e_test.go":             "package e\n\n" + test,
		"f/go.mod":                 "module f",
		"f/f_test.go":              "package f\n\n" + test,
		Scripts + "/traffic.scim":  "### create a user (facts 4, 36)\n\nPOST /Users\n\n### fact\n",
		Scripts + "/ignored.jsonl": "### fact 9\n",
	})
	got, err := Find(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []Test{
		{File: "a/a_test.go", Group: "TestA", Name: "x", Marks: []string{"fact 1"}},
		{File: "b/suite.go", Group: "TestA", Name: "x", Marks: []string{"fact 1"}},
		{File: Scripts + "/traffic.scim", Name: "create a user", Marks: []string{"fact 4", "fact 36"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestWhatProvesNothing(t *testing.T) {
	for _, tc := range []struct{ name, file, source, message string }{
		{"a test that may be skipped", "a_test.go", "package a\nfunc TestA(t *testing.T) { t.Skip(); t.Run(\"fact 1\", nil) }", "may be skipped"},
		{"a pending spec", "a_test.go", "package a\nvar _ = Describe(\"x\", func() { It(\"fact 1\", nil); PIt(\"y\", nil) })", "may be skipped"},
		{"a spec that stands alone", "a_test.go", "package a\nvar _ = Describe(\"x\", func() { It(\"fact 1\", nil); FIt(\"y\", nil) })", "may be skipped"},
		{"another build tag", "a_test.go", "//go:build never\n\npackage a\n\nfunc TestA(t *testing.T) { t.Run(\"fact 1\", nil) }", "doesn't build"},
		{"another system", "a_windows_test.go", "package a\nfunc TestA(t *testing.T) { t.Run(\"fact 1\", nil) }", "doesn't build"},
		{"another spelling", "a_test.go", "package a\nfunc TestA(t *testing.T) { t.Run(\"RFC 7644 section 3\", nil) }", "as in RFC 7644 3.4.2.2"},
		{"no Go", "a_test.go", "package a\nfunc {", "parse"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Find(tree(t, map[string]string{tc.file: tc.source})); err == nil || !strings.Contains(err.Error(), tc.message) {
				t.Errorf("error %v, want %q in it", err, tc.message)
			}
		})
	}
}
