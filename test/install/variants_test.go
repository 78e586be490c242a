//go:build integration

package install_test

// variant is a set of values that somebody may have.
type variant struct {
	name string
	rendering
	// has and lacks are objects, as "KIND NAME".
	has, lacks []string
}

const everything = `
externalURL: https://scim.example.com
replicas: 3
image: {repository: images.example.com/rollcall, digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", pullPolicy: Always}
imagePullSecrets: [{name: images}]
crds: {install: true, keep: false}
serviceAccount: {create: true, name: scim-operator, annotations: {example.com/team: identity}}
bindableRoles: {clusterRoles: [view, "example:deployer"], admin: true}
breakGlass: {group: rollcall-break-glass}
scim:
  tls: {secretName: scim-example-com}
  trustForwarded: true
  service: {type: LoadBalancer, loadBalancerSourceRanges: [203.0.113.0/24, "2001:db8::/32"], annotations: {example.com/balancer: internal}}
ingress: {enabled: true, host: scim.example.com}
httpRoute: {enabled: true, hostname: scim.example.com, parentRefs: [{name: public, namespace: gateways}]}
provisioningLog: {enabled: true, values: true}
tracing: {endpoint: "http://collector.observability:4318", samplingRatio: 0.25, trustTraceparent: true}
metrics:
  serviceMonitor: {enabled: true, labels: {prometheus: platform}, interval: 1m}
  prometheusRule: {enabled: true, labels: {prometheus: platform}}
networkPolicy:
  enabled: true
  scimFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}}, {ipBlock: {cidr: 10.0.0.0/8}}]
  metricsFrom: [{podSelector: {matchLabels: {app: prometheus}}}]
  apiServerPorts: [6443]
strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}
priorityClassName: system-cluster-critical
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists, effect: NoSchedule}]
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app.kubernetes.io/name: rollcall}}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, minDomains: 2}]
podAnnotations: {example.com/checked: "yes"}
podLabels: {team: identity}
extraArgs: [--zap-log-level=debug]
extraEnv: [{name: GOMEMLIMIT, value: 900MiB}]
`

var variants = []variant{
	{
		name:      "the defaults",
		rendering: rendering{namespace: usual},
		has: []string{"Secret rollcall-webhook", "ClusterRole rollcall-certificates", "PodDisruptionBudget rollcall-manager",
			"Service rollcall-metrics", "CustomResourceDefinition provisionedusers.identity.rollcall.dev"},
		lacks: []string{"Ingress rollcall-scim", "HTTPRoute rollcall-scim", "NetworkPolicy rollcall-manager",
			"ServiceMonitor rollcall", "PrometheusRule rollcall", "Certificate rollcall-webhook"},
	},
	{
		name:      "certificates by cert-manager",
		rendering: rendering{namespace: usual, values: "certificates: {mode: certManager}"},
		has:       []string{"Issuer rollcall-selfsigned", "Certificate rollcall-webhook"},
		lacks:     []string{"Secret rollcall-webhook", "ClusterRole rollcall-certificates", "Role rollcall-certificates"},
	},
	{
		name: "certificates by an issuer of the cluster",
		rendering: rendering{namespace: usual, values: `
certificates: {mode: certManager, certManager: {issuerRef: {kind: ClusterIssuer, name: internal}}}`},
		has:   []string{"Certificate rollcall-webhook"},
		lacks: []string{"Issuer rollcall-selfsigned"},
	},
	{
		name: "an Ingress and a route",
		rendering: rendering{namespace: usual, values: `
ingress: {enabled: true, className: public, host: scim.example.com, tlsSecretName: scim-example-com, annotations: {example.com/a: b}}
httpRoute: {enabled: true, hostname: scim.example.com, parentRefs: [{name: public, namespace: gateways, sectionName: https}]}`},
		has: []string{"Ingress rollcall-scim", "HTTPRoute rollcall-scim"},
	},
	{
		name:      "a network policy",
		rendering: rendering{namespace: usual, values: "networkPolicy: {enabled: true}"},
		has:       []string{"NetworkPolicy rollcall-manager"},
	},
	{
		name:      "a cluster with the Prometheus operator",
		rendering: rendering{namespace: usual, kinds: monitoring},
		has:       []string{"ServiceMonitor rollcall", "PrometheusRule rollcall"},
	},
	{
		name: "no monitoring, in a cluster with the Prometheus operator",
		rendering: rendering{namespace: usual, kinds: monitoring, values: `
metrics: {serviceMonitor: {enabled: false}, prometheusRule: {enabled: false}}`},
		has:   []string{"Service rollcall-metrics"},
		lacks: []string{"ServiceMonitor rollcall", "PrometheusRule rollcall"},
	},
	{
		name:      "no metrics at all",
		rendering: rendering{namespace: usual, kinds: monitoring, values: "metrics: {enabled: false}"},
		lacks:     []string{"Service rollcall-metrics", "ServiceMonitor rollcall", "PrometheusRule rollcall"},
	},
	{
		name: "as little as possible",
		rendering: rendering{namespace: usual, values: `
replicas: 1
strategy: {type: Recreate}
crds: {install: false}
serviceAccount: {create: false}
bindableRoles: {clusterRoles: []}
podDisruptionBudget: {enabled: false}
provisioningLog: {enabled: false}
topologySpreadConstraints: []`},
		lacks: []string{"CustomResourceDefinition provisionedusers.identity.rollcall.dev", "ServiceAccount rollcall-manager",
			"PodDisruptionBudget rollcall-manager"},
	},
	{
		name:      "another namespace and ServiceAccount",
		rendering: rendering{namespace: other, values: "serviceAccount: {name: scim-operator}"},
		has:       []string{"ServiceAccount scim-operator"},
		lacks:     []string{"ServiceAccount rollcall-manager"},
	},
	{
		name:      "another namespace, with cert-manager",
		rendering: rendering{namespace: other, values: "certificates: {mode: certManager}"},
	},
	{
		name:      "every value",
		rendering: rendering{namespace: other, values: everything},
		has: []string{"NetworkPolicy rollcall-manager", "ServiceMonitor rollcall", "PrometheusRule rollcall",
			"ServiceAccount scim-operator"},
	},
}
