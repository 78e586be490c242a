package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

const (
	width  = 100
	indent = "   "
	// bodyLines is how much of a body is shown.
	bodyLines = 3
)

// page prints.
type page struct{ out io.Writer }

func newPage(out io.Writer) *page { return &page{out: out} }

func (p *page) line(format string, args ...any) {
	// Nobody can be told that the terminal is gone.
	_, _ = fmt.Fprintln(p.out, strings.TrimRight(indent+fmt.Sprintf(format, args...), " "))
}

func (p *page) heading(title string) {
	_, _ = fmt.Fprintf(p.out, "\n%s\n%s\n", title, strings.Repeat("═", len([]rune(title))))
}

func (p *page) text(text string) {
	_, _ = fmt.Fprintln(p.out)
	for line := range strings.Lines(text) {
		p.line("%s", strings.TrimRight(line, "\n"))
	}
}

func (p *page) stage(number, of int, s stage) {
	title := fmt.Sprintf("── %d of %d  %s ", number, of, s.title)
	_, _ = fmt.Fprintf(p.out, "\n\n%s%s\n", title, strings.Repeat("─", max(width-len([]rune(title)), 0)))
	p.text(s.story)
}

func (p *page) failure(err error) { p.text("NOT OK: " + err.Error()) }

// command shows a command and its output.
func (p *page) command(command, output string) {
	p.text("$ " + command + "\n" + output)
}

// verdict is a line as kubectl answers.
func (p *page) verdict(q verdict.Question, answer, note string) {
	p.text(fmt.Sprintf("$ %s\n%-4s %s", q, answer, note))
}

func after(d time.Duration) string {
	if d == 0 {
		return "(with the answer)"
	}
	return fmt.Sprintf("(%s after the answer)", milliseconds(d))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.0f ms", max(float64(d)/float64(time.Millisecond), 1))
}

// requests shows what was sent: of requests alike, the first and their number.
func (p *page) requests(sent []entra.Exchange) {
	type group struct {
		first entra.Exchange
		count int
	}
	var order []string
	groups := map[string]*group{}
	for _, x := range sent {
		k := kind(x)
		if groups[k] == nil {
			groups[k] = &group{first: x}
			order = append(order, k)
		}
		groups[k].count++
	}
	_, _ = fmt.Fprintln(p.out)
	for _, k := range order {
		g := groups[k]
		more := ""
		if g.count > 1 {
			more = fmt.Sprintf("   and %d more like it", g.count-1)
		}
		p.line("%-6s %s", g.first.Method, readable(g.first.Target))
		for _, line := range wrap(compact(g.first.Request), width-len(indent)-7, bodyLines) {
			p.line("       %s", line)
		}
		took := g.first.Answered.Sub(g.first.Sent)
		if g.first.Status == 0 {
			p.line("       → no answer: %v%s", g.first.Err, more)
			continue
		}
		p.line("       → %d in %s%s", g.first.Status, milliseconds(took), more)
	}
}

// kind is the same for requests that differ in names alone.
func kind(x entra.Exchange) string {
	path, query, _ := strings.Cut(x.Target, "?")
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 2)
	attribute, _, _ := strings.Cut(query, "+eq+")
	key := []string{x.Method, parts[0], fmt.Sprint(len(parts)), attribute, fmt.Sprint(x.Status)}
	var patch struct {
		Operations []struct{ Op, Path string }
	}
	if err := json.Unmarshal(x.Request, &patch); err == nil {
		for _, o := range patch.Operations {
			path, _, _ := strings.Cut(o.Path, "[")
			key = append(key, o.Op, path)
		}
	}
	return strings.Join(key, " ")
}

func readable(target string) string {
	if text, err := url.QueryUnescape(target); err == nil {
		return text
	}
	return target
}

// first are the attributes that a reader looks for; the others follow by name.
var first = []string{"userName", "displayName", "active"}

// compact is a body without what every body has.
func compact(body []byte) string {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return string(body)
	}
	delete(fields, "schemas")
	delete(fields, "meta")
	var parts []string
	add := func(name string) {
		if value, ok := fields[name]; ok {
			parts = append(parts, fmt.Sprintf("%q:%s", name, value))
			delete(fields, name)
		}
	}
	for _, name := range first {
		add(name)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		add(name)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// wrap cuts a text into lines of n characters; what is beyond the last is left
// out.
func wrap(s string, n, lines int) []string {
	r := []rune(s)
	var list []string
	for len(r) > 0 {
		if len(list) == lines-1 {
			return append(list, shorten(string(r), n))
		}
		cut := min(n, len(r))
		// A line that ends with a comma reads better than one that ends anywhere.
		if comma := strings.LastIndex(string(r[:cut]), ","); cut < len(r) && comma > 0 {
			cut = len([]rune(string(r[:cut])[:comma+1]))
		}
		list, r = append(list, string(r[:cut])), r[cut:]
	}
	return list
}

func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// indented is where a start-up says what it does.
func (p *page) indented() io.Writer { return &indenter{p: p} }

type indenter struct {
	p    *page
	rest string
}

func (w *indenter) Write(text []byte) (int, error) {
	w.rest += string(text)
	for {
		line, rest, complete := strings.Cut(w.rest, "\n")
		if !complete {
			return len(text), nil
		}
		w.p.line("  %s", line)
		w.rest = rest
	}
}

// summary prints a line for each stage, and is an error when one didn't hold.
func (p *page) summary(results []result, took time.Duration) error {
	p.heading("Summary")
	_, _ = fmt.Fprintln(p.out)
	failed := 0
	for i, r := range results {
		mark, note := "ok", ""
		if r.slowest > 0 {
			note = milliseconds(r.slowest)
		}
		if r.err != nil {
			failed++
			mark = "NOT OK"
			note = shorten(r.err.Error(), width)
		}
		p.line("%-6s  %2d  %-44s  %s", mark, i+1, r.title, note)
	}
	p.text(fmt.Sprintf("The times are from the SCIM answer to the changed verdict, the slowest of each stage.\nAll in all %s.", took.Round(time.Second)))
	if failed > 0 {
		return errors.New(fmt.Sprint(failed, " of ", len(results), " stages did not hold"))
	}
	return nil
}
