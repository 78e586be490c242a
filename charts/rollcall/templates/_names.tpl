{{- /* Labels of every object. The selector's stand in config/ too. */ -}}
{{- define "rollcall.labels" -}}
app.kubernetes.io/name: rollcall
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "rollcall.selectorLabels" -}}
app.kubernetes.io/name: rollcall
{{- end }}

{{- define "rollcall.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Who the manager is to the API server, and to the admission policies. */ -}}
{{- define "rollcall.userName" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ .Values.serviceAccount.name }}
{{- end }}

{{- define "rollcall.externalURL" -}}
{{- if .Values.externalURL -}}
{{ .Values.externalURL }}
{{- else if .Values.ingress.enabled -}}
https://{{ .Values.ingress.host }}
{{- else if .Values.httpRoute.enabled -}}
https://{{ .Values.httpRoute.hostname }}
{{- end }}
{{- end }}

{{- define "rollcall.scimPort" -}}
{{ if .Values.scim.tls.secretName }}443{{ else }}80{{ end }}
{{- end }}

{{- /* "true" or nothing. "auto" asks the cluster for the monitoring kinds. */ -}}
{{- define "rollcall.monitors" -}}
{{- $wanted := toString .wanted -}}
{{- if and .root.Values.metrics.enabled (or (eq $wanted "true") (and (eq $wanted "auto") (.root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind)))) -}}
true
{{- end }}
{{- end }}

{{- /* An expression lets a group through the admission policies, if there is one. */ -}}
{{- define "rollcall.breakGlass" -}}
{{- with .Values.breakGlass.group }}
{{- if has . (list "system:authenticated" "system:unauthenticated" "system:serviceaccounts") }}
{{- fail (printf "breakGlass.group: everybody is in %s, so nothing would be locked" .) }}
{{- end }}
- name: not-the-break-glass-group
  expression: {{ printf "!(has(request.userInfo.groups) && '%s' in request.userInfo.groups)" . | quote }}
{{- end }}
{{- end }}
