//go:build integration

package guides_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// issuer is an OpenID Connect provider as far as an API server sees one: discovery
// and keys over TLS, and ID tokens that they verify.
type issuer struct {
	*httptest.Server
	audiences any
	signer    jose.Signer
}

func newIssuer(audiences any) *issuer {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "one"}}, (&jose.SignerOptions{}).WithType("JWT"))
	Expect(err).NotTo(HaveOccurred())
	i := &issuer{audiences: audiences, signer: signer}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/authorize",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"pairwise"},
			"id_token_signing_alg_values_supported": []string{string(jose.ES256)},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "one", Algorithm: string(jose.ES256), Use: "sig"}}})
	})
	i.Server = httptest.NewTLSServer(mux)
	DeferCleanup(i.Close)
	return i
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// authority is the certificate that the API server is to trust.
func (i *issuer) authority() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw}))
}

// token is an ID token that is good for an hour.
func (i *issuer) token(claims map[string]any) string {
	GinkgoHelper()
	all := map[string]any{
		"iss": i.URL, "aud": i.audiences, "sub": rand.Text(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(all, claims)
	text, err := jwt.Signed(i.signer).Claims(all).Serialize()
	Expect(err).NotTo(HaveOccurred())
	return text
}
