package scim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"maps"

	"github.com/rollcall-dev/rollcall/scim/internal/tree"
)

// MemberSum stands for the members of a group in its version: whatever their
// order, and without a look at all of them when one comes or goes. Each id is
// hashed on its own, so that no other members have the same sum but by chance.
// The zero value is nobody.
type MemberSum [4]uint64

// SumMembers returns the sum of ids.
func SumMembers(ids iter.Seq[string]) MemberSum {
	var sum MemberSum
	for id := range ids {
		sum.Add(id)
	}
	return sum
}

// Add counts a member in.
func (s *MemberSum) Add(id string) {
	digest := sha256.Sum256([]byte(id))
	for i := range s {
		s[i] += binary.LittleEndian.Uint64(digest[8*i:])
	}
}

// Remove takes back what Add has counted.
func (s *MemberSum) Remove(id string) {
	digest := sha256.Sum256([]byte(id))
	for i := range s {
		s[i] -= binary.LittleEndian.Uint64(digest[8*i:])
	}
}

// Version returns the meta.version of a canonical resource: a short string of
// letters, digits, - and _ that is another one when anything else is in the
// resource. members are those of a group, and not part of the resource; nil for
// what has no members.
//
// It follows from the content alone, so it stays the same over restarts and from
// one replica to another.
func Version(r Resource, members *MemberSum) string {
	content := maps.Clone(map[string]any(r))
	if meta, ok := r["meta"].(map[string]any); ok && meta["version"] != nil {
		meta = maps.Clone(meta)
		delete(meta, "version")
		content["meta"] = meta
	}
	h := sha256.New()
	h.Write([]byte(tree.Fingerprint(content)))
	if members != nil {
		for _, part := range members {
			h.Write(binary.LittleEndian.AppendUint64(nil, part))
		}
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}
