package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/hack/conformance/proof"
)

const facts = `# Facts

## One

1. **Names** go over
   two lines.
2. **Paths**: (a) first; (b) second (c) third.

Not a fact.

## Two

3. Last.
`

func TestReadFacts(t *testing.T) {
	got, err := readFacts(facts)
	if err != nil {
		t.Fatal(err)
	}
	want := []requirement{
		{id: "fact 1", text: "Names go over two lines."},
		{id: "fact 2", text: "Paths", whole: true},
		{id: "fact 2a", text: "first"}, {id: "fact 2b", text: "second"}, {id: "fact 2c", text: "third."},
		{id: "fact 3", text: "Last."},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i].id != want[i].id || got[i].text != want[i].text || got[i].whole != want[i].whole {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	for _, page := range []string{"", "2. Second without a first.\n", "1. One.\n\n3. Three.\n"} {
		if _, err := readFacts(page); err == nil {
			t.Errorf("%q is no page of facts", page)
		}
	}
}

func TestAssign(t *testing.T) {
	requirements := []requirement{
		{id: "RFC 7644 3.4", title: "Retrieving"}, {id: "RFC 7644 3.5", title: "Modifying"}, {id: "RFC 7644 3.11", title: "Me", none: true},
		{id: "fact 2", text: "Paths", whole: true}, {id: "fact 2a", text: "first"},
	}
	tests := []proof.Test{
		{File: "a_test.go", Name: "x", Marks: []string{"RFC 7644 3.4", "RFC 7644 3.4.2.2"}},
		{File: "a_test.go", Name: "y", Marks: []string{"fact 7", "RFC 7644 2.1"}},
	}
	got := strings.Join(assign(requirements, tests), "\n")
	want := `a_test.go: "y" names fact 7, which is not in the list
a_test.go: "y" names RFC 7644 2.1, which is not in the list
no test proves RFC 7644 3.5: Modifying
no test proves fact 2a: first`
	if got != want {
		t.Errorf("problems\n%s\nwant\n%s", got, want)
	}
	if len(requirements[0].tests) != 1 {
		t.Errorf("tests %+v: want one, although it names two sections of this one", requirements[0].tests)
	}
}

func TestRun(t *testing.T) {
	root := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rfc := []requirement{{id: "RFC 7644 3.4", title: "Retrieving", text: "All | of it."}, {id: "RFC 7644 3.11", title: `"/Me"`, text: "No.", none: true}}
	expect := func(check bool, message string) {
		t.Helper()
		err := run(root, check, append([]requirement(nil), rfc...))
		if message == "" && err != nil || message != "" && (err == nil || !strings.Contains(err.Error(), message)) {
			t.Fatalf("error %v, want %q", err, message)
		}
	}
	expect(false, "read the facts")
	write(factsPage, "1. **One**.\n")
	expect(false, "no test proves RFC 7644 3.4: Retrieving\nno test proves fact 1: One.")
	write("a/a_test.go", "package a\nfunc TestA(t *testing.T) {\n\tt.Run(\"fact 1: x\", nil)\n\tt.Run(\"RFC 7644 3.4.1: y\", nil)\n\tt.Run(\"fact 1, RFC 7644 3.4: z\", nil)\n}")
	expect(true, "read the page")
	expect(false, "")
	expect(true, "")
	page, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(conformancePage)))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		`| 3.4 Retrieving | All \| of it. | [a TestA](../../a/a_test.go): y; z |`, `| 3.11 "/Me" | No. |  |`, `| 1 | One. | [a TestA](../../a/a_test.go): x; z |`,
	} {
		if !strings.Contains(string(page), row+"\n") {
			t.Errorf("%s is not in %s", row, page)
		}
	}
	write("a/a_test.go", "package a\nfunc TestA(t *testing.T) { t.Run(\"fact 1, RFC 7644 3.4: z\", nil) }")
	expect(true, "outdated: make conformance")
}
