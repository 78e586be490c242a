//go:build integration

package install_test

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const (
	notPushed  = "nobody has pushed the image"
	noAddress  = "Identity providers can't reach the Service rollcall-scim yet"
	toIngress  = "2. Let https://scim.contoso.com lead to the Ingress rollcall-scim."
	shown      = "Its certificate is the one that the controller shows"
	prefix     = "--subject-prefix oidc: to it"
	toGateway  = "2. Let https://scim.contoso.com lead to the Gateway of the HTTPRoute rollcall-scim."
	toService  = "2. Let https://scim.contoso.com lead to the Service rollcall-scim, port "
	plainHTTP  = "The Service speaks plain HTTP"
	toldHTTPS  = "The Service speaks HTTPS, which its controller has to be told"
	firstStart = "The first time that takes a minute or two"
	goodbye    = "kubectl delete identityproviders --all"
	mayWrite   = "may write what identity providers own"
)

var _ = DescribeTable("The notes of a release say the next steps, and no others", func(ctx SpecContext, namespace, values string, says ...string) {
	file := filepath.Join(GinkgoT().TempDir(), "values.yaml")
	Expect(os.WriteFile(file, []byte(values), 0o600)).To(Succeed())
	out, err := helm(ctx, shared, "install", "rollcall", chart(), "--namespace", namespace, "--values", file, "--dry-run=client")
	Expect(err).NotTo(HaveOccurred())
	says = append(says, prefix, "kubectl rollout status deployment/rollcall-manager --namespace "+namespace)
	for _, step := range says {
		Expect(out).To(ContainSubstring(step))
	}
	for _, step := range []string{notPushed, noAddress, toIngress, shown, toGateway, toService, plainHTTP, toldHTTPS, firstStart, goodbye, mayWrite} {
		if matched, _ := ContainElement(HavePrefix(step)).Match(says); !matched {
			Expect(out).NotTo(ContainSubstring(step))
		}
	}
},
	Entry("of the defaults", usual, "", notPushed, firstStart, noAddress, plainHTTP, "     kubectl rollcall activate entra\n"),
	Entry("of another namespace", other, "image: {repository: images.contoso.com/rollcall}",
		firstStart, noAddress, plainHTTP, "     kubectl rollcall activate entra --manager-namespace identity\n"),
	Entry("of an Ingress", usual, `
image: {repository: images.contoso.com/rollcall}
ingress: {enabled: true, host: scim.contoso.com}`, firstStart, toIngress, shown),
	Entry("of an Ingress before HTTPS", usual, `
image: {repository: images.contoso.com/rollcall}
certificates: {mode: certManager}
scim: {tls: {secretName: scim-contoso-com}}
ingress: {enabled: true, host: scim.contoso.com, tlsSecretName: scim-public}`, toIngress, toldHTTPS),
	Entry("of a Gateway", usual, `
image: {repository: images.contoso.com/rollcall}
certificates: {mode: certManager}
httpRoute: {enabled: true, hostname: scim.contoso.com, parentRefs: [{name: public}]}`, toGateway),
	Entry("of something else in front of HTTP", usual, `
image: {repository: images.contoso.com/rollcall}
certificates: {mode: certManager}
externalURL: https://scim.contoso.com`, toService+"80.", plainHTTP),
	Entry("of a load balancer before HTTPS", usual, `
image: {repository: images.contoso.com/rollcall}
certificates: {mode: certManager}
externalURL: https://scim.contoso.com
scim: {tls: {secretName: scim-contoso-com}, service: {type: LoadBalancer}}`, toService+"443."),
	Entry("of a break-glass group, and kinds that go", usual, `
image: {repository: images.contoso.com/rollcall}
certificates: {mode: certManager}
externalURL: https://scim.contoso.com
scim: {tls: {secretName: scim-contoso-com}}
crds: {keep: false}
breakGlass: {group: firefighters}`, toService+"443.", goodbye, "The group firefighters "+mayWrite, mayWrite),
)
