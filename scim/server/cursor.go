package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/order"
)

// cursor is a place in the results of a search (RFC 9865). It says all that the
// server needs to go on from there, so the server remembers nothing.
type cursor struct {
	// issued in whole seconds.
	issued time.Time
	// before says that the page ends in front of the key; otherwise it begins
	// behind it.
	before bool
	// part is which of the searched resource types the key is of.
	part int
	key  order.Key
}

// A cursor is, in base64url: its version, the id of the key that has signed it,
// when it was issued, the direction and the part, the order.Key, and the
// signature.
const (
	cursorVersion = 1
	cursorKeyID   = 4
	cursorHeader  = 1 + cursorKeyID + 8 + 1
	// cursorMAC is how many bytes of HMAC-SHA256 are sent.
	cursorMAC = 16
	// maxCursor is many times what a cursor has.
	maxCursor = 4096
)

var cursorEncoding = base64.RawURLEncoding.Strict()

// cursorKey signs cursors.
type cursorKey struct {
	key []byte
	// id tells keys apart, and nothing of them.
	id []byte
}

// newCursorKey takes a key, or makes one that nobody else has.
func newCursorKey(key []byte) cursorKey {
	if key == nil {
		key = make([]byte, sha256.Size)
		rand.Read(key)
	}
	k := cursorKey{key: key}
	k.id = k.mac(nil, "the id of a key")[:cursorKeyID]
	return k
}

func (k cursorKey) mac(content []byte, query string) []byte {
	h := hmac.New(sha256.New, k.key)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(content))))
	h.Write(content)
	h.Write([]byte(query))
	return h.Sum(nil)
}

// seal writes a cursor that is good for one query only. All its characters are
// unreserved ones of RFC 3986.
func (k cursorKey) seal(c cursor, query string) (string, error) {
	b := append([]byte{cursorVersion}, k.id...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.issued.Unix())) //nolint:gosec // back the same way
	direction := byte(c.part) << 1                                //nolint:gosec // there are two types
	if c.before {
		direction |= 1
	}
	b, err := c.key.AppendBinary(append(b, direction))
	if err != nil {
		return "", err
	}
	return cursorEncoding.EncodeToString(append(b, k.mac(b, query)[:cursorMAC]...)), nil
}

// open reads a cursor. One that another key has signed, the one of an earlier
// process perhaps, can't be told from a forged one; it is called expired, so that
// a client begins anew.
func (k cursorKey) open(text, query string, now time.Time, timeout time.Duration) (cursor, error) {
	invalid := scim.BadRequest(scim.InvalidCursor,
		"the cursor is none of this search: send an empty one for the first page, and then nextCursor or previousCursor with everything else as before")
	expired := scim.BadRequest(scim.ExpiredCursor, "the cursor has expired: begin anew with an empty one")
	if len(text) > maxCursor {
		return cursor{}, invalid
	}
	b, err := cursorEncoding.DecodeString(text)
	if err != nil || len(b) < cursorHeader+cursorMAC || b[0] != cursorVersion || cursorEncoding.EncodeToString(b) != text {
		return cursor{}, invalid
	}
	b, signature := b[:len(b)-cursorMAC], b[len(b)-cursorMAC:]
	if !hmac.Equal(b[1:1+cursorKeyID], k.id) {
		return cursor{}, expired
	}
	if !hmac.Equal(k.mac(b, query)[:cursorMAC], signature) {
		return cursor{}, invalid
	}
	direction := b[cursorHeader-1]
	c := cursor{
		issued: time.Unix(int64(binary.BigEndian.Uint64(b[1+cursorKeyID:])), 0), //nolint:gosec // signed by us
		before: direction&1 == 1,
		part:   int(direction >> 1),
	}
	if now.Sub(c.issued) > timeout {
		return cursor{}, expired
	}
	if err := c.key.UnmarshalBinary(b[cursorHeader:]); err != nil {
		return cursor{}, invalid
	}
	return c, nil
}
