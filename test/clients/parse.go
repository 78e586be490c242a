package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	titleMark  = "### "
	answerMark = "=> "
)

var (
	requestLine = regexp.MustCompile(`^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\S+)$`)
	headerLine  = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*)$`)
)

// parser reads a script line by line.
type parser struct {
	file  string
	lines []string
	// next is the index of the line to read.
	next int
}

func (p *parser) script(s *Script) error {
	p.skipBlank()
	var err error
	if s.header, err = p.header(); err != nil {
		return err
	}
	for p.skipBlank(); p.next < len(p.lines); p.skipBlank() {
		title, ok := strings.CutPrefix(p.lines[p.next], titleMark)
		if !ok {
			return p.errorf("a step begins with %q and its title", titleMark)
		}
		p.next++
		step := Step{Title: strings.TrimSpace(title)}
		if slices.ContainsFunc(s.Steps, func(o Step) bool { return o.Title == step.Title }) {
			return p.errorf("there is another step of this title")
		}
		for p.skipBlank(); p.next < len(p.lines) && !strings.HasPrefix(p.lines[p.next], titleMark); p.skipBlank() {
			x, err := p.exchange()
			if err != nil {
				return err
			}
			step.exchanges = append(step.exchanges, x)
		}
		if len(step.exchanges) == 0 {
			return p.errorf("the step %q has no request", step.Title)
		}
		s.Steps = append(s.Steps, step)
	}
	if len(s.Steps) == 0 {
		return p.errorf("there is no step")
	}
	return nil
}

func (p *parser) exchange() (x exchange, err error) {
	m := requestLine.FindStringSubmatch(p.lines[p.next])
	if m == nil {
		return x, p.errorf("a request begins with its method and its target: %q", p.lines[p.next])
	}
	x.at, x.method, x.target = p.at(p.next), m[1], m[2]
	p.next++
	if x.header, err = p.header(); err != nil {
		return x, err
	}
	x.body = p.until(func(line string) bool { return strings.HasPrefix(line, answerMark) })
	if p.next == len(p.lines) {
		return x, fmt.Errorf("%s: the request has no answer: %q is missing", x.at, answerMark+"status")
	}
	status := strings.TrimSpace(strings.TrimPrefix(p.lines[p.next], answerMark))
	if x.want.status, err = strconv.Atoi(status); err != nil || x.want.status < 100 || x.want.status > 599 {
		return x, p.errorf("%q is no status", status)
	}
	p.next++
	if x.want.header, err = p.header(); err != nil {
		return x, err
	}
	at := p.next
	pattern := p.until(func(line string) bool {
		return strings.HasPrefix(line, titleMark) || requestLine.MatchString(line)
	})
	if pattern == "" {
		return x, nil
	}
	if x.want.body, err = decode([]byte(pattern)); err != nil {
		return x, fmt.Errorf("%s: the pattern is no JSON: %w", p.at(at), err)
	}
	return x, nil
}

// header reads lines up to the first that is none of a header.
func (p *parser) header() ([]field, error) {
	var header []field
	for ; p.next < len(p.lines); p.next++ {
		if p.comment() {
			continue
		}
		m := headerLine.FindStringSubmatch(p.lines[p.next])
		if m == nil {
			break
		}
		header = append(header, field{m[1], strings.TrimSpace(m[2])})
	}
	if p.next < len(p.lines) {
		line := p.lines[p.next]
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, titleMark) &&
			!strings.HasPrefix(line, answerMark) && !requestLine.MatchString(line) {
			return nil, p.errorf("neither a header nor an object nor an empty line: %q", line)
		}
	}
	return header, nil
}

// until returns the lines in front of the first for which end is true, without
// the empty lines around them.
func (p *parser) until(end func(string) bool) string {
	start := p.next
	for p.next < len(p.lines) && !end(p.lines[p.next]) {
		p.next++
	}
	return strings.TrimSpace(strings.Join(slices.DeleteFunc(slices.Clone(p.lines[start:p.next]), isComment), "\n"))
}

func (p *parser) skipBlank() {
	for p.next < len(p.lines) && (strings.TrimSpace(p.lines[p.next]) == "" || p.comment()) {
		p.next++
	}
}

func (p *parser) comment() bool { return isComment(p.lines[p.next]) }

func isComment(line string) bool {
	return strings.HasPrefix(line, "#") && !strings.HasPrefix(line, titleMark)
}

func (p *parser) at(line int) string { return fmt.Sprintf("%s:%d", p.file, line+1) }

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %s", p.at(min(p.next, len(p.lines)-1)), fmt.Sprintf(format, args...))
}

// decode reads one JSON value, with numbers as they are written.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is more behind the value")
	}
	return v, nil
}
