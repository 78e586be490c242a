package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/scim"
)

// body reads and decodes the request's body, which must be a JSON object.
func (h *handler) body(x *exchange) (map[string]any, error) {
	if x.decoded != nil {
		return x.decoded, nil
	}
	if err := checkContentType(x.Header); err != nil {
		return nil, err
	}
	tooLarge := &scim.Error{
		Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("the body is larger than maxPayloadSize, which is %d bytes: send less at once", h.limits.MaxBody),
	}
	if x.ContentLength > h.limits.MaxBody {
		return nil, tooLarge
	}
	data, err := io.ReadAll(&occupying{http.MaxBytesReader(x.w, x.Body, h.limits.MaxBody), h, x})
	if err != nil {
		if refused := scim.AsError(err); refused != nil {
			return nil, refused
		}
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, tooLarge
		}
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			return nil, &scim.Error{Status: http.StatusRequestTimeout, Detail: "the body took too long to arrive", Err: err}
		}
		return nil, &scim.Error{Status: http.StatusBadRequest, Type: scim.InvalidSyntax, Detail: "the body did not arrive in full", Err: err}
	}
	if err := h.occupy(x, weigh(data)); err != nil {
		return nil, err
	}
	return decodeJSON(data)
}

// checkContentType refuses bodies that say of themselves that they are no JSON.
// All other names of JSON are accepted, as is none.
func checkContentType(header http.Header) error {
	if coding := header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return &scim.Error{Status: http.StatusUnsupportedMediaType, Detail: "send the body without Content-Encoding"}
	}
	value := header.Get("Content-Type")
	if value == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(value)
	if err != nil {
		// Only the parameters are broken, if it still begins with a name.
		kind, _, _ = strings.Cut(value, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	switch {
	case kind == mediaType, kind == "application/json", kind == "text/json", strings.HasSuffix(kind, "+json"):
		return nil
	}
	return &scim.Error{
		Status: http.StatusUnsupportedMediaType,
		Detail: "the Content-Type must be application/scim+json or application/json",
	}
}

// decodeJSON decodes a JSON object. Of a name that is there twice the last one
// counts.
func decodeJSON(data []byte) (map[string]any, error) {
	// .NET clients are fond of the byte order mark.
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, scim.BadRequest(scim.InvalidSyntax, "the body is empty: a JSON object is needed")
	}
	if !utf8.Valid(data) {
		return nil, syntaxError(invalidUTF8(data), "is not UTF-8")
	}
	if at := tooDeep(data); at >= 0 {
		return nil, syntaxError(at, "is deeper than %d objects and arrays", MaxDepth)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, syntaxError(int(e.Offset)-1, "is no JSON: %s", e)
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, syntaxError(len(data), "is cut off")
		}
		return nil, scim.BadRequest(scim.InvalidSyntax, "the body is no JSON: %s", err)
	}
	end := int(d.InputOffset())
	if rest := bytes.TrimLeft(data[end:], " \t\r\n"); len(rest) > 0 {
		return nil, syntaxError(len(data)-len(rest), "goes on behind the end of the JSON object")
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, scim.BadRequest(scim.InvalidSyntax, "the body is no JSON object")
	}
	return object, nil
}

// syntaxError tells of what is wrong at an offset in bytes from 0.
func syntaxError(offset int, format string, args ...any) *scim.Error {
	return scim.BadRequest(scim.InvalidSyntax, "at byte %d the body %s", max(offset, 0)+1, fmt.Sprintf(format, args...))
}

// tooDeep returns where MaxDepth is exceeded, or -1. Whether brackets match is the
// decoder's matter.
func tooDeep(data []byte) int {
	depth := 0
	for i, c := range unquoted(data) {
		switch c {
		case '{', '[':
			if depth++; depth > MaxDepth {
				return i
			}
		case '}', ']':
			depth--
		}
	}
	return -1
}

// unquoted are the bytes of JSON outside of strings, by their offsets.
func unquoted(data []byte) iter.Seq2[int, byte] {
	return func(yield func(int, byte) bool) {
		quoted := false
		for i := 0; i < len(data); i++ {
			switch c := data[i]; {
			case quoted && c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case !quoted && !yield(i, c):
				return
			}
		}
	}
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}
