package proof

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	factMark = regexp.MustCompile(`(?i)\bfacts? (\d+[a-z]?(?:[-–]\d+[a-z]?)?(?:(?:,| and|, and) \d+[a-z]?(?:[-–]\d+[a-z]?)?)*)\b`)
	rfcMark  = regexp.MustCompile(`\bRFC (7643|7644|9865) (\d+(?:\.\d+)*(?:(?:,| and|, and) \d+(?:\.\d+)*)*)\b`)
	// anyRFC finds those that rfcMark doesn't understand.
	anyRFC = regexp.MustCompile(`(?i)rfc ?-?(7643|7644|9865)`)
	// anyPart is a part of a fact as the page of facts writes it.
	anyPart   = regexp.MustCompile(`(?i)\bfacts? \d+ ?\([a-z]\)`)
	separator = regexp.MustCompile(`, and |, | and `)
	aside     = regexp.MustCompile(`\s*\([\s,;:]*\)`)
	dangling  = regexp.MustCompile(`\([\s,;:]+`)
)

// Marks returns what a test's name says that it proves: "fact 40a",
// "RFC 7644 3.4.2.2".
func Marks(name string) ([]string, error) {
	if part := anyPart.FindString(name); part != "" {
		return nil, fmt.Errorf("%q: name a part of a fact as in fact 40a, not %s", name, part)
	}
	var marks []string
	for _, m := range factMark.FindAllStringSubmatch(name, -1) {
		for _, item := range separator.Split(m[1], -1) {
			first, last, isRange := strings.Cut(strings.ReplaceAll(item, "–", "-"), "-")
			if !isRange {
				marks = append(marks, "fact "+strings.ToLower(first))
				continue
			}
			from, err := strconv.Atoi(first)
			if err != nil {
				return nil, fmt.Errorf("%q: %q is no range of facts", name, item)
			}
			to, err := strconv.Atoi(last)
			if err != nil || to <= from {
				return nil, fmt.Errorf("%q: %q is no range of facts", name, item)
			}
			for n := from; n <= to; n++ {
				marks = append(marks, fmt.Sprintf("fact %d", n))
			}
		}
	}
	understood := rfcMark.FindAllStringSubmatch(name, -1)
	for _, m := range understood {
		for _, section := range separator.Split(m[2], -1) {
			marks = append(marks, "RFC "+m[1]+" "+section)
		}
	}
	if len(anyRFC.FindAllString(name, -1)) != len(understood) {
		return nil, fmt.Errorf("%q: name a section as in RFC 7644 3.4.2.2", name)
	}
	return marks, nil
}

// plain returns a name without its marks.
func plain(name string) string {
	name = rfcMark.ReplaceAllString(factMark.ReplaceAllString(name, ""), "")
	name = dangling.ReplaceAllString(aside.ReplaceAllString(name, ""), "(")
	name = strings.TrimSuffix(name, ", "+ellipsis)
	if name = strings.Trim(name, ":,; "); strings.Trim(name, ":,; "+ellipsis) == "" {
		return ""
	}
	return name
}
