package scim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"maps"

	"github.com/rollcall-dev/rollcall/scim/internal/tree"
)

// Version returns the meta.version of a canonical resource: a short string of
// letters, digits, - and _ that is another one when anything else is in the
// resource. members are the ids of a group's members, in any order and not part
// of the resource; their number is all that they cost. nil for none.
//
// It follows from the content alone, so it stays the same over restarts and from
// one replica to another.
func Version(r Resource, members iter.Seq[string]) string {
	content := maps.Clone(map[string]any(r))
	if meta, ok := r["meta"].(map[string]any); ok && meta["version"] != nil {
		meta = maps.Clone(meta)
		delete(meta, "version")
		content["meta"] = meta
	}
	h := sha256.New()
	h.Write([]byte(tree.Fingerprint(content)))
	if members != nil {
		// A sum doesn't depend on the order. Each id is hashed on its own, so that
		// no other set of ids has the same sum but by chance.
		var sum [4]uint64
		var buf []byte
		for id := range members {
			buf = append(buf[:0], id...)
			digest := sha256.Sum256(buf)
			for i := range sum {
				sum[i] += binary.LittleEndian.Uint64(digest[8*i:])
			}
		}
		for _, part := range sum {
			h.Write(binary.LittleEndian.AppendUint64(nil, part))
		}
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}
