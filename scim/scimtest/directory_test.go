package scimtest

import (
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
)

func TestInMemory(t *testing.T) {
	TestDirectory(t, func() scim.Directory { return New() })
}
