package proof

import (
	"bufio"
	"cmp"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Scripts is the folder of the scripts of client traffic, and ScriptTitle what
// the title of a block in one begins with. Each block is a subtest.
const (
	Scripts     = "test/clients/testdata"
	ScriptTitle = "### "
)

// Test is a test with marks in its name.
type Test struct {
	// File is relative to the root, with slashes.
	File string
	// Group is the function, or the texts of the containers, that the test is
	// in; empty in a script.
	Group string
	// Name is without the marks; it may be empty.
	Name  string
	Marks []string
}

// Find returns the tests with marks in the Go files and scripts below root, in
// the order of the files. It is an error if one of them may be skipped, is in a
// file that no run of the tests builds, or has a mark that can't be read.
func Find(root string) ([]Test, error) {
	folders := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != root && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || ownModule(file)) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".go") {
			folders[filepath.Dir(file)] = append(folders[filepath.Dir(file)], file)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the Go files: %w", err)
	}
	var all []Test
	for _, files := range folders {
		tests, err := findInPackage(root, files)
		if err != nil {
			return nil, err
		}
		all = append(all, tests...)
	}
	scripts, err := findInScripts(root)
	if err != nil {
		return nil, err
	}
	all = append(all, scripts...)
	slices.SortStableFunc(all, func(a, b Test) int { return cmp.Compare(a.File, b.File) })
	return all, nil
}

func ownModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

func findInPackage(root string, files []string) ([]Test, error) {
	p := &pkg{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse: %w", err)
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return nil, fmt.Errorf("name the file: %w", err)
		}
		p.files = append(p.files, source{path: filepath.ToSlash(relative), built: built(file), File: f})
	}
	var tests []Test
	for _, f := range p.files {
		// The directory's own tests are in a package that isn't one of tests.
		if !strings.HasSuffix(f.path, "_test.go") && !f.imports("testing") {
			continue
		}
		for _, decl := range f.Decls {
			found, err := p.findInDecl(f, decl)
			if err != nil {
				return nil, err
			}
			tests = append(tests, found...)
		}
	}
	return tests, nil
}

func (p *pkg) findInDecl(f source, decl ast.Decl) ([]Test, error) {
	var tests []Test
	for _, n := range p.names(decl) {
		marks, err := Marks(n.text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", f.path, err)
		case len(marks) == 0:
			continue
		case !f.built:
			return nil, fmt.Errorf("%s: %q is in a file that `make test` doesn't build", f.path, n.text)
		case skips(decl):
			return nil, fmt.Errorf("%s: %q may be skipped, so it proves nothing", f.path, n.text)
		}
		tests = append(tests, Test{File: f.path, Group: n.group, Name: plain(n.text), Marks: marks})
	}
	return tests, nil
}

// built says whether `make test` builds a file: with the tag integration or
// without.
func built(file string) bool {
	for _, tags := range [][]string{nil, {"integration"}} {
		c := build.Default
		c.GOOS, c.GOARCH, c.BuildTags = "linux", "amd64", tags
		if ok, err := c.MatchFile(filepath.Dir(file), filepath.Base(file)); err == nil && ok {
			return true
		}
	}
	return false
}

// skips says whether anything in a declaration skips a test or leaves one out.
func skips(decl ast.Decl) bool {
	found := false
	ast.Inspect(decl, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := call.Fun.(type) {
		case *ast.SelectorExpr:
			found = found || slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, fun.Sel.Name)
		case *ast.Ident:
			rest := strings.TrimLeft(fun.Name, "FPX")
			found = found || fun.Name == "Skip" || rest != fun.Name && ginkgo[rest]
		}
		return !found
	})
	return found
}

func findInScripts(root string) ([]Test, error) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(Scripts), "*.scim"))
	if err != nil {
		return nil, fmt.Errorf("list the scripts: %w", err)
	}
	var tests []Test
	for _, file := range files {
		found, err := findInScript(file)
		if err != nil {
			return nil, err
		}
		tests = append(tests, found...)
	}
	return tests, nil
}

func findInScript(file string) ([]Test, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open the script: %w", err)
	}
	defer f.Close()
	var tests []Test
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		title, ok := strings.CutPrefix(lines.Text(), ScriptTitle)
		if !ok {
			continue
		}
		name := path.Join(Scripts, filepath.Base(file))
		marks, err := Marks(title)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(marks) > 0 {
			tests = append(tests, Test{File: name, Name: plain(title), Marks: marks})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return tests, nil
}
