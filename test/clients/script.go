package clients

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed testdata/*.scim
var files embed.FS

// Script is what one client sends, and what it needs back.
type Script struct {
	// Name is that of its file, without the ending.
	Name string
	// Steps in the order in which they run. Each builds on those before.
	Steps []Step

	// header goes with every request.
	header []field
}

// Step is a part of a script that shows one thing.
type Step struct {
	// Title says what, and which facts it proves.
	Title string

	exchanges []exchange
}

// exchange is a request and the answer to it.
type exchange struct {
	// at is the file and line of the request.
	at             string
	method, target string
	header         []field
	// body is empty for none.
	body string
	want expectation
}

// expectation is what the client needs back.
type expectation struct {
	status int
	header []field
	// body is decoded JSON, and nil when anything will do.
	body any
}

// field is a line of a header.
type field struct{ name, value string }

// Scripts returns all scripts, by name.
func Scripts() ([]*Script, error) {
	names, err := fs.Glob(files, "testdata/*.scim")
	if err != nil {
		return nil, fmt.Errorf("clients: %w", err)
	}
	var scripts []*Script
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("clients: %w", err)
		}
		s, err := Parse(path.Base(name), string(text))
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, s)
	}
	return scripts, nil
}

// Parse reads a script. Errors begin with the file's name and the line.
func Parse(file, text string) (*Script, error) {
	p := &parser{file: file, lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")}
	s := &Script{Name: strings.TrimSuffix(file, ".scim")}
	if err := p.script(s); err != nil {
		return nil, err
	}
	return s, nil
}
