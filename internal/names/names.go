// Package names makes object names from what people are called.
//
// A name is a function of the userName or displayName alone, so that two
// creates of one user meet in etcd and one of them gets a conflict: uniqueness
// does not rest on a cache.
package names

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/rollcall-dev/rollcall/scim/fold"
)

const (
	// maxLength of an object name (a DNS-1123 subdomain).
	maxLength = validation.DNS1123SubdomainMaxLength
	// hashLength is the number of base 32 digits of a suffix: 50 bits.
	hashLength = 10
)

// ForUser returns the object name of a user. base is readable and the same for
// every provider; alternate is for when base is taken by an object that is
// somebody else's: it differs from provider to provider.
func ForUser(provider, userName string) (base, alternate string) {
	return names("user", provider, userName)
}

// ForRole returns the object name of a role, like ForUser.
func ForRole(provider, displayName string) (base, alternate string) {
	return names("role", provider, displayName)
}

// ForRelease returns the object name of the RoleAttachment that stands in for a
// membership: readable from the objects' names, and told apart by what is released
// and by what makes the attachment void. attempt counts from 0 the names that turned out to be taken.
func ForRelease(kind, user, userID string, suspensions int64, role, roleID string, attempt int) string {
	const room = (maxLength - hashLength - 2) / 2
	return suffixed(clipped(user, room)+"-"+clipped(role, room), "release of "+kind,
		user, userID, strconv.FormatInt(suspensions, 10), role, roleID, strconv.Itoa(attempt))
}

func clipped(name string, length int) string {
	return strings.TrimRight(name[:min(length, len(name))], "-.")
}

func names(kind, provider, value string) (base, alternate string) {
	folded := fold.String(value)
	base, clean := readable(folded)
	if !clean {
		base = suffixed(base, kind, folded)
	}
	return base, suffixed(base, kind, provider, folded)
}

// readable maps a folded value onto the alphabet of object names: @ becomes --
// and a space becomes a dash. clean says that no other value maps onto the same
// name, but for one with dashes in place of spaces.
func readable(folded string) (name string, clean bool) {
	var b strings.Builder
	clean = true
	for _, r := range folded {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '.', r == '-':
			b.WriteRune(r)
		case r == '@':
			b.WriteString("--")
		case r == ' ':
			b.WriteByte('-')
		default:
			b.WriteByte('-')
			clean = false
		}
	}
	name = b.String()
	if !unambiguous(folded) || len(name) > maxLength || len(validation.IsDNS1123Subdomain(name)) > 0 {
		clean = false
	}
	if clean {
		return name, true
	}
	return tidy(name), false
}

// unambiguous says whether the mapping can be undone, but for a space, which
// may have been a dash: "On Call" and "on-call" share a base, and the second to
// come takes its alternate. An @ is the only way to two dashes in a row, and a
// clean name does not look like one with a suffix.
func unambiguous(folded string) bool {
	dashed := strings.ReplaceAll(folded, " ", "-")
	return strings.Count(dashed, "@") <= 1 &&
		!strings.Contains(dashed, "--") &&
		!strings.Contains(dashed, "-@") &&
		!strings.Contains(dashed, "@-") &&
		!looksSuffixed(dashed)
}

// looksSuffixed says whether a value ends like a name with a suffix.
func looksSuffixed(folded string) bool {
	i := strings.LastIndexByte(folded, '-')
	if i < 0 || len(folded)-i-1 != hashLength {
		return false
	}
	return strings.ContainsAny(folded[i+1:], "234567")
}

// tidy makes an object name of what is left, with room for two suffixes.
func tidy(name string) string {
	const room = maxLength - 2*(hashLength+1)
	labels := strings.FieldsFunc(name, func(r rune) bool { return r == '.' })
	kept := labels[:0]
	for _, l := range labels {
		if l = strings.Trim(l, "-"); l != "" {
			kept = append(kept, l)
		}
	}
	name = strings.Join(kept, ".")
	if len(name) > room {
		name = strings.TrimRight(name[:room], "-.")
	}
	if name == "" {
		return "x"
	}
	return name
}

// suffixed appends a hash of the values.
func suffixed(name string, values ...string) string {
	if len(name) > maxLength-hashLength-1 {
		name = strings.TrimRight(name[:maxLength-hashLength-1], "-.")
	}
	sum := sha256.Sum256([]byte(strings.Join(values, "\x00")))
	digits := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])
	return name + "-" + strings.ToLower(digits[:hashLength])
}
