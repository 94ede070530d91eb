{{/* The image of all that the chart runs. */}}
{{- define "sidecert.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* What tells the pods of a component from all others: never changes. Takes a list: the root, the component. */}}
{{- define "sidecert.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: sidecert
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The labels of everything. */}}
{{- define "sidecert.labels" -}}
{{- $root := index . 0 -}}
{{ include "sidecert.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sidecert
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}

{{/* Annotations of pods whose status is on this port. Takes a list: the root, the port, further annotations. */}}
{{- define "sidecert.podAnnotations" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.monitoring.annotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ index . 1 | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- with index . 2 }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What a pod of Pod Security's `restricted` needs; the image's own user. */}}
{{- define "sidecert.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "sidecert.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}
