package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	numbered = regexp.MustCompile(`^(\d+)\. (.*)`)
	lettered = regexp.MustCompile(`\(([a-z])\) `)
)

// readFacts returns the requirements in the page of client facts: each item of
// its numbered lists, and each part "(a) …" of an item.
func readFacts(page string) ([]requirement, error) {
	var texts []string
	open := false
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		switch m := numbered.FindStringSubmatch(line); {
		case m != nil:
			if n, err := strconv.Atoi(m[1]); err != nil || n != len(texts)+1 {
				return nil, fmt.Errorf("fact %s is in the place of fact %d", m[1], len(texts)+1)
			}
			texts = append(texts, m[2])
			open = true
		case open && strings.HasPrefix(line, "   "):
			texts[len(texts)-1] += " " + strings.TrimSpace(line)
		default:
			open = false
		}
	}
	if len(texts) == 0 {
		return nil, errors.New("there are no facts")
	}
	var facts []requirement
	for i, text := range texts {
		facts = append(facts, splitFact(i+1, strings.ReplaceAll(text, "**", ""))...)
	}
	return facts, nil
}

// splitFact returns a fact and its parts.
func splitFact(number int, text string) []requirement {
	id := fmt.Sprintf("fact %d", number)
	parts := lettered.FindAllStringSubmatchIndex(text, -1)
	if len(parts) == 0 {
		return []requirement{{id: id, text: text}}
	}
	found := []requirement{{id: id, text: strings.TrimRight(text[:parts[0][0]], ": "), whole: true}}
	for i, part := range parts {
		end := len(text)
		if i+1 < len(parts) {
			end = parts[i+1][0]
		}
		found = append(found, requirement{id: id + text[part[2]:part[3]], text: strings.TrimRight(text[part[1]:end], "; ")})
	}
	return found
}
