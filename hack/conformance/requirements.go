package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/hack/conformance/proof"
)

// requirement is a section of an RFC or a fact.
type requirement struct {
	// id is what tests call it: "RFC 7644 3.4.2.2", "fact 40a".
	id string
	// title of a section; empty for facts.
	title string
	text  string
	// none says that there is nothing to prove: the text says why.
	none bool
	// whole is one of which the parts are requirements of their own.
	whole bool
	tests []proof.Test
}

// assign gives each requirement its tests. A mark of a section that isn't listed
// counts for the one that it is in. Problems are those of a reader: a requirement
// without a test, a mark of nothing.
func assign(requirements []requirement, tests []proof.Test) (problems []string) {
	byID := map[string]*requirement{}
	for i := range requirements {
		byID[requirements[i].id] = &requirements[i]
	}
	for _, t := range tests {
		for _, mark := range t.Marks {
			r := byID[mark]
			for up := mark; r == nil && strings.Contains(up, "."); r = byID[up] {
				up = up[:strings.LastIndex(up, ".")]
			}
			switch {
			case r == nil:
				problems = append(problems, fmt.Sprintf("%s: %q names %s, which is not in the list", t.File, t.Name, mark))
			case !slices.ContainsFunc(r.tests, func(o proof.Test) bool { return o.File == t.File && o.Group == t.Group && o.Name == t.Name }):
				r.tests = append(r.tests, t)
			}
		}
	}
	for _, r := range requirements {
		if len(r.tests) == 0 && !r.none && !r.whole {
			problems = append(problems, fmt.Sprintf("no test proves %s: %s", r.id, cmp.Or(r.title, r.text)))
		}
	}
	return problems
}
